"""One training: what it needs, and what changes while it runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from isotropy.runs import Run
from isotropy.train._average import Average
from isotropy.train._evaluation import Evaluation
from isotropy.train._history import History, Row
from isotropy.train._schedule import Schedule
from isotropy.train._step import Step
from isotropy.train._task import Task, is_whole
from isotropy.train._terms import Means
from isotropy.train._writers import Writer

if TYPE_CHECKING:
    from isotropy.train._place import Place

Callback = Callable[[Row, nn.Module], object]


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
    average: float | None
    checkpoint_every: float
    seed: int

    def identity(self) -> dict[str, Any]:
        """The settings that must be equal for a training to be continued."""
        return {key: value for key, value in vars(self).items() if key not in ("schedule", "checkpoint_every")}


@dataclass
class Training:
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
        self.evaluation = Evaluation(self.task, self.now.model, self.validation, self.place, self.average)
        self.rows = int(getattr(self.batches, "rows", 0))
        self.random_at_epoch: dict[str, Tensor] = random_state(self.place.device)
        # Elsewhere asking would wait for the device; and processes that stop one by one would leave others waiting.
        self._asks = self.place.device.type == "cpu" and self.place.world_size == 1
        self._whole = is_whole(self.task)
        self._saved = self._shown = time.monotonic()
        self._steps_shown = 0


def random_state(device: torch.device) -> dict[str, Tensor]:
    """The state of torch's own generators."""
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def set_random_state(state: Mapping[str, Tensor], device: torch.device) -> None:
    """Brings back what ``random_state`` returned."""
    torch.set_rng_state(state["cpu"])
    if "cuda" in state and device.type == "cuda":
        torch.cuda.set_rng_state(state["cuda"], device)
