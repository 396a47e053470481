"""Exactly equivariant layers: linear, gated, bilinear and networks of them, products on the sphere, a force field."""

from __future__ import annotations

from isotropy.nn._bilinear import BilinearBlock
from isotropy.nn._copies import copies, dimensions, size
from isotropy.nn._emlp import EMLP, EMLPBlock
from isotropy.nn._gated import GatedNonlinearity, gated
from isotropy.nn._hidden import uniform_counts, uniform_rep
from isotropy.nn._linear import EquivariantLinear, balanced, orthogonal
from isotropy.nn._points import centroid_map, centroids, moved_points
from isotropy.nn.force_field import (
    ConfigurationBatches,
    EnergyForceErrors,
    EnergyForceLoss,
    GauntForceField,
    Scales,
    ase_calculator,
    force_field_errors,
    neighbour_list,
)
from isotropy.nn.gaunt import (
    CompleteProduct,
    Expressivity,
    GauntConvolution,
    GauntPower,
    GauntProduct,
    PoissonProduct,
    SO2Convolution,
    SphereGrid,
    SphereTransform,
    bracket_coefficient,
    bracket_tensor,
    expressivity,
    gaunt_coefficient,
    gaunt_tensor,
)
from isotropy.reps import linear_part

__all__ = [
    "EMLP",
    "BilinearBlock",
    "CompleteProduct",
    "ConfigurationBatches",
    "EMLPBlock",
    "EnergyForceErrors",
    "EnergyForceLoss",
    "EquivariantLinear",
    "Expressivity",
    "GatedNonlinearity",
    "GauntConvolution",
    "GauntForceField",
    "GauntPower",
    "GauntProduct",
    "PoissonProduct",
    "SO2Convolution",
    "Scales",
    "SphereGrid",
    "SphereTransform",
    "ase_calculator",
    "balanced",
    "bracket_coefficient",
    "bracket_tensor",
    "centroid_map",
    "centroids",
    "copies",
    "dimensions",
    "expressivity",
    "force_field_errors",
    "gated",
    "gaunt_coefficient",
    "gaunt_tensor",
    "linear_part",
    "moved_points",
    "neighbour_list",
    "orthogonal",
    "size",
    "uniform_counts",
    "uniform_rep",
]
