"""Laws that potentials keep, asked of calculators of ase; what is planted is found, and nothing else."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from isotropy.discovery import CalculatorAudit, audit_calculator, load_model
from isotropy.errors import DomainError, SchemaError, ShapeError
from isotropy.nn import GauntForceField, ase_calculator, neighbour_list
from isotropy.random import spawn

pytest.importorskip("ase")
import ase.io
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones

ARGON = {"sigma": 3.4, "epsilon": 0.0104}


def cluster() -> Atoms:
    found = bulk("Ar", "fcc", a=5.3, cubic=True)
    found.pbc = False
    found.rattle(0.1, seed=2)
    return found


def test_effective_medium_theory_keeps_all_laws() -> None:
    crystal = bulk("Cu", cubic=True)
    crystal.rattle(0.05, seed=1)
    found = audit_calculator(EMT(), [crystal, molecule("C2H6")], groups="E(3)")
    # Its cutoff is steep, not smooth: a jump of a ten thousandth of the forces is there, and is told.
    assert {check.name for check in found.broken} <= {"forces, neighbours that leave"}
    assert found["forces, neighbours that leave"].error < 1e-3
    assert found.largest == "E(3)"
    assert {check.motion for check in found.checks} == {
        *("translations", "rotations", "mirrors", "permutations", "supercells"),
        *("minus the gradient", "slope along strains", "neighbours that leave"),
    }
    assert CalculatorAudit.from_json(found.to_json()) == found


def test_a_cutoff_that_is_cut_off_jumps() -> None:
    cut = audit_calculator(LennardJones(**ARGON, rc=6.0), cluster(), groups="SE(3)")
    assert [check.name for check in cut.broken] == ["forces, neighbours that leave"]
    smooth = audit_calculator(LennardJones(**ARGON, rc=6.0, smooth=True), cluster(), groups="SE(3)")
    assert smooth.broken == ()
    assert cut.largest == "SE(3)"
    # The force of a pair at the cutoff, by hand; all atoms are near others, so that one pair at most leaves at a time.
    s, e, r = 3.4, 0.0104, 6.0
    force = 24 * e / r * (2 * (s / r) ** 12 - (s / r) ** 6)
    assert 0.5 * abs(force) < cut["forces, neighbours that leave"].error < 1.05 * abs(force)  # one component of it


class Planted(LennardJones):
    """A constant force, and a number of the first atom in the energy."""

    def calculate(self, atoms=None, properties=("energy",), system_changes=()) -> None:  # type: ignore[no-untyped-def]
        super().calculate(atoms, properties, system_changes)
        kind = self.parameters.get("kind")
        if kind == "force":
            self.results["forces"] = self.results["forces"] + np.array([0.0, 0.0, 1e-3])
        elif kind == "order":
            self.results["energy"] += 1e-3 * float(np.linalg.norm(self.atoms.positions[0] - self.atoms.positions[1]))
        elif kind == "hand":
            a, b, c, d = self.atoms.positions[:4]
            self.results["energy"] += 1e-3 * float(np.linalg.det([b - a, c - a, d - a]))
        elif kind == "place":
            self.results["energy"] += 1e-3 * float(self.atoms.positions[:, 2].sum())


@pytest.mark.parametrize(
    ("kind", "motions", "largest"),
    [
        ("force", {"rotations", "mirrors", "minus the gradient"}, "T(3)"),
        ("order", {"permutations", "minus the gradient"}, "E(3)"),
        ("hand", {"mirrors", "permutations", "minus the gradient"}, "SE(3)"),
        ("place", {"translations", "rotations", "mirrors", "minus the gradient"}, ""),
    ],
)
def test_planted_defects_are_named(kind: str, motions: set[str], largest: str) -> None:
    found = audit_calculator(Planted(**ARGON, rc=9.0, smooth=True, kind=kind), [cluster()], groups=["E(3)"])
    assert {check.motion for check in found.broken} - {"neighbours that leave"} == motions
    assert found.largest == largest
    assert found.broken[0].name in found.headline()


def test_questions_that_cannot_be_asked() -> None:
    with pytest.raises(SchemaError, match="groups of space"):
        audit_calculator(EMT(), molecule("C2H6"), groups="S(3)")
    with pytest.raises(SchemaError, match="groups of space"):
        audit_calculator(EMT(), molecule("C2H6"), groups="O(2)")
    with pytest.raises(ShapeError, match="no structures"):
        audit_calculator(EMT(), [])
    with pytest.raises(DomainError, match="Scale"):
        audit_calculator(EMT(), molecule("C2H6"), groups="Scale(3)")


def test_a_class_of_calculators_is_a_model() -> None:
    assert isinstance(load_model("ase.calculators.emt:EMT"), EMT)


def test_our_own_calculator_pickles_and_asks_for_a_cell() -> None:
    model = GauntForceField({1: -13.6, 8: -2041.0}, channels=2, radial=(4,), readout=2, generator=spawn(0, "m"))
    atoms = Atoms("OH2", [[0, 0, 0], [0, 0.8, 0.6], [0.1, -0.8, 0.6]])
    for other in (pickle.loads(pickle.dumps(ase_calculator(model))), copy.deepcopy(ase_calculator(model))):
        energies = []
        for calculator in (ase_calculator(model), other):
            atoms.calc = calculator
            energies.append(atoms.get_potential_energy())
        assert energies[0] == energies[1]
    atoms.pbc = True
    with pytest.raises(DomainError, match="no cell"):
        atoms.get_potential_energy()
    with pytest.raises(DomainError, match="without a cell"):
        neighbour_list(torch.randn(3, 3), 2.0, pbc=(True, False, False))
    with pytest.raises(DomainError, match="without a cell"):
        model.energy_forces(torch.randn(3, 3), torch.tensor([1, 8, 1]), pbc=(True, True, True))


def test_the_command(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from isotropy.cli import app
    from isotropy.study import load_run

    path = tmp_path / "structures.xyz"
    ase.io.write(path, [cluster()])
    asked = ["audit", "ase.calculators.lj:LennardJones", str(path), "--groups", "E(3)"]
    said = CliRunner().invoke(app, [*asked, "--out", str(tmp_path / "run")])
    assert said.exit_code == 0, said.output
    assert "The largest group that holds is E(3)" in " ".join(said.output.split())
    again = CliRunner().invoke(app, ["show", str(tmp_path / "run")])
    assert again.exit_code == 0, again.output
    assert "permutations" in again.output
    kept = load_run(tmp_path / "run")
    assert isinstance(kept, CalculatorAudit)
    assert kept.largest == "E(3)"
    wrong = CliRunner().invoke(app, ["audit", "ase.calculators.emt:EMT", "inertia", "--groups", "E(3)"])
    assert wrong.exit_code != 0
    beside = CliRunner().invoke(app, [*asked, "--title", "argon", "--memory"])
    assert beside.exit_code == 2
    assert "--memory, --title with a calculator" in beside.output
