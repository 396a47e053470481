"""Configurations of atoms with energies, forces and stresses, and the files that hold them, read by ase."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from isotropy.data._boxes import Boxes
from isotropy.data._label_units import warn_of_units
from isotropy.data._labels import Labels, free_atoms, labels_of
from isotropy.data._rows import Rows, along
from isotropy.errors import DomainError, SchemaError, ShapeError, counted, optional_import
from isotropy.linalg import Segments
from isotropy.random import spawn
from isotropy.storage import no_file, reading

_INSIDE = 1e-6  # of a cell vector: what stands on the rim is inside


@dataclass(frozen=True, eq=False)
class Molecules(Rows):
    """B configurations of atoms, one after another: ``segments`` says which atom belongs to which.

    - ``numbers (N,)``: atomic numbers; ``positions (N, 3)`` in Angstrom.
    - ``energies (B,)`` in eV and, where the source has them, ``forces (N, 3)`` in eV/Angstrom and
      ``stresses (B, 3, 3)`` in eV/Angstrom^3, with the sign of ase; ``labelled (B, 3)`` says of which configurations
      these three are known (None: all that there are), and what is not known is 0.
    - ``isolated``: the energy of each free atom in eV, by atomic number.
    - ``temperature`` in kelvin, of the dynamics that drew them; ``name``.
    - ``cell (B, 3, 3)``, rows being its vectors in Angstrom, and ``pbc (B, 3)``, the directions in which it repeats:
      None where no configuration has a cell. With them ``segments`` are ``Boxes``.
    - ``kind (B,)``: the number of the ``config_type`` of each configuration among ``kinds``, where the source has some.
    - ``frame (B,)``: the number of each configuration in its file, from 0, where there is one.
    - ``names``: what the source calls the labels; ``notes``: what was done to them.

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
    stresses: Float[Tensor, "B 3 3"] | None = None
    labelled: Bool[Tensor, "B 3"] | None = None
    kind: Int[Tensor, " B"] | None = None
    kinds: tuple[str, ...] = ()
    frame: Int[Tensor, " B"] | None = None
    names: Mapping[str, str] = field(default_factory=dict[str, str])
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        atoms, count = len(self.segments.label), self.segments.count
        if len(self.energies) != count:
            raise ShapeError(counted(len(self.energies), "energy", "energies"), f"{count}, one for each configuration")
        if isinstance(self.segments, Boxes):
            object.__setattr__(self, "cell", self.segments.cell)
            object.__setattr__(self, "pbc", self.segments.pbc)
        elif self.cell is not None:
            pbc = torch.ones(3, dtype=torch.bool, device=self.cell.device) if self.pbc is None else self.pbc
            boxes = Boxes(self.segments.label, count, self.cell, pbc)
            for part, value in {"segments": boxes, "cell": boxes.cell, "pbc": boxes.pbc}.items():
                object.__setattr__(self, part, value)
        self._refuse_lengths({"parts": (atoms, "atom"), "rows": (count, "configuration")})

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

    def of_kind(self, name: str) -> Molecules:
        """The configurations of one ``config_type``; raises DomainError where there is none.

        >>> one = Molecules(torch.tensor([1]), torch.zeros(1, 3), torch.zeros(1), Segments.one(1),
        ...     kind=torch.tensor([0]), kinds=("bulk",))
        >>> len(one.of_kind("bulk"))
        1
        """
        if self.kind is None or name not in self.kinds:
            known = ", ".join(self.kinds) or "none: the source names no config_type"
            raise DomainError(f"config_type={name}", f"one of {known}")
        return self[self.kind == self.kinds.index(name)]

    def parted(self, count: int, seed: int = 0) -> tuple[Molecules, Molecules]:
        """``count`` configurations drawn without replacement, and the others: training and validation.

        Raises DomainError unless both have one.
        """
        if not 0 < count < len(self):
            raise DomainError(f"{count} of {counted(len(self), 'configuration')}", f"between 1 and {len(self) - 1}")
        order = torch.randperm(len(self), generator=spawn(seed, "molecules", self.name))
        return self[order[:count].sort().values], self[order[count:].sort().values]


