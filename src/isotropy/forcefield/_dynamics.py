"""Molecular dynamics by a force field, through ase: what moves, and whether the energy stays."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from isotropy.errors import DomainError, MissingExtraError
from isotropy.random import spawn

_DAMPING = 100.0  # femtoseconds of a thermostat, ten times that of a barostat: ase's advice
_HYDROGEN, _STEP = 0.5, 1.0  # femtoseconds: the fastest bonds turn in 9, those without hydrogen in 20


@dataclass(frozen=True)
class Motion:
    """Along ``femtoseconds``, in steps of ``step``, in an ``ensemble``: the ``total`` energy less the first and the
    ``kinetic`` one, in meV/atom, and ``volume`` in Angstrom^3 (empty where there is none)."""

    ensemble: str
    step: float
    femtoseconds: tuple[float, ...]
    total: tuple[float, ...]
    kinetic: tuple[float, ...]
    volume: tuple[float, ...] = ()

    @property
    def drift(self) -> float:
        """The slope of the total energy, in meV per atom and ps.

        >>> Motion("nve", 1.0, (0, 500, 1000), (0, 1, 2), (38, 39, 40)).drift
        2.0
        """
        return 1e3 * statistics.linear_regression(self.femtoseconds, self.total).slope

    @property
    def temperature(self) -> float:
        """The mean temperature in K: the mean kinetic energy of an atom is 3/2 kB T."""
        return statistics.fmean(self.kinetic) / 1e3 / (1.5 * 8.617333e-5)


def step_for(numbers: Any) -> float:
    """A time step in femtoseconds that suits the lightest atom."""
    return _HYDROGEN if 1 in set(np.asarray(numbers).tolist()) else _STEP


def moving(
    atoms: Any,
    steps: int,
    *,
    step: float | None = None,
    temperature: float = 300.0,
    ensemble: str = "nve",
    pressure: float = 0.0,
    every: int = 10,
    seed: int = 0,
    note: Callable[[Any], None] | None = None,
) -> Motion:
    """Moves ``atoms``, which have a calculator, for so many ``steps`` of ``step`` femtoseconds.

    Momenta are drawn for ``temperature`` (K), without the motion of the centre. "nve" is velocity Verlet, "nvt"
    Langevin's thermostat, "npt" Martyna, Tobias and Klein's chains at ``pressure`` (GPa), which lets the cell breathe.
    ``note`` is called with the atoms ``every`` so many steps, and at the end. Raises DomainError for steps,
    temperatures and ensembles that are not possible, MissingExtraError without [molecules].
    """
    try:
        from ase import units
        from ase.md.langevin import Langevin
        from ase.md.velocitydistribution import Stationary
        from ase.md.verlet import VelocityVerlet
    except ImportError as missing:
        raise MissingExtraError.of("ase", "molecules") from missing
    step = step_for(atoms.numbers) if step is None else step
    if steps < 1 or not step > 0 or not temperature > 0:
        raise DomainError(f"steps={steps}, step={step}, temperature={temperature}", "positive numbers")
    if ensemble == "npt" and not (atoms.pbc.all() and atoms.cell.rank == 3):
        raise DomainError("npt for atoms that do not repeat along three vectors", "a cell", "or ensemble='nvt'")
    generator = spawn(seed, "momenta")
    drawn = torch.randn(len(atoms), 3, generator=generator, dtype=torch.float64).numpy()
    atoms.set_momenta(drawn * np.sqrt(atoms.get_masses()[:, None] * units.kB * temperature))
    Stationary(atoms, preserve_temperature=len(atoms) > 1)  # one atom by itself is its centre, and rests
    dt = step * units.fs
    if ensemble == "nve":
        dynamics: Any = VelocityVerlet(atoms, timestep=dt)
    elif ensemble == "nvt":
        rng = np.random.default_rng(seed)
        # The centre may wander: holding it would bend the distribution of few atoms.
        kept: dict[str, Any] = {"temperature_K": temperature, "friction": 1 / (_DAMPING * units.fs), "fixcm": False}
        dynamics = Langevin(atoms, timestep=dt, rng=rng, **kept)
    elif ensemble == "npt":
        from ase.md.nose_hoover_chain import IsotropicMTKNPT

        damping, barostat = _DAMPING * units.fs, 10 * _DAMPING * units.fs
        dynamics = IsotropicMTKNPT(
            atoms,
            timestep=dt,
            temperature_K=temperature,
            pressure_au=pressure * units.GPa,
            tdamp=damping,
            pdamp=barostat,
        )
    else:
        raise DomainError(f"ensemble={ensemble!r}", "nve, nvt or npt")
    found: dict[str, list[float]] = {"at": [], "total": [], "kinetic": [], "volume": []}
    start = atoms.get_total_energy()

    def record() -> None:
        found["at"].append(step * dynamics.nsteps)
        found["total"].append(1e3 * (atoms.get_total_energy() - start) / len(atoms))
        found["kinetic"].append(1e3 * atoms.get_kinetic_energy() / len(atoms))
        if atoms.cell.rank == 3:
            found["volume"].append(float(atoms.get_volume()))
        if note is not None:
            note(atoms)

    dynamics.attach(record, interval=every)
    dynamics.run(steps)
    if dynamics.nsteps % every:
        record()  # the end, in any case
    at, total, kinetic, volume = (tuple(found[name]) for name in ("at", "total", "kinetic", "volume"))
    return Motion(ensemble, step, at, total, kinetic, volume)
