"""Subequivariant control (Chen et al., ICML 2023) and physics (Han et al., NeurIPS 2022): what gravity leaves."""

from isotropy.experiments.subequivariant._claims import claims
from isotropy.experiments.subequivariant._config import FULL, SMALL
from isotropy.experiments.subequivariant._config import Config as Config
from isotropy.experiments.subequivariant._config import PhysicsPlan as PhysicsPlan
from isotropy.experiments.subequivariant._config import PuckPlan as PuckPlan
from isotropy.experiments.subequivariant._config import SectorPlan as SectorPlan
from isotropy.experiments.subequivariant._config import WalkPlan as WalkPlan
from isotropy.experiments.subequivariant._result import Subequivariant as Subequivariant
from isotropy.experiments.subequivariant._trials import trials
from isotropy.study import Experiment

PAPER = (
    "Chen, Han, Sun, Huang: Subequivariant Graph Reinforcement Learning in 3D Environments, ICML 2023; "
    "Han et al.: Learning Physical Dynamics with Subequivariant Graph Neural Networks, NeurIPS 2022"
)
SUBEQUIVARIANT = Experiment("subequivariant", PAPER, Subequivariant, SMALL, FULL, trials, claims)
