"""Soft equivariance under mixed symmetries (Kim et al., ICML 2023): exact, free and softly penalised networks."""

from isotropy.experiments.soft_equivariance._claims import CLAIMS
from isotropy.experiments.soft_equivariance._config import FULL, SMALL
from isotropy.experiments.soft_equivariance._config import Config as Config
from isotropy.experiments.soft_equivariance._config import Plan as Plan
from isotropy.experiments.soft_equivariance._config import Question as Question
from isotropy.experiments.soft_equivariance._config import Setting as Setting
from isotropy.experiments.soft_equivariance._result import SoftEquivariance as SoftEquivariance
from isotropy.experiments.soft_equivariance._trials import trials
from isotropy.study import Experiment

PAPER = "Kim, Lee, Yang, Lee: Regularizing Towards Soft Equivariance Under Mixed Symmetries, ICML 2023"
SOFT_EQUIVARIANCE = Experiment("soft-equivariance", PAPER, SoftEquivariance, SMALL, FULL, trials, CLAIMS)
