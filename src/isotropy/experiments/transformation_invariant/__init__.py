"""Transformation-invariant representations by modified MDS (Zhang et al.): clouds, tours, and distances alone."""

from isotropy.experiments.transformation_invariant._cities import cities_job, optima_job
from isotropy.experiments.transformation_invariant._classification import classify_job
from isotropy.experiments.transformation_invariant._routing import learn_job, try_job

__all__ = ["cities_job", "classify_job", "learn_job", "optima_job", "try_job"]
