"""Exactly equivariant layers: linear, gated, bilinear, and the network built of them."""

from __future__ import annotations

from isotropy.nn._bilinear import BilinearBlock
from isotropy.nn._copies import copies, dimensions, size
from isotropy.nn._emlp import EMLP, EMLPBlock
from isotropy.nn._gated import GatedNonlinearity, gated
from isotropy.nn._hidden import uniform_counts, uniform_rep
from isotropy.nn._linear import EquivariantLinear, balanced, orthogonal
from isotropy.nn._points import centroid_map, centroids, linear_part, moved_points, translates

__all__ = [
    "EMLP",
    "BilinearBlock",
    "EMLPBlock",
    "EquivariantLinear",
    "GatedNonlinearity",
    "balanced",
    "centroid_map",
    "centroids",
    "copies",
    "dimensions",
    "gated",
    "linear_part",
    "moved_points",
    "orthogonal",
    "size",
    "translates",
    "uniform_counts",
    "uniform_rep",
]
