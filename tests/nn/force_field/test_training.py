"""Training, as one call of ``fit``, and molecular dynamics, through ase, on acetylacetone."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from isotropy.data import Molecules, load_molecules, read_molecules
from isotropy.errors import DomainError, MissingExtraError, ShapeError
from isotropy.linalg import Segments
from isotropy.nn import (
    ConfigurationBatches,
    EnergyForceLoss,
    GauntForceField,
    Scales,
    ase_calculator,
    force_field_errors,
    neighbour_list,
)
from isotropy.nn.force_field._calculator import _calculator
from isotropy.train import Cosine, fit

pytest.importorskip("ase")


@pytest.fixture
def molecules(real_data: Path) -> Molecules:
    return load_molecules("acac")[:60]


def batches(found: Molecules, **more: int) -> ConfigurationBatches:
    given = (found.numbers, found.positions, found.segments, found.energies, found.forces)
    return ConfigurationBatches(*given, isolated=found.isolated, r_max=5.0, **more)


def test_batches_are_the_molecules_with_their_edges(molecules: Molecules) -> None:
    made = batches(molecules, batch_size=7)
    assert (made.rows, len(made)) == (60, 9)
    assert (made.energies - (molecules.energies - molecules.references)).abs().max() < 1e-5
    rows = torch.tensor([41, 3, 8])
    some, chosen = made.take(rows), molecules[rows]
    assert torch.equal(some.positions, chosen.positions.float())
    assert torch.equal(some.label, chosen.segments.label)
    wanted = neighbour_list(chosen.positions, 5.0, chosen.segments).edges
    assert {*zip(*some.edges.tolist(), strict=True)} == {*zip(*wanted.tolist(), strict=True)}
    orders = []
    for epoch in (0, 1, 0):
        made.set_epoch(epoch)
        orders.append(torch.cat([batch.energies for batch in made]))
    assert torch.equal(orders[0], orders[2])
    assert not torch.equal(orders[0], orders[1])
    assert torch.equal(orders[0].sort().values, made.energies.sort().values)
    scales = Scales.of(made)
    assert 3 < -scales.shift < 7
    assert scales.scale == pytest.approx(1.05, abs=0.1)
    assert 10 < scales.neighbours <= 14


def test_batches_of_what_does_not_fit_are_refused() -> None:
    one = Segments(torch.tensor([0, 0]), 1)
    numbers, positions, energy = torch.tensor([1, 1]), torch.eye(3)[:2], torch.zeros(1)
    with pytest.raises(ShapeError):
        ConfigurationBatches(numbers, positions, one, torch.zeros(2), isolated={1: 0.0}, r_max=2.0)
    with pytest.raises(KeyError, match="elements H"):
        ConfigurationBatches(numbers, positions, one, energy, isolated={6: 0.0}, r_max=2.0)
    with pytest.raises(DomainError, match="batches of 0"):
        ConfigurationBatches(numbers, positions, one, energy, isolated={1: 0.0}, r_max=2.0, batch_size=0)


def test_thirty_steps_lower_the_errors_and_fifteen_femtoseconds_keep_the_energy(molecules: Molecules) -> None:
    train, validation = batches(molecules[:50]), batches(molecules[50:])
    model = GauntForceField(molecules.isolated, scales=Scales.of(train), channels=8, radial=(32, 32))
    before = force_field_errors(model, validation)
    history = fit(
        model,
        EnergyForceLoss(),
        train,
        optimizer=torch.optim.Adam(model.parameters(), lr=0.01, amsgrad=True, weight_decay=5e-7),
        schedule=Cosine(warmup=5),
        max_epochs=3,
        validation=validation,
    )
    after = force_field_errors(model, validation)
    assert history.steps == 30
    assert history.curve("validation")[-1] < history.curve("validation")[0]
    assert after.force_rmse < 0.85 * before.force_rmse
    _run_dynamics(model, molecules)


def test_without_ase_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("ase", "ase.io", "ase.neighborlist", "ase.calculators.calculator"):
        monkeypatch.setitem(sys.modules, name, None)
    _calculator.cache_clear()
    model = GauntForceField({1: -13.6}, channels=2, radial=(4,), r_max=2.0)
    (tmp_path / "one.xyz").write_text("1\nenergy=1.0\nH 0 0 0\n")
    for need in (
        lambda: ase_calculator(model),
        lambda: read_molecules(tmp_path / "one.xyz"),
        lambda: neighbour_list(torch.zeros(1, 3), 2.0, cell=torch.eye(3)),
    ):
        with pytest.raises(MissingExtraError, match=r"isotropy\[molecules\]"):
            need()
    energy, _ = model.energy_forces(torch.zeros(1, 3), torch.tensor([1]))  # molecules need none
    assert energy.item() == -13.6


def _run_dynamics(model: GauntForceField, molecules: Molecules) -> None:
    from ase import Atoms, units
    from ase.md.verlet import VelocityVerlet

    first = molecules[:1]
    atoms = Atoms(first.numbers.numpy(), first.positions.numpy())
    atoms.calc = ase_calculator(model.double())
    start = atoms.get_potential_energy()
    energy, forces = model.energy_forces(first.positions, first.numbers)
    assert start == pytest.approx(energy.item(), abs=1e-9)
    assert abs(torch.from_numpy(atoms.get_forces()) - forces).max() < 1e-9
    VelocityVerlet(atoms, timestep=0.25 * units.fs).run(20)
    kinetic = atoms.get_kinetic_energy()
    assert kinetic > 1e-3
    assert abs(atoms.get_potential_energy() + kinetic - start) < 0.05 * kinetic
