"""Lenses, optics and optimal recomputation, reproduced (Gavranovic 2022, arXiv 2209.09351; Beaumont et al. 2019)."""

from isotropy.experiments.optics._claims import CLAIMS
from isotropy.experiments.optics._config import Config, Transformer, Unequal
from isotropy.experiments.optics._result import Optics
from isotropy.experiments.optics._trials import trials
from isotropy.study import Experiment

FULL = Config(
    lengths=(16, 32, 64), depths=(8, 16, 32, 64), unequal=Unequal(images=4, size=64, channels=16, blocks=16, heads=4),
    transformer=Transformer(width=192, length=128, repeats=5),
)  # fmt: skip

OPTICS = Experiment(
    "optics",
    "Gavranovic, Space-time tradeoffs of lenses and optics via higher category theory, 2022",
    Optics,
    Config(),
    FULL,
    trials,
    CLAIMS,
)

__all__ = ["CLAIMS", "FULL", "OPTICS", "Config", "Optics", "trials"]
