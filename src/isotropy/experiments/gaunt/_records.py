"""The parts of the experiment, as its scores name them, and the lines that its figures draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Part = Literal["efficiency", "forcefield", "nbody", "chirality"]
EFFICIENCY, FORCEFIELD, NBODY, CHIRALITY = "efficiency", "forcefield", "nbody", "chirality"
PARTS: tuple[Part, ...] = (EFFICIENCY, FORCEFIELD, NBODY, CHIRALITY)

Numbers = Sequence[float]


@dataclass(frozen=True)
class Line:
    """What one training, or one method, leaves for a figure: columns of numbers under a name.

    ``figure`` is "learning" (step, energy_rmse, force_rmse; eV, Angstrom), "parity" (true, predicted; eV/Angstrom) or
    "dynamics" (femtoseconds, total, kinetic; meV per atom).
    """

    figure: str
    name: str
    columns: Mapping[str, Numbers]


def forces_of(molecule: str, steps: int, test: str) -> str:
    """The setting of a score: the errors of forces on one test set after so many steps.

    >>> forces_of("acac", 1800, "test_300K")
    'acac, 1800 steps, test_300K: forces'
    """
    return f"{molecule}, {steps} steps, {test}: forces"


def energies_of(molecule: str, steps: int, test: str) -> str:
    """The same for energies."""
    return f"{molecule}, {steps} steps, {test}: energies"


def step_of(molecule: str) -> str:
    """The setting of a score: the time of one step of training.

    >>> step_of("acac")
    'acac: step of training'
    """
    return f"{molecule}: step of training"


def training_of(molecule: str, steps: int, what: str) -> str:
    """The setting of a score of the training itself: "invariance" before or after, "dynamics"."""
    return f"{molecule}, {steps} steps: {what}"


def named(products: str, order: int) -> str:
    """The method of a force field.

    >>> named("Gaunt", 3), named("Gaunt", 1)
    ('Gaunt', 'Gaunt, order 1')
    """
    return products if order == 3 else f"{products}, order {order}"
