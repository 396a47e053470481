"""Soft equivariance under mixed symmetries (Kim et al., ICML 2023): exact, free and softly penalised networks."""

from isotropy.experiments.soft_equivariance._claims import CLAIMS as CLAIMS
from isotropy.experiments.soft_equivariance._claims import ordered as ordered
from isotropy.experiments.soft_equivariance._config import FULL as FULL
from isotropy.experiments.soft_equivariance._config import SMALL as SMALL
from isotropy.experiments.soft_equivariance._config import Config as Config
from isotropy.experiments.soft_equivariance._config import Plan as Plan
from isotropy.experiments.soft_equivariance._config import Question as Question
from isotropy.experiments.soft_equivariance._config import Setting as Setting
from isotropy.experiments.soft_equivariance._config import inertia_settings as inertia_settings
from isotropy.experiments.soft_equivariance._config import questions as questions
from isotropy.experiments.soft_equivariance._methods import Method as Method
from isotropy.experiments.soft_equivariance._methods import methods as methods
from isotropy.experiments.soft_equivariance._methods import oracles as oracles
from isotropy.experiments.soft_equivariance._records import Level as Level
from isotropy.experiments.soft_equivariance._records import MethodScore as MethodScore
from isotropy.experiments.soft_equivariance._records import Strengths as Strengths
from isotropy.experiments.soft_equivariance._result import SoftEquivariance as SoftEquivariance
from isotropy.experiments.soft_equivariance._trials import trials as trials
from isotropy.study import Experiment

SOFT_EQUIVARIANCE: Experiment[Config, SoftEquivariance] = Experiment(
    name="soft-equivariance",
    paper="Kim, Lee, Yang, Lee: Regularizing Towards Soft Equivariance Under Mixed Symmetries, ICML 2023",
    result=SoftEquivariance,
    small=SMALL,
    full=FULL,
    trials=trials,
    judge=CLAIMS,
)
