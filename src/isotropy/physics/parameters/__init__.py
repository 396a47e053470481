"""Which parameters can the data see? Exact symmetries of a model's parameters, and directions it hardly feels."""

from isotropy.physics.parameters._answer import Direction as Direction
from isotropy.physics.parameters._answer import Unseen as Unseen
from isotropy.physics.parameters._answer import which_parameters as which_parameters
from isotropy.physics.parameters._fields import AffineField as AffineField
from isotropy.physics.parameters._orbits import orbit_proposal as orbit_proposal
from isotropy.physics.parameters._orbits import orbit_redraw as orbit_redraw
from isotropy.physics.parameters._sloppy import Sloppy as Sloppy
from isotropy.physics.parameters._sloppy import sloppy_directions as sloppy_directions
from isotropy.physics.parameters._symmetries import ParameterSymmetries as ParameterSymmetries
from isotropy.physics.parameters._symmetries import parameter_symmetries as parameter_symmetries
