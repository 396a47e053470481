"""Symmetries and asymptotically flat space, reproduced (Schoeller 2020, arXiv 2003.07243): its theorems as numbers."""

from isotropy.experiments.asymptotic_symmetries._claims import CLAIMS
from isotropy.experiments.asymptotic_symmetries._config import Config
from isotropy.experiments.asymptotic_symmetries._result import AsymptoticSymmetries
from isotropy.experiments.asymptotic_symmetries._trials import trials
from isotropy.study import Experiment

FULL = Config(samples=256, elements=1000, steps=2000, functions=500)

ASYMPTOTIC_SYMMETRIES = Experiment(
    "asymptotic-symmetries",
    "Schoeller, Symmetries and Asymptotically Flat Space, 2020",
    AsymptoticSymmetries,
    Config(),
    FULL,
    trials,
    CLAIMS,
)

__all__ = ["ASYMPTOTIC_SYMMETRIES", "CLAIMS", "FULL", "AsymptoticSymmetries", "Config", "trials"]
