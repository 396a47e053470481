"""A force field of copper from ase's EMT: errors, lattice constant, bulk modulus, vacancy energy, a cell that relaxes.

    python benchmarks/copper.py --out runs/copper [--frames 300] [--test 60] [--time 10min] [--set KEY=VALUE]

Makes configurations of copper with and without vacancies, at volumes 12 % around that of EMT, moved by some 0.1 A,
trains on them by `isotropy.forcefield`, and measures on others of the same kind, and on what a physicist wants of a
metal. Bars: 1 meV/atom, 20 meV/A, 1 meV/A^3; 1 %, 5 %, 5 % of EMT's numbers; a strained cell returns.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.eos import EquationOfState
from ase.filters import FrechetCellFilter
from ase.io import write
from ase.optimize import BFGS

from isotropy.cli._forcefield import seconds_of
from isotropy.cli._options import settings_of
from isotropy.fields import from_text
from isotropy.forcefield import Recipe, evaluate_force_field, train_force_field
from isotropy.nn import ase_calculator, load_force_field

A0 = 3.5898  # of EMT, in Angstrom: volumes are around that
# EMT's cutoff falls between 4.7 and 5.1 Angstrom; forces alone hardly tell the energies of one number of vacancies from
# those of another.
RECIPE = {"r_max": "5.5", "energy": "1000"}
CELLS = ((3, 3, 2), (3, 3, 3), (2, 2, 2))  # of primitive cells: 18, 27 and 8 atoms


def frame(rng: np.random.Generator) -> Any:
    """Copper in a small cell, perhaps without one or two of its atoms, strained and moved."""
    atoms: Any = bulk("Cu", "fcc", a=A0).repeat(CELLS[rng.integers(len(CELLS))])
    missing = int(rng.integers(0, 3)) if len(atoms) > 8 else 0
    del atoms[sorted(rng.choice(len(atoms), missing, replace=False).tolist())]
    strain = rng.normal(0, 0.015, (3, 3))
    stretch = (1 + rng.uniform(-0.04, 0.04)) * np.eye(3) + (strain + strain.T) / 2
    atoms.set_cell(atoms.cell.array @ stretch, scale_atoms=True)
    atoms.rattle(rng.uniform(0.0, 0.15), rng=rng)
    atoms.calc = EMT()
    atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress()
    return atoms


def physics(calculator: Any) -> dict[str, float]:
    """The lattice constant in Angstrom, the bulk modulus in GPa, the energy of a relaxed vacancy in eV, and how far a
    strained cell of four atoms is from a cube after it relaxed, in Angstrom."""
    sizes = np.linspace(0.97, 1.03, 9) * A0
    energies: list[float] = []
    for a in sizes:
        atoms: Any = bulk("Cu", "fcc", a=a)
        atoms.calc = calculator
        energies.append(atoms.get_potential_energy())
    volume, _, modulus = EquationOfState(sizes**3 / 4, energies, "birchmurnaghan").fit()
    a = float((4 * volume) ** (1 / 3))
    whole: Any = bulk("Cu", "fcc", a=a).repeat((3, 3, 3))
    whole.calc = calculator
    per_atom = whole.get_potential_energy() / len(whole)
    del whole[0]
    BFGS(whole, logfile=None).run(fmax=0.005, steps=100)
    strained: Any = bulk("Cu", "fcc", a=1.03 * a, cubic=True)
    strained.set_cell(strained.cell.array @ (np.eye(3) + np.diag([0.03, -0.02, 0.0]) + 0.02 * np.eye(3)[::-1]), True)
    strained.calc = calculator
    BFGS(FrechetCellFilter(strained), logfile=None).run(fmax=1e-3, steps=200)
    metric = strained.cell.array @ strained.cell.array.T
    return {
        "lattice constant, A": a,
        "bulk modulus, GPa": modulus * 160.2177,
        "vacancy, eV": float(whole.get_potential_energy() - len(whole) * per_atom),
        "strained cell: off a cube, A": float(np.abs(metric - a**2 * np.eye(3)).max() / (2 * a)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--test", type=int, default=60)
    parser.add_argument("--time", default="10min")
    parser.add_argument("--members", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], help="Of the recipe: energy=1000, r_max=6, ...")
    parser.add_argument("--resume", action="store_true")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    for name, count, seed in (("train", asked.frames, 0), ("test", asked.test, 1)):
        rng = np.random.default_rng(seed)
        write(asked.out / f"{name}.xyz", [frame(rng) for _ in range(count)], format="extxyz")
    folder = asked.out / "field"
    found = train_force_field(
        asked.out / "train.xyz",
        out=folder,
        time_s=seconds_of(asked.time),
        members=asked.members,
        recipe=from_text(Recipe, {**RECIPE, **settings_of(asked.set)}, of="the recipe"),
        resume=asked.resume,
    )
    print(found.table(), found.headline(), sep="\n")
    print(evaluate_force_field(folder, asked.out / "test.xyz", out=asked.out / "evaluation").table())
    truth, ours = physics(EMT()), physics(ase_calculator(load_force_field(folder).double()))
    for name, value in truth.items():
        print(f"{name:32s} EMT {value:9.4f}   ours {ours[name]:9.4f}")


if __name__ == "__main__":
    main()
