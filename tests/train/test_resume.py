"""An interrupted training, continued, equals the uninterrupted one bit for bit."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from test_fit import X, Y, network, squared, weights
from torch import Generator, Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from isotropy.errors import MissingExtraError, SchemaError
from isotropy.runs import Run
from isotropy.soft import Ascent, Constraint
from isotropy.train import Batches, Cosine, CSVMetrics, History, TensorBoardMetrics, fit
from isotropy.train._checkpoint import read_state, write_state


class PulledThePlug(Exception):
    pass


def noisy_size(model: nn.Module, batch: Any, generator: Generator | None) -> Tensor:
    return (1 + torch.rand((), generator=generator)) * next(model.parameters()).square().sum()


OPTIMISERS: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "sgd": lambda p: torch.optim.SGD(p, 0.05, momentum=0.9, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, 1e-2, amsgrad=True),
    "adamw": lambda p: torch.optim.AdamW(p, 1e-2),
}


def train(
    run: Run | None, optimizer: str = "adam", loader: str = "batches", plug: int | None = None, **more: Any
) -> Any:
    """A training with dropout, a drawing constraint, a schedule and validation, which may end at step ``plug``."""
    model = network(dropout=0.2)
    steps = 0

    def loss(inner: nn.Module, batch: Any) -> Tensor:
        nonlocal steps
        if inner.training:
            steps += 1
            if steps - 1 == plug:
                raise PulledThePlug
        return squared(inner, batch)

    keep = Constraint(noisy_size, bound=1.0, multiplier=Ascent(lr=1e-3))
    data = DataLoader(TensorDataset(X, Y), 25, shuffle=True) if loader == "dataloader" else Batches(X, Y, 25, seed=2)
    settings: dict[str, Any] = {
        "optimizer": OPTIMISERS[optimizer],
        "constraints": [keep],
        "schedule": Cosine(final=0.1),
        "max_epochs": 6,
        "validation": [(X[:30], Y[:30])],
        "clip": 1.0,
        "checkpoint_every": 0.0,
        "run": run,
        "seed": 3,
    }
    history = fit(model, loss, data, **(settings | more))
    return model, history, keep, steps


def same(a: tuple[nn.Module, History, Constraint, int], b: tuple[nn.Module, History, Constraint, int]) -> bool:
    return torch.equal(weights(a[0]), weights(b[0])) and a[1] == b[1] and a[2].state_dict() == b[2].state_dict()


@pytest.mark.parametrize("optimizer", OPTIMISERS)
@pytest.mark.parametrize("loader", ["batches", "dataloader"])
def test_a_resumed_training_equals_an_uninterrupted_one(optimizer: str, loader: str, tmp_path: Path) -> None:
    whole = train(None, optimizer, loader)
    path = tmp_path / "run"
    for plug in (7, 5, 13):  # within an epoch, again within one, and at the end of one
        with Run(path, resume=True) as run, pytest.raises(PulledThePlug):
            train(run, optimizer, loader, plug)
    with Run(path, resume=True) as run:
        resumed = train(run, optimizer, loader)
        rows = run.read("metrics.jsonl")
    assert resumed[3] == 30 - 7 - 5 - 13  # no step was taken twice
    assert same(whole, resumed)
    assert rows == whole[1].rows


def test_a_finished_training_is_not_trained_again(tmp_path: Path) -> None:
    with Run(tmp_path / "run") as run:
        first = train(run)
        again = train(run, plug=0)
    assert same(first, again)
    assert again[3] == 0


def test_checkpoints_are_seldom_written_and_always_at_the_end(tmp_path: Path) -> None:
    with Run(tmp_path / "run") as run:
        with pytest.raises(PulledThePlug):
            train(run, plug=20, checkpoint_every=1000.0)
        assert not run.has("checkpoint.safetensors")
        train(run, checkpoint_every=1000.0)
        assert run.has("checkpoint.safetensors")


def test_a_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    with Run(tmp_path / "run") as run:
        train(run)
        with pytest.raises(
            SchemaError,
            match=r"given max_epochs=7, total=35, seed=4; expected the checkpoint.s max_epochs=6, total=30, seed=3",
        ):
            train(run, seed=4, max_epochs=7)
        with pytest.raises(SchemaError, match="constraints=0"):
            train(run, constraints=[])
        other = nn.Linear(4, 2)
        keep = Constraint(noisy_size, bound=1.0, multiplier=Ascent(lr=1e-3))
        with pytest.raises(SchemaError, match="checkpoint of this model"):
            fit(
                other,
                squared,
                Batches(X, Y, 25, seed=2),
                optimizer=OPTIMISERS["adam"],
                constraints=[keep],
                max_epochs=6,
                clip=1.0,
                seed=3,
                run=run,
            )


def test_a_state_comes_back_exactly(tmp_path: Path) -> None:
    state = {
        "numbers": [0.1, float("inf"), -3, True, None],
        0: {"step": torch.tensor(3.0), "betas": (0.9, 0.999)},
        "tensor": {"tensor": "not a tensor"},
        "bits": torch.rand(3, 2, dtype=torch.float64).mT,
        "bytes": torch.tensor([1, 255], dtype=torch.uint8),
    }
    with Run(tmp_path / "run") as run:
        write_state(run, "state.safetensors", state)
        again = read_state(run, "state.safetensors")
    assert torch.equal(again["bits"], state["bits"])
    assert torch.equal(again["bytes"], state["bytes"])
    assert again["numbers"] == state["numbers"]
    assert [type(value) for value in again["numbers"]] == [float, float, int, bool, type(None)]
    assert again["tensor"] == state["tensor"]
    assert again[0]["betas"] == (0.9, 0.999)
    assert list(again) == list(state)


def test_csv_and_tensorboard_receive_each_epoch_once_over_a_resume(tmp_path: Path) -> None:
    def writers() -> list[Any]:
        return [CSVMetrics(tmp_path / "metrics.csv"), TensorBoardMetrics(tmp_path / "board")]

    with Run(tmp_path / "run") as run:
        with pytest.raises(PulledThePlug):
            train(run, plug=13, writers=writers())
        history = train(run, writers=writers())[1]
    rows = list(csv.DictReader((tmp_path / "metrics.csv").read_text().splitlines()))
    assert [float(row["loss"]) for row in rows] == history.curve("loss")

    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = EventAccumulator(str(tmp_path / "board"))
    board.Reload()
    scalars = board.Scalars("multiplier/penalty")
    assert [event.step for event in scalars] == list(range(6))
    assert [event.value for event in scalars] == pytest.approx(history.curve("multiplier/penalty"))


def test_a_missing_tensorboard_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard.writer", None)
    with pytest.raises(MissingExtraError, match=r"isotropy\[tensorboard\]"):
        TensorBoardMetrics(tmp_path)
