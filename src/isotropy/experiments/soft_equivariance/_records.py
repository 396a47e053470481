"""What the experiment records: scores of methods, levels found by ``discover``, strengths over time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from isotropy.experiments.soft_equivariance._config import NETWORKS
from isotropy.study import OverSeeds


@dataclass(frozen=True)
class MethodScore(OverSeeds):
    """One method on one setting: errors per entry of y on test rows, one for each seed, and the mean CPU seconds.

    ``floor`` is the least error of a network that obeys ``group`` exactly, None for networks that are free; ``oracle``
    marks exact networks of a group that holds, ``chosen`` the starts that validated best, one for each seed.
    """

    setting: str
    method: str
    test: tuple[float, ...]
    validation: tuple[float, ...]
    train: tuple[float, ...]
    seconds: float
    parameters: int
    group: str | None = None
    floor: float | None = None
    chosen: tuple[str, ...] = ()
    oracle: bool = False

    task, unit = NETWORKS, "MSE per entry"

    @property
    def values(self) -> tuple[float, ...]:
        return self.test


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


@dataclass(frozen=True)
class Strengths:
    """The strengths of one tuned network by epoch, one curve for each group."""

    setting: str
    method: str
    epochs: tuple[int, ...]
    groups: Mapping[str, tuple[float, ...]]
