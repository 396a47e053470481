"""Molecular dynamics with a trained force field, through ase: does it keep the energy?"""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from isotropy.data import Molecules
from isotropy.nn import GauntForceField, ase_calculator
from isotropy.random import spawn

STEP = 0.5  # femtoseconds
CONSERVED = {"drift": "meV per atom and ps", "rms": "meV per atom", "kinetic": "meV per atom"}
_EVERY = 10  # steps between two records


def conservation(model: GauntForceField, molecules: Molecules, steps: int, seed: int) -> dict[str, list[float]]:
    """The total and the kinetic energy per atom, in meV, along velocity Verlet steps of half a femtosecond.

    From the first of the ``molecules``, at 300 K, without centre-of-mass motion or rotation: ``femtoseconds``,
    ``total`` (less the first) and ``kinetic``, every tenth step.
    """
    from ase import Atoms, units
    from ase.md.velocitydistribution import Stationary, ZeroRotation
    from ase.md.verlet import VelocityVerlet

    first = molecules[:1]
    atoms: Any = Atoms(first.numbers.numpy(), first.positions.numpy())
    atoms.calc = ase_calculator(model)
    drawn = torch.randn(len(atoms), 3, generator=spawn(seed, "momenta"), dtype=torch.float64).numpy()
    atoms.set_momenta(drawn * np.sqrt(atoms.get_masses()[:, None] * units.kB * 300.0))
    Stationary(atoms)
    ZeroRotation(atoms)
    found: dict[str, list[float]] = {"femtoseconds": [], "total": [], "kinetic": []}
    moving: Any = VelocityVerlet(atoms, timestep=STEP * units.fs)
    start = atoms.get_total_energy()

    def note() -> None:
        found["femtoseconds"].append(STEP * moving.nsteps)
        found["total"].append(1e3 * (atoms.get_total_energy() - start) / len(atoms))
        found["kinetic"].append(1e3 * atoms.get_kinetic_energy() / len(atoms))

    moving.attach(note, interval=_EVERY)
    moving.run(steps)
    return found


def conserved(moving: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """How far a `conservation` goes: ``drift`` of the total energy, the ``rms`` of its fluctuation and the mean
    ``kinetic`` energy, in the units of `CONSERVED`.

    >>> conserved({"femtoseconds": [0, 500, 1000], "total": [0, 1, 2], "kinetic": [38, 39, 40]})["drift"]
    2.0
    """
    drift = 1e3 * abs(statistics.linear_regression(moving["femtoseconds"], moving["total"]).slope)
    return {"drift": drift, "rms": statistics.pstdev(moving["total"]), "kinetic": statistics.fmean(moving["kinetic"])}
