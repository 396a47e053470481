"""The sizes of the experiment: the paper's own, and a version for two cores and half an hour."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from isotropy.experiments.peers import ParticlesPlan
from isotropy.study import Configuration, Number, OnDevice

MINUTE, TWO_MINUTES, TEN_MINUTES = 1800, 4000, 18_000  # steps of the compact force field, of a core of 2025


@dataclass(frozen=True)
class ChiralityPlan(OnDevice):
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


@dataclass(frozen=True)
class ForceFieldPlan(OnDevice):
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


@dataclass(frozen=True)
class EfficiencyPlan(OnDevice):
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
    same_up_to: int = 12
    all_paths_up_to: int = 12
    escn_up_to: int = 12
    convolution_up_to: int = 12
    contraction_up_to: int = 3
    powers_up_to: int = 6


@dataclass(frozen=True)
class ForceField:
    """A force field of ``molecule`` trained for ``steps``, once for each seed, of which there are at least ``seeds``.

    ``dynamics`` steps follow. Its scores stand in settings that begin with ``at``, under the name ``method``.

    >>> ForceField("acac", 1800, order=1).at
    'acac, 1800 steps'
    """

    molecule: str
    steps: int
    products: str = "Gaunt"
    order: int = 3
    dynamics: int = 0
    seeds: int = 1

    @property
    def at(self) -> str:
        return f"{self.molecule}, {self.steps} steps"

    @property
    def method(self) -> str:
        return self.products if self.order == 3 else f"{self.products}, order {self.order}"


@dataclass(frozen=True)
class Config(Configuration):
    """What is measured and trained: the parts that run, their plans, and the trainings of force fields.

    ``sizes`` are largest degrees of features, for each operation that is timed. ``device`` is that of all plans.
    """

    parts: tuple[str, ...] = ("efficiency", "forcefield", "nbody", "chirality")
    sizes: Mapping[str, Sequence[int]] = field(default_factory=dict[str, Sequence[int]])
    efficiency: EfficiencyPlan = field(default_factory=EfficiencyPlan)
    force_field: ForceFieldPlan = field(default_factory=ForceFieldPlan)
    nbody: ParticlesPlan = field(default_factory=ParticlesPlan)
    chirality: ChiralityPlan = field(default_factory=ChiralityPlan)
    force_fields: Sequence[ForceField] = ()
    degrees: tuple[int, ...] = (1, 2)
    seeds: int = 1
    device: str = "cpu"


# What a seed changes is about half of the difference between kinds of products: that comparison has four.
_COMPARED = (
    ForceField("acac", MINUTE, products="Clebsch-Gordan", seeds=4),
    ForceField("acac", MINUTE, seeds=4),
    ForceField("acac", TWO_MINUTES),
    ForceField("acac", MINUTE, order=1),
)
SMALL = Config(
    sizes={"interaction": (1, 2, 3, 4, 6, 8), "convolution": (1, 2, 3, 4, 6, 8), "many-body": (1, 2, 3, 4)},
    efficiency=EfficiencyPlan(edges=8, atoms=4, least=0.05),
    force_field=ForceFieldPlan(channels=16, L=1, radial=(64, 64), rate=0.05, look_every=2),
    nbody=ParticlesPlan(width=16, layers=2, batch=50, epochs=40, rate=3e-2),
    chirality=ChiralityPlan(width=8, degree=2, copies=32, test_copies=50, epochs=60, rate=1e-2),
    force_fields=(ForceField("acac", TEN_MINUTES, dynamics=2000), ForceField("3bpa", TWO_MINUTES), *_COMPARED),
)
# The paper's sizes; it counts degrees 0..L-1.
FULL = Config(
    sizes={"interaction": (1, 3, 5, 7, 9, 11), "convolution": (1, 3, 5, 7, 9, 11), "many-body": (1, 2, 3, 4, 5)},
    nbody=ParticlesPlan(width=64, rate=5e-3),
    force_fields=(ForceField("acac", 180_000, dynamics=2000), ForceField("3bpa", 180_000), *_COMPARED),
    seeds=3,
)
