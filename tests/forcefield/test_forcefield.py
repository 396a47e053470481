"""From a file to a force field: one small training of copper, its report, what it refuses, and what moves by it."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from isotropy.cli import app
from isotropy.data import LabelsWarning, Molecules, read_molecules
from isotropy.errors import DomainError, SchemaError
from isotropy.forcefield import (
    ForceFieldReport,
    Recipe,
    evaluate_force_field,
    fitted_references,
    look,
    moving,
    prepared,
    run_dynamics,
    train_force_field,
)
from isotropy.forcefield._frames import shared, tensors_of
from isotropy.forcefield._train import batches_of, loss_of, repelling, started
from isotropy.linalg import Segments
from isotropy.nn import ForceFieldCommittee, GauntForceField, Seen, ase_calculator, load_force_field
from isotropy.study import fingerprint, load_run

pytest.importorskip("ase")
TINY = Recipe(channels=2, L_filter=1, order=2, interactions=1, r_max=3.2, batch=4, rate=0.02)


def copper(count: int, seed: int) -> list[Any]:
    """Four atoms of copper, strained and moved, by EMT."""
    from ase.build import bulk
    from ase.calculators.emt import EMT

    rng = np.random.default_rng(seed)
    found: list[Any] = []
    for number in range(count):
        atoms: Any = bulk("Cu", "fcc", a=3.6 * rng.uniform(0.97, 1.03), cubic=True)
        atoms.rattle(0.1, rng=rng)
        atoms.calc = EMT()
        atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress()
        atoms.info["config_type"] = "bulk" if number % 3 else "odd"
        found.append(atoms)
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import ase.io

    made = tmp_path_factory.mktemp("copper")
    ase.io.write(made / "data.xyz", copper(20, 0), format="extxyz")
    ase.io.write(made / "test.xyz", copper(6, 1), format="extxyz")
    return made


@pytest.fixture(scope="module")
def trained(folder: Path) -> ForceFieldReport:
    """A committee of two, in one process: that of a user is forked."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("isotropy.forcefield._verbs.cores", lambda: 1)
        return train_force_field(
            folder / "data.xyz", out=folder / "run", epochs=6, members=2, recipe=TINY, dynamics=20, audit=False
        )


def test_a_training_leaves_a_model_a_result_and_a_page(folder: Path, trained: ForceFieldReport) -> None:
    page = (folder / "run/report.html").read_text()
    for said in (
        "Known and predicted",
        "Energies of free atoms",
        "Neighbours per atom",
        "Errors by the size of the force",
    ):
        assert said in page
    for figure in ("parity-energy", "parity-forces", "parity-stress", "learning-forces", "by-size", "dynamics"):
        assert (folder / f"run/figures/{figure}.png").is_file()
    assert load_run(folder / "run") == trained
    assert trained.settings["recipe"]["channels"] == 2
    assert trained.references["Cu"] == pytest.approx(0.08, abs=0.3)  # EMT counts from the crystal
    assert trained.known == {"Cu": "least squares"}
    assert trained.residual is not None
    assert trained.steps == 6 * 5
    model = load_force_field(folder / "run")
    assert isinstance(model, ForceFieldCommittee)
    found = look(model, prepared(folder / "data.xyz").valid)
    assert found.rmse == pytest.approx(trained.looks["validation"].rmse, rel=1e-5)
    assert set(found.rmse) == {"energy", "forces", "stress"}
    assert set(trained.looks["training"].by_kind) == {"bulk", "odd"}
    # The factors put nine tenths of the errors on validation within the 90 % level: of six components and two energies.
    assert trained.looks["validation"].coverage["forces"] == pytest.approx(0.9, abs=0.1)
    curve = trained.curves[0]
    assert curve["valid/force_rmse"][-1] < curve["valid/force_rmse"][0]  # type: ignore[operator]


