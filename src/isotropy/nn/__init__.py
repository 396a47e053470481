"""Exactly equivariant layers: linear, gated, bilinear and networks of them, products on the sphere, a force field."""

from __future__ import annotations

from isotropy.nn._bilinear import BilinearBlock
from isotropy.nn._emlp import EMLP
from isotropy.nn._gated import GatedNonlinearity, gated
from isotropy.nn._hidden import uniform_rep
from isotropy.nn._linear import EquivariantLinear
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
    "ConfigurationBatches",
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
    "SphereTransform",
    "ase_calculator",
    "bracket_coefficient",
    "bracket_tensor",
    "expressivity",
    "force_field_errors",
    "gated",
    "gaunt_coefficient",
    "gaunt_tensor",
    "neighbour_list",
    "uniform_rep",
]
