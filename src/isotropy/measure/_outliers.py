"""Rows whose target is impossibly far out: so far that the tail of the others does not reach there."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

_TAIL = 0.1  # share of the rows from which the tail is read
_FEWEST = 20  # rows that differ from the middle; of fewer no tail can be read
_MOST = 0.02  # a larger share of the rows is a second population, not a few wrong ones
# The chance at which a gap is no tail any more, over all gaps of a table: one false name in ten thousand tables.
_IMPOSSIBLE = 1e-4
_GAP = 10.0  # and nearer than this to the others it may belong to a mixture, such as one bad sensor's noise


@dataclass(frozen=True)
class Outlier:
    """A row far outside: its number, the ``part`` of the target, its distance from the middle, and how many times
    the largest distance among the other rows that is."""

    row: int
    part: str
    size: float
    times: float

    def __str__(self) -> str:
        return f"row {self.row}: {self.part or 'target'} of size {self.size:.3g}, {self.times:.3g} times the next"


def outliers(y: Float[Tensor, "n q"], parts: Mapping[str, slice]) -> tuple[Outlier, ...]:
    """The rows whose targets lie beyond any tail that the other rows have, largest first; ``parts`` names columns.

    Distances from the median fall off like a power (Hill, Ann. Stat. 3, 1975); by Rényi's representation the ratio of
    neighbouring order statistics then exceeds r with chance r^(-a j), j counted from the top. A gap of chance below
    1e-4 over all gaps, with a lower bound for the exponent a, and of a factor of 10 separates the outliers. Heavy tails
    have small a, and are not blamed.

    >>> y = torch.randn(300, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    >>> y[7] = 1e4
    >>> [(found.row, found.size > 9999) for found in outliers(y, {"force": slice(0, 1)})]
    [(7, True)]
    """
    found = [item for name, where in parts.items() for item in _of_part(y[:, where], name)]
    return tuple(sorted(found, key=lambda item: -item.times))


def _of_part(y: Float[Tensor, "n q"], name: str) -> list[Outlier]:
    distance = torch.linalg.vector_norm(y - y.median(0).values, dim=-1)
    size, row = distance.sort(descending=True)
    n = int((size > 0).sum())
    if n < _FEWEST:
        return []
    most = max(1, int(_MOST * n))
    for j in range(most, 0, -1):
        ratio = float(size[j - 1] / size[j])
        rest = size[j:n]
        k = max(10, int(_TAIL * len(rest)))
        spread = float((rest[:k] / rest[k]).log().mean()) if k < len(rest) else math.inf
        # A lower bound for the exponent: the mean of k exponential spacings is known to one part in sqrt(k).
        a = 1 / max(spread * (1 + 3 / math.sqrt(k)), 1e-3)
        if ratio > _GAP and -a * j * math.log(ratio) < math.log(_IMPOSSIBLE / most):
            return [Outlier(int(row[i]), name, float(size[i]), float(size[i] / size[j])) for i in range(j)]
    return []
