"""Exactly equivariant layers: linear, gated, bilinear, the network built of them, and products on the sphere."""

from __future__ import annotations

from isotropy.nn._bilinear import BilinearBlock
from isotropy.nn._copies import copies, dimensions, size
from isotropy.nn._emlp import EMLP, EMLPBlock
from isotropy.nn._gated import GatedNonlinearity, gated
from isotropy.nn._hidden import uniform_counts, uniform_rep
from isotropy.nn._linear import EquivariantLinear, balanced, orthogonal
from isotropy.nn._points import centroid_map, centroids, linear_part, moved_points, translates
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

__all__ = [
    "EMLP",
    "BilinearBlock",
    "CompleteProduct",
    "EMLPBlock",
    "EquivariantLinear",
    "Expressivity",
    "GatedNonlinearity",
    "GauntConvolution",
    "GauntPower",
    "GauntProduct",
    "PoissonProduct",
    "SO2Convolution",
    "SphereGrid",
    "SphereTransform",
    "balanced",
    "bracket_coefficient",
    "bracket_tensor",
    "centroid_map",
    "centroids",
    "copies",
    "dimensions",
    "expressivity",
    "gated",
    "gaunt_coefficient",
    "gaunt_tensor",
    "linear_part",
    "moved_points",
    "orthogonal",
    "size",
    "translates",
    "uniform_counts",
    "uniform_rep",
]
