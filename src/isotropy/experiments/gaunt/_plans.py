"""The sizes of the parts of the experiment: defaults are those of ``full``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Number = float | int


@dataclass(frozen=True)
class NBodyPlan:
    """Charged particles (§4.5): ``layers`` rounds of messages of ``width`` channels for each degree, Adam.

    ``rate`` falls along a cosine to 0; gradients are clipped at norm ``clip``; the weights kept are the best on
    validation rows. The ``device`` of all plans is that of the config.
    """

    rows: int = 3000
    width: int = 64
    layers: int = 4
    batch: int = 100
    epochs: int = 10_000
    rate: Number = 5e-3
    decay: Number = 1e-12
    clip: Number = 1.0
    validate_every: int = 5
    device: str = "cpu"


SMALL_NBODY = NBodyPlan(width=16, layers=2, batch=50, epochs=40, rate=3e-2)


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


SMALL_CHIRALITY = ChiralityPlan(width=8, degree=2, copies=32, test_copies=50, epochs=60, rate=1e-2)


@dataclass(frozen=True)
class ForceFieldPlan:
    """Force fields (§4.3): ``train`` of 500 configurations learned, the others watched every ``look_every`` epochs.

    Adam with amsgrad; ``rate`` rises over ``warmup`` steps and falls along a cosine to 0; ``energy`` and ``forces`` are
    the weights of `EnergyForceLoss`.
    """

    channels: int = 256
    L_filter: int = 3
    L: int = 2
    radial: Sequence[int] = (64, 64, 64)
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


SMALL_FORCE_FIELD = ForceFieldPlan(channels=16, L=1, radial=(64, 64), rate=0.05, look_every=2)


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


SMALL_EFFICIENCY = EfficiencyPlan(edges=8, atoms=4, least=0.05)
