"""Distances |f(g.x) - g.f(x)| over rows and draws, and the one way in which they become an Estimate."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import scipy
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils import _pytree as tree

from isotropy.errors import DomainError, ShapeError
from isotropy.estimate import Estimate

Norm = Literal["relative", "absolute", "pairwise"]
# The largest value that each norm can take, by |a - b| <= |a| + |b| <= sqrt(2) sqrt(|a|^2 + |b|^2).
_CEILING = {"relative": math.sqrt(2), "absolute": math.inf, "pairwise": 1.0}


@dataclass(frozen=True)
class Defects:
    """For each row and draw the ``distance`` |f(g.x) - g.f(x)|, and the sizes ``moved`` |f(g.x)|, ``carried`` |g.f(x)|.

    All are (rows, draws) and float64; ``weight`` (draws,) sums to 1; ``components`` counts the outputs of one row, on
    average. ``worst_row`` and ``worst_element`` say where the distance is largest.
    """

    distance: Float[Tensor, "rows draws"]
    moved: Float[Tensor, "rows draws"]
    carried: Float[Tensor, "rows draws"]
    weight: Float[Tensor, " draws"]
    components: float
    worst_row: int
    worst_element: Any

    def __post_init__(self) -> None:
        if not bool((torch.isfinite(self.moved) & torch.isfinite(self.carried)).all()):
            bad = (~(torch.isfinite(self.moved) & torch.isfinite(self.carried))).any(1).nonzero().flatten()
            raise DomainError(
                f"an output of f that is not finite, first at row {int(bad[0])}", "finite numbers on every orbit"
            )

    def rows(self, index: Tensor) -> Defects:
        """The same for some rows."""
        part = self.distance[index], self.moved[index], self.carried[index]
        return Defects(*part, self.weight, self.components, self.worst_row, self.worst_element)

    @property
    def largest(self) -> float:
        """max d / sqrt(mean s^2 / 2): the worst pair against the rms size of the output."""
        size = ((self.moved.square() + self.carried.square()) / 2 @ self.weight).mean()
        self._refuse_vacuous(float(size))
        return float(self.distance.max()) / math.sqrt(float(size))

    def estimate(self, norm: Norm, unit: Int[Tensor, " rows"], confidence: float, *, bounded: bool = True) -> Estimate:
        """The error in one norm, with an interval over the independent units.

        The interval is the delta method for a ratio of means, on the logarithmic scale, with Student's t: errors are
        positive and skewed. One unit says nothing about the spread between units; the interval is then the trivial one.
        """
        square, energy = self.distance.square(), self.moved.square() + self.carried.square()
        self._refuse_vacuous(float(energy.sum()))
        if norm == "pairwise":
            total = self.moved + self.carried
            share = torch.where(total > 0, self.distance / torch.where(total > 0, total, 1.0), 0.0)
            top, bottom, power = share @ self.weight, torch.ones_like(share[:, 0]), 1.0
        elif norm == "absolute":
            top, bottom, power = square @ self.weight, torch.full_like(square[:, 0], self.components), 0.5
        elif norm == "relative":
            top, bottom, power = square @ self.weight, energy @ self.weight, 0.5
        else:
            raise DomainError(f"norm={norm!r}", "'relative', 'absolute' or 'pairwise'")
        mean, low, high, n = _ratio(top, bottom, unit, confidence)
        mean, low, high = mean**power, low**power, high**power
        if bounded:
            high = min(high, max(_CEILING[norm], mean))
        return Estimate(mean, low, high, n=n, confidence=confidence, max=self.largest)

    @staticmethod
    def _refuse_vacuous(size: float) -> None:
        if size == 0:
            raise DomainError("a function whose output is zero", "some output", "its error would be vacuous, not zero")


def _ratio(
    top: Float[Tensor, " rows"], bottom: Float[Tensor, " rows"], unit: Int[Tensor, " rows"], confidence: float
) -> tuple[float, float, float, int]:
    """sum(top) / sum(bottom), its interval, and the number of units."""
    labels, index = torch.unique(unit, return_inverse=True)
    n, zero = len(labels), top.new_zeros(len(labels))
    above, below = zero.index_add(0, index, top), zero.index_add(0, index, bottom)
    ratio = float(above.sum() / below.sum())
    if ratio == 0:
        return 0.0, 0.0, 0.0, n
    if n < 2:
        return ratio, 0.0, math.inf, n
    spread = float((above - ratio * below).square().sum()) * n / (n - 1)
    relative = math.sqrt(spread) / float(below.sum()) / ratio
    step = min(float(scipy.special.stdtrit(n - 1, (1 + confidence) / 2)) * relative, 300.0)
    return ratio, ratio * math.exp(-step), ratio * math.exp(step), n


def units(cluster: Iterable[Any] | None, rows: int) -> Int[Tensor, " rows"]:
    """A number for the independent unit of each row: the row itself, or its declared cluster (names or numbers).

    Raises ShapeError when the clusters are not one per row.

    >>> units(["ann", "bob", "ann"], 3).tolist()
    [0, 1, 0]
    """
    if cluster is None:
        return torch.arange(rows)
    names: list[Any] = getattr(cluster, "tolist", lambda: list(cluster))()
    if len(names) != rows:
        raise ShapeError(f"{len(names)} cluster labels", f"{rows}, one for each row")
    number = {name: i for i, name in enumerate(dict.fromkeys(names))}
    return torch.tensor([number[name] for name in names])


def take(value: Any, index: Any) -> Any:
    """The same index of every part of a tuple, or of one tensor."""
    return tree.tree_map(lambda part: part[index], value)
