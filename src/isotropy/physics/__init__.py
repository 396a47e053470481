"""From an equation or a Lagrangian to every symmetry and every conserved quantity: jets, symmetries, currents;
metrics and their curvature, charges of gravity; BMS3; scaling, and parameters that data cannot see."""

from isotropy.dynamics import LearnedNoether as LearnedNoether
from isotropy.physics._ansatz import Ansatz as Ansatz
from isotropy.physics._currents import Current as Current
from isotropy.physics._currents import is_trivial as is_trivial
from isotropy.physics._currents import noether_current as noether_current
from isotropy.physics._jets import JetSpace as JetSpace
from isotropy.physics._result import Generator as Generator
from isotropy.physics._result import Symmetries as Symmetries
from isotropy.physics._symmetries import generalised_symmetries as generalised_symmetries
from isotropy.physics._symmetries import point_symmetries as point_symmetries
from isotropy.physics._symmetries import variational_symmetries as variational_symmetries
from isotropy.physics._vector_field import VectorField as VectorField
from isotropy.physics._verb import symmetries as symmetries
from isotropy.physics.bms3 import BMS3 as BMS3
from isotropy.physics.bms3 import Aspects as Aspects
from isotropy.physics.bms3 import match_past_future as match_past_future
from isotropy.physics.bms3 import vacuum_fingerprint as vacuum_fingerprint
from isotropy.physics.parameters import AffineField as AffineField
from isotropy.physics.parameters import orbit_proposal as orbit_proposal
from isotropy.physics.parameters import orbit_redraw as orbit_redraw
from isotropy.physics.parameters import parameter_symmetries as parameter_symmetries
from isotropy.physics.parameters import sloppy_directions as sloppy_directions
from isotropy.physics.parameters import which_parameters as which_parameters
from isotropy.physics.scaling import ScalingGroup as ScalingGroup
from isotropy.physics.scaling import exponents_from_data as exponents_from_data
from isotropy.physics.scaling import exponents_from_equation as exponents_from_equation
from isotropy.physics.scaling import pi_groups as pi_groups
from isotropy.physics.tensor import Metric as Metric
from isotropy.physics.tensor import NumericMetric as NumericMetric
from isotropy.physics.tensor import surface_charge as surface_charge
