"""What is read off each candidate, made consistent along the subgroups: who breaks a subgroup breaks the group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy

# A reading along a window or from refits moves to where the averages over orbits are, not the other way round.
_INDIRECT = 1e-9


@dataclass(frozen=True)
class Interval:
    """A value with its one-sided ends."""

    value: float
    low: float
    high: float

    def moved(self, value: float) -> Interval:
        """At another value, the ends stretched as far as it moved."""
        by = value - self.value
        return Interval(value, max(self.low + min(by, 0.0), 0.0), self.high + max(by, 0.0))


@dataclass(frozen=True)
class Reading:
    """What one part of the target says about one candidate: energies, and the share and the excess they make.

    ``broken`` and ``kept`` are the energies A and B, ``share`` is A / (A + B), ``excess`` A over the held-out error.
    """

    broken: float
    kept: float
    left: float  # the held-out error, which all candidates share
    error: float  # standard error of ``broken``
    share: Interval
    excess: Interval
    direct: bool  # from averages over orbits

    @property
    def signal(self) -> float:
        return self.broken + self.kept


def consistent(readings: Mapping[str, Reading], below: Mapping[str, Sequence[str]]) -> dict[str, Reading]:
    """The readings with A_H <= A_G and B_H >= B_G for every subgroup H of G, and ends that never fall.

    Energies, not shares, are made monotone: what else is listed changes no energy. With H broken by at least some
    share so is G, and if nothing beyond some share can hide in G, no more can hide in H: a group takes the larger end
    of any subgroup, never the smaller.
    """
    names = list(readings)
    index = {name: i for i, name in enumerate(names)}
    edges = [(index[small], index[big]) for big in names for small in below.get(big, ()) if small in index]
    weights = [(1.0 if r.direct else _INDIRECT) / max(r.error, 1e-6 * r.signal, 1e-300) ** 2 for r in readings.values()]
    broken = monotone([r.broken for r in readings.values()], weights, edges)
    kept = monotone([r.kept for r in readings.values()], weights, [(big, small) for small, big in edges])
    moved: dict[str, Reading] = {}
    for name, A, B in zip(names, broken, kept, strict=True):
        old, (A, B) = readings[name], (max(A, 0.0), max(B, 0.0))
        share = A / (A + B) if A + B > 0 else 0.0
        moved[name] = replace(
            old, broken=A, kept=B, share=old.share.moved(share), excess=old.excess.moved(A / old.left)
        )
    return {name: _with_ends(moved, [name, *below.get(name, ())]) for name in names}


def _with_ends(moved: Mapping[str, Reading], family: Sequence[str]) -> Reading:
    """The first of the family, with the largest ends of all of it."""
    own = moved[family[0]]
    inside = [moved[name] for name in family if name in moved]

    def ends(each: list[Interval]) -> Interval:
        low, high = max(i.low for i in each), max(i.high for i in each)
        value = max(each[0].value, low)
        return Interval(value, low, max(high, value))

    share = ends([r.share for r in inside])
    return replace(
        own,
        share=Interval(min(share.value, 1.0), min(share.low, 1.0), min(share.high, 1.0)),
        excess=ends([r.excess for r in inside]),
    )


def monotone(values: Sequence[float], weights: Sequence[float], edges: Sequence[tuple[int, int]]) -> list[float]:
    """The nearest values (weighted least squares) that do not fall along any edge (lower, upper).

    Isotonic regression on a partial order, through its dual, a non-negative least-squares problem.

    >>> monotone([0.3, 0.1], [1.0, 1.0], [(0, 1)])
    [0.2, 0.2]
    """
    b, w = np.asarray(values, float), np.asarray(weights, float)
    size = float(np.abs(b).max(initial=0.0))
    if not edges or size == 0:
        return b.tolist()
    b, w = b / size, w / w.max()
    C = np.zeros((len(edges), len(b)))
    for row, (lower, upper) in enumerate(edges):
        C[row, lower], C[row, upper] = -1.0, 1.0
    root = 1 / np.sqrt(w)
    # Dual of min 1/2 |W^(1/2) (z - b)|^2 subject to C z >= 0: z = b + W^-1 C^T m with m >= 0 least squares.
    multipliers, _ = scipy.optimize.nnls((C * root).T, -b / root)
    fitted = b + root**2 * (C.T @ multipliers)
    return [float(f"{value * size:.12g}") for value in fitted]
