"""Acting in the world: bodies of limbs in MuJoCo, and a meter for the symmetry that a simulator really has."""

from isotropy.control._bodies import HELD_OUT, bodies
from isotropy.control._environments import environment
from isotropy.control._graph import LimbGraph
from isotropy.control._locomotion import Locomotion, make_locomotion, register
from isotropy.control._result import MoveFinding, SimulatorSymmetry
from isotropy.control._symmetry import measure_symmetry

register()

__all__ = [
    "HELD_OUT",
    "LimbGraph",
    "Locomotion",
    "MoveFinding",
    "SimulatorSymmetry",
    "bodies",
    "environment",
    "make_locomotion",
    "measure_symmetry",
]
