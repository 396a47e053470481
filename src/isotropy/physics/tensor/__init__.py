"""Metrics and their curvature, exact and at points, and the surface charges of gravity."""

from isotropy.physics.tensor._charge import surface_charge as surface_charge
from isotropy.physics.tensor._field import FunctionField as FunctionField
from isotropy.physics.tensor._metric import Metric as Metric
from isotropy.physics.tensor._numeric import NumericMetric as NumericMetric
