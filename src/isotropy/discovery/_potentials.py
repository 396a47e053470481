"""What holds of every potential, asked of one: symmetries, forces that are slopes, nothing that jumps.

Structures and calculators are those of ase, the Atomic Simulation Environment; energies are in eV, lengths in Angstrom.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isotropy.errors import DomainError

Array = NDArray[np.float64]

_STEP = 1e-3  # Angstrom, of differences: their error, step^2 times a third derivative, is 1e-6 of a stiff bond's force
_STRAIN = 1e-4
_OFF = 1.02  # 2 %, and 0.04 Angstrom for each atom: as far as they swing at room temperature
_REACH = 4.0  # times the distances of a structure: far enough for its nearest neighbours to leave the usual cutoffs
_LOOKS = 240  # on the way
_HALVINGS = 14  # of the step in which most changes: a jump stays, what is smooth shrinks 16000 times


@dataclass(frozen=True, eq=False)
class Answers:
    """What a calculator says of one structure: energy in eV, forces ``(n, 3)`` in eV/A, stress ``(3, 3)`` in eV/A^3."""

    energy: float
    forces: Array
    stress: Array | None


@dataclass(frozen=True, eq=False)
class Gap:
    """How far two answers are apart, in the unit of the quantity."""

    quantity: str
    motion: str
    error: float


def ask(calculator: Any, atoms: Any) -> Answers:
    """The answers for a copy of ``atoms``; stress where all directions repeat and the calculator knows one."""
    atoms = atoms.copy()
    atoms.set_constraint()
    atoms.calc = calculator
    energy, forces = float(atoms.get_potential_energy()), np.array(atoms.get_forces(apply_constraint=False))
    stress = None
    if atoms.pbc.all() and "stress" in getattr(calculator, "implemented_properties", ()):
        stress = np.array(atoms.get_stress(voigt=False, apply_constraint=False))
    if not (np.isfinite(energy) and np.isfinite(forces).all()):
        raise DomainError(f"energies or forces of {atoms.get_chemical_formula()} that are not finite", "finite numbers")
    return Answers(energy, forces, stress)


def sizes(calculator: Any, atoms: Any, known: Answers, generator: np.random.Generator) -> dict[str, float]:
    """What is large for each quantity: the rms of forces and stress here, or a little off, where a crystal has some.

    Energies are measured by the typical force times 1 Angstrom.
    """
    near = atoms.copy()
    near.set_cell(np.asarray(atoms.cell) * _OFF, scale_atoms=bool(atoms.pbc.any()))
    near.positions += (_OFF - 1) * 2 * generator.normal(size=(len(atoms), 3))
    off = ask(calculator, near)
    force = max(_rms(known.forces), _rms(off.forces))
    stress = 0.0 if known.stress is None or off.stress is None else max(_rms(known.stress), _rms(off.stress))
    return {"energy": force, "forces": force, "stress": stress}


def rotation(generator: np.random.Generator, determinant: int = 1) -> Array:
    """A uniformly random orthogonal matrix of that determinant."""
    Q, R = np.linalg.qr(generator.normal(size=(3, 3)))
    Q = Q * np.sign(np.diag(R))
    return Q * (np.linalg.det(Q) * determinant)


def turned(atoms: Any, R: Array) -> Any:
    """The structure turned by R, its cell too."""
    found = atoms.copy()
    found.set_cell(np.asarray(atoms.cell) @ R.T)
    found.positions = atoms.positions @ R.T
    return found


def moved(
    calculator: Any, atoms: Any, known: Answers, motion: str, generator: np.random.Generator, R: Array | None = None
) -> Iterator[Gap]:
    """What the answers break under one draw of a ``motion``: "translations", "permutations", "supercells", or R."""
    n = len(atoms)
    if R is not None:
        found = ask(calculator, turned(atoms, R))
        expected = Answers(known.energy, known.forces @ R.T, None if known.stress is None else R @ known.stress @ R.T)
    elif motion == "translations":
        other = atoms.copy()
        other.positions += generator.normal(size=3) * 3
        found, expected = ask(calculator, other), known
    elif motion == "permutations":
        order = generator.permutation(n)
        found = ask(calculator, atoms[order])
        expected = Answers(known.energy, known.forces[order], known.stress)
    else:
        axis = int(np.flatnonzero(atoms.pbc)[0])
        times = [1, 1, 1]
        times[axis] = 2
        both = ask(calculator, atoms.repeat(times))
        found = Answers(both.energy / 2, both.forces, both.stress)
        expected = Answers(known.energy, np.concatenate([known.forces, known.forces]), known.stress)
    yield from _gaps(found, expected, motion, n)


def _gaps(found: Answers, expected: Answers, motion: str, n: int) -> Iterator[Gap]:
    yield Gap("energy", motion, abs(found.energy - expected.energy) / n)
    yield Gap("forces", motion, float(np.abs(found.forces - expected.forces).max()))
    if found.stress is not None and expected.stress is not None:
        yield Gap("stress", motion, float(np.abs(found.stress - expected.stress).max()))


def _rms(values: Array) -> float:
    return float(np.sqrt(np.square(values).mean()))


def slopes(calculator: Any, atoms: Any, known: Answers, generator: np.random.Generator) -> Iterator[Gap]:
    """Forces against central differences along random directions, and the stress against strains."""
    n = len(atoms)
    for _ in range(3):
        u = generator.normal(size=(n, 3))
        u /= np.abs(u).max()
        ends = [_energy_at(calculator, atoms, atoms.positions + sign * _STEP * u) for sign in (1, -1)]
        slope = (ends[0] - ends[1]) / (2 * _STEP)
        norm = float(np.linalg.norm(u))
        yield Gap("forces", "minus the gradient", abs(slope + float((known.forces * u).sum())) / norm)
    if known.stress is None:
        return
    e = generator.normal(size=(3, 3))
    e = (e + e.T) / np.abs(e + e.T).max()
    ends = []
    for sign in (1, -1):
        strained = atoms.copy()
        strained.set_cell(np.asarray(atoms.cell) @ (np.eye(3) + sign * _STRAIN * e), scale_atoms=True)
        ends.append(ask(calculator, strained).energy)
    slope = (ends[0] - ends[1]) / (2 * _STRAIN) / atoms.get_volume()
    norm = float(np.linalg.norm(e))
    yield Gap("stress", "slope along strains", abs(slope - float((known.stress * e).sum())) / norm)


def _energy_at(calculator: Any, atoms: Any, positions: Array) -> float:
    other = atoms.copy()
    other.positions = positions
    return ask(calculator, other).energy


def jumps(calculator: Any, atoms: Any) -> Iterator[Gap]:
    """What is left of the largest change of energy and of forces on the way apart, in a step 16000 times smaller.

    The structure is blown up evenly, so that neighbours leave one after another; energies are compared with the work
    of the forces.
    """
    start = atoms.copy()
    start.set_constraint()
    middle = start.positions.mean(0)

    def at(s: float) -> tuple[Array, Answers]:
        other = start.copy()
        if other.pbc.any():
            other.set_cell(np.asarray(start.cell) * s, scale_atoms=False)
        other.positions = middle + (start.positions - middle) * s
        return other.positions, ask(calculator, other)

    def energy(one: tuple[Array, Answers], other: tuple[Array, Answers]) -> float:
        work = -0.5 * ((one[1].forces + other[1].forces) * (other[0] - one[0])).sum()
        return abs(other[1].energy - one[1].energy - work) / len(start)

    def forces(one: tuple[Array, Answers], other: tuple[Array, Answers]) -> float:
        return float(np.abs(other[1].forces - one[1].forces).max())

    scale = np.geomspace(1.0, _REACH, _LOOKS + 1)
    path = [at(s) for s in scale]
    measures: list[tuple[str, Callable[..., float]]] = [("forces", forces)]
    if not start.pbc.any():  # a cell that grows works against its stress, too
        measures.insert(0, ("energy", energy))
    for quantity, change in measures:
        found = 0.0
        for k in _steepest([change(*pair) for pair in pairwise(path)]):
            low, high = float(scale[k]), float(scale[k + 1])
            one, other = path[k], path[k + 1]
            for _ in range(_HALVINGS):
                half = (low + high) / 2
                between = at(half)
                if change(one, between) >= change(between, other):
                    high, other = half, between
                else:
                    low, one = half, between
            found = max(found, change(one, other))
        yield Gap(quantity, "neighbours that leave", found)


def _steepest(changes: Sequence[float]) -> list[int]:
    """Steps that change more than both beside them, the three largest in proportion: where something may jump."""
    c = np.array(changes)
    beside = np.maximum(np.concatenate([[0.0], c[:-1]]), np.concatenate([c[1:], [0.0]]))
    peaks = np.flatnonzero(c >= beside)
    return [int(k) for k in peaks[np.argsort(-c[peaks] / (beside[peaks] + 1e-300))][:3]]
