"""Geometry-guided federated learning (Ma et al., CVPR 2025): classes filled up along shapes that sites share."""

from isotropy.experiments.geometric_federated._claims import claims
from isotropy.experiments.geometric_federated._config import FULL, SMALL
from isotropy.experiments.geometric_federated._config import Config as Config
from isotropy.experiments.geometric_federated._config import DigitsPlan as DigitsPlan
from isotropy.experiments.geometric_federated._config import KindsPlan as KindsPlan
from isotropy.experiments.geometric_federated._config import OfficePlan as OfficePlan
from isotropy.experiments.geometric_federated._config import OwnPlan as OwnPlan
from isotropy.experiments.geometric_federated._config import Schedule as Schedule
from isotropy.experiments.geometric_federated._result import GeometricFederated as GeometricFederated
from isotropy.experiments.geometric_federated._trials import trials
from isotropy.study import Experiment

PAPER = (
    "Ma, Dai, Huang, Chen: Geometric Knowledge-Guided Localized Global Distribution Alignment for Federated Learning, "
    "CVPR 2025"
)
GEOMETRIC_FEDERATED = Experiment("geometric-federated", PAPER, GeometricFederated, SMALL, FULL, trials, claims)