def read_molecules(
    path: str | Path,
    *,
    energy: str | None = None,
    forces: str | None = None,
    stress: str | None = None,
    dtype: torch.dtype = torch.float64,
) -> Molecules:
    """The configurations of a file in extended XYZ (or whatever ase reads), with labels, cells and pbc.

    - ``energy`` (eV), ``forces`` (eV/Angstrom), ``stress`` (eV/Angstrom^3; a virial, in eV, where the name says so):
      what the file calls its labels, by default ``energy`` or ``REF_energy`` and so on, else the one name that looks
      like it, which a LabelsWarning tells; "" goes without. Configurations may have some of the three.
    - Single atoms of ``config_type=IsolatedAtom`` (or isolated_atom) are no configurations: their energies are
      ``isolated``.
    - Atoms outside of their cell, along directions that repeat, are wrapped into it, which ``notes`` tells.

    Raises SchemaError for a file that ase cannot read, labels that cannot be told apart, configurations without any,
    DomainError for labels that are not finite, MissingExtraError without [molecules]. Energies and forces that seem to
    be in different units give a LabelsWarning.
    """
    where = Path(path)
    if not where.is_file():
        raise no_file(where)
    frames = frames_of(where, where.name)
    chosen, isolated = free_atoms(frames, energy)
    found = [frames[number] for number in chosen]
    named = {"energy": energy, "forces": forces, "stress": stress}
    labels = labels_of(found, **named, where=where.name, numbers=chosen)
    warn_of_units(found, labels)
    _refuse_flat(found, chosen)
    told = {"name": where.stem, "notes": _wrapped(found), "frame": torch.tensor(chosen)}
    return made_of(found, dtype, labels, isolated=isolated, **told)


def frames_of(source: Path | io.StringIO, name: str, format: str | None = None) -> list[Any]:
    """The configurations of a file as ase reads them; raises SchemaError for what it cannot read."""
    ase_io = optional_import("ase.io", "molecules")
    with reading(name, "configurations that ase can read"):
        found = ase_io.read(source, index=":", format=format)
    if not found:
        raise SchemaError(f"{name} without a configuration", "one or more")
    return list(found)


def made_of(frames: list[Any], dtype: torch.dtype, labels: Labels | None = None, **more: Any) -> Molecules:
    """The configurations of frames of ase with their labels."""
    labels = labels_of(frames) if labels is None else labels
    forces, stresses, some = labels.forces, labels.stresses, labels.labelled
    cell = np.stack([one.cell.array for one in frames])
    pbc = np.stack([one.pbc for one in frames])
    boxed = bool(pbc.any() or cell.any())
    types = [str(one.info.get("config_type", "")) for one in frames]
    kinds = tuple(dict.fromkeys(types)) if any(types) else ()
    whole = all(column.all() or not column.any() for column in some.T) and bool(some[:, 0].all())
    return Molecules(
        numbers=torch.from_numpy(np.concatenate([one.numbers for one in frames]).astype(np.int64)),
        positions=torch.from_numpy(np.concatenate([one.positions for one in frames])).to(dtype),
        energies=torch.from_numpy(labels.energies).to(dtype),
        segments=Segments.from_sizes(torch.tensor([len(one) for one in frames])),
        forces=None if forces is None else torch.from_numpy(forces).to(dtype),
        cell=torch.from_numpy(cell).to(dtype) if boxed else None,
        pbc=torch.from_numpy(pbc) if boxed else None,
        stresses=None if stresses is None else torch.from_numpy(stresses).to(dtype),
        labelled=None if whole else torch.from_numpy(some),
        kind=torch.tensor([kinds.index(each) for each in types]) if kinds else None,
        kinds=kinds,
        names=labels.names,
        **more,
    )


def _refuse_flat(frames: list[Any], numbers: list[int]) -> None:
    """Raises DomainError, as ``Boxes`` does, but by the numbers that the frames have in their file."""
    for one, number in zip(frames, numbers, strict=True):
        if not np.isfinite(one.cell.array).all():
            raise DomainError(f"frame {number} with a cell of {one.cell.array.tolist()}", "finite vectors")
        if one.pbc.any() and np.linalg.matrix_rank(one.cell.array[one.pbc]) < one.pbc.sum():
            raise DomainError(
                f"frame {number} that repeats along vectors of its cell that are zero or dependent",
                "three independent vectors, or pbc = False along the others",
            )


def _wrapped(frames: list[Any]) -> tuple[str, ...]:
    """Moves atoms into their cells, along what repeats, and says of how many."""
    atoms = touched = 0
    for one in frames:
        if not one.pbc.any():
            continue
        parts = one.cell.scaled_positions(one.positions)
        steps = np.where((parts < -_INSIDE) | (parts > 1 + _INSIDE), np.floor(parts), 0.0) * one.pbc
        outside = steps.any(1)
        if outside.any():
            one.positions = one.positions - steps @ one.cell.array
            atoms, touched = atoms + int(outside.sum()), touched + 1
    if not atoms:
        return ()
    where = f"{counted(touched, 'configuration')} lay outside of the cell"
    return (f"{counted(atoms, 'atom')} of {where} and {'was' if atoms == 1 else 'were'} wrapped into it",)
