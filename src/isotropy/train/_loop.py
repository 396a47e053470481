"""The one loop over epochs: steps, validation, early stopping, and a state from which it continues bit for bit."""

from __future__ import annotations

import copy
import itertools
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from torch import Generator, Tensor, nn
from torch.optim import Optimizer

from isotropy.errors import DomainError, SchemaError, ShapeError
from isotropy.runs import Run
from isotropy.soft import Constraint, StepInfo
from isotropy.train._checkpoint import read_state, write_state
from isotropy.train._history import History, Row
from isotropy.train._schedule import Schedule
from isotropy.train._writers import Writer


class DivergedError(DomainError):
    """A loss, or a gradient, that is not finite."""


Loss = Callable[[nn.Module, Any], Tensor]
Callback = Callable[[Row, nn.Module], object]
CHECKPOINT = "checkpoint.safetensors"


@dataclass(frozen=True)
class Settings:
    """When a training ends, what it keeps, and how often it looks up."""

    max_steps: int | None
    max_epochs: int | None
    schedule: Schedule | None
    total: int | None
    patience: int | None
    best_from: int
    validate_every: int
    clip: float | None
    checkpoint_every: float
    seed: int

    def identity(self) -> dict[str, Any]:
        """The settings that must be equal for a training to be continued."""
        return {key: value for key, value in vars(self).items() if key not in ("schedule", "checkpoint_every")}


