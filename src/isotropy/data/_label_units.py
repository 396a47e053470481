"""Are energies and forces in the same units? What energies gain from frame to frame, beside the work of the forces."""

from __future__ import annotations

import warnings
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isotropy.data._labels import Labels, LabelsWarning

# eV in one unit of energy.
_UNITS = {"Hartree": 27.211386, "Rydberg": 13.605693, "kcal/mol": 0.0433641, "kJ/mol": 0.0103643}
_LEAST = 5  # pairs of frames
_ALIKE = 0.7  # correlation of energy and work below which nothing can be said
_NEAR = 1.35  # a ratio this far from a unit is still that unit: the work is a trapezoid, exact for springs
_ALL = 1.25  # energies of all electrons are within this of 0.5 Z^2.4 Hartree, from hydrogen to gold
_LARGE = 1.0  # eV/Angstrom^3, 160 GPa: more than solids bear


def warn_of_units(frames: list[Any], labels: Labels) -> None:
    """A LabelsWarning where energies change by a unit's fraction of the work of the forces, or stresses are far too
    large for eV/Angstrom^3; both numbers are told.

    The work between two frames of the same atoms is minus the mean of their forces times the way, which is exact where
    forces are linear.
    """
    slope, told = _slope(frames, labels), list[str]()
    ratio = _of_all_electrons(frames, labels)
    if ratio is not None and 1 / _ALL < ratio < _ALL and (slope is None or not 1 / _NEAR < slope < _NEAR):
        mean = float(labels.energies[labels.labelled[:, 0]].mean())
        told.append(
            f"energies of {mean:.6g} on average, and all electrons of these atoms have some {mean / ratio:.3g} Hartree "
            f"or {mean / ratio * _UNITS['Hartree']:.4g} eV: energies seem to be in Hartree; multiply by 27.211386"
        )
    elif slope is not None:
        for unit, size in _UNITS.items():
            if 1 / _NEAR < slope * size < _NEAR:
                told.append(
                    f"energies change by {slope:.3g} of the work that the forces do, and 1 eV is {1 / size:.3g} "
                    f"{unit}: energies seem to be in {unit}, forces in eV/A; multiply the energies by {size:.6g}"
                )
    if labels.stresses is not None:
        size = float(np.sqrt(np.square(labels.stresses[labels.labelled[:, 2]]).mean()))
        if size > _LARGE:
            told.append(
                f"stresses of {size:.3g} on average, and 1 eV/A^3 is 160.2 GPa: they seem to be in GPa or kbar; "
                "divide by 160.2177 or 1602.177"
            )
    for text in told:
        warnings.warn(text, LabelsWarning, stacklevel=3)


def _of_all_electrons(frames: list[Any], labels: Labels) -> float | None:
    """Energies over what all electrons of the atoms have in Hartree, some 0.5 Z^2.4 (Thomas and Fermi: Z^(7/3))."""
    known = np.flatnonzero(labels.labelled[:, 0]).tolist()
    if not known:
        return None
    sizes = np.array([0.5 * (frames[k].numbers.astype(float) ** 2.4).sum() for k in known])
    return float(np.median(-labels.energies[known] / sizes))


def _slope(frames: list[Any], labels: Labels) -> float | None:
    """How many of the units of work one unit of energy is; None where that cannot be told."""
    if labels.forces is None:
        return None
    both = labels.labelled[:, 0] & labels.labelled[:, 1]
    at = np.cumsum([0, *map(len, frames)])
    work: list[float] = []
    gain: list[float] = []
    usable = np.flatnonzero(both).tolist()
    for one, other in pairwise(usable):
        way = _way(frames[one], frames[other])
        if way is not None:
            mean = (labels.forces[at[one] : at[one + 1]] + labels.forces[at[other] : at[other + 1]]) / 2
            work.append(-float((mean * way).sum()))
            gain.append(float(labels.energies[other] - labels.energies[one]))
    a, b = np.array(work), np.array(gain)
    if len(a) < _LEAST or not a.std() > 0 or not b.std() > 0:
        return None
    if np.corrcoef(a, b)[0, 1] < _ALIKE:
        return None
    return float((a * b).sum() / (a * a).sum())


def _way(one: Any, other: Any) -> NDArray[np.float64] | None:
    """How the atoms moved from one frame to the next, by the nearest images; None for other atoms or another cell."""
    same = np.array_equal(one.numbers, other.numbers) and np.array_equal(one.cell.array, other.cell.array)
    if not same:
        return None
    moved = other.positions - one.positions
    if one.pbc.any():
        inverse = np.linalg.pinv(one.cell.array)
        steps = np.round(moved @ inverse) * one.pbc
        moved = moved - steps @ one.cell.array
    return moved
