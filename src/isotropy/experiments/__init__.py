"""Published experiments, run again with this library: our numbers, theirs, and which claims held."""

from __future__ import annotations

from typing import Any

from isotropy.experiments._experiment import Claim, Experiment
from isotropy.experiments.soft_equivariance import SOFT_EQUIVARIANCE

REGISTRY: dict[str, Experiment[Any, Any]] = {SOFT_EQUIVARIANCE.name: SOFT_EQUIVARIANCE}

__all__ = ["REGISTRY", "Claim", "Experiment"]
