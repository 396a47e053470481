"""The force field: symmetric, conservative, smooth where atoms come and go, right for one atom and for none."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch

from isotropy.errors import DomainError, DtypeError, ShapeError
from isotropy.groups import O
from isotropy.linalg import Segments
from isotropy.nn import GauntForceField, Scales, load_force_field, neighbour_list
from isotropy.random import spawn

E0 = {1: -13.5, 6: -1026.5, 8: -2037.5}
NUMBERS = torch.tensor([6, 8, 1, 1, 6, 1, 8, 1])
PLACES = torch.tensor(
    [
        [0, 0, 0],
        [1.2, 0.1, 0],
        [-0.6, 0.9, 0.1],
        [-0.5, -0.9, 0.2],
        [0.1, 0.2, 2.4],
        [1, 0.4, 2.9],
        [-1, 0, 3],
        [0, 3, 1],
    ],
    dtype=torch.float64,
)


@pytest.fixture
def model() -> GauntForceField:
    """Small, in double precision, its energies of the size of real ones."""
    made = GauntForceField(
        E0,
        scales=Scales(-4.0, 1.5, 5.0),
        channels=4,
        L_filter=2,
        radial=(8, 8),
        r_max=3.0,
        generator=spawn(0, "GauntForceField"),
    )
    return made.double().eval()


def test_energies_are_invariant_and_forces_equivariant(model: GauntForceField) -> None:
    generator = spawn(0, "force field")
    energy, forces = model.energy_forces(PLACES, NUMBERS)
    assert forces.abs().max() > 0.1
    group = O(3)
    for g in group.sample((8,), generator=generator, dtype=torch.float64):
        moved, turned = model.energy_forces(PLACES @ g.mT + 1.5, NUMBERS)
        assert (moved - energy).abs() < 1e-9
        assert (turned - forces @ g.mT).abs().max() < 1e-11
    order = torch.randperm(8, generator=generator)
    same, permuted = model.energy_forces(PLACES[order], NUMBERS[order])
    assert (same - energy).abs() < 1e-9
    assert (permuted - forces[order]).abs().max() < 1e-11


def test_odd_paths_keep_what_an_energy_is(tmp_path: Path) -> None:
    """Also under reflections: what turns with a hand stays inside."""
    made = GauntForceField(
        E0, channels=4, L_filter=2, radial=(8,), r_max=3.0, include_odd=True, generator=spawn(0, "odd paths")
    )
    model = made.double().eval()
    energy, forces = model.energy_forces(PLACES, NUMBERS)
    without = copy.deepcopy(model)
    with torch.no_grad():
        for name, weights in without.named_parameters():
            if "pairs" in name and ("radial" in name or "gradient" in name):
                weights.zero_()
    assert (without.energy_forces(PLACES, NUMBERS)[0] - energy).abs() > 1e-6  # odd paths have a say
    for g in O(3).sample((4,), generator=spawn(3, "force field"), dtype=torch.float64):
        moved, turned = model.energy_forces(PLACES @ g.mT, NUMBERS)
        assert (moved - energy).abs() < 1e-9
        assert (turned - forces @ g.mT).abs().max() < 1e-10 * forces.abs().max()
    alone, _ = model.energy_forces(PLACES[:1], NUMBERS[:1])
    assert alone.item() == E0[6]
    again = load_force_field(model.save(tmp_path / "odd"))
    assert torch.equal(again.energy_forces(PLACES, NUMBERS)[1], forces)


def test_in_single_precision_to_the_bar_of_the_specification() -> None:
    model = GauntForceField(E0, scales=Scales(-4.0, 1.5, 5.0), radial=(16,)).eval()
    energy, forces = model.energy_forces(PLACES.float(), NUMBERS)
    for g in O(3).sample((4,), generator=spawn(1, "force field"), dtype=torch.float32):
        moved, turned = model.energy_forces(PLACES.float() @ g.mT, NUMBERS)
        assert (moved - energy).abs() < 1e-4 * 32
        assert (turned - forces @ g.mT).abs().max() < 1e-4 * forces.abs().max()
    assert energy.dtype == torch.float64
    assert forces.dtype == torch.float32


def test_forces_are_minus_the_gradient(model: GauntForceField) -> None:
    _, forces = model.energy_forces(PLACES, NUMBERS)
    assert forces.sum(0).abs().max() < 1e-12
    # Below the totals, which have only 1e-12 of 1e4 eV: above the free atoms.
    edges = neighbour_list(PLACES, 4.0).edges
    label = torch.zeros_like(NUMBERS)
    step = 1e-4
    for atom, axis in ((0, 0), (1, 2), (4, 1), (7, 2)):
        energies: list[float] = []
        for k in (-2, -1, 1, 2):
            moved = PLACES.clone()
            moved[atom, axis] += k * step
            energies.append(model(moved, NUMBERS, edges, label, 1)[0].item())
        # Five points: the Bessel functions bend so much that three leave an error of 1e-5.
        slope = (energies[0] - 8 * energies[1] + 8 * energies[2] - energies[3]) / (12 * step)
        assert -slope == pytest.approx(forces[atom, axis].item(), abs=1e-6)


def test_edges_in_any_order_and_without_their_turned_ones(model: GauntForceField) -> None:
    edges, label = neighbour_list(PLACES, 3.0).edges, torch.zeros_like(NUMBERS)
    energy, forces = model(PLACES, NUMBERS, edges, label, 1)
    order = torch.randperm(edges.shape[1], generator=spawn(2, "force field"))
    same, pulls = model(PLACES, NUMBERS, edges[:, order], label, 1)
    assert (same - energy).abs() < 1e-11
    assert (pulls - forces).abs().max() < 1e-11
    one_way, _ = model(PLACES, NUMBERS, edges[:, edges[0] < edges[1]], label, 1)
    assert (one_way - energy).abs() > 1e-3


def test_the_energy_is_smooth_where_an_atom_leaves(model: GauntForceField) -> None:
    def pair(r: torch.Tensor) -> torch.Tensor:
        places = torch.stack([torch.zeros_like(r), r, torch.zeros_like(r)])[None].mT  # (1, 1, 3)
        both = torch.cat([torch.zeros(1, 3, dtype=r.dtype), places[0]])
        edges = torch.tensor([[0, 1], [1, 0]])
        return model(both, torch.tensor([6, 8]), edges, torch.zeros(2, dtype=torch.int64), 1)[0][0]

    def derivatives(at: float) -> list[float]:
        r = torch.tensor([at], dtype=torch.float64, requires_grad=True)
        energy = pair(r)
        (first,) = torch.autograd.grad(energy, r, create_graph=True)
        (second,) = torch.autograd.grad(first, r)
        return [energy.item(), first.item(), second.item()]

    assert derivatives(3.001) == [0.0, 0.0, 0.0]
    near, nearer = derivatives(3 - 1e-2), derivatives(3 - 1e-3)
    # Third order in the distance to the cutoff: 1000, 100 and 10 times less at a tenth of it.
    for order, (one, other) in enumerate(zip(near, nearer, strict=True)):
        assert 0 < abs(other) < 1.3 * abs(one) * 10.0 ** (order - 3)
    assert abs(nearer[2]) < 0.1


def test_free_atoms_have_their_own_energy(model: GauntForceField) -> None:
    energy, forces = model.energy_forces(PLACES * 100, NUMBERS)
    assert energy.item() == pytest.approx(sum(E0[int(n)] for n in NUMBERS), abs=1e-9)
    assert (forces == 0).all()
    one, still = model.energy_forces(PLACES[:1], NUMBERS[:1])
    assert one.item() == E0[6]
    assert (still == 0).all()
    none, nothing = model.energy_forces(PLACES[:0], NUMBERS[:0])
    assert none.shape == (0,)
    assert nothing.shape == (0, 3)


def test_a_batch_is_its_molecules_one_by_one(model: GauntForceField) -> None:
    batch = torch.tensor([0, 0, 0, 0, 2, 2, 2, 3])  # the second is empty, the last a lone atom
    energy, forces = model.energy_forces(PLACES, NUMBERS, batch)
    assert energy[1] == 0
    for number in (0, 2, 3):
        mine = batch == number
        alone, pulls = model.energy_forces(PLACES[mine], NUMBERS[mine])
        assert (alone - energy[number]).abs() < 1e-9
        assert (pulls - forces[mine]).abs().max() < 1e-12
    shuffled = torch.tensor([5, 0, 7, 2, 4, 1, 6, 3])
    mixed, pulls = model.energy_forces(PLACES[shuffled], NUMBERS[shuffled], batch[shuffled])
    assert (mixed - energy).abs().max() < 1e-9
    assert (pulls - forces[shuffled]).abs().max() < 1e-12


def test_a_crystal_is_its_supercell(model: GauntForceField) -> None:
    pytest.importorskip("ase")
    cell = torch.tensor([[2.6, 0, 0], [0.3, 2.8, 0], [0, 0.2, 3.1]], dtype=torch.float64)
    places, numbers = PLACES[:3], NUMBERS[:3]
    energy, forces = model.energy_forces(places, numbers, cell=cell)
    double = torch.cat([places, places + cell[0]])
    wide = cell.clone()
    wide[0] *= 2
    both, pulls = model.energy_forces(double, numbers.repeat(2), cell=wide)
    assert (both - 2 * energy).abs() < 1e-8
    assert (pulls - forces.repeat(2, 1)).abs().max() < 1e-11
    cells = torch.stack([cell, wide])
    batch = torch.tensor([0] * 3 + [1] * 6)
    each, _ = model.energy_forces(torch.cat([places, double]), numbers.repeat(3), batch, cells)
    assert (each - torch.cat([energy, both])).abs().max() < 1e-9


def test_in_training_both_results_can_be_differentiated(model: GauntForceField) -> None:
    energy, forces = model.train().energy_forces(PLACES, NUMBERS)
    (energy.sum() + forces.square().sum()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().max() > 0, name
    with torch.inference_mode():
        again, _ = model.eval().energy_forces(PLACES, NUMBERS)
    assert not again.requires_grad
    assert (again - energy).abs() < 1e-9


def test_bad_input_is_refused_by_name(model: GauntForceField) -> None:
    with pytest.raises(KeyError, match=r"given the elements N, 119; expected .* H, C, O;"):
        model.energy_forces(PLACES[:3], torch.tensor([7, 119, 1]))
    together = PLACES.clone()
    together[5] = together[2] + 1e-8
    with pytest.raises(DomainError, match="atoms 2 and 5 in one place"):
        model.energy_forces(together, NUMBERS)
    with pytest.raises(DomainError, match="atoms 2 and 5 in one place"):
        model(together, NUMBERS, torch.tensor([[5, 1], [2, 0]]), torch.zeros_like(NUMBERS), 1)
    with pytest.raises(DomainError, match="not finite"):
        model.energy_forces(PLACES * torch.nan, NUMBERS)
    with pytest.raises(DtypeError, match=r"module\.to"):
        model.energy_forces(PLACES.float(), NUMBERS)
    with pytest.raises(ShapeError):
        neighbour_list(PLACES, 3.0, cell=torch.eye(3).expand(2, 3, 3), segments=Segments(torch.zeros(8).long(), 1))
    with pytest.raises(DomainError, match="by atomic number"):
        GauntForceField({})
    with pytest.raises(DomainError, match="1 or more"):
        GauntForceField(E0, order=0)
    with pytest.raises(DomainError, match="scale > 0"):
        Scales(scale=0.0)


def test_the_compact_model_has_the_size_of_the_specification() -> None:
    # 23,696 there; the last interaction here has no vectors, which nothing reads: 400 fewer; an offset an element.
    assert sum(p.numel() for p in GauntForceField(E0).parameters()) == 23_696 - 400 + len(E0)
