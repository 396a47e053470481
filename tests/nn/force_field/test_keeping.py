"""Force fields kept: files that are whole, committees and what they do not know, nuclei that repel each other."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import safetensors
import safetensors.torch
import torch

from isotropy.errors import DomainError, SchemaError
from isotropy.linalg import Segments
from isotropy.nn import (
    ConfigurationBatches,
    ForceFieldCommittee,
    GauntForceField,
    Scales,
    Seen,
    UnseenWarning,
    ase_calculator,
    load_force_field,
)
from isotropy.random import spawn

FREE = {1: -13.6, 29: -3.5}
NUMBERS = torch.tensor([29, 1, 29, 1])
PLACES = torch.tensor([[0, 0, 0], [1.5, 0.1, 0], [0.3, 2.2, 0.1], [0.2, 0.4, 1.93]], dtype=torch.float64)
CELL = torch.tensor([[4.1, 0, 0], [0.5, 4.4, 0], [0, 0.3, 4.0]], dtype=torch.float64)


def force_field(seed: int = 0, **more: object) -> GauntForceField:
    given = {"channels": 3, "radial": (5,), "readout": 4, "r_max": 3.5, "scales": Scales(-1.0, 1.3, 9.0), **more}
    return GauntForceField(FREE, generator=spawn(seed, "weights"), **given)  # type: ignore[arg-type]


def shown(r_max: float = 3.5) -> ConfigurationBatches:
    energies = torch.tensor([-40.0], dtype=torch.float64)
    given = NUMBERS, PLACES, Segments.one(4), energies, torch.zeros(4, 3).double()
    return ConfigurationBatches(*given, isolated=FREE, r_max=r_max, cell=CELL, dtype=torch.float64)


def test_a_file_holds_all_that_a_force_field_is(tmp_path: Path) -> None:
    """Loaded in a process that never imports what trains, to the last bit."""
    seen = Seen.of(shown(), 3.5)
    model = force_field(repulsion=seen.cutoffs([1, 29])).eval()
    model.seen = seen
    path = model.save(tmp_path / "copper")
    assert path.name == "copper.safetensors"
    again = load_force_field(path)
    assert again.seen == seen
    wanted = model.predict(PLACES.float(), NUMBERS, cell=CELL.float(), stressed=True)
    found = again.predict(PLACES.float(), NUMBERS, cell=CELL.float(), stressed=True)
    assert all(torch.equal(one, other) for one, other in zip(wanted, found, strict=True))
    with safetensors.safe_open(path, "pt") as file:
        header = file.metadata()
    assert json.loads(header["units"])["stress"] == "eV/Angstrom^3"
    assert json.loads(header["settings"])[0]["repulsion"] == model.repulsion.begins  # type: ignore[union-attr]
    code = f"""
import sys, torch
from isotropy.nn import load_force_field
model = load_force_field({str(path)!r})
energy, _ = model.energy_forces(torch.tensor({PLACES.tolist()}), torch.tensor({NUMBERS.tolist()}))
model.save({str(tmp_path / "again")!r})
assert not {{"isotropy.train", "isotropy.soft", "isotropy.study"}} & set(sys.modules)
print(energy.item().hex())
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert float.fromhex(said.strip()) == model.energy_forces(PLACES.float(), NUMBERS)[0].item()
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


def test_files_of_something_else_are_refused(tmp_path: Path) -> None:
    path = force_field().save(tmp_path / "one.safetensors")
    with pytest.raises(SchemaError, match=r"no file .*write .*one\.safetensors"):
        load_force_field(tmp_path / "ones.safetensors")
    (tmp_path / "text.safetensors").write_text("no weights")
    with pytest.raises(SchemaError, match=r"model\.save\(path\)"):
        load_force_field(tmp_path / "text.safetensors")
    with safetensors.safe_open(path, "pt") as file:
        header, state = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    other = tmp_path / "other.safetensors"
    safetensors.torch.save_file(state, other, {**header, "version": "9"})
    with pytest.raises(SchemaError, match="version 9; expected a isotropy force field, version 1"):
        load_force_field(other)
    settings = json.loads(header["settings"])
    settings[0]["r_max"] = 5.0
    safetensors.torch.save_file(state, other, {**header, "settings": json.dumps(settings)})
    with pytest.raises(SchemaError, match=r"r_max = 3\.5; expected r_max = 5\.0"):
        load_force_field(other)
    del state["offset"]
    safetensors.torch.save_file(state, other, header)
    with pytest.raises(SchemaError, match="offset"):
        load_force_field(other)


