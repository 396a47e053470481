"""Molecules with energies and forces: acetylacetone and 3-(benzyloxy)pyridin-2-amine, from molecular dynamics."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from isotropy.data._labels import energies_of, forces_of, without_free_atoms
from isotropy.data._mirror import File, locate
from isotropy.data._rows import Rows, along
from isotropy.errors import DomainError, MissingExtraError, SchemaError, ShapeError, counted
from isotropy.linalg import Segments
from isotropy.random import spawn

MOLECULES = File(
    "05-gaunt-tensor-product/botnet_3bpa_acac.tar.xz",
    "41bb1deaa375ed863d47dcdf14f87db7a8aa0fd61341fae2cce5e7a46fe2eae7",
    "dataset_3BPA and dataset_acac of github.com/davkovacs/BOTNet-datasets at commit "
    "29e6d467317e4b5967b7ea5cbee54de953fa0d45 (MIT), as one archive",
)
_FLAT = 1e-9  # the least singular value of unit vectors that span a box; files give cells to some eight digits


@dataclass(frozen=True, eq=False)
class Boxes(Segments):
    """Segments of atoms, each in a box: rows of ``cell (B, 3, 3)`` are its vectors in Angstrom, ``pbc (B, 3)`` says
    along which of them it repeats. Whoever looks for neighbours in these segments sees the images too.

    Raises ShapeError, and DomainError for a box that repeats along vectors that are zero or dependent.

    >>> along_x = torch.tensor([True, False, False])
    >>> chain = Boxes(torch.tensor([0, 0]), 1, torch.diag(torch.tensor([4.0, 0, 0])), along_x)
    >>> chain.cell.shape, chain.periodic.tolist()
    (torch.Size([1, 3, 3]), [True])
    """

    cell: Float[Tensor, "*B 3 3"]
    pbc: Bool[Tensor, "*P 3"]

    def __post_init__(self) -> None:
        super().__post_init__()
        shapes = (self.count, 3, 3), (self.count, 3)
        if self.cell.shape not in ((3, 3), shapes[0]) or self.pbc.shape not in ((3,), shapes[1]):
            given = f"a cell of shape {tuple(self.cell.shape)}, pbc of shape {tuple(self.pbc.shape)}"
            raise ShapeError(given, f"(3, 3) and (3,), or ({self.count}, 3, 3) and ({self.count}, 3): one for each")
        object.__setattr__(self, "cell", self.cell.expand(shapes[0]))
        object.__setattr__(self, "pbc", self.pbc.expand(shapes[1]))
        repeated = self.cell.detach().double() * self.pbc[..., None]
        size = repeated.norm(dim=-1, keepdim=True)
        rank = torch.linalg.matrix_rank(repeated / size.clamp_min(1e-300), tol=_FLAT)
        wrong = (rank < self.pbc.sum(-1)).nonzero().flatten()[:5].tolist()
        if wrong:
            raise DomainError(
                f"configurations {wrong} that repeat along vectors of their cell that are zero or dependent",
                "three independent vectors, or pbc = False along the others",
            )

    @property
    def periodic(self) -> Bool[Tensor, " B"]:
        """Which configurations repeat at all."""
        return self.pbc.any(-1)

    def take(self, chosen: Int[Tensor, " T"]) -> tuple[Int[Tensor, " M"], Segments]:
        rows, taken = super().take(chosen)
        return rows, Boxes(taken.label, taken.count, self.cell[chosen], self.pbc[chosen])

    def to(self, device: torch.device | str) -> Boxes:
        return Boxes(self.label.to(device), self.count, self.cell.to(device), self.pbc.to(device))


@dataclass(frozen=True, eq=False)
class Molecules(Rows):
    """B configurations of atoms, one after another: ``segments`` says which atom belongs to which.

    - ``numbers (N,)``: atomic numbers; ``positions (N, 3)`` in Angstrom.
    - ``energies (B,)`` in eV and, where the source has them, ``forces (N, 3)`` in eV/Angstrom.
    - ``isolated``: the energy of each free atom in eV, by atomic number.
    - ``temperature`` in kelvin, of the dynamics that drew them; ``name``.
    - ``cell (B, 3, 3)``, rows being its vectors in Angstrom, and ``pbc (B, 3)``, the directions in which it repeats:
      None where no configuration has a cell. With them ``segments`` are ``Boxes``.

    Raises ShapeError for parts that do not fit together, DomainError for cells that cannot repeat.

    >>> pair = Molecules(torch.tensor([1, 1, 8]), torch.zeros(3, 3), torch.zeros(2), Segments.from_sizes(
    ...     torch.tensor([2, 1])), isolated={1: -13.0, 8: -2041.0})
    >>> len(pair), pair[1:].numbers.tolist(), pair.references.tolist()
    (2, [8], [-26.0, -2041.0])
    """

    numbers: Int[Tensor, " N"] = along("parts")
    positions: Float[Tensor, "N 3"] = along("parts")
    energies: Float[Tensor, " B"] = along("rows")
    segments: Segments = along("all")
    forces: Float[Tensor, "N 3"] | None = along("parts", None)
    isolated: Mapping[int, float] = field(default_factory=dict[int, float])
    temperature: float | None = None
    name: str = ""
    cell: Float[Tensor, "B 3 3"] | None = None
    pbc: Bool[Tensor, "B 3"] | None = None

    def __post_init__(self) -> None:
        atoms, count = len(self.segments.label), self.segments.count
        given = {"numbers": len(self.numbers), "positions": len(self.positions)}
        given |= {} if self.forces is None else {"forces": len(self.forces)}
        for part, rows in given.items():
            if rows != atoms:
                raise ShapeError(f"{counted(rows, 'row')} of {part}", f"{atoms}, one for each atom")
        if len(self.energies) != count:
            raise ShapeError(counted(len(self.energies), "energy", "energies"), f"{count}, one for each configuration")
        if isinstance(self.segments, Boxes):
            object.__setattr__(self, "cell", self.segments.cell)
            object.__setattr__(self, "pbc", self.segments.pbc)
        elif self.cell is not None:
            pbc = torch.ones(3, dtype=torch.bool, device=self.cell.device) if self.pbc is None else self.pbc
            object.__setattr__(self, "segments", Boxes(self.segments.label, count, self.cell, pbc))
            object.__setattr__(self, "pbc", pbc)

    @property
    def references(self) -> Float[Tensor, " B"]:
        """The energy of each configuration taken apart into free atoms; DomainError for an element without one."""
        unknown = sorted(set(self.numbers.tolist()) - set(self.isolated))
        if unknown:
            raise DomainError(f"atomic numbers {unknown} without an energy", f"those of {sorted(self.isolated)}")
        table = self.energies.new_zeros(max(self.isolated, default=0) + 1)
        for number, energy in self.isolated.items():
            table[number] = energy
        return self.segments.sum(table[self.numbers])

    def parted(self, count: int, seed: int = 0) -> tuple[Molecules, Molecules]:
        """``count`` configurations drawn without replacement, and the others: training and validation.

        Raises DomainError unless both have one.
        """
        if not 0 < count < len(self):
            raise DomainError(f"{count} of {counted(len(self), 'configuration')}", f"between 1 and {len(self) - 1}")
        order = torch.randperm(len(self), generator=spawn(seed, "molecules", self.name))
        return self[order[:count].sort().values], self[order[count:].sort().values]


@dataclass(frozen=True)
class _Part:
    """Where one set of configurations stands in the archive; ``rows`` of it where the file holds several."""

    member: str
    temperature: float | None = None
    rows: tuple[int | None, int | None] = (None, None)


_ISOLATED = {"acac": "dataset_acac/isolated_atoms.xyz", "3bpa": "dataset_3BPA/iso_atoms.xyz"}
_MIXED = "dataset_3BPA/train_mixedT.xyz"
_PARTS = {
    "acac": {
        "train_300K": _Part("dataset_acac/train_300K.xyz", 300.0),
        "train_600K": _Part("dataset_acac/train_600K.xyz", 600.0),
        "test_300K": _Part("dataset_acac/test_MD_300K.xyz", 300.0),
        "test_600K": _Part("dataset_acac/test_MD_600K.xyz", 600.0),
        "test_H_transfer": _Part("dataset_acac/test_H_transfer.xyz"),
        "test_dihedral": _Part("dataset_acac/test_dihedral.xyz"),
    },
    # The file of mixed temperatures has no labels; its energies jump after rows 166 and 333.
    "3bpa": {
        "train_300K": _Part("dataset_3BPA/train_300K.xyz", 300.0),
        "mixed_300K": _Part(_MIXED, 300.0, (0, 167)),
        "mixed_600K": _Part(_MIXED, 600.0, (167, 334)),
        "mixed_1200K": _Part(_MIXED, 1200.0, (334, 500)),
    },
}


def load_molecules(name: str, part: str = "train_300K", *, dtype: torch.dtype = torch.float64) -> Molecules:
    """Configurations of one molecule with energies and forces of density functional theory.

    ``"acac"``, acetylacetone: train_300K and train_600K (500 each), test_300K and test_600K (650 each),
    test_H_transfer (15) and test_dihedral (45), the last two without forces. ``"3bpa"``: train_300K (500) and, in
    place of the published test sets, mixed_300K, mixed_600K, mixed_1200K (136, 167, 166): the blocks of its file of
    mixed temperatures without the 31 configurations that are in train_300K. Energies are total ones in eV, hence
    float64 unless asked otherwise. Found by ISOTROPY_DATA and known by its checksum.

    Raises SchemaError for another name or part, DataNotFoundError, MissingExtraError without the extra [molecules].
    Sources: Kovacs et al., J. Chem. Theory Comput. 2021 (3BPA); Batatia et al., arXiv 2205.06643 (AcAc).
    """
    parts = _PARTS.get(name, {})
    if part not in parts:
        known = ", ".join(parts) if parts else ", ".join(_PARTS)
        raise SchemaError(f"the part {part!r} of {name}" if parts else f"the molecule {name!r}", f"one of {known}")
    entry = parts[part]
    path = locate(MOLECULES, of=name)
    atoms = _read(path, entry.member)
    if entry.member == _MIXED:
        seen = np.array(energies_of(_read(path, parts["train_300K"].member)))
        fresh = [bool(np.abs(seen - energy).min() > 1e-6) for energy in energies_of(atoms)]
        block = slice(*entry.rows)
        atoms = [one for one, new in zip(atoms[block], fresh[block], strict=True) if new]
    free = _read(path, _ISOLATED[name])
    isolated = {int(one.numbers[0]): energy for one, energy in zip(free, energies_of(free), strict=True)}
    return _molecules(atoms, dtype, isolated=isolated, temperature=entry.temperature, name=f"{name} {part}")


def read_molecules(
    path: str | Path,
    *,
    energy: str | None = None,
    forces: str | None = None,
    dtype: torch.dtype = torch.float64,
) -> Molecules:
    """The configurations of a file in extended XYZ (or whatever ase reads), with energies, forces, cells and pbc.

    Labels are called ``energy`` and ``forces``, or ``REF_energy`` and ``REF_forces`` as trainers of force fields have
    them, unless other names are given; ``forces=""`` goes without. Single atoms of ``config_type=IsolatedAtom`` are no
    configurations: their energies are ``isolated``.

    Raises SchemaError for a file that ase cannot read, that has no energies, or labels under names that were not
    asked for, DomainError for labels that are not finite, MissingExtraError without [molecules].
    """
    where = Path(path)
    frames, isolated = without_free_atoms(frames_of(where, where.name), energy)
    return _molecules(frames, dtype, energy=energy, named=forces, isolated=isolated, name=where.stem)


@lru_cache(maxsize=4)
def _read(archive: Path, member: str) -> list[Any]:
    with tarfile.open(archive, "r:xz") as tar:
        file = tar.extractfile(member)
        if file is None:
            raise SchemaError(f"{archive.name} without {member}", "the file with that name")
        return frames_of(io.StringIO(file.read().decode()), member, format="extxyz")


def frames_of(source: Path | io.StringIO, name: str, format: str | None = None) -> list[Any]:
    """The configurations of a file as ase reads them; raises SchemaError for what it cannot read."""
    try:
        import ase.io
        from ase.io.extxyz import XYZError
        from ase.io.formats import UnknownFileTypeError
    except ImportError as missing:
        raise MissingExtraError.of("ase", "molecules") from missing
    try:
        found = ase.io.read(source, index=":", format=format)
    except (ValueError, KeyError, IndexError, StopIteration, XYZError, UnknownFileTypeError) as wrong:
        raise SchemaError(name, "configurations that ase can read", str(wrong)) from wrong
    if not found:
        raise SchemaError(f"{name} without a configuration", "one or more")
    return list(found)


def _molecules(
    frames: list[Any], dtype: torch.dtype, *, energy: str | None = None, named: str | None = None, **more: Any
) -> Molecules:
    energies, forces = energies_of(frames, energy), forces_of(frames, named)
    cell = np.stack([one.cell.array for one in frames])
    pbc = np.stack([one.pbc for one in frames])
    boxed = bool(pbc.any() or cell.any())
    return Molecules(
        numbers=torch.from_numpy(np.concatenate([one.numbers for one in frames]).astype(np.int64)),
        positions=torch.from_numpy(np.concatenate([one.positions for one in frames])).to(dtype),
        energies=torch.tensor(energies, dtype=dtype),
        segments=Segments.from_sizes(torch.tensor([len(one) for one in frames])),
        forces=None if forces is None else torch.from_numpy(forces).to(dtype),
        cell=torch.from_numpy(cell).to(dtype) if boxed else None,
        pbc=torch.from_numpy(pbc) if boxed else None,
        **more,
    )
