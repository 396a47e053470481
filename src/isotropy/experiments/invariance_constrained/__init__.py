"""Augmentation as invariance-constrained learning, reproduced on real digits (Hounie, Chamon, Ribeiro, ICML 2023)."""

from isotropy.experiments.invariance_constrained._claims import CLAIMS
from isotropy.experiments.invariance_constrained._config import Config, Harm, Plan
from isotropy.experiments.invariance_constrained._result import InvarianceConstrained
from isotropy.experiments.invariance_constrained._trials import trials
from isotropy.study import Experiment

FULL = Config(seeds=5, plan=Plan(train=7000, epochs=40), harm=Harm(train=7000, epochs=30))

INVARIANCE_CONSTRAINED = Experiment(
    "invariance-constrained",
    "Hounie, Chamon, Ribeiro, Automatic data augmentation via invariance-constrained learning, ICML 2023",
    InvarianceConstrained,
    Config(),
    FULL,
    trials,
    CLAIMS,
)

__all__ = ["CLAIMS", "FULL", "INVARIANCE_CONSTRAINED", "Config", "InvarianceConstrained", "trials"]