def test_figures_of_a_look_are_those_of_the_calculator(folder: Path, trained: ForceFieldReport) -> None:
    """Another way to the same numbers: one structure after another, through ase."""
    model = load_force_field(folder / "run")
    molecules = read_molecules(folder / "test.xyz")
    found = look(model, molecules)
    off: dict[str, list[Any]] = {"energy": [], "forces": [], "stress": []}
    for atoms in copper(6, 1):
        known = atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress(voigt=False)
        atoms.calc = ase_calculator(model)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            said = atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress(voigt=False)
        off["energy"].append((said[0] - known[0]) / len(atoms))
        off["forces"].append(said[1] - known[1])
        off["stress"].append(said[2] - known[2])
    for name, each in off.items():
        assert found.rmse[name] == pytest.approx(1e3 * float(np.sqrt(np.square(np.array(each)).mean())), rel=1e-4)
    assert sum(size.atoms for size in found.by_size) == 24
    weighted = sum(size.atoms * size.rmse**2 for size in found.by_size) / 24
    assert weighted == pytest.approx(found.rmse["forces"] ** 2)


def test_an_interrupted_training_goes_on_to_the_same_model(folder: Path) -> None:
    given = {"epochs": 4, "recipe": TINY, "dynamics": 0, "audit": False}

    class Stopped(Exception):
        pass

    def stop(*_: Any, **__: Any) -> None:
        raise Stopped

    whole = train_force_field(folder / "data.xyz", out=folder / "whole", **given)  # type: ignore[arg-type]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(GauntForceField, "save", stop)
        with pytest.raises(Stopped):
            train_force_field(folder / "data.xyz", out=folder / "cut", **given)  # type: ignore[arg-type]
    again = train_force_field(folder / "data.xyz", out=folder / "cut", resume=True, **given)  # type: ignore[arg-type]
    assert again.sets == whole.sets
    with pytest.raises(DomainError, match=r"recipe\.rate"):
        train_force_field(
            folder / "data.xyz",
            out=folder / "cut",
            resume=True,
            **{**given, "recipe": replace(TINY, rate=0.5)},  # type: ignore[arg-type]
        )


def test_the_commands(folder: Path, trained: ForceFieldReport, tmp_path: Path) -> None:
    run = CliRunner()
    said = run.invoke(app, ["forcefield", "evaluate", str(folder / "run"), str(folder / "test.xyz")])
    assert said.exit_code == 0, said.output
    assert "meV/Å" in said.output
    way = tmp_path / "way.xyz"
    words = ["forcefield", "md", str(folder / "run"), str(folder / "test.xyz"), "--steps", "4", "--every", "2"]
    said = run.invoke(app, [*words, "--out", str(way)])
    assert said.exit_code == 0, said.output
    assert "drift of the total energy" in said.output
    assert way.read_text().count("Lattice") == 3
    said = run.invoke(app, [*words, "--ensemble", "npt", "--pressure", "1"])
    assert "volume:" in said.output
    for words, told in (
        (["train", str(folder / "none.xyz"), "--out", str(tmp_path / "a")], "no file"),
        (["train", str(folder / "data.xyz"), "--out", str(tmp_path / "a"), "--time", "soon"], "10min"),
        (["train", str(folder / "data.xyz"), "--out", str(tmp_path / "a"), "--set", "chanels=3"], "channels"),
        (["train", str(folder / "data.xyz"), "--out", str(tmp_path / "a"), "--valid", "config_type=slab"], "odd, bulk"),
        (["evaluate", str(tmp_path), str(folder / "test.xyz")], "no file"),
    ):
        said = run.invoke(app, ["forcefield", *words])
        assert said.exit_code == 2, said.output
        assert told in said.output
        assert not (tmp_path / "a").exists()


def test_constant_energy_and_the_thermostat(folder: Path, trained: ForceFieldReport) -> None:
    from ase.build import bulk
    from ase.calculators.emt import EMT

    atoms: Any = bulk("Cu", cubic=True)
    atoms.calc = EMT()
    still = moving(atoms, 60, every=5, temperature=100)
    assert abs(still.total[-1]) < 0.02 * still.kinetic[0]
    assert still.femtoseconds[-1] == 60
    assert still.kinetic[0] == pytest.approx(1.5 * 8.617e-2 * 100, rel=0.8)
    motion = run_dynamics(folder / "run", folder / "test.xyz", 3, ensemble="nvt", every=1)
    assert len(motion.total) == 4
    with pytest.raises(DomainError, match="npt"):
        moving(bulk_free(), 3, ensemble="npt")


def bulk_free() -> Any:
    from ase import Atoms
    from ase.calculators.emt import EMT

    return Atoms("Cu2", [[0, 0, 0], [0, 0, 2.4]], calculator=EMT())


