"""Structures of atoms in files: as typed clouds of points, for models that know nothing of ase; molecules as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.data._dataset import Dataset
from isotropy.data._molecules import frames_of
from isotropy.errors import DomainError, SchemaError, counted
from isotropy.reps import Cloud, Rep, Schema, Type, parse_type, written_type
from isotropy.storage import no_file

# The formats that hold numbers and text and nothing that would be run, each read as what its name says.
_FORMATS = {".xyz": "xyz", ".extxyz": "extxyz", ".cif": "cif", ".pdb": "proteindatabank", ".traj": "traj"}
STRUCTURES = tuple(_FORMATS)


def read_structures(path: str | Path) -> list[Any]:
    """The structures of a file as Atoms of ase: .xyz, .extxyz, .cif, .pdb or .traj.

    Raises SchemaError for another kind of file and for what ase cannot read, MissingExtraError without ase.
    """
    path = Path(path)
    if path.suffix.lower() not in _FORMATS:
        raise SchemaError(f"the file {path.name}", f"structures, in {', '.join(_FORMATS)}")
    if not path.is_file():
        raise no_file(path)
    kind = _FORMATS[path.suffix.lower()]
    return _xyz(path)[1] if kind == "xyz" else frames_of(path, path.name, format=kind)


@dataclass(frozen=True, eq=False)
class Structure:
    """Atoms by ``symbols`` and ``positions (n, 3)``, in the unit of the file (Angstrom by custom)."""

    symbols: tuple[str, ...]
    positions: Float[Tensor, "n 3"]
    comment: str = ""


def read_xyz(path: str | Path) -> list[Structure]:
    """The structures of an XYZ file; where the second line names the columns (``Properties=...``), those are read.

    Raises SchemaError for a file that is something else, DomainError for coordinates that are not finite,
    MissingExtraError without ase.

    >>> import tempfile
    >>> from isotropy.data import read_xyz
    >>> with tempfile.NamedTemporaryFile("w", suffix=".xyz") as file:
    ...     _ = file.write("2\\nhydrogen\\nH 0 0 0\\nH 0 0 0.74\\n")
    ...     file.flush()
    ...     read_xyz(file.name)[0].symbols
    ('H', 'H')
    """
    path = Path(path)
    lines, frames = _xyz(path)
    found: list[Structure] = []
    at = 0
    for number, atoms in enumerate(frames, 1):
        while not lines[at].strip():
            at += 1
        positions = torch.from_numpy(atoms.positions.copy())
        if not bool(torch.isfinite(positions).all()):
            raise DomainError(f"structure {number} of {path.name}", "finite coordinates")
        found.append(Structure(tuple(atoms.get_chemical_symbols()), positions, lines[at + 1].strip()))
        at += 2 + len(atoms)
    return found


def _xyz(path: Path) -> tuple[list[str], list[Any]]:
    """The lines of an XYZ file, and its structures as ase reads them."""
    if not path.is_file():
        raise no_file(path)
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError:
        raise SchemaError(f"{path.name}, which is not text", "an XYZ file") from None
    # A comment without columns is free text, which the extended format would try to read.
    return text.splitlines(), frames_of(path, path.name, format="extxyz" if "Properties=" in text else "xyz")


def cloud_values(type_: Any, frames: Sequence[Any], where: str, *, dense: bool) -> Any:
    """What a model is called on, of each structure: positions, or what the type names.

    One type stands for the positions, two in a tuple for positions and atomic numbers, a dictionary for the arrays of
    these names (``{"positions": "Cloud(Point)", "numbers": "Cloud()"}``). ``dense`` ones are ``(n, atoms, 3)``, else
    all atoms stand one after another.
    """
    return _values(parse_type(type_), frames, dense, "positions", where)


def structure_table(path: Path, types: Schema) -> Dataset:
    """Structures of one size as rows to learn from: positions, and the energy, forces or another quantity of the file.

    A target that is a Scalar is the energy, a Cloud(Vector) the forces, and a part with a name, ``Vector("dipole")``,
    what the file calls so. Raises SchemaError where the file does not say it.
    """
    frames = read_structures(path)
    sizes = sorted({len(one) for one in frames})
    if len(sizes) > 1:
        given = f"structures of {sizes[0]} to {counted(sizes[-1], 'atom')}"
        raise SchemaError(given, "as many atoms in each, to learn from", "isotropy audit MODEL FILE takes any")
    x = _values(types.x, frames, True, "positions", path.name)
    y = _values(types.y, frames, True, "forces" if isinstance(types.y, Cloud) else "energy", path.name)
    return Dataset(x, y, types, source=path.name, name=path.name)


def _values(type_: Type, frames: Sequence[Any], dense: bool, default: str, where: str) -> Any:
    if isinstance(type_, dict):
        return {name: _stacked(name, part, frames, dense, where) for name, part in type_.items()}
    if isinstance(type_, tuple):
        if len(type_) != 2 or any(not isinstance(part, Cloud) for part in type_):
            hint = 'x: {positions: Cloud(Point), numbers: "Cloud()", ...} names what the model takes'
            raise SchemaError(f"x of type {written_type(type_)} for {where}", "positions and numbers", hint)
        return tuple(
            _stacked(name, part, frames, dense, where)
            for name, part in zip(("positions", "numbers"), type_, strict=True)
        )
    if isinstance(type_, Rep) and len(type_.parts()) > 1:
        parts = [_stacked(part.name or default, part.atom, frames, True, where) for part in type_.parts()]
        return torch.cat([part.reshape(len(frames), -1) for part in parts], 1)
    named = type_.parts()[0].name if isinstance(type_, Rep) else ""
    return _stacked(named or default, type_, frames, dense, where)


def _stacked(name: str, type_: Any, frames: Sequence[Any], dense: bool, where: str) -> Any:
    """One quantity of all structures, ``(structures, ...)``, or of all atoms where they are flat."""
    found = [_of(one, name) for one in frames]
    missing = [number for number, value in enumerate(found) if value is None]
    if missing:
        first = frames[missing[0]]
        results = {} if first.calc is None else first.calc.results
        known: list[str] = sorted(map(str, {*first.arrays, *first.info, *results, "cell"}))
        raise SchemaError(f"{name!r}, which structure {missing[0]} of {where} has not", f"one of {', '.join(known)}")
    by_atom = isinstance(type_, Cloud)
    shapes = {value.shape[1:] if by_atom else value.shape for value in found}
    whole = not by_atom or all(len(value) == len(one) for value, one in zip(found, frames, strict=True) if value.ndim)
    if len(shapes) > 1 or not whole or (by_atom and not all(value.ndim for value in found)):
        kind = "one row for each atom" if by_atom else "values of one shape"
        raise SchemaError(f"{name!r} of {where} with shapes {sorted(map(str, shapes))[:3]}", kind)
    if by_atom and not dense:
        return torch.from_numpy(np.concatenate(found))
    stacked = np.stack(found)
    return torch.from_numpy(stacked[:, None] if stacked.ndim == 1 else stacked)


def _of(atoms: Any, name: str) -> Any:
    """A quantity of one structure: by atom, of the whole, or the result of a calculation."""
    results: dict[str, Any] = {} if atoms.calc is None else atoms.calc.results
    for held in (atoms.arrays, results, atoms.info):
        if name in held and np.asarray(held[name]).dtype.kind in "fiub":
            return np.array(held[name])
    return np.array(atoms.cell) if name == "cell" else None
