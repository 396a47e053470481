"""Sets whose symmetries are known, and how often ``discover`` errs on them, counted over seeds.

Four routes lead to a verdict: whole orbits, windows, refits, blocks of a series; a fifth proposes its candidates first.
On each there are sets with an exact symmetry; and sets of which a known share breaks it. benchmarks/calibration.py
prints the tables of many of them.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from crossfit import found_in
from numpy.typing import NDArray

from isotropy.data import Dataset
from isotropy.discovery import GroupFinding
from isotropy.reps import Point, Scalar, Vector

BROKEN = ("approximate", "absent")
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Route:
    """Null sets of one kind: each has the symmetry exactly."""

    what: str
    group: str | None  # None: proposed, and an error is one about any of them
    data: Callable[[int], Dataset]


def _orbit(seed: int) -> Dataset:
    r = np.random.default_rng(seed)
    x = r.normal(size=(120, 3))
    return Dataset(x, _column((x**2).sum(1) + r.normal(size=120)), {"x": Vector, "y": Scalar})


def _window(seed: int) -> Dataset:
    r = np.random.default_rng(seed)
    p = r.normal(size=(120, 2, 2))
    y = ((p[:, 1] - p[:, 0]) ** 2).sum(1) / 2 + r.normal(size=120)
    return Dataset(p.reshape(120, 4), _column(y), {"x": 2 * Point, "y": Scalar})


def _refit(seed: int) -> Dataset:
    r = np.random.default_rng(seed)
    x = r.normal(size=(120, 2)) * [1.5, 0.6]
    return Dataset(x, _column((x**2).sum(1) + r.normal(size=120)), {"x": Vector, "y": Scalar})


def _proposed(seed: int) -> Dataset:
    r = np.random.default_rng(seed)
    x = r.normal(size=(160, 3))
    return Dataset(x, _column((x**2).sum(1) + r.normal(size=160)), {"x": Vector, "y": Scalar})


def _blocks(seed: int) -> Dataset:
    r, n, rho = np.random.default_rng(seed), 200, 0.95
    steps, z = r.normal(size=(n, 4)), np.zeros((n, 4))
    z[0] = steps[0]
    for t in range(1, n):
        z[t] = rho * z[t - 1] + (1 - rho**2) ** 0.5 * steps[t]
    return Dataset(z[:, :3], _column((z[:, :3] ** 2).sum(1) + 0.5 * z[:, 3]), {"x": Vector, "y": Scalar})


ROUTES = {
    "orbit": Route("y = \\|x\\|² + noise, x normal in 3 dimensions, 120 rows", "O(3)", _orbit),
    "window": Route("y = \\|p - q\\|²/2 + noise, two points of the plane, 120 rows", "T(2)", _window),
    "refit": Route("y = \\|x\\|² + noise, x normal with deviations 1.5 and 0.6, 120 rows", "SO(2)", _refit),
    "blocks": Route("y = \\|x\\|² + noise, x and noise AR(1) with 0.95, 200 rows", "O(3)", _blocks),
    "proposed": Route("y = \\|x\\|² + noise, x normal in 3 dimensions, 160 rows, 80 of them judge", None, _proposed),
}


def _column(y: Array) -> Array:
    return np.ascontiguousarray(y[:, None])


@dataclass
class Size:
    """What was counted over the null sets of one route."""

    sets: int = 0
    on_route: int = 0  # judged by the evidence and the test that the route is named after
    rejected: int = 0  # p at most 0.05
    rejected_on_route: int = 0
    missed: int = 0  # the lower end is above 0
    broken: int = 0  # a word of the broken ones
    words: Counter[str] = field(default_factory=Counter[str])
    seconds: float = 0.0

    def add_all(self, found: Sequence[GroupFinding]) -> None:
        """A set of which nobody named the candidates: it errs where it errs about any of them."""
        rejects = min(f.p_adjusted for f in found) <= 0.05
        self.sets += 1
        self.on_route += 1
        self.rejected += rejects
        self.rejected_on_route += rejects
        self.missed += any(f.breaking.low > 0 for f in found)
        self.broken += any(f.verdict in BROKEN for f in found)
        self.words.update({f.verdict for f in found})

    def add(self, name: str, found: GroupFinding) -> None:
        on_route = found.evidence == name
        if name == "blocks":  # the units are long stretches of the 200 rows
            on_route = found.evidence == "orbit" and found.breaking.n < 100
        self.sets += 1
        self.on_route += on_route
        self.rejected += found.p_value <= 0.05
        self.rejected_on_route += on_route and found.p_value <= 0.05
        self.missed += found.breaking.low > 0
        self.broken += found.verdict in BROKEN
        self.words[found.verdict] += 1


def size_of(name: str, seeds: Sequence[int]) -> Size:
    """The null sets of one route, one seed each."""
    route, size = ROUTES[name], Size()
    began = time.process_time()
    for seed in seeds:
        found = found_in(route.data(seed), route.group, seed=seed)
        if route.group is None:
            size.add_all(found)
        else:
            size.add(name, next(f for f in found if f.name == route.group))
    size.seconds = time.process_time() - began
    return size


ROWS = 150
SHARES = (0.0, 0.05, 0.4)
NOISES = (0.0, 2.0, 4.0)
LEARNERS = {"strong": None, "weak": "gaussian, narrow"}  # all kernels compete; one that is too narrow in 6 dimensions


def known(share: float, noise: float, seed: int) -> Dataset:
    """y = |x|^2 + a x_1 + noise for two vectors: of the signal the share a^2 / (12 + a^2) breaks O(3)."""
    r = np.random.default_rng(seed)
    x = r.normal(size=(ROWS, 6))
    y = (x**2).sum(1) + (12 * share / (1 - share)) ** 0.5 * x[:, 0] + noise * r.normal(size=ROWS)
    return Dataset(x, _column(y), {"x": 2 * Vector, "y": Scalar})


@dataclass
class Coverage:
    """How often the ends cover a known share, and how often a word contradicts it."""

    sets: int = 0
    explained: float = 0.0
    breaking: float = 0.0
    covered: int = 0
    above: int = 0  # the share lies above the upper end
    below: int = 0  # the share lies under the lower end
    worst: int = 0  # the share lies between the lower end and the worst case
    wrong: int = 0  # intact and said to be broken; broken and said to hold, or absent where less than half is broken
    words: Counter[str] = field(default_factory=Counter[str])
    seconds: float = 0.0


def coverage_of(share: float, noise: float, kernel: str | None, seeds: Sequence[int]) -> Coverage:
    """Counts over sets of one kind, one seed each."""
    c, began = Coverage(), time.process_time()
    for seed in seeds:
        (f,) = found_in(known(share, noise, seed), "O(3)", seed=seed, kernel=kernel, invariant=True)
        low, high = f.breaking.low, f.breaking.high
        c.sets += 1
        c.explained += f.explained.mean / len(seeds)
        c.breaking += f.breaking.mean / len(seeds)
        c.covered += low <= share <= high
        c.above += share > high
        c.below += share < low
        c.worst += low <= share <= f.upper_worst
        c.wrong += f.verdict in (BROKEN if share == 0 else ("no breaking detected", "negligible", "absent"))
        c.words[f.verdict] += 1
    c.seconds = time.process_time() - began
    return c
