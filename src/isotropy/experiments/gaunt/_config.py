"""The sizes of the experiment: the paper's own, and a version for two cores and half an hour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from isotropy.experiments.gaunt._plans import (
    SMALL_CHIRALITY,
    SMALL_EFFICIENCY,
    SMALL_FORCE_FIELD,
    SMALL_NBODY,
    ChiralityPlan,
    EfficiencyPlan,
    ForceFieldPlan,
    NBodyPlan,
)
from isotropy.experiments.gaunt._records import PARTS, Part

MARK_60, MARK_120, TEN_MINUTES = 1800, 4000, 18_000
"""Steps of the compact model on acetylacetone in one and two minutes of a core of 2025, and in ten."""

SEEDS = 4
"""Of the comparison of products."""


# The largest degree of features of each operation; the paper counts degrees 0..L-1.
PAPER: Mapping[str, Sequence[int]] = {
    "interaction": (1, 3, 5, 7, 9, 11),
    "convolution": (1, 3, 5, 7, 9, 11),
    "many-body": (1, 2, 3, 4, 5),
}


@dataclass(frozen=True)
class ForceField:
    """A force field of ``molecule`` trained for ``steps``, once for each seed, of which there are at least ``seeds``.

    ``dynamics`` steps follow.
    """

    molecule: str
    steps: int
    products: str = "Gaunt"
    order: int = 3
    dynamics: int = 0
    seeds: int = 1


@dataclass(frozen=True)
class Config:
    """What is measured and trained: the parts that run, their plans, and the trainings of force fields."""

    parts: Sequence[Part] = PARTS
    sizes: Mapping[str, Sequence[int]] = field(default_factory=lambda: PAPER)
    efficiency: EfficiencyPlan = field(default_factory=EfficiencyPlan)
    force_field: ForceFieldPlan = field(default_factory=ForceFieldPlan)
    nbody: NBodyPlan = field(default_factory=NBodyPlan)
    chirality: ChiralityPlan = field(default_factory=ChiralityPlan)
    force_fields: Sequence[ForceField] = ()
    degrees: Sequence[int] = (1, 2)
    seeds: int = 1
    device: str = "cpu"
    seed: int = 0
    engine: Literal["serial", "process"] = "process"

    def seeds_of(self, one: ForceField | None = None) -> range:
        """The seeds of every training, or of this force field, which may ask for more."""
        return range(self.seed, self.seed + max(self.seeds, one.seeds if one else 1))


def force_fields(marks: Sequence[int], equal: int, longest: int, other: int) -> tuple[ForceField, ...]:
    """Our model after ``marks`` and ``longest`` steps; its peers after ``equal``; 3BPA after ``other`` steps.

    What a seed changes is about half of the difference between kinds of products: that comparison has ``SEEDS``.
    """
    return (
        ForceField("acac", longest, dynamics=2000),  # a picosecond
        ForceField("acac", equal, products="Clebsch-Gordan", seeds=SEEDS),
        ForceField("3bpa", other),
        *(ForceField("acac", steps, seeds=SEEDS if steps == equal else 1) for steps in marks),
        ForceField("acac", equal, order=1),
    )


SMALL = Config(
    sizes={"interaction": (1, 2, 3, 4, 6, 8), "convolution": (1, 2, 3, 4, 6, 8), "many-body": (1, 2, 3, 4)},
    efficiency=SMALL_EFFICIENCY,
    force_field=SMALL_FORCE_FIELD,
    nbody=SMALL_NBODY,
    chirality=SMALL_CHIRALITY,
    force_fields=force_fields((MARK_60, MARK_120), MARK_60, TEN_MINUTES, MARK_120),
)
FULL = Config(force_fields=force_fields((MARK_60, MARK_120), MARK_60, 180_000, 180_000), seeds=3)
