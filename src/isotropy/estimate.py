"""A number measured on data, with the interval that says how sure we are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Estimate:
    """A point value with a two-sided interval; ``n`` counts the independent units (rows or clusters).

    >>> print(Estimate(0.047, 0.031, 0.066, n=1000))
    0.047 [0.031, 0.066]
    """

    mean: float
    low: float
    high: float
    n: int
    confidence: float = 0.95
    max: float | None = None
    ess: float | None = None

    def __str__(self) -> str:
        return f"{self.mean:.3g} [{self.low:.3g}, {self.high:.3g}]"

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high
