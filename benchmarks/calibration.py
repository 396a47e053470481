"""How often ``discover`` errs where the truth is known: size, wrong words and coverage, by counting over seeds.

    python benchmarks/calibration.py [--sets 200] [--coverage 50] [--only orbit] [--out calibration.json]

Four routes lead to a verdict: whole orbits, windows, refits, blocks of a series. On each, sets with an exact symmetry
are judged as ``discover`` judges them (kernels, five halvings of the data): how often is the p-value at most 0.05, how
often does the interval miss 0, how often is a word of the broken ones said? Then shares that are known, at three levels
of noise, by two learners: how often do the ends cover them? Prints the tables of docs/results/calibration.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "discovery"))
from crossfit import found_in

from isotropy.data import Dataset
from isotropy.discovery import GroupFinding
from isotropy.reps import Point, Scalar, Vector

BROKEN = ("approximate", "absent")
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Route:
    """Null sets of one kind: each has the symmetry exactly."""

    what: str
    group: str
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
}


def _column(y: Array) -> Array:
    return np.ascontiguousarray(y[:, None])


@dataclass
class Size:
    """What was counted over the null sets of one route."""

    sets: int = 0
    on_route: int = 0  # judged by the evidence and the test that the route is named after
    rejected: int = 0  # p at most 0.05
    missed: int = 0  # the lower end is above 0
    broken: int = 0  # a word of the broken ones
    words: Counter[str] | None = None
    seconds: float = 0.0

    def add(self, name: str, found: GroupFinding) -> None:
        self.sets += 1
        self.on_route += (found.test == "block randomisation") if name == "blocks" else (found.evidence == name)
        self.rejected += found.p_value <= 0.05
        self.missed += found.breaking.low > 0
        self.broken += found.verdict in BROKEN
        self.words = (self.words or Counter()) + Counter([found.verdict])


def size_of(name: str, seeds: Sequence[int]) -> Size:
    """The null sets of one route, one seed each."""
    route, size = ROUTES[name], Size()
    began = time.process_time()
    for seed in seeds:
        (found,) = (f for f in found_in(route.data(seed), route.group, seed=seed) if f.name == route.group)
        size.add(name, found)
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
    wrong: int = 0  # intact and said to be broken; broken and said to hold; "absent" under one half
    words: Counter[str] | None = None
    seconds: float = 0.0


def coverage_of(share: float, noise: float, kernel: str | None, seeds: Sequence[int]) -> Coverage:
    """Counts over sets of one kind, one seed each."""
    c, began = Coverage(words=Counter()), time.process_time()
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
        c.words = (c.words or Counter()) + Counter([f.verdict])
    c.seconds = time.process_time() - began
    return c


def _share(count: int, of: int) -> str:
    return f"{100 * count / max(of, 1):.1f} %"


def _told(words: Counter[str] | None) -> str:
    return ", ".join(f"{word} {count}" for word, count in (words or Counter()).most_common())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=200, help="null sets of each route")
    parser.add_argument("--coverage", type=int, default=50, help="sets for each share, noise and learner")
    parser.add_argument("--only", action="append", choices=[*ROUTES, "coverage"])
    parser.add_argument("--out", type=Path, help="the counts as JSON, too")
    wanted = parser.parse_args()
    torch.set_num_threads(1)
    only, kept = wanted.only or [*ROUTES, "coverage"], {}
    print("| route | sets | on it | p <= 0.05 | interval misses 0 | said to be broken | words | CPU s |")
    print("|---|---|---|---|---|---|---|---|")
    for name in (name for name in ROUTES if name in only):
        size = size_of(name, range(wanted.sets))
        kept[name] = vars(size)
        figures = " | ".join(_share(count, size.sets) for count in (size.rejected, size.missed, size.broken))
        print(
            f"| {name} | {size.sets} | {size.on_route} | {figures} | {_told(size.words)} | {size.seconds:.0f} |",
            flush=True,
        )
    if "coverage" in only:
        print(
            "\n| learner | truth | noise | explained | found | covered | above | below | with worst | wrong | words |"
        )
        print("|---|---|---|---|---|---|---|---|---|---|---|")
        for (learner, kernel), share, noise in product(LEARNERS.items(), SHARES, NOISES):
            c = coverage_of(share, noise, kernel, range(wanted.coverage))
            kept[f"{learner}, {share}, {noise}"] = vars(c)
            figures = " | ".join(_share(count, c.sets) for count in (c.covered, c.above, c.below, c.worst, c.wrong))
            print(
                f"| {learner} | {share} | {noise:.0f} | {c.explained:.2f} | {c.breaking:.3f} | {figures} "
                f"| {_told(c.words)} |",
                flush=True,
            )
    if wanted.out:
        wanted.out.write_text(json.dumps(kept, indent=1))


if __name__ == "__main__":
    main()
