"""Lie group decompositions (Mironenco and Forre, ICLR 2024): affine warps never seen in training, Haar sums, voxels."""

from isotropy.experiments.lie_decomposition._claims import CLAIMS
from isotropy.experiments.lie_decomposition._config import FULL, SMALL
from isotropy.experiments.lie_decomposition._config import Config as Config
from isotropy.experiments.lie_decomposition._config import DigitsPlan as DigitsPlan
from isotropy.experiments.lie_decomposition._config import NetworkPlan as NetworkPlan
from isotropy.experiments.lie_decomposition._config import ShapesPlan as ShapesPlan
from isotropy.experiments.lie_decomposition._config import SumsPlan as SumsPlan
from isotropy.experiments.lie_decomposition._result import LieDecomposition as LieDecomposition
from isotropy.experiments.lie_decomposition._trials import trials
from isotropy.study import Experiment

PAPER = "Mironenco, Forre: Lie Group Decompositions for Equivariant Neural Networks, ICLR 2024"
LIE_DECOMPOSITION = Experiment("lie-decomposition", PAPER, LieDecomposition, SMALL, FULL, trials, CLAIMS)
