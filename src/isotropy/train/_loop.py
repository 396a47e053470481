"""The one loop over epochs: batches, steps, validation, early stopping."""

import copy
import itertools
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor, nn

from isotropy.errors import DomainError, SchemaError
from isotropy.modes import evaluating, modes_kept
from isotropy.runs import Run
from isotropy.soft import StepInfo
from isotropy.train._average import Average
from isotropy.train._checkpoint import Stateful, read_state, write_state
from isotropy.train._memory import Memory
from isotropy.train._place import Place, random_state, set_random_state
from isotropy.train._schedule import Settings
from isotropy.train._step import Step
from isotropy.train._task import Task, is_whole
from isotropy.train._terms import Means, Terms, check_finite, columns, share_of
from isotropy.train._writers import History, Row, Writer

Callback = Callable[[Row, nn.Module], object]
CHECKPOINT = "checkpoint.safetensors"
_PROGRESS = ("epoch", "step", "within", "seen", "rows", "best_state", "random_at_epoch")


@dataclass
class Loop:
    """Everything that one training needs, and everything that changes while it runs."""

    model: nn.Module
    task: Task
    now: Step
    batches: Iterable[Any]
    validation: Iterable[Any] | None
    place: Place
    settings: Settings
    writers: Sequence[Writer]
    callbacks: Sequence[Callback]
    run: Run | None
    advance: Callable[..., None]
    memory: Memory | None = None

    epoch: int = 0
    step: int = 0
    within: int = 0  # batches of this epoch already used
    seen: int = 0  # rows of this epoch already used
    rows: int = 0  # rows of a whole epoch, 0 while unknown
    means: Means = field(default_factory=Means)  # of the terms of this epoch
    best_state: dict[str, Any] | None = None
    stream_state: dict[str, Any] | None = None  # of batches that are still to be brought back where they were
    history: History = field(default_factory=History)

    def __post_init__(self) -> None:
        decay = self.settings.average
        self.average = None if decay is None else Average(self.model, decay)
        self.rows = int(getattr(self.batches, "rows", 0))
        self.random_at_epoch: dict[str, Tensor] = random_state(self.place.device)
        # Elsewhere asking would wait for the device; and processes that stop one by one would leave others waiting.
        self._asks = self.place.device.type == "cpu" and self.place.world_size == 1
        self._whole = is_whole(self.task)
        self._saved = self._shown = time.monotonic()
        self._steps_shown = 0

    def run_to_the_end(self) -> History:
        """Runs every epoch that is left, then gives the model its best weights and the optimisers their first rates."""
        for writer in self.writers:
            writer.begin(self.history.rows)
        self.advance(self.step)
        self._steps_shown = self.step
        try:
            with modes_kept(self.now.model):
                # Parts that are in eval mode within a model that trains are frozen on purpose, and stay so.
                if not self.model.training:
                    self.now.model.train()
                while not self.history.reason:
                    self._run_epoch()
        finally:
            for writer in self.writers:
                writer.close()
            self.now.set_rates(1.0)
        if self.best_state is not None:
            self.model.load_state_dict(self.best_state)
        elif self.average is not None:
            self.average.install()
        return self.history

    def _run_epoch(self) -> None:
        for batch in self._stream():
            self._take_step(batch)
            if self._finished_steps():
                break
            now = time.monotonic()
            if now - self._saved >= self.settings.checkpoint_every:
                self._save()
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
        state, self.stream_state = self.stream_state, None
        if state is not None and isinstance(self.batches, Stateful):
            self.batches.load_state_dict(state)
        elif self.within > 0:
            yield from self._rest()
            return
        if self.within == 0:
            self.random_at_epoch = random_state(self.place.device)
        yield from self.batches

    def _rest(self) -> Iterator[Any]:
        device = self.place.device
        now = random_state(device)
        set_random_state(self.random_at_epoch, device)
        stream = iter(self.batches)
        for _ in itertools.islice(stream, self.within):
            pass
        set_random_state(now, device)
        yield from stream

    def _take_step(self, batch: Any) -> None:
        now, settings = self.now, self.settings
        now.epoch, now.number, now.share = self.epoch, self.step, share_of(self.batches)
        if self.place.device.type != "cpu":
            batch = self.place.to_device(batch)
        if settings.schedule is not None:
            now.set_rates(settings.schedule(self.step, cast(int, settings.total)))
        with nullcontext() if self._whole else self.place.autocast():
            terms = Terms.read(self._step(batch), "either")
        self.means.add(terms, now.share > 0)
        self.seen += terms.rows
        if self._asks:
            self.means.check(self._when())
        now.finish(terms.total, terms.rows, self.rows or self.seen)
        if self.average is not None:
            self.average.update()
        self.step += 1
        self.within += 1

    def _step(self, batch: Any) -> Any:
        now, task = self.now, self.task
        if self.memory is None:
            return task.step(now, batch)

        def objective() -> Tensor:
            return Terms.read(task.evaluate(now.model, batch), task.per).total

        return self.memory.step(objective if self._whole else None, lambda: task.step(now, batch), batch, self.place)

    def _when(self) -> str:
        return f"epoch {self.epoch}, step {self.step}" if self._asks else f"epoch {self.epoch}, before step {self.step}"

    def _end_epoch(self) -> None:
        means = self.means.over(self.place)
        check_finite(means, self._when())
        row: Row = {"epoch": self.epoch, "step": self.step, **columns("loss", means)}
        self.rows = int(getattr(self.batches, "rows", self.seen))
        validation: float | None = None
        if self._is_validated():
            with self._averaged():
                row |= columns("validation", self._measure())
                validation = float(row["validation"])
                self._keep_the_best(validation)
        else:
            row["validation"] = None
        info = StepInfo(self.epoch, self.step - 1, row["loss"], self.rows, self.model, validation)
        row |= self.now.rates() | self.now.finish_epoch(info) | _told_by(self.batches)
        self.history.rows.append(row)
        for writer in self.writers:
            writer.write(row)
        self.history.reason = self._reason(self._called_back(row))
        note = f"loss {row['loss']:.4g}" + ("" if validation is None else f", validation {validation:.4g}")
        self.epoch, self.within, self.seen, self.means = self.epoch + 1, 0, 0, Means()
        self._show(time.monotonic(), note)
        if self.history.reason or time.monotonic() - self._saved >= self.settings.checkpoint_every:
            self._save()

    def _is_validated(self) -> bool:
        last = self._finished_steps() or self.epoch + 1 == self.settings.max_epochs
        return self.validation is not None and (last or (self.epoch + 1) % self.settings.validate_every == 0)

    def _averaged(self) -> AbstractContextManager[None]:
        """The model as others see it: with its averaged weights, where there is an average."""
        return nullcontext() if self.average is None else self.average.shown()

    def _measure(self) -> dict[str, float]:
        """The mean of each term over the validation rows. Raises ``DomainError`` without batches."""
        model, means = self.now.model, Means()
        per = self.task.per if self._whole else "either"
        with evaluating(model), torch.no_grad(), nullcontext() if self._whole else self.place.autocast():
            for batch in self.validation or ():
                terms = self.task.evaluate(model, self.place.to_device(batch))
                # Whether this process has a part of the batch that was just handed out.
                means.add_rows(Terms.read(terms, per), share_of(self.validation) > 0)
        if not means.sums:
            raise DomainError("no validation batches", "an iterable that starts again", "a list or Batches")
        return means.over(self.place)

    def _keep_the_best(self, validation: float) -> None:
        best = self.history.best
        if self.epoch < self.settings.best_from or not math.isfinite(validation):
            return
        if best is None or validation < best:
            self.history.best, self.history.best_epoch = validation, self.epoch
            self.best_state = copy.deepcopy(self.model.state_dict())

    def _called_back(self, row: Row) -> bool:
        if not self.callbacks:
            return False
        with self._averaged(), modes_kept(self.model):  # a callback may evaluate the model
            answers = [bool(callback(row, self.model)) for callback in self.callbacks]
        return any(answers)

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
        if self.place.world_size == 1:
            self.means.check(self._when())
        self.advance(self.step - self._steps_shown, note)
        self._shown, self._steps_shown = now, self.step

    def _save(self) -> None:
        """Writes the checkpoint, if there is a run to write it into."""
        self._saved = time.monotonic()
        if self.means.diverged():  # the epoch will end with an error; the last good state stays
            return
        if self.run is None or not self.place.is_global_zero:
            return
        batches, average = self.batches, self.average
        state = {
            "identity": self._identity(),
            "model": self.model.state_dict(),
            "steps": self.now.state_dict(),
            "task": self.task.state_dict(),
            "batches": batches.state_dict() if isinstance(batches, Stateful) else None,
            "average": None if average is None else average.state_dict(),
            "random": random_state(self.place.device),
            "progress": {name: getattr(self, name) for name in _PROGRESS},
            "means": self.means.state_dict(),
            "history": vars(self.history),
        }
        write_state(self.run, CHECKPOINT, state)

    def restore(self) -> None:
        """Continues from the checkpoint, if there is one; raises ``SchemaError`` if it is of another training."""
        if self.run is None or not self.run.has(CHECKPOINT):
            return
        state = read_state(self.run, CHECKPOINT)
        self._check_identity(state.get("identity", {}))
        try:
            self.model.load_state_dict(state["model"])
            self.now.load_state_dict(state["steps"])
            if self.average is not None:
                self.average.load_state_dict(state["average"])
        except (RuntimeError, ValueError, KeyError) as error:
            raise SchemaError(f"{self.run.path / CHECKPOINT}: {error}", "the checkpoint of this model") from error
        self.task.load_state_dict(state["task"])
        self.means.load_state_dict(state["means"], self.place.device)
        set_random_state(state["random"], self.place.device)
        for name, value in state["progress"].items():
            setattr(self, name, value)
        self.history = History(**state["history"])
        self.stream_state = state["batches"]

    def _identity(self) -> dict[str, Any]:
        """What must be equal for a training to be continued."""
        named = {"constraints": len(self.now.constraints), "optimizers": ", ".join(self.now.optimizers)}
        return self.settings.identity() | named

    def _check_identity(self, before: Mapping[str, Any]) -> None:
        given = self._identity()
        differing = [name for name in given if given[name] != before.get(name)]
        if differing:
            raise SchemaError(
                ", ".join(f"{name}={given[name]}" for name in differing),
                "the checkpoint's " + ", ".join(f"{name}={before.get(name)}" for name in differing),
                "train in another part of the run: run.part(name)",
            )


def _told_by(batches: Iterable[Any]) -> Row:
    """The columns that batches fill themselves: a stream that grows says how far it is."""
    columns: Callable[[], Row] | None = getattr(batches, "columns", None)
    return columns() if callable(columns) else {}
