"""Molecules as text: XYZ and extended XYZ, one structure after another, read by ase (extra [molecules])."""

from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.data._molecules import frames_of
from isotropy.errors import DomainError, SchemaError


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
    try:
        lines = path.read_text("utf-8").splitlines()
    except UnicodeDecodeError:
        raise SchemaError(f"{path}, which is not text", "an XYZ file") from None
    # A comment without columns is free text, which the extended format would try to read.
    extended = any("Properties=" in line for line in lines)
    found: list[Structure] = []
    at = 0
    for number, atoms in enumerate(frames_of(path, path.name, format="extxyz" if extended else "xyz"), 1):
        while not lines[at].strip():
            at += 1
        positions = torch.from_numpy(atoms.positions.copy())
        if not bool(torch.isfinite(positions).all()):
            raise DomainError(f"structure {number} of {path.name}", "finite coordinates")
        found.append(Structure(tuple(atoms.get_chemical_symbols()), positions, lines[at + 1].strip()))
        at += 2 + len(atoms)
    return found