def test_what_is_held_out_and_what_does_not_fit(folder: Path, tmp_path: Path) -> None:
    odd = prepared(folder / "data.xyz", "config_type=odd")
    assert len(odd.valid) == 7
    assert len(odd.train) == 13
    with pytest.warns(LabelsWarning, match="2 configurations of the validation are also learned"):
        twice = prepared(folder / "data.xyz", str(written(tmp_path / "twice.xyz", [*copper(2, 0), *copper(2, 5)])))
    assert len(twice.train) == 20
    other = copper(3, 2)
    other[2].symbols[0] = "Ag"
    from ase.calculators.emt import EMT

    other[2].calc = EMT()
    other[2].get_forces()
    with pytest.raises(SchemaError, match="Ag in frames 2 of the validation"):
        prepared(folder / "data.xyz", str(written(tmp_path / "silver.xyz", other)))
    with pytest.raises(DomainError, match="a share such as"):
        prepared(folder / "data.xyz", "1.5")


def written(path: Path, frames: list[Any]) -> Path:
    import ase.io

    ase.io.write(path, frames, format="extxyz")
    return path


def test_energies_of_free_atoms_by_least_squares() -> None:
    numbers = torch.tensor([1, 1, 8, 1, 8, 8, 1])
    sizes = torch.tensor([3, 2, 1, 1])
    energies = torch.tensor([-30.0, -25.0, -19.0, -6.0], dtype=torch.float64)
    given = numbers, torch.zeros(7, 3), energies, Segments.from_sizes(sizes)
    isolated, residual, note = fitted_references(Molecules(*given), {})
    counts = np.array([[2, 1], [1, 1], [0, 1], [1, 0]])
    wanted, *_ = np.linalg.lstsq(counts, energies.numpy(), rcond=None)
    assert list(isolated.values()) == pytest.approx(wanted.tolist())
    left = (counts @ wanted - energies.numpy()) / sizes.numpy()
    assert residual == pytest.approx(float(np.sqrt((left**2).mean())))
    assert "H, O by least squares" in note
    known, residual, _ = fitted_references(Molecules(*given), {1: -6.0})
    assert known[1] == -6.0
    assert known[8] == pytest.approx((-18 - 19 - 19) / 3)
    alike = Molecules(numbers[:3], torch.zeros(3, 3), energies[:1], Segments.one(3))
    assert "do not tell all of them apart" in fitted_references(alike, {})[2]


def test_an_evaluation_says_what_training_never_showed(folder: Path, trained: ForceFieldReport, tmp_path: Path) -> None:
    near = copper(1, 3)[0]
    near.positions[1] = near.positions[0] + [0.9, 0, 0]
    found = evaluate_force_field(folder / "run", written(tmp_path / "near.xyz", [near]), out=tmp_path / "out")
    assert any("(Cu-Cu) are 0.90 A apart" in note for note in found.notes)
    assert json.loads((tmp_path / "out/result.json").read_text())["kind"] == "force_field"


def test_labels_that_only_one_part_has(folder: Path, tmp_path: Path) -> None:
    from ase.calculators.singlepoint import SinglePointCalculator

    bare = copper(3, 7)
    for atoms in bare:
        atoms.calc = SinglePointCalculator(atoms, energy=atoms.calc.results["energy"])
    frames = prepared(folder / "data.xyz", str(written(tmp_path / "bare.xyz", bare)))
    assert any("no forces and no stresses" in note for note in frames.notes)
    loss = loss_of(frames, TINY)
    assert (loss.forces, loss.stress) == (TINY.forces, TINY.stress)
    held = batches_of(frames, frames.valid, TINY)
    model = started(frames, batches_of(frames, frames.train, TINY, 0), TINY, 0)
    assert all(loss(model, batch).isfinite().all() for batch in held)
    assert set(look(model, frames.valid).rmse) == {"energy"}


def test_a_repulsion_begins_no_farther_than_a_bond() -> None:
    far = Seen(5.0, ("H", "O"), {"H-H": 4.0, "O-O": 1.2}, 1, 1)
    assert repelling(far, [1, 8]) == pytest.approx({"H-H": 0.62, "H-O": 0.97, "O-O": 1.08})


def test_all_that_is_learned_is_in_the_fingerprint(folder: Path) -> None:
    frames = prepared(folder / "data.xyz")
    assert frames.train.forces is not None
    for other in (
        replace(frames, train=replace(frames.train, forces=frames.train.forces + 1)),
        replace(frames, isolated={29: 7.0}),
    ):
        assert fingerprint(*tensors_of(other)) != fingerprint(*tensors_of(frames))