@dataclass
class Training:
    """Everything that one training needs, and everything that changes while it runs."""

    model: nn.Module
    forward: nn.Module
    optimizer: Optimizer
    step_optimizer: Any
    loss: Loss
    batches: Iterable[Any]
    validation: Iterable[Any] | None
    constraints: Sequence[Constraint]
    generators: Sequence[Generator]
    fabric: Fabric
    settings: Settings
    writers: Sequence[Writer]
    callbacks: Sequence[Callback]
    run: Run | None
    advance: Callable[..., None]

    epoch: int = 0
    step: int = 0
    within: int = 0  # batches of this epoch already used
    seen: int = 0  # rows of this epoch already used
    rows: int = 0  # rows of a whole epoch, 0 while unknown
    total_loss: Tensor | None = None
    best_state: dict[str, Any] | None = None
    history: History = field(default_factory=History)

    def __post_init__(self) -> None:
        self.base_rates = [float(group["lr"]) for group in self.optimizer.param_groups]
        self.rows = int(getattr(self.batches, "rows", 0))
        self.device = self.fabric.device
        self.random_at_epoch = self._random_state()
        self._saved = self._shown = time.monotonic()
        self._steps_shown = 0

    def run_to_the_end(self) -> History:
        """Runs every epoch that is left, then gives the model its best weights and the optimiser its first rates."""
        for writer in self.writers:
            writer.begin(self.history.rows)
        self.advance(self.step)
        self._steps_shown, mode = self.step, self.model.training
        try:
            while not self.history.reason:
                self._run_epoch()
        finally:
            for writer in self.writers:
                writer.close()
            self._set_rates(1.0)
            self.forward.train(mode)
        if self.best_state is not None:
            self.model.load_state_dict(self.best_state)
        return self.history

    def _run_epoch(self) -> None:
        self.forward.train()
        for batch in self._stream():
            self._take_step(batch)
            if self._finished_steps():
                break
            now = time.monotonic()
            if now - self._saved >= self.settings.checkpoint_every:
                self.save()
            if now - self._shown > 0.5:
                self._show(now)
        if self.within == 0:
            raise DomainError(
                f"no batches in epoch {self.epoch}", "an iterable that starts again", "a list, Batches or a DataLoader"
            )
        self._end_epoch()

    def _stream(self) -> Iterator[Any]:
        """The batches of this epoch that are left; whatever they draw is drawn as in an uninterrupted run."""
        set_epoch = getattr(self.batches, "set_epoch", None)
        if set_epoch is not None:
            set_epoch(self.epoch)
        if self.within == 0:
            self.random_at_epoch = self._random_state()
            yield from self.batches
            return
        now = self._random_state()
        self._set_random_state(self.random_at_epoch)
        stream = iter(self.batches)
        for _ in itertools.islice(stream, self.within):
            pass
        self._set_random_state(now)
        yield from stream

    def _take_step(self, batch: Any) -> None:
        settings, optimizer = self.settings, self.optimizer
        if self.device.type != "cpu":
            batch = self.fabric.to_device(batch)
        if settings.schedule is not None:
            self._set_rates(settings.schedule(self.step, cast(int, settings.total)))
        optimizer.zero_grad(set_to_none=True)
        losses = self._losses(batch)
        mean = losses.mean()
        objective = mean
        for constraint, generator in zip(self.constraints, self.generators, strict=True):
            objective = objective + constraint.term(self.model, batch, generator)
        self.fabric.backward(objective)
        if settings.clip is not None:
            self._clip(settings.clip)
        self.step_optimizer.step()
        # Summed where it lies and in float64: no step waits for a number to arrive from the device.
        addend = mean.detach().double() * len(losses)
        self.total_loss = addend if self.total_loss is None else self.total_loss + addend
        self.seen += len(losses)
        if self.constraints:
            info = StepInfo(self.epoch, self.step, float(mean.detach()), self.rows or self.seen, self.model)
            for constraint in self.constraints:
                constraint.decoupled_step(self.model, float(optimizer.param_groups[0]["lr"]))
                constraint.after_step(info)
        self.step += 1
        self.within += 1

    def _clip(self, most: float) -> None:
        norm = self.fabric.clip_gradients(self.forward, self.step_optimizer, max_norm=most, error_if_nonfinite=False)
        if norm is not None and not math.isfinite(float(norm)):
            raise DivergedError(
                f"gradients that are not finite in epoch {self.epoch}", "finite numbers", "a lower learning rate"
            )

    def _set_rates(self, factor: float) -> None:
        for group, rate in zip(self.optimizer.param_groups, self.base_rates, strict=True):
            group["lr"] = rate * factor

    def _losses(self, batch: Any) -> Tensor:
        losses = self.loss(self.forward, batch)
        if losses.dim() != 1 or len(losses) == 0:
            raise ShapeError(
                f"a loss of shape {tuple(losses.shape)}",
                "one loss for each row, (B,)",
                "write (model(x) - y).square().mean(-1), or reduction='none'; fit takes the mean over rows",
            )
        return losses

    def _end_epoch(self) -> None:
        loss = self._mean(cast(Tensor, self.total_loss), self.seen)
        if not math.isfinite(loss):
            raise DivergedError(
                f"a training loss of {loss} in epoch {self.epoch}",
                "finite numbers",
                "a lower learning rate, or clip=1.0",
            )
        self.rows = int(getattr(self.batches, "rows", self.seen))
        validation = self._validate()
        info = StepInfo(self.epoch, self.step - 1, loss, self.rows, self.model, validation)
        row: Row = {"epoch": self.epoch, "step": self.step, "loss": loss, "validation": validation}
        row["lr"] = float(self.optimizer.param_groups[0]["lr"])
        for number, constraint in enumerate(self.constraints):
            constraint.after_epoch(info)
            place = f"{number}/" if len(self.constraints) > 1 else ""
            latest = constraint.history[-1]
            for j, name in enumerate(constraint.names):
                row[f"penalty/{place}{name}"] = latest["penalty"][j]
                row[f"multiplier/{place}{name}"] = latest["multiplier"][j]
        self.history.rows.append(row)
        self._keep_the_best(validation)
        for writer in self.writers:
            writer.write(row)
        stop = [bool(callback(row, self.model)) for callback in self.callbacks]
        self.history.reason = self._reason(any(stop))
        self.epoch, self.within, self.seen, self.total_loss = self.epoch + 1, 0, 0, None
        note = f"loss {loss:.4g}" + ("" if validation is None else f", validation {validation:.4g}")
        self._show(time.monotonic(), note)
        if self.history.reason or time.monotonic() - self._saved >= self.settings.checkpoint_every:
            self.save()

    def _validate(self) -> float | None:
        last = self._finished_steps() or self.epoch + 1 == self.settings.max_epochs
        if self.validation is None or not (last or (self.epoch + 1) % self.settings.validate_every == 0):
            return None
        self.forward.eval()
        total, count = torch.zeros((), dtype=torch.float64, device=self.device), 0
        with torch.no_grad():
            for batch in self.validation:
                losses = self._losses(self.fabric.to_device(batch))
                total, count = total + losses.double().sum(), count + len(losses)
        self.forward.train()
        if count == 0:
            raise DomainError("no validation batches", "an iterable that starts again", "a list or Batches")
        return self._mean(total, count)

    def _mean(self, total: Tensor, count: int) -> float:
        if self.fabric.world_size == 1:
            return float(total) / count
        both = torch.stack([total, torch.full_like(total, count)])
        total, number = cast(Tensor, self.fabric.all_reduce(both, reduce_op="sum"))
        return float(total / number)

    def _keep_the_best(self, validation: float | None) -> None:
        best = self.history.best
        if validation is None or self.epoch < self.settings.best_from or not math.isfinite(validation):
            return
        if best is None or validation < best:
            self.history.best, self.history.best_epoch = validation, self.epoch
            self.best_state = copy.deepcopy(self.model.state_dict())

    def _finished_steps(self) -> bool:
        return self.settings.max_steps is not None and self.step >= self.settings.max_steps

    def _reason(self, stop: bool) -> str:
        settings = self.settings
        if self._finished_steps():
            return "max_steps"
        if settings.max_epochs is not None and self.epoch + 1 >= settings.max_epochs:
            return "max_epochs"
        best = self.history.best_epoch
        since = settings.best_from if best is None else best
        if settings.patience is not None and self.epoch - since >= settings.patience:
            return "patience"
        return "callback" if stop else ""

    def _show(self, now: float, note: str | None = None) -> None:
        self.advance(self.step - self._steps_shown, note)
        self._shown, self._steps_shown = now, self.step

    def _random_state(self) -> dict[str, Tensor]:
        state = {"cpu": torch.get_rng_state()}
        if self.device.type == "cuda":
            state["cuda"] = torch.cuda.get_rng_state(self.device)
        return state

    def _set_random_state(self, state: dict[str, Tensor]) -> None:
        torch.set_rng_state(state["cpu"])
        if "cuda" in state and self.device.type == "cuda":
            torch.cuda.set_rng_state(state["cuda"], self.device)

    def save(self) -> None:
        """Writes the checkpoint, if there is a run to write it into."""
        self._saved = time.monotonic()
        if self.run is None or not self.fabric.is_global_zero:
            return
        if self.total_loss is not None and not math.isfinite(float(self.total_loss)):
            return  # the epoch will end with an error; the last good state stays
        state = {
            "settings": self.settings.identity(),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "constraints": [constraint.state_dict() for constraint in self.constraints],
            "generators": [generator.get_state() for generator in self.generators],
            "random": self._random_state(),
            "random_at_epoch": self.random_at_epoch,
            "base_rates": self.base_rates,
            "progress": {name: getattr(self, name) for name in _PROGRESS},
            "history": vars(self.history),
        }
        write_state(self.run, CHECKPOINT, state)

    def restore(self) -> None:
        """Continues from the checkpoint, if there is one; raises ``SchemaError`` if it is of another training."""
        if self.run is None or not self.run.has(CHECKPOINT):
            return
        state = read_state(self.run, CHECKPOINT)
        given = self.settings.identity() | {"constraints": len(self.constraints)}
        before = state["settings"] | {"constraints": len(state["constraints"])}
        if given != before:
            differing = [name for name in given if given[name] != before.get(name)]
            raise SchemaError(
                ", ".join(f"{name}={given[name]}" for name in differing),
                "the checkpoint's " + ", ".join(f"{name}={before.get(name)}" for name in differing),
                "train in another part of the run: run.part(name)",
            )
        try:
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
        except (RuntimeError, ValueError, KeyError) as error:
            raise SchemaError(f"{self.run.path / CHECKPOINT}: {error}", "the checkpoint of this model") from error
        for constraint, values in zip(self.constraints, state["constraints"], strict=True):
            constraint.load_state_dict(values)
        for generator, values in zip(self.generators, state["generators"], strict=True):
            generator.set_state(values)
        self._set_random_state(state["random"])
        self.random_at_epoch, self.base_rates = state["random_at_epoch"], state["base_rates"]
        for name, value in state["progress"].items():
            setattr(self, name, value.to(self.device) if isinstance(value, Tensor) else value)
        self.history = History(**state["history"])


_PROGRESS = ("epoch", "step", "within", "seen", "rows", "total_loss", "best_state")
