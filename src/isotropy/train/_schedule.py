"""Learning rates as functions of the step, so that a resumed training needs no state for them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

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
