"""Transformation-invariant representations by modified MDS (Zhang et al.): clouds, tours, and distances alone."""

from __future__ import annotations

from isotropy.experiments._experiment import Experiment
from isotropy.experiments.transformation_invariant._cities import cities_job, optima_job
from isotropy.experiments.transformation_invariant._claims import CLAIMS
from isotropy.experiments.transformation_invariant._classification import classify_job
from isotropy.experiments.transformation_invariant._config import (
    FULL,
    SMALL,
    Config,
    GraphsPlan,
    ShapesPlan,
    ToursPlan,
)
from isotropy.experiments.transformation_invariant._distances import embed_job
from isotropy.experiments.transformation_invariant._names import METHODS, VIEWS
from isotropy.experiments.transformation_invariant._published import PUBLISHED
from isotropy.experiments.transformation_invariant._records import Embedding, RealTour, Recognition, Routing
from isotropy.experiments.transformation_invariant._result import TransformationInvariance
from isotropy.experiments.transformation_invariant._routing import learn_job, try_job
from isotropy.experiments.transformation_invariant._run import run_experiment

TRANSFORMATION_INVARIANT: Experiment[Config, TransformationInvariance] = Experiment(
    name="transformation-invariant",
    paper="Zhang, Wang, Zhang, Cui, Zhu: Revisiting Transformation Invariant Geometric Deep Learning: Are Initial "
    "Representations All You Need?, arXiv 2112.12345, 2021",
    published=PUBLISHED[0],
    small=SMALL,
    full=FULL,
    run=run_experiment,
    claims=CLAIMS,
)

__all__ = [
    "CLAIMS",
    "FULL",
    "METHODS",
    "PUBLISHED",
    "SMALL",
    "TRANSFORMATION_INVARIANT",
    "VIEWS",
    "Config",
    "Embedding",
    "GraphsPlan",
    "RealTour",
    "Recognition",
    "Routing",
    "ShapesPlan",
    "ToursPlan",
    "TransformationInvariance",
    "cities_job",
    "classify_job",
    "embed_job",
    "learn_job",
    "optima_job",
    "run_experiment",
    "try_job",
]