def test_a_committee_is_the_mean_and_tells_how_far_members_disagree(tmp_path: Path) -> None:
    members = [force_field(seed).double() for seed in range(3)]
    both = ForceFieldCommittee(members).eval()
    each = [member.eval().predict(PLACES, NUMBERS, cell=CELL, stressed=True) for member in members]
    mean = both.predict(PLACES, NUMBERS, cell=CELL, stressed=True)
    assert torch.allclose(mean.stress, torch.stack([one.stress for one in each]).mean(0))  # type: ignore[misc]
    assert torch.allclose(mean.forces, torch.stack([one.forces for one in each]).mean(0))
    spread = both.spread(PLACES, NUMBERS, cell=CELL)
    assert float(spread.energy) == pytest.approx(float(torch.stack([one.energy for one in each]).std()))
    parts = torch.stack([one.forces for one in each]).var(0)
    assert torch.allclose(spread.forces, parts.mean(1).sqrt())
    # Spreads of 1 and errors of a normal distribution of size 2: nine tenths lie within 1.645 x 2.
    drawn = 2 * torch.randn(20_000, generator=spawn(0, "errors"), dtype=torch.float64).abs()
    fitted = both.calibrated(torch.empty(2, 0).double(), torch.stack([drawn, torch.ones_like(drawn)]))
    assert fitted.factors[0] == 1.0
    assert fitted.factors[1] == pytest.approx(2.0, rel=0.03)
    again = load_force_field(fitted.save(tmp_path / "three"))
    assert isinstance(again, ForceFieldCommittee)
    assert again.factors == fitted.factors
    assert torch.equal(again.predict(PLACES, NUMBERS, cell=CELL).forces, mean.forces)
    with pytest.raises(DomainError, match="two or more"):
        ForceFieldCommittee(members[:1])
    for other in (GauntForceField({1: -13.6, 29: 0.0}, channels=3, r_max=3.5), copy.deepcopy(members[0]).float()):
        with pytest.raises(DomainError, match="energies of free atoms"):
            ForceFieldCommittee([members[0], other])


def test_calculators_pickle_copy_and_warn_of_what_was_never_seen() -> None:
    ase = pytest.importorskip("ase")
    members = [force_field(seed).eval() for seed in range(2)]
    for member in members:
        member.seen = Seen.of(shown(), 3.5)
    calculator = ase_calculator(ForceFieldCommittee(members, (1.0, 3.0)))
    atoms = ase.Atoms(NUMBERS.numpy(), PLACES.numpy(), cell=CELL.numpy(), pbc=True)
    for one in (calculator, pickle.loads(pickle.dumps(calculator)), copy.deepcopy(calculator)):
        atoms.calc = one
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            atoms.get_forces()
        assert one.results["forces_spread"].shape == (4,)
        assert one.results["energy_spread"] > 0
    atoms.calc = calculator
    atoms.positions[1] = [0.5, 0, 0]
    with pytest.warns(UnseenWarning) as told:
        atoms.get_forces()
    near = "atoms 0 and 1 (Cu-H) are 0.50 A apart, and training saw none closer than 1.50 A"
    assert near in {str(one.message) for one in told}
    atoms.positions[1] = [0.6, 0, 0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        atoms.get_forces()  # said once
    free = ase.Atoms("Cu2", [[0, 0, 0], [0, 0, 9]], calculator=ase_calculator(members[0]))
    with pytest.warns(UnseenWarning, match=r"0 neighbours within 3\.5 A.*in training they had"):
        free.get_potential_energy()


def test_an_element_that_has_an_energy_and_no_configuration() -> None:
    seen = Seen(3.0, ("H",), {"H-H": 0.7}, 1, 1)
    edges = torch.tensor([[0, 1], [1, 0]])
    assert "Cu: no configuration" in seen.strange(NUMBERS[:2], edges, torch.ones(2))["elements"]
    assert seen.cutoffs([29, 1]) == pytest.approx({"Cu-Cu": 0.63, "Cu-H": 0.63, "H-H": 0.63})


def test_nuclei_repel_each_other_where_nothing_was_seen() -> None:
    seen = Seen.of(shown(), 3.5)
    begins = seen.cutoffs([1, 29])
    assert all(seen.closest[pair] > least for pair, least in begins.items() if pair in seen.closest)
    plain, kept = force_field().double().eval(), force_field(repulsion=begins).double().eval()
    same, other = (model.predict(PLACES, NUMBERS, cell=CELL, stressed=True) for model in (plain, kept))
    assert torch.equal(same.energy, other.energy)  # on what was seen it is 0
    assert torch.equal(same.forces, other.forces)

    def pair(r: float) -> tuple[float, float]:
        at = torch.tensor([[0.0, 0, 0], [r, 0, 0]], dtype=torch.float64)
        energy, forces = kept.energy_forces(at, NUMBERS[:2])
        bare, _ = plain.energy_forces(at, NUMBERS[:2])
        return float(energy - bare), float(forces[1, 0])

    # Ziegler, Biersack, Littmark: Z Z' e^2 / r phi(r / a), by hand for copper and hydrogen at 0.1 Angstrom.
    x = 0.1 * (29**0.23 + 1) / (0.8854 * 0.529177)
    phi = sum(
        c * 2.718281828459045 ** (-d * x)
        for c, d in ((0.18175, 3.1998), (0.50986, 0.94229), (0.28022, 0.4029), (0.02817, 0.20162))
    )
    assert pair(0.1)[0] == pytest.approx(14.39964548 * 29 / 0.1 * phi, rel=1e-4)
    assert pair(0.1)[1] > 0
    energies = [pair(r)[0] for r in (0.1, 0.3, 0.6, 1.0, 1.4, 1.6)]
    assert energies == sorted(energies, reverse=True)
    assert energies[-1] == 0
    moved = PLACES.clone().requires_grad_()
    close = moved * 0.4
    energy, forces = kept.energy_forces(close, NUMBERS, cell=CELL)
    (slope,) = torch.autograd.grad(energy.sum(), moved)
    assert torch.allclose(-slope / 0.4, forces, atol=1e-8)
    with pytest.raises(SchemaError, match="repulsion of H-O"):
        force_field(repulsion={"H-O": 1.0})
