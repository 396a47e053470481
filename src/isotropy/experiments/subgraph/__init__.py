"""Subgraph permutation equivariant networks (Mitton, Murray-Smith, 2111.11840): accuracy, expressivity, memory."""

from isotropy.experiments.subgraph._claims import claims
from isotropy.experiments.subgraph._config import FULL, SMALL
from isotropy.experiments.subgraph._config import Apart as Apart
from isotropy.experiments.subgraph._config import Config as Config
from isotropy.experiments.subgraph._config import Curve as Curve
from isotropy.experiments.subgraph._config import Training as Training
from isotropy.experiments.subgraph._result import SubgraphResult as SubgraphResult
from isotropy.experiments.subgraph._trials import trials
from isotropy.study import Experiment

PAPER = "Mitton, Murray-Smith: Subgraph Permutation Equivariant Networks, arXiv 2111.11840"
SUBGRAPH = Experiment("subgraph", PAPER, SubgraphResult, SMALL, FULL, trials, claims)
