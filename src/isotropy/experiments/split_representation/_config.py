"""Names and sizes of the experiment: three levels of difficulty, and the published size."""

from __future__ import annotations

from dataclasses import dataclass, field

from isotropy.study import Configuration, OnDevice

METHODS, ABLATIONS, SWEEPS, CONTROL = "methods", "ablations", "sweeps", "control"
LATENT, CEILINGS = "latents alone", "ceilings"

VARY: dict[int, tuple[str, ...] | None] = {0: ("c",), 1: ("a", "b", "c"), 2: None}
"""Which latents vary: one axis, all three, everything (hues and light too)."""

STEPS = {0: 1200, 1: 10_000, 2: 20_000}
"""Of a training, unless ``training.steps`` says another number."""

SPLIT, EXACT, MLP, NO_VARIANCE, SHUFFLED = (
    "split",
    "split-exact",
    "split-mlp",
    "no-predictor-variance",
    "poses shuffled",
)
SIMULATORS = (SPLIT, EXACT, MLP)
"""The linear predictor of the paper, the one that obeys the group law exactly, and a network."""

CORE = (*SIMULATORS, "vicreg", "augself", "supervised")
PARTS = ("all", "inv", "equi")


@dataclass(frozen=True)
class Pictures:
    """``families`` of ``instances``, of which a fifth are for validation, in ``views`` of ``size`` pixels.

    ``symmetric`` surfaces of revolution and prisms instead of assemblies; a ``folder`` to keep pictures in that do not
    fit into memory.
    """

    families: int = 12
    instances: int = 60
    views: int = 16
    size: int = 32
    symmetric: bool = False
    folder: str = ""


@dataclass(frozen=True, kw_only=True)
class Training(OnDevice):
    """``steps`` (by default those of the level) of ``batch`` pairs, with an equivariant embedding of that width.

    Probes of poses have hidden layers of ``probe_width`` and are trained for ``probe_epochs``; ``backbone`` is "small"
    or "resnet18"; ``group_input`` is how turns are written for predictors.
    """

    steps: int | None = None
    batch: int = 128
    embedding: int = 128
    rate: float = 1e-3
    backbone: str = "small"
    group_input: str = "irreps"
    probe_width: int = 256
    probe_epochs: int = 200


@dataclass(frozen=True)
class Latent:
    """``steps`` of Adam on ``pairs`` of a hidden representation of ``copies`` of each degree 0, 1, 2.

    ``few`` pairs are what the exact predictor is found from by averages and Procrustes; at least as many as columns.
    """

    steps: int = 60
    copies: int = 3
    pairs: int = 512
    few: int = 64
    rate: float = 0.03


@dataclass(frozen=True)
class Config(Configuration):
    """What runs: the ``level`` of difficulty, how many ``seeds``, which ``methods`` and ``ablations`` of the split.

    ``sweep``: weights of the equivariant term; ``splits``: widths of the invariant part. Seeds draw other objects, too.
    """

    level: int = 0
    seeds: int = 1
    methods: tuple[str, ...] = CORE
    ablations: tuple[str, ...] = (NO_VARIANCE, "quaternions")
    sweep: tuple[float, ...] = (0.0, 1.0, 20.0)
    splits: tuple[int, ...] = (24, 72)
    pictures: Pictures = field(default_factory=Pictures)
    training: Training = field(default_factory=Training)
    latent: Latent = field(default_factory=Latent)
    device: str = "cpu"

    def steps(self) -> int:
        """Of a training."""
        return STEPS[self.level] if self.training.steps is None else self.training.steps
