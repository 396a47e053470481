"""Acting in the world: bodies of limbs in MuJoCo, and a meter for the symmetry that a simulator really has."""

from typing import Any

from isotropy.control._bodies import HELD_OUT, bodies
from isotropy.control._compared import Training, Trainings, compare_trained
from isotropy.control._environments import environment
from isotropy.control._graph import LimbGraph
from isotropy.control._heading import Headed, HeadingFrame
from isotropy.control._kept import evaluate_trained, load_trained, train_bodies
from isotropy.control._locomotion import Locomotion, make_locomotion, register
from isotropy.control._point_mass import PointMass
from isotropy.control._replay import Replay
from isotropy.control._result import MoveFinding, SimulatorSymmetry
from isotropy.control._sector import Sector
from isotropy.control._symmetry import measure_symmetry
from isotropy.control._td3 import Recipe
from isotropy.control._train import train
from isotropy.control._trained import Bearings, Trained

register()


def __getattr__(name: str) -> Any:
    if name == "SubequivariantExtractor":  # of an extra that the others do without
        from isotropy.control._extractor import SubequivariantExtractor

        return SubequivariantExtractor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [  # with SubequivariantExtractor, of the extra "sb3"
    "HELD_OUT",
    "Bearings",
    "Headed",
    "HeadingFrame",
    "LimbGraph",
    "Locomotion",
    "MoveFinding",
    "PointMass",
    "Recipe",
    "Replay",
    "Sector",
    "SimulatorSymmetry",
    "Trained",
    "Training",
    "Trainings",
    "bodies",
    "compare_trained",
    "environment",
    "evaluate_trained",
    "load_trained",
    "make_locomotion",
    "measure_symmetry",
    "train",
    "train_bodies",
]
