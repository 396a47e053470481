"""What the experiment records: one number of one method in one setting, for each seed."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

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
