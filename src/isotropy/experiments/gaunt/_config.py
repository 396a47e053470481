"""The sizes of the experiment: the paper's own, and a version for two cores and half an hour."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from isotropy.experiments.peers import ParticlesPlan
from isotropy.study import Configuration, Number

EFFICIENCY, FORCEFIELD, NBODY, CHIRALITY = PARTS = ("efficiency", "forcefield", "nbody", "chirality")
MARK_60, MARK_120, TEN_MINUTES = 1800, 4000, 18_000
"""Steps of the compact model on acetylacetone in one and two minutes of a core of 2025, and in ten."""

SEEDS = 4
"""Of the comparison of products."""


@dataclass(frozen=True)
class NBodyPlan(ParticlesPlan):
    """Charged particles (§4.5): ``width`` channels for each degree; the ``device`` of all plans is the config's."""

    width: int = 64
    rate: Number = 5e-3
    device: str = "cpu"


@dataclass(frozen=True)
class ChiralityPlan:
    """Shapes and their mirror images (§4.6): two rounds of messages, ``width`` functions up to ``degree``, Adam.

    ``copies`` of each shape in random poses train, ``test_copies`` in others test; ``jitter`` is the standard deviation
    of the points of tetrahedra, whose corners are sqrt(3) from the centre. ``rate`` falls along a cosine to 0.
    """

    width: int = 16
    degree: int = 3
    copies: int = 64
    test_copies: int = 200
    jitter: Number = 0.1
    batch: int = 32
    epochs: int = 100
    rate: Number = 5e-3
    clip: Number = 1.0
    device: str = "cpu"


@dataclass(frozen=True)
class ForceFieldPlan:
    """Force fields (§4.3): ``train`` of 500 configurations learned, the others watched every ``look_every`` epochs.

    Adam with amsgrad; ``rate`` rises over ``warmup`` steps and falls along a cosine to 0; ``energy`` and ``forces`` are
    the weights of `EnergyForceLoss`.
    """

    channels: int = 256
    L_filter: int = 3
    L: int = 2
    radial: tuple[int, ...] = (64, 64, 64)
    r_max: float = 5.0
    train: int = 450
    batch: int = 5
    rate: Number = 0.01
    decay: Number = 5e-7
    warmup: int = 50
    energy: Number = 1.0
    forces: Number = 1000.0
    look_every: int = 10
    device: str = "cpu"


@dataclass(frozen=True)
class EfficiencyPlan:
    """Milliseconds of products (§4.1), of ``channels`` channels on one thread of ``device``.

    Interactions are of ``batch`` rows, convolutions of ``edges``, many-body products of ``atoms``. In each round all
    methods have their turn, of ``least`` seconds or more. Each peer runs up to a degree of its own: e3nn's product of
    the same function and that of all paths, eSCN, e3nn's convolution, MACE's contraction, two of e3nn's products in a
    row.
    """

    channels: int = 128
    batch: int = 1
    edges: int = 16
    atoms: int = 32
    rounds: int = 5
    least: Number = 0.2
    device: str = "cpu"
    same_up_to: int = 12
    all_paths_up_to: int = 12
    escn_up_to: int = 12
    convolution_up_to: int = 12
    contraction_up_to: int = 3
    powers_up_to: int = 6


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

    @property
    def built(self) -> dict[str, Any]:
        """What its model is built of."""
        return {"molecule": self.molecule, "products": self.products, "order": self.order}

    @property
    def at(self) -> str:
        """Where its scores stand: the beginning of their settings.

        >>> ForceField("acac", 1800).at
        'acac, 1800 steps'
        """
        return f"{self.molecule}, {self.steps} steps"

    @property
    def method(self) -> str:
        """What its scores call it.

        >>> ForceField("acac", 1, order=1).method
        'Gaunt, order 1'
        """
        return self.products if self.order == 3 else f"{self.products}, order {self.order}"


@dataclass(frozen=True)
class Config(Configuration):
    """What is measured and trained: the parts that run, their plans, and the trainings of force fields."""

    parts: tuple[str, ...] = PARTS
    sizes: Mapping[str, Sequence[int]] = field(default_factory=lambda: PAPER)
    efficiency: EfficiencyPlan = field(default_factory=EfficiencyPlan)
    force_field: ForceFieldPlan = field(default_factory=ForceFieldPlan)
    nbody: NBodyPlan = field(default_factory=NBodyPlan)
    chirality: ChiralityPlan = field(default_factory=ChiralityPlan)
    force_fields: Sequence[ForceField] = ()
    degrees: tuple[int, ...] = (1, 2)
    seeds: int = 1
    device: str = "cpu"


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
    efficiency=EfficiencyPlan(edges=8, atoms=4, least=0.05),
    force_field=ForceFieldPlan(channels=16, L=1, radial=(64, 64), rate=0.05, look_every=2),
    nbody=NBodyPlan(width=16, layers=2, batch=50, epochs=40, rate=3e-2),
    chirality=ChiralityPlan(width=8, degree=2, copies=32, test_copies=50, epochs=60, rate=1e-2),
    force_fields=force_fields((MARK_60, MARK_120), MARK_60, TEN_MINUTES, MARK_120),
)
FULL = Config(force_fields=force_fields((MARK_60, MARK_120), MARK_60, 180_000, 180_000), seeds=3)
