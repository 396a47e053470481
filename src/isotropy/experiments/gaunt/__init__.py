"""Gaunt tensor products (Luo, Chen, Krishnapriyan, ICLR 2024): speed, molecules, charged particles, mirror images."""

from isotropy.experiments.gaunt._claims import claims_of
from isotropy.experiments.gaunt._config import FULL, SMALL
from isotropy.experiments.gaunt._config import ChiralityPlan as ChiralityPlan
from isotropy.experiments.gaunt._config import Config as Config
from isotropy.experiments.gaunt._config import EfficiencyPlan as EfficiencyPlan
from isotropy.experiments.gaunt._config import ForceField as ForceField
from isotropy.experiments.gaunt._config import ForceFieldPlan as ForceFieldPlan
from isotropy.experiments.gaunt._result import GauntProducts as GauntProducts
from isotropy.experiments.gaunt._trials import trials
from isotropy.study import Experiment

PAPER = (
    "Luo, Chen, Krishnapriyan: Enabling Efficient Equivariant Operations in the Fourier Basis via Gaunt Tensor "
    "Products, ICLR 2024"
)
GAUNT = Experiment("gaunt", PAPER, GauntProducts, SMALL, FULL, trials, claims_of)
