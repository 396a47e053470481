"""Gaunt tensor products (Luo, Chen, Krishnapriyan, ICLR 2024): speed, molecules, charged particles, mirror images."""

from isotropy.experiments.gaunt._chirality import chirality_job as chirality_job
from isotropy.experiments.gaunt._claims import claims_of as claims_of
from isotropy.experiments.gaunt._config import FULL as FULL
from isotropy.experiments.gaunt._config import PARTS as PARTS
from isotropy.experiments.gaunt._config import SMALL as SMALL
from isotropy.experiments.gaunt._config import ChiralityPlan as ChiralityPlan
from isotropy.experiments.gaunt._config import Config as Config
from isotropy.experiments.gaunt._config import EfficiencyPlan as EfficiencyPlan
from isotropy.experiments.gaunt._config import ForceField as ForceField
from isotropy.experiments.gaunt._config import ForceFieldPlan as ForceFieldPlan
from isotropy.experiments.gaunt._config import NBodyPlan as NBodyPlan
from isotropy.experiments.gaunt._efficiency import efficiency_job as efficiency_job
from isotropy.experiments.gaunt._forcefield import forcefield_job as forcefield_job
from isotropy.experiments.gaunt._nbody import nbody_job as nbody_job
from isotropy.experiments.gaunt._result import GauntProducts as GauntProducts
from isotropy.experiments.gaunt._steps import forcefield_step_job as forcefield_step_job
from isotropy.experiments.gaunt._steps import nbody_step_job as nbody_step_job
from isotropy.experiments.gaunt._trials import trials as trials
from isotropy.study import Experiment

GAUNT: Experiment[Config, GauntProducts] = Experiment(
    name="gaunt",
    paper="Luo, Chen, Krishnapriyan: Enabling Efficient Equivariant Operations in the Fourier Basis via Gaunt Tensor "
    "Products, ICLR 2024",
    result=GauntProducts,
    small=SMALL,
    full=FULL,
    trials=trials,
    judge=claims_of,
)
