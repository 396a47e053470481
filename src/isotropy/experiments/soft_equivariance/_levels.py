"""How far problems with known truth are broken, as ``discover`` finds it: levels, and whether their order is right."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from isotropy.data import load
from isotropy.discovery import discover
from isotropy.experiments.soft_equivariance._config import Setting
from isotropy.runs import Run
from isotropy.study import job

_RESOLVED = 0.01  # true levels that differ by less are a tie
_SYMMETRIC = ("approximate", "absent")  # verdicts that an unbroken group must not get


@dataclass(frozen=True)
class Level:
    """What ``discover`` said about one group in one problem, and the exact breaking."""

    problem: str
    seed: int
    group: str
    breaking: float
    low: float
    high: float
    truth: float
    verdict: str


def ordered(levels: Sequence[Level]) -> bool:
    """Whether one problem's levels stand in the true order, with no unbroken group called broken.

    >>> one = [Level("p", 0, name, found, 0.0, 1.0, true, "undecided") for name, found, true in
    ...        (("O(3)", 0.5, 0.6), ("O(2)@z", 0.0, 0.0))]
    >>> ordered(one)
    True
    """
    for one, other in combinations(levels, 2):
        low, high = sorted((one, other), key=lambda level: level.truth)
        if high.truth - low.truth > _RESOLVED and not low.breaking < high.breaking:
            return False
    return not any(level.truth < 1e-9 and level.verdict in _SYMMETRIC for level in levels)


def truth(setting: Setting) -> tuple[dict[str, float], dict[str, float]]:
    """The exact breaking of each candidate, and its floor B_G / 9 per entry (§5.2)."""
    data = load("inertia", nu=setting.nu, axis=setting.axis, n=1)
    shares = dict(data.truth or {})
    energy = data.energy or 0.0
    return shares, {group: share * energy / data.y.shape[1] for group, share in shares.items()}


@job
def discover_job(
    run: Run, *, seed: int, problem: str, settings: Mapping[str, Any], rows: int, quick: bool
) -> dict[str, Any]:
    """Breaking found, its interval, truth and verdict of each candidate, and the processor's seconds."""
    data = load(problem, n=rows, seed=seed, **settings)
    shares = data.truth or {}
    found = discover(data, seed=seed, quick=quick, progress=False)
    groups = [
        {
            "group": finding.name,
            "breaking": finding.breaking.mean,
            "low": finding.breaking.low,
            "high": finding.breaking.high,
            "truth": shares[finding.name],
            "verdict": finding.verdict,
        }
        for finding in found.groups
    ]
    return {"groups": groups}
