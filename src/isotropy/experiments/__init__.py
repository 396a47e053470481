"""Published experiments, run again with this library: our numbers, theirs, and which claims held."""

from typing import Any

from isotropy.experiments._all import Reproduced, Reproductions, reproduce_all, reproduced
from isotropy.experiments.asymptotic_symmetries import ASYMPTOTIC_SYMMETRIES
from isotropy.experiments.frame_averaging import FRAME_AVERAGING
from isotropy.experiments.gaunt import GAUNT
from isotropy.experiments.geometric_federated import GEOMETRIC_FEDERATED
from isotropy.experiments.invariance_constrained import INVARIANCE_CONSTRAINED
from isotropy.experiments.lie_decomposition import LIE_DECOMPOSITION
from isotropy.experiments.optics import OPTICS
from isotropy.experiments.piecewise import PIECEWISE
from isotropy.experiments.soft_equivariance import SOFT_EQUIVARIANCE
from isotropy.experiments.split_representation import SPLIT_REPRESENTATION
from isotropy.experiments.subequivariant import SUBEQUIVARIANT
from isotropy.experiments.subgraph import SUBGRAPH
from isotropy.experiments.transformation_invariant import TRANSFORMATION_INVARIANT
from isotropy.experiments.varying_speed_of_light import VARYING_SPEED_OF_LIGHT
from isotropy.experiments.zoo import ZOO
from isotropy.study import Claim, Experiment

REGISTRY: dict[str, Experiment[Any, Any]] = {
    experiment.name: experiment
    for experiment in (
        SOFT_EQUIVARIANCE,
        FRAME_AVERAGING,
        TRANSFORMATION_INVARIANT,
        GAUNT,
        LIE_DECOMPOSITION,
        OPTICS,
        SUBGRAPH,
        PIECEWISE,
        ZOO,
        INVARIANCE_CONSTRAINED,
        ASYMPTOTIC_SYMMETRIES,
        VARYING_SPEED_OF_LIGHT,
        GEOMETRIC_FEDERATED,
        SPLIT_REPRESENTATION,
        SUBEQUIVARIANT,
    )
}

__all__ = ["REGISTRY", "Claim", "Experiment", "Reproduced", "Reproductions", "reproduce_all", "reproduced"]
