"""Crystals, chains and slabs: a file keeps its cells, training sees the edges of the calculator, forces are slopes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from isotropy.data import Molecules, read_molecules
from isotropy.errors import DomainError, ShapeError
from isotropy.linalg import Segments
from isotropy.nn import (
    ConfigurationBatches,
    EnergyForceLoss,
    GauntForceField,
    ase_calculator,
    force_field_errors,
    neighbour_list,
)
from isotropy.random import spawn

ase = pytest.importorskip("ase")
R_MAX = 4.0
FILE = """2
Lattice="0 2.6 2.6 2.6 0 2.6 2.6 2.6 0" Properties=species:S:1:pos:R:3:forces:R:3 energy=-30.0 pbc="T T T"
Ge 0.1 0 0 0 0 0.5
Ge 1.3 1.4 1.2 0 0 -0.5
3
Properties=species:S:1:pos:R:3:forces:R:3 energy=-20.0 pbc="F F F"
Si 0 0 0 0 0 0
Si 0 0 2.3 0 0 0
Ge 0 1.9 0 0 0 0
2
Lattice="3.1 0 0 0 9 0 0 0 0" Properties=species:S:1:pos:R:3:forces:R:3 energy=-21.0 pbc="T F F"
Si 0.2 0.1 0 0 0 0
Si 9.7 1.9 0.3 0 0 0
1
Lattice="3 0 0 1 3.2 0 0 0 20" Properties=species:S:1:pos:R:3:forces:R:3 energy=-10.0
Si 0 0 0 0 0 0
"""
FREE = {14: -10.0, 32: -15.0}


@pytest.fixture
def molecules(tmp_path: Path) -> Molecules:
    (tmp_path / "mixed.xyz").write_text(FILE)
    return read_molecules(tmp_path / "mixed.xyz")


def batches(found: Molecules, **more: int) -> ConfigurationBatches:
    given = (found.numbers, found.positions, found.segments, found.energies, found.forces)
    return ConfigurationBatches(*given, isolated=FREE, r_max=R_MAX, dtype=torch.float64, shuffle=False, **more)


def force_field() -> GauntForceField:
    model = GauntForceField(FREE, channels=4, radial=(8,), r_max=R_MAX, generator=spawn(0, "weights")).double()
    with torch.no_grad():
        model.offset.copy_(torch.tensor([0.3, -0.2]))
    return model


def test_a_file_keeps_cells_and_directions(molecules: Molecules) -> None:
    assert molecules.cell is not None
    assert molecules.pbc is not None
    assert molecules.cell[0].tolist() == [[0, 2.6, 2.6], [2.6, 0, 2.6], [2.6, 2.6, 0]]
    assert molecules.pbc.tolist() == [[True] * 3, [False] * 3, [True, False, False], [True] * 3]
    some = molecules[torch.tensor([2, 0])]
    assert torch.equal(some.cell, molecules.cell[[2, 0]])
    assert torch.equal(some.segments.pbc, molecules.pbc[[2, 0]])  # type: ignore[attr-defined]
    assert torch.equal(molecules.parted(3)[0].cell.sum(0) + molecules.parted(3)[1].cell.sum(0), molecules.cell.sum(0))


@pytest.mark.parametrize("size", [1, 3])
def test_training_sees_the_edges_of_the_calculator(molecules: Molecules, size: int) -> None:
    """Every image, in every direction that repeats, whatever else is in the batch."""
    model = force_field().eval()
    at = 0
    for batch in batches(molecules, batch_size=size):
        assert batch.shifts is not None
        energies, forces = model(batch.positions, batch.numbers, batch.edges, batch.label, len(batch), batch.shifts)
        for number in range(len(batch)):
            one = molecules[at : at + 1]
            atoms = ase.Atoms(
                one.numbers.numpy(), one.positions.numpy(), cell=one.cell[0].numpy(), pbc=one.pbc[0].tolist()
            )
            atoms.calc = ase_calculator(model)
            sees = neighbour_list(one.positions, R_MAX, cell=one.cell[0], pbc=tuple(one.pbc[0].tolist()))
            own = batch.label[batch.edges[1]] == number
            assert int(own.sum()) == sees.edges.shape[1] > 0
            lengths = batch.positions[batch.edges[0]] - batch.positions[batch.edges[1]] + batch.shifts
            wanted = one.positions[sees.edges[0]] - one.positions[sees.edges[1]] + sees.shifts
            assert torch.allclose(lengths[own].norm(dim=1).sort().values, wanted.norm(dim=1).sort().values)
            free = one.segments.sum(torch.tensor([FREE[int(z)] for z in one.numbers], dtype=torch.float64))
            assert atoms.get_potential_energy() == pytest.approx(float(energies[number] + free), abs=1e-10)
            mine = forces[batch.label == number].detach()
            assert torch.allclose(torch.from_numpy(atoms.get_forces()), mine, atol=1e-10)
            at += 1


def test_forces_are_the_slopes_of_the_energy_in_a_crystal(molecules: Molecules) -> None:
    model, step = force_field().eval(), 1e-5
    (batch,) = batches(molecules, batch_size=4)
    _, forces = model(batch.positions, batch.numbers, batch.edges, batch.label, 4, batch.shifts)

    def energy(atom: int, axis: int, by: float) -> float:
        moved = batch.positions.clone()
        moved[atom, axis] += by
        return float(model(moved, batch.numbers, batch.edges, batch.label, 4, batch.shifts)[0].sum())

    for atom in range(len(batch.positions)):
        for axis in range(3):
            slope = (energy(atom, axis, step) - energy(atom, axis, -step)) / (2 * step)
            assert float(forces[atom, axis]) == pytest.approx(-slope, abs=1e-7)
    assert forces[:7].abs().max() > 1e-2
    assert forces[7].abs().max() < 1e-10, "an atom among its own images is pulled nowhere"


def test_a_lattice_moved_by_its_vectors_is_the_same(molecules: Molecules) -> None:
    model = force_field()
    elsewhere = Molecules(
        molecules.numbers,
        molecules.positions.index_add(0, torch.tensor([1]), 2 * molecules.cell[0, :1] - molecules.cell[0, 1:2]),
        molecules.energies,
        Segments.from_sizes(molecules.segments.sizes),
        molecules.forces,
        cell=molecules.cell,
        pbc=molecules.pbc,
    )
    there, here = (force_field_errors(model, batches(found)).energy_rmse for found in (elsewhere, molecules))
    assert there == pytest.approx(here, abs=1e-10)


def test_cells_may_be_given_and_what_repeats_nowhere_stays_a_molecule(molecules: Molecules) -> None:
    plain = Segments.from_sizes(molecules.segments.sizes)
    given = (molecules.numbers, molecules.positions, plain, molecules.energies)
    kwargs = {"isolated": FREE, "r_max": R_MAX}
    inside = ConfigurationBatches(*given, cell=molecules.cell, pbc=molecules.pbc, **kwargs)
    assert torch.equal(inside.data.edges, batches(molecules).data.edges)
    alone = molecules[1:2]
    assert batches(alone).data.shifts is None
    assert torch.equal(batches(alone).data.edges, neighbour_list(alone.positions, R_MAX).edges.flip(0))
    boxed = Molecules(
        alone.numbers,
        alone.positions,
        alone.energies,
        Segments.from_sizes(torch.tensor([3])),
        cell=5 * torch.eye(3).double()[None],
        pbc=torch.zeros(1, 3, dtype=torch.bool),
    )
    assert torch.equal(batches(boxed).data.edges, batches(alone).data.edges)


def test_cells_that_cannot_repeat_are_refused(molecules: Molecules) -> None:
    flat = molecules.cell.clone()
    flat[0, 2] = flat[0, 0] + flat[0, 1]
    plain = Segments.from_sizes(molecules.segments.sizes)
    given = (molecules.numbers, molecules.positions, molecules.energies, plain)
    with pytest.raises(DomainError, match=r"configurations \[0\].*zero or dependent"):
        Molecules(*given, cell=flat, pbc=molecules.pbc)
    with pytest.raises(DomainError, match="zero or dependent"):
        neighbour_list(molecules.positions[:2], R_MAX, cell=torch.zeros(3, 3))
    with pytest.raises(ShapeError, match="one for each"):
        neighbour_list(molecules.positions, R_MAX, plain, cell=molecules.cell[:2])


def test_a_calculator_asks_in_eval_mode_and_leaves_every_part_in_its_own() -> None:
    atoms = pytest.importorskip("ase").Atoms("H2", [[0, 0, 0], [0, 0, 1.1]])
    model = GauntForceField({1: -13.6}, channels=4, radial=(8,), r_max=3.0)
    part = next(part for part in model.modules() if part is not model)
    part.eval()
    seen = []
    model.register_forward_pre_hook(lambda module, _: seen.append(module.training))
    atoms.calc = ase_calculator(model)
    before = [part.training for part in model.modules()]
    atoms.get_forces()
    assert before[0]
    assert not any(seen)
    assert [part.training for part in model.modules()] == before


SKEWED = torch.tensor([[2.6, 0, 0], [0.4, 2.9, 0], [-0.3, 0.5, 2.2]], dtype=torch.float64)
SMALL = torch.tensor([[0, 1.9, 1.9], [1.9, 0, 1.9], [1.9, 1.9, 0]], dtype=torch.float64)


def test_the_stress_is_the_slope_of_the_energy_by_a_strain() -> None:
    """Skewed cells, and small ones in which atoms see many images of themselves, to 1e-6 of the largest component."""
    model = force_field().eval()
    two = torch.tensor([[0.1, 0, 0], [1.2, 1.3, 1.0]], dtype=torch.float64)
    for cell, places in ((SKEWED, two), (SMALL, two[:1])):
        numbers = torch.tensor([14, 32])[: len(places)]
        energy, forces, stress = model.energy_forces_stress(places, numbers, cell=cell)
        assert torch.equal(stress[0], stress[0].mT)
        assert torch.equal(forces, model.energy_forces(places, numbers, cell=cell)[1])
        along = torch.zeros(6, 3, 3, dtype=torch.float64)
        for k, (i, j) in enumerate(((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))):
            along[k, i, j] += 0.5
            along[k, j, i] += 0.5
        step = 1e-3
        rungs = torch.tensor([-2.0, -1, 1, 2], dtype=torch.float64) * step
        stretch = torch.eye(3, dtype=torch.float64) + rungs[:, None, None, None] * along  # (4, 6, 3, 3)
        cells, atoms = (cell @ stretch).flatten(0, 1), (places @ stretch).flatten(0, 2)
        batch = torch.arange(24).repeat_interleave(len(places))
        reached = model.energy_forces(atoms, numbers.repeat(24), batch, cells)[0] - energy
        one, two_, three, four = reached.unflatten(0, (4, 6))
        slope = (one - 8 * two_ + 8 * three - four) / (12 * step * torch.linalg.det(cell).abs())
        wanted = (stress[0] * along).sum((1, 2))
        assert wanted.abs().max() > 1e-3
        assert (slope - wanted).abs().max() < 1e-6 * wanted.abs().max()


def test_stresses_of_a_batch_and_of_what_has_none() -> None:
    model = force_field().eval()
    places = torch.tensor([[0.1, 0, 0], [1.2, 1.3, 1.0], [0, 0, 0]], dtype=torch.float64)
    batch, numbers, cells = torch.tensor([0, 0, 1]), torch.tensor([14, 32, 32]), torch.stack([SKEWED, SMALL])
    both = model.predict(places, numbers, batch, cells, stressed=True)
    assert both.stress is not None
    alone = model.energy_forces_stress(places[2:], numbers[2:], cell=SMALL)[2]
    assert torch.allclose(both.stress[1:], alone, atol=1e-14)
    assert both.energies.shape == (3,)
    assert torch.allclose(both.energy, torch.stack([both.energies[:2].sum(), both.energies[2]]))
    with pytest.raises(DomainError, match=r"configurations \[0\] without a volume.*energy_forces"):
        model.energy_forces_stress(places, numbers)
    flat = SKEWED.clone()
    flat[2] = 0
    with pytest.raises(DomainError, match="without a volume"):
        model.energy_forces_stress(places[:2], numbers[:2], cell=flat, pbc=(True, True, False))


def test_the_calculator_tells_stresses_and_cells_relax_by_them() -> None:
    from ase.filters import FrechetCellFilter
    from ase.optimize import BFGS

    model = force_field().eval()
    atoms = ase.Atoms("SiGe", [[0.1, 0, 0], [1.2, 1.3, 1.0]], cell=SKEWED.numpy(), pbc=True)
    atoms.calc = ase_calculator(model)
    stress = model.energy_forces_stress(
        torch.from_numpy(atoms.positions), torch.from_numpy(atoms.numbers), cell=SKEWED
    )[2]
    assert torch.allclose(torch.from_numpy(atoms.get_stress(voigt=False)), stress[0], atol=1e-14)
    assert atoms.get_potential_energies().sum() == pytest.approx(atoms.get_potential_energy(), abs=1e-10)
    before = atoms.get_potential_energy(), abs(atoms.get_stress()).max()
    BFGS(FrechetCellFilter(atoms), logfile=None).run(fmax=1e-4, steps=6)
    assert atoms.get_potential_energy() < before[0]
    assert abs(atoms.get_stress()).max() < before[1]
    slab = ase.Atoms("Si2", [[0, 0, 0], [0, 0, 2.2]], cell=[3, 3, 0], pbc=(True, True, False))
    slab.calc = ase_calculator(model)
    slab.get_forces()
    with pytest.raises(NotImplementedError):
        slab.get_stress()


def test_training_on_stresses_virials_and_labels_that_some_have(molecules: Molecules) -> None:
    """The loss written out by hand, of energies without forces, forces without an energy, and one stress."""
    model = force_field()
    known = torch.tensor([[True, True, False], [False, True, False], [True, False, False], [True, True, True]])
    given = Molecules(
        molecules.numbers,
        molecules.positions,
        molecules.energies,
        molecules.segments,
        molecules.forces,
        isolated=FREE,
        stresses=0.01 * torch.ones(4, 3, 3, dtype=torch.float64),
        labelled=known,
    )
    made = ConfigurationBatches.of(given, R_MAX, batch_size=4, shuffle=False, dtype=torch.float64)
    (batch,) = made
    energies, forces, slopes = model(
        batch.positions, batch.numbers, batch.edges, batch.label, 4, batch.shifts, strained=True
    )
    sizes, volume = molecules.segments.sizes, 3 * 3.2 * 20
    assert float(batch.volumes[3]) == pytest.approx(volume)
    wanted = torch.where(known[:, 0], (energies - batch.energies) ** 2 / sizes, 0)
    wanted += 7 * torch.where(known[:, 1], batch.segments.mean(((forces - batch.forces) ** 2).mean(-1)), 0)
    off = (slopes[3] / volume - 0.01).square().mean()
    wanted[3] += off * (11 + 13 * volume**2)
    loss = EnergyForceLoss(1.0, 7.0, 11.0, 13.0)(model, batch)
    assert torch.allclose(loss, wanted)
    loss.sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())
    errors = force_field_errors(model, made)
    assert errors.stress_rmse == pytest.approx(float(off.detach().sqrt()))
    assert errors.energy_rmse == pytest.approx(
        float((energies - batch.energies).detach()[known[:, 0]].square().mean().sqrt())
    )
    with pytest.raises(DomainError, match=r"without stresses.*stress=0\.0"):
        EnergyForceLoss(stress=1.0)(model, next(iter(batches(molecules))))
    free = known | torch.tensor([False, False, True]) & torch.tensor([[False], [True], [False], [False]])
    with pytest.raises(DomainError, match=r"configurations \[1\] without a volume"):  # the first of those with a stress
        ConfigurationBatches.of(replace(given, labelled=free), R_MAX)
    with pytest.raises(ShapeError, match="2 rows of forces"):
        ConfigurationBatches(*given_parts(molecules), torch.zeros(2, 3).double(), isolated=FREE, r_max=R_MAX)


def given_parts(found: Molecules) -> tuple[torch.Tensor, torch.Tensor, Segments, torch.Tensor]:
    return found.numbers, found.positions, found.segments, found.energies
