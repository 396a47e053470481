"""What the experiment records: one number of one method in one setting, for each seed; and what claims found."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from isotropy.experiments._experiment import Claim

NORMALS, GRAPHS, LEARNED, PARTICLES = "normals", "graphs", "EXP-classify", "particles"
Number = float | int


@dataclass(frozen=True)
class Score:
    """``method`` in ``setting`` of ``task``: a number for each seed, its unit in words, the mean CPU seconds of a seed.

    >>> Score("particles", "test", "GNN", "MSE", (1.0, 2.0), 10, 0.1).mean
    1.5
    """

    task: str
    setting: str
    method: str
    unit: str
    values: tuple[Number, ...]
    parameters: int
    seconds: Number

    @property
    def mean(self) -> float:
        return statistics.fmean(self.values)

    @property
    def sd(self) -> float | None:
        """The standard deviation over seeds, None for a single one."""
        return statistics.stdev(self.values) if len(self.values) > 1 else None


@dataclass(frozen=True)
class Verdict:
    """A claim in words, whether it held, and the numbers that decided."""

    text: str
    held: bool
    numbers: str


@dataclass(frozen=True)
class Measured(Claim[Any]):
    """A claim that also says which numbers it looked at."""

    numbers: Callable[[Any], str]
