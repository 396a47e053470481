"""Products of functions on the sphere: equivariant at the cost of a transform."""

from __future__ import annotations

from isotropy.nn.gaunt._coefficients import bracket_coefficient, bracket_tensor, gaunt_coefficient, gaunt_tensor
from isotropy.nn.gaunt._convolution import GauntConvolution
from isotropy.nn.gaunt._expressivity import Expressivity, expressivity
from isotropy.nn.gaunt._power import GauntPower
from isotropy.nn.gaunt._product import CompleteProduct, GauntProduct, PoissonProduct
from isotropy.nn.gaunt._so2 import SO2Convolution
from isotropy.nn.gaunt._transform import SphereTransform

__all__ = [
    "CompleteProduct",
    "Expressivity",
    "GauntConvolution",
    "GauntPower",
    "GauntProduct",
    "PoissonProduct",
    "SO2Convolution",
    "SphereTransform",
    "bracket_coefficient",
    "bracket_tensor",
    "expressivity",
    "gaunt_coefficient",
    "gaunt_tensor",
]
