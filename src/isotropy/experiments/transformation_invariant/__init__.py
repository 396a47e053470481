"""Transformation-invariant representations by modified MDS (Zhang et al.): clouds, tours, and distances alone."""

from isotropy.experiments.transformation_invariant._claims import claims_of
from isotropy.experiments.transformation_invariant._config import FULL, SMALL
from isotropy.experiments.transformation_invariant._config import Config as Config
from isotropy.experiments.transformation_invariant._config import GraphsPlan as GraphsPlan
from isotropy.experiments.transformation_invariant._config import ShapesPlan as ShapesPlan
from isotropy.experiments.transformation_invariant._config import ToursPlan as ToursPlan
from isotropy.experiments.transformation_invariant._result import TransformationInvariance as TransformationInvariance
from isotropy.experiments.transformation_invariant._trials import trials
from isotropy.study import Experiment

PAPER = (
    "Zhang, Wang, Zhang, Cui, Zhu: Revisiting Transformation Invariant Geometric Deep Learning: Are Initial "
    "Representations All You Need?, arXiv 2112.12345, 2021"
)
TRANSFORMATION_INVARIANT = Experiment(
    "transformation-invariant", PAPER, TransformationInvariance, SMALL, FULL, trials, claims_of
)
