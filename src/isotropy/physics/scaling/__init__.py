"""Scaling: which powers of one factor may quantities be multiplied by? From equations, dimensions, and from data."""

from isotropy.physics.scaling._data import FunctionScaling as FunctionScaling
from isotropy.physics.scaling._data import PowerLawFit as PowerLawFit
from isotropy.physics.scaling._data import exponents_from_data as exponents_from_data
from isotropy.physics.scaling._dimensions import pi_groups as pi_groups
from isotropy.physics.scaling._equation import Weights as Weights
from isotropy.physics.scaling._equation import exponents_from_equation as exponents_from_equation
from isotropy.physics.scaling._group import ScalingGroup as ScalingGroup