def test_a_box_that_does_not_repeat_is_none() -> None:
    given = torch.tensor([1]), torch.zeros(1, 3), torch.zeros(1), Segments.one(1)
    boxed = Molecules(*given, cell=torch.zeros(1, 3, 3), pbc=torch.zeros(1, 3, dtype=torch.bool))
    assert shared(Molecules(*given), boxed) == 1
    crystal = Molecules(*given, cell=4 * torch.eye(3)[None])
    assert shared(Molecules(*given), crystal) == 0


def test_patience_waits_for_validations(folder: Path, tmp_path: Path) -> None:
    """More epochs than validations: some are never looked at."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("isotropy.forcefield._train._LOOKS", 2)
        given = {"epochs": 8, "recipe": replace(TINY, patience=1), "dynamics": 0, "audit": False}
        found = train_force_field(folder / "data.xyz", out=tmp_path / "run", **given)  # type: ignore[arg-type]
    assert found.steps == 8 * 5
    assert all(value is not None for value in found.curves[0]["validation"])


def test_pressure_shrinks_the_cell() -> None:
    from ase.build import bulk
    from ase.calculators.emt import EMT

    ends: list[float] = []
    for pressure in (-20.0, 20.0):
        atoms: Any = bulk("Cu", cubic=True)
        atoms.calc = EMT()
        ends.append(moving(atoms, 30, ensemble="npt", pressure=pressure, temperature=100, every=30).volume[-1])
    assert ends[1] < ends[0]


def test_a_check_that_is_not_possible_is_a_note(folder: Path, tmp_path: Path) -> None:
    def refused(*_: Any, **__: Any) -> None:
        raise DomainError("atoms that flew away", "atoms that stay")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("isotropy.forcefield._verbs.moving", refused)
        given = {"epochs": 1, "recipe": TINY, "audit": False}
        found = train_force_field(folder / "data.xyz", out=tmp_path / "run", **given)  # type: ignore[arg-type]
    assert found.motion is None
    assert any("dynamics could not be looked at: " in note and "flew away" in note for note in found.notes)


def test_precisions_that_round_the_geometry_are_refused() -> None:
    with pytest.raises(DomainError, match="precision='bf16-mixed'"):
        Recipe(precision="bf16-mixed")


def test_an_atom_by_itself_rests_and_the_last_step_is_told() -> None:
    from ase import Atoms
    from ase.calculators.emt import EMT

    alone = moving(Atoms("Cu", calculator=EMT()), 5, every=10)
    assert alone.femtoseconds == (0.0, 5.0)
    assert alone.kinetic == (0.0, 0.0)
    assert alone.drift == 0


def test_forces_of_one_size_are_one_row(folder: Path, trained: ForceFieldReport) -> None:
    molecules = read_molecules(folder / "test.xyz")
    alike = replace(molecules, forces=torch.ones_like(molecules.positions))
    found = look(load_force_field(folder / "run"), alike)
    assert [size.atoms for size in found.by_size] == [24]


def test_frames_stay_where_dynamics_end_with_an_error(folder: Path, trained: ForceFieldReport, tmp_path: Path) -> None:
    way = tmp_path / "way.xyz"
    record = GauntForceField.predict_graph
    calls = iter(range(100))

    def fails(*given: Any) -> Any:
        if next(calls) > 6:
            raise DomainError("enough", "less")
        return record(*given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(GauntForceField, "predict_graph", fails)
        with pytest.raises(DomainError, match="enough"):
            run_dynamics(folder / "run", folder / "test.xyz", 50, out=way, every=1)
    left = read_molecules(way)
    assert 1 < len(left) < 50
    assert left.forces is not None
    assert float(left.forces.abs().max()) > 0


@pytest.mark.slow
def test_a_time_is_kept_and_laws_are_looked_at(folder: Path, tmp_path: Path) -> None:
    found = train_force_field(folder / "data.xyz", out=tmp_path / "timed", time_s=4.0, recipe=TINY, dynamics=0)
    assert found.steps >= 10
    assert "forces, rotations" in found.laws
    assert not found.broken
    assert "fails" not in (tmp_path / "timed/report.html").read_text().split("Laws of potentials")[-1][:2000]
