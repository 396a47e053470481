"""When a training ends, and its learning rates: functions of the step, of which a resumed one needs no state."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from isotropy.errors import DomainError

Schedule = Callable[[int, int], float]  # (step from 0, total steps) -> factor on the initial learning rate


@dataclass(frozen=True)
class Cosine:
    """A linear rise over ``warmup`` steps, then half a cosine from 1 down to ``final``.

    Source: Loshchilov, Hutter, ICLR 2017. Raises ``DomainError`` for a negative warmup or a final factor not in [0, 1].

    >>> [round(Cosine(final=0.1)(step, 100), 3) for step in (0, 50, 100)]
    [1.0, 0.55, 0.1]
    """

    final: float = 0.0
    warmup: int = 0

    def __post_init__(self) -> None:
        if self.warmup < 0 or not 0 <= self.final <= 1:
            raise DomainError(f"{self}", "warmup >= 0 and 0 <= final <= 1")

    def __call__(self, step: int, total: int) -> float:
        if step < self.warmup:
            return (step + 1) / self.warmup
        passed = (step - self.warmup) / max(1, total - self.warmup)
        return self.final + (1 - self.final) * 0.5 * (1 + math.cos(math.pi * passed))


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

    def __post_init__(self) -> None:
        if self.max_steps is None and self.max_epochs is None:
            raise DomainError("a training without an end", "max_steps=... or max_epochs=...")
        for name in ("max_steps", "max_epochs", "patience"):
            value = vars(self)[name]
            if value is not None and value < 1:
                raise DomainError(f"{name}={value}", "at least 1, or None")
        if self.validate_every < 1:
            raise DomainError(f"validate_every={self.validate_every}", "at least 1")
        if self.average is not None and not 0 < self.average < 1:
            hint = "0.999 looks back some 1000 steps"
            raise DomainError(f"average={self.average}", "a decay between 0 and 1, or None", hint)

    def identity(self) -> dict[str, Any]:
        """The settings that must be equal for a training to be continued."""
        return {key: value for key, value in vars(self).items() if key not in ("schedule", "checkpoint_every")}
