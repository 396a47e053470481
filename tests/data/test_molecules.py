"""Molecules: the sets of the archive as its README counts them, ragged sets, and files that are something else."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from isotropy.data import LabelsWarning, Molecules, load_molecules, read_molecules, read_xyz
from isotropy.errors import DomainError, SchemaError, ShapeError
from isotropy.linalg import Segments

pytest.importorskip("ase")


@pytest.fixture
def ragged() -> Molecules:
    """Water, a lone hydrogen, hydrogen."""
    sizes = torch.tensor([3, 1, 2])
    numbers = torch.tensor([8, 1, 1, 1, 1, 1])
    positions = torch.arange(18.0, dtype=torch.float64).reshape(6, 3)
    energies = torch.tensor([-1.0, -2.0, -3.0], dtype=torch.float64)
    return Molecules(numbers, positions, energies, Segments.from_sizes(sizes), positions + 0.5, {1: -10.0, 8: -100.0})


@pytest.mark.parametrize(
    ("part", "count", "temperature"),
    [("train_300K", 500, 300.0), ("test_600K", 650, 600.0), ("test_H_transfer", 15, None), ("test_dihedral", 45, None)],
)
def test_acetylacetone_as_its_source_counts_it(
    real_data: Path, part: str, count: int, temperature: float | None
) -> None:
    found = load_molecules("acac", part)
    assert len(found) == count
    assert found.temperature == temperature
    assert found.segments.sizes.tolist() == [15] * count
    assert found.numbers[:15].bincount()[[1, 6, 8]].tolist() == [8, 5, 2]
    assert (found.forces is None) == (temperature is None)
    assert set(found.isolated) == {1, 6, 8}


def test_the_reference_statistics_of_acetylacetone(real_data: Path) -> None:
    found = load_molecules("acac")
    assert found.energies.mean().item() == pytest.approx(-9391.387203546188, abs=1e-9)
    assert found.forces is not None
    assert found.forces.square().mean().sqrt().item() == pytest.approx(1.051, abs=1e-3)
    # C5H8O2 is bound: by some 63 eV below its free atoms.
    bound = (found.energies - found.references) / 15
    assert -7 < bound.min().item() <= bound.max().item() < -3


def test_the_blocks_of_mixed_temperatures_are_new_and_get_hotter(real_data: Path) -> None:
    train = load_molecules("3bpa")
    blocks = [load_molecules("3bpa", f"mixed_{t}K") for t in (300, 600, 1200)]
    assert [len(block) for block in blocks] == [167 - 31, 167, 166]
    for block in blocks:
        assert (block.energies[:, None] - train.energies).abs().min() > 1e-6
    offsets = [(block.energies.mean() - train.energies.mean()).item() for block in blocks]
    assert offsets == pytest.approx([0.0, 0.95, 2.99], abs=0.02)
    assert train.isolated[7] == pytest.approx(-1484.9814568572233, abs=1e-9)


def test_training_and_validation_share_nothing_and_lose_nothing(real_data: Path) -> None:
    whole = load_molecules("acac")
    train, validation = whole.parted(450, seed=1)
    assert (len(train), len(validation)) == (450, 50)
    together = torch.cat([train.energies, validation.energies]).sort().values
    assert torch.equal(together, whole.energies.sort().values)
    again, _ = whole.parted(450, seed=1)
    assert torch.equal(train.positions, again.positions)
    assert not torch.equal(train.positions, whole.parted(450, seed=2)[0].positions)
    with pytest.raises(DomainError, match="between 1 and 499"):
        whole.parted(500)


def test_choosing_configurations_of_different_sizes(ragged: Molecules) -> None:
    chosen = ragged[torch.tensor([2, 0])]
    assert chosen.numbers.tolist() == [1, 1, 8, 1, 1]
    assert torch.equal(chosen.positions, ragged.positions[[4, 5, 0, 1, 2]])
    assert chosen.forces is not None
    assert torch.equal(chosen.forces, chosen.positions + 0.5)
    assert chosen.energies.tolist() == [-3.0, -1.0]
    assert chosen.references.tolist() == [-20.0, -120.0]
    assert len(ragged[:0]) == 0
    assert len(ragged[ragged.energies < -1.5]) == 2


def test_parts_that_do_not_fit_together_are_refused(ragged: Molecules) -> None:
    with pytest.raises(ShapeError, match="5 rows of numbers"):
        Molecules(ragged.numbers[:5], ragged.positions[:5], ragged.energies, ragged.segments)
    with pytest.raises(ShapeError, match="2 energies"):
        Molecules(ragged.numbers, ragged.positions, ragged.energies[:2], ragged.segments)
    with pytest.raises(DomainError, match=r"\[1, 8\] without an energy"):
        _ = Molecules(ragged.numbers, ragged.positions, ragged.energies, ragged.segments).references


def test_other_names_and_parts_list_the_known_ones() -> None:
    with pytest.raises(SchemaError, match=r"train_300K.*mixed_1200K"):
        load_molecules("3bpa", "test_1200K")
    with pytest.raises(SchemaError, match=r"the molecule 'water'.*acac, 3bpa"):
        load_molecules("water")


def test_a_file_of_extended_xyz(tmp_path: Path) -> None:
    path = tmp_path / "hydrogen.xyz"
    header = "Properties=species:S:1:pos:R:3:forces:R:3 energy=-31.5"
    path.write_text(f"2\n{header}\nH 0 0 0 0 0 1.5\nH 0 0 0.8 0 0 -1.5\n1\n{header}\nH 0 0 0 0 0 0\n")
    found = read_molecules(path)
    assert found.segments.sizes.tolist() == [2, 1]
    assert found.energies.tolist() == [-31.5, -31.5]
    assert found.forces is not None
    assert found.forces[:, 2].tolist() == [1.5, -1.5, 0.0]


def labelled(tmp_path: Path, text: str) -> Path:
    (tmp_path / "labelled.xyz").write_text(text)
    return tmp_path / "labelled.xyz"


def oxygen(energy: str, forces: str = "forces") -> str:
    return f"2\nProperties=species:S:1:pos:R:3:{forces}:R:3 {energy}\nO 0 0 0 1 0 2\nO 0 1.2 0 -1 0 -2\n"


def test_the_names_of_trainers_and_names_that_are_given(tmp_path: Path) -> None:
    for energy, forces, asked in (
        ("REF_energy=-7.25", "REF_forces", {}),
        ("pbe_energy=-7.25", "pbe_forces", {"energy": "pbe_energy", "forces": "pbe_forces"}),
        ("free_energy=-7.25", "forces", {"energy": "free_energy"}),
    ):
        found = read_molecules(labelled(tmp_path, oxygen(energy, forces) * 2), **asked)
        assert found.energies.tolist() == [-7.25, -7.25]
        assert found.forces is not None
        assert found.forces[:, 2].tolist() == [2.0, -2.0] * 2
    assert read_molecules(labelled(tmp_path, oxygen("energy=1", "pbe_forces")), forces="").forces is None


@pytest.mark.parametrize("kind", ["IsolatedAtom", "isolated_atom"])
def test_free_atoms_beside_configurations_are_their_references(tmp_path: Path, kind: str) -> None:
    free = f"1\nProperties=species:S:1:pos:R:3 energy=-3.5 config_type={kind}\nO 0 0 0\n"
    found = read_molecules(labelled(tmp_path, oxygen("energy=-7.25") + free))
    assert len(found) == 1
    assert found.forces is not None
    assert found.references.tolist() == [-7.0]
    assert len(read_molecules(labelled(tmp_path, free))) == 1  # nothing else: then it is what was asked for


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        (oxygen("pbe_energy=1 lda_energy=2"), SchemaError, "pbe_energy and lda_energy, which all look like energy"),
        (oxygen("energy=1") + oxygen("E=2").replace("forces", "f"), SchemaError, "1 frame without .*: 1 "),
        (oxygen("energy=1 REF_energy=2"), SchemaError, "energy and REF_energy of frame 0, which differ"),
        (oxygen("energy=1") + oxygen("REF_energy=2"), SchemaError, "energy in frame 0 and REF_energy in frame 1"),
        (oxygen("energy=1") + oxygen("energy=nan"), DomainError, r"configurations 1 \(counted"),
        (oxygen("energy=1").replace("-2", "inf"), DomainError, "forces that are no finite"),
        (
            oxygen("REF_energy=1", "REF_forces") + oxygen('REF_energy=1 REF_forces="1 2 3 4 5 6 7 8 9"', "f"),
            SchemaError,
            r"REF_forces of shape \(9,\) in frame 1.*\(2, 3\), a row for each atom",
        ),
        (oxygen("E=1", "f") * 2, SchemaError, "without an energy, forces or a stress.*--energy-key"),
    ],
)
def test_labels_are_not_dropped_silently(tmp_path: Path, text: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        read_molecules(labelled(tmp_path, text))


@pytest.mark.parametrize(
    ("energy", "forces"), [("dft_energy", "forces"), ("energy", "dft_forces"), ("free_energy", "f")]
)
def test_the_one_name_that_looks_like_a_label_is_taken_and_said(tmp_path: Path, energy: str, forces: str) -> None:
    path = labelled(tmp_path, oxygen(f"{energy}=-7.25 energy_weight=2.0", forces) * 2)
    kind, name = ("energy", energy) if energy != "energy" else ("forces", forces)
    with pytest.warns(LabelsWarning, match=f"{kind} is read from '{name}'"):
        found = read_molecules(path)
    assert found.names[kind] == name
    assert found.energies.tolist() == [-7.25] * 2
    assert (found.forces is None) == (forces == "f")


def test_two_usual_names_that_may_be_two_theories(tmp_path: Path) -> None:
    with pytest.warns(LabelsWarning, match="energy from 'energy', forces from 'REF_forces': .* two theories"):
        read_molecules(labelled(tmp_path, oxygen("energy=1", "REF_forces")))
    assert read_molecules(labelled(tmp_path, oxygen("energy=1 REF_energy=1"))).energies.tolist() == [1.0]
    both = labelled(tmp_path, oxygen("energy=1 REF_energy=2"))
    assert read_molecules(both, energy="REF_energy").energies.tolist() == [2.0]


def test_free_atoms_without_energies_and_the_numbers_of_frames(tmp_path: Path) -> None:
    free = "1\nProperties=species:S:1:pos:R:3 energy=-3.5 config_type=IsolatedAtom\nO 0 0 0\n"
    path = labelled(tmp_path, free + oxygen("energy=-7.25") * 2)
    found = read_molecules(path, energy="")
    assert found.isolated == {}
    assert found[1:].frame is not None
    assert found[1:].frame.tolist() == [2]
    flat = oxygen('energy=1 Lattice="0 0 0 0 4 0 0 0 5" pbc="T T F"')
    with pytest.raises(DomainError, match="frame 1 that repeats along"):
        read_molecules(labelled(tmp_path, free + flat))


def test_one_cell_for_all_is_that_of_each(ragged: Molecules) -> None:
    given = ragged.numbers, ragged.positions, ragged.energies, ragged.segments
    found = Molecules(*given, cell=4 * torch.eye(3)[None].expand(3, 3, 3))
    assert found[1:].pbc is not None
    assert found[1:].pbc.tolist() == [[True] * 3] * 2


CELL = 'Lattice="3 0 0 0 4 0 0 0 5" pbc="T T F"'


def copper(more: str, forces: bool = True) -> str:
    columns, row = (":forces:R:3", " 1 2 3") if forces else ("", "")
    return f"1\n{CELL} Properties=species:S:1:pos:R:3{columns} {more}\nCu 0.5 -1 -2{row}\n"


def test_stresses_and_virials_in_their_order_and_sign(tmp_path: Path) -> None:
    sheared = torch.tensor([[1.0, 6, 5], [6, 2, 4], [5, 4, 3]], dtype=torch.float64) / 100
    nine = " ".join(str(v) for v in sheared.flatten().tolist())
    whole = copper(f'energy=1 stress="{nine}"')
    voigt = copper('REF_energy=1 REF_stress="0.01 0.02 0.03 0.04 0.05 0.06"', forces=False)
    virial = copper(f'energy=1 virial="{" ".join(str(-60 * v) for v in sheared.flatten().tolist())}"')
    for text in (whole, voigt, virial):
        found = read_molecules(labelled(tmp_path, text))
        assert found.stresses is not None
        assert torch.allclose(found.stresses[0], sheared, atol=1e-15)
    with pytest.warns(LabelsWarning, match=r"160\.2 GPa"):
        read_molecules(labelled(tmp_path, copper('energy=1 stress="9 0 0 0 9 0 0 0 9"')))
    with pytest.raises(DomainError, match=r"frame 1 .*not symmetric"):
        read_molecules(labelled(tmp_path, whole + copper('energy=1 virial="0 1 0 0 0 0 0 0 0"')))
    with pytest.raises(DomainError, match=r"frame 0 with a virial and no cell"):
        read_molecules(labelled(tmp_path, copper('energy=1 virial="1 0 0 0 0 0 0 0 0"').replace("T T F", "F F F")))
    with pytest.raises(SchemaError, match="stress and virial of frame 0, which differ"):
        read_molecules(labelled(tmp_path, whole.replace("energy=1", 'energy=1 virial="60 0 0 0 0 0 0 0 0"')))
    with pytest.raises(SchemaError, match=r"stress of shape \(2,\) in frame 0"):
        read_molecules(labelled(tmp_path, copper('REF_energy=1 REF_stress="1 2"', forces=False)))


def test_labels_that_some_configurations_have_are_masked_and_atoms_are_wrapped(tmp_path: Path) -> None:
    some = copper("energy=2 config_type=bulk") + copper("energy=4 config_type=slab", forces=False) + copper("E=3")
    found = read_molecules(labelled(tmp_path, some))
    assert found.labelled is not None
    assert found.labelled.tolist() == [[True, True, False], [True, False, False], [False, True, False]]
    assert found.energies.tolist() == [2.0, 4.0, 0.0]
    assert found.positions[0].tolist() == [0.5, 3.0, -2.0]  # along what repeats alone
    assert found.notes == ("3 atoms of 3 configurations lay outside of the cell and were wrapped into it",)
    assert found.of_kind("slab").energies.tolist() == [4.0]
    with pytest.raises(DomainError, match="one of bulk, slab"):
        found.of_kind("surface")


def test_energies_in_other_units_than_the_work_of_the_forces_are_told(tmp_path: Path) -> None:
    def springs(unit: float) -> str:
        text = ""
        for k in range(8):
            x = 0.1 * torch.tensor([k % 3, k % 5, k % 2]) + 0.5
            row = " ".join(str(v) for v in [*x.tolist(), *(-2 * x).tolist()])
            energy = float(x.square().sum()) / unit
            text += f"1\n{CELL} Properties=species:S:1:pos:R:3:forces:R:3 energy={energy}\nCu {row}\n"
        return text

    read_molecules(labelled(tmp_path, springs(1.0)))
    with pytest.warns(LabelsWarning, match=r"by 0\.0367 of the work .* 1 eV is 0\.0367 Hartree.*by 27\.2114"):
        read_molecules(labelled(tmp_path, springs(27.211386)))


def test_energies_of_the_size_of_all_electrons_in_hartree_are_told(tmp_path: Path) -> None:
    with pytest.warns(LabelsWarning, match=r"-150\.3 .* some -147 Hartree or -4001 eV"):
        read_molecules(labelled(tmp_path, oxygen("energy=-150.3")))
    read_molecules(labelled(tmp_path, oxygen("energy=-4089.9")))


def test_two_energies_of_one_free_atom_are_refused(tmp_path: Path) -> None:
    free = "1\nProperties=species:S:1:pos:R:3 energy=-3.5 config_type=IsolatedAtom\nO 0 0 0\n"
    with pytest.raises(DomainError, match=r"-3\.5 and -4\.5 eV \(frame 2\)"):
        read_molecules(labelled(tmp_path, oxygen("energy=1") + free + free.replace("-3.5", "-4.5")))


@pytest.mark.parametrize("before", ["id:I:1", "mass:R:1", "forces:R:3"])
def test_named_columns_of_extended_xyz_are_read_where_they_stand(tmp_path: Path, before: str) -> None:
    more = " ".join(["7"] * int(before[-1]))
    places = [(0.5, 1.0, -2.0), (3.0, 0.25, 1.5)]
    rows = "".join(f"{symbol} {more} {x} {y} {z}\n" for symbol, (x, y, z) in zip("HO", places, strict=True))
    (tmp_path / "m.xyz").write_text(f"2\nProperties=species:S:1:{before}:pos:R:3\n{rows}" * 2)
    found = read_xyz(tmp_path / "m.xyz")
    assert [structure.positions.tolist() for structure in found] == [[list(place) for place in places]] * 2
    assert found[1].symbols == ("H", "O")
    assert found[1].comment.startswith("Properties=")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2\nenergy=1.0\nH 0 0 0\n", "configurations that ase can read"),
        ("1\nProperties=species:S:1:pos:R:3\nH 0 0 0\n", "without an energy"),
        ("", "ase can read|without a configuration"),
    ],
)
def test_files_that_are_something_else(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "wrong.xyz"
    path.write_text(text)
    with pytest.raises(SchemaError, match=message):
        read_molecules(path)
    with pytest.raises(SchemaError, match=r"no file .*wrong_one\.xyz.*write .*wrong\.xyz"):
        read_xyz(tmp_path / "wrong_one.xyz")
