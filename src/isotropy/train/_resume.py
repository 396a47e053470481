"""What a training writes down to be continued bit for bit, and the way back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from isotropy.errors import SchemaError
from isotropy.train._checkpoint import read_state, write_state
from isotropy.train._history import History
from isotropy.train._training import Training, random_state, set_random_state

CHECKPOINT = "checkpoint.safetensors"
_PROGRESS = ("epoch", "step", "within", "seen", "rows", "best_state", "random_at_epoch")


@runtime_checkable
class Stateful(Protocol):
    """Batches that know where they are: a replay buffer, a stream that cannot be gone through again."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


def save(training: Training) -> None:
    """Writes the checkpoint, if there is a run to write it into."""
    if training.run is None or not training.place.is_global_zero:
        return
    write_state(training.run, CHECKPOINT, _state_of(training))


def _state_of(training: Training) -> dict[str, Any]:
    batches, average = training.batches, training.average
    return {
        "identity": _identity(training),
        "model": training.model.state_dict(),
        "steps": training.now.state_dict(),
        "task": training.task.state_dict(),
        "batches": batches.state_dict() if isinstance(batches, Stateful) else None,
        "average": None if average is None else average.state_dict(),
        "random": random_state(training.place.device),
        "progress": {name: getattr(training, name) for name in _PROGRESS},
        "means": training.means.state_dict(),
        "history": vars(training.history),
    }


def _identity(training: Training) -> dict[str, Any]:
    """What must be equal for a training to be continued."""
    named = {"constraints": len(training.now.constraints), "optimizers": ", ".join(training.now.optimizers)}
    return training.settings.identity() | named


def restore(training: Training) -> None:
    """Continues from the checkpoint, if there is one; raises ``SchemaError`` if it is of another training."""
    if training.run is None or not training.run.has(CHECKPOINT):
        return
    state = read_state(training.run, CHECKPOINT)
    _check_identity(_identity(training), state.get("identity", {}))
    try:
        training.model.load_state_dict(state["model"])
        training.now.load_state_dict(state["steps"])
        if training.average is not None:
            training.average.load_state_dict(state["average"])
    except (RuntimeError, ValueError, KeyError) as error:
        raise SchemaError(f"{training.run.path / CHECKPOINT}: {error}", "the checkpoint of this model") from error
    training.task.load_state_dict(state["task"])
    device = training.place.device
    training.means.load_state_dict(state["means"], device)
    set_random_state(state["random"], device)
    for name, value in state["progress"].items():
        setattr(training, name, value)
    training.history = History(**state["history"])
    training.stream_state = state["batches"]


def _check_identity(given: Mapping[str, Any], before: Mapping[str, Any]) -> None:
    differing = [name for name in given if given[name] != before.get(name)]
    if differing:
        raise SchemaError(
            ", ".join(f"{name}={given[name]}" for name in differing),
            "the checkpoint's " + ", ".join(f"{name}={before.get(name)}" for name in differing),
            "train in another part of the run: run.part(name)",
        )
