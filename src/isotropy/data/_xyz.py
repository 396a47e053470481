"""Molecules as text: the XYZ format, one structure after another."""

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import DomainError, SchemaError


@dataclass(frozen=True, eq=False)
class Structure:
    """Atoms by ``symbols`` and ``positions (n, 3)``, in the unit of the file (Angstrom by custom)."""

    symbols: tuple[str, ...]
    positions: Float[Tensor, "n 3"]
    comment: str = ""


def read_xyz(path: str | Path) -> list[Structure]:
    """The structures of an XYZ file: a count, a comment, then ``symbol x y z`` for each atom; further columns are left.

    Raises SchemaError naming the line that is something else, DomainError for coordinates that are not finite.

    >>> import tempfile
    >>> from isotropy.data import read_xyz
    >>> with tempfile.NamedTemporaryFile("w", suffix=".xyz") as file:
    ...     _ = file.write("2\\nhydrogen\\nH 0 0 0\\nH 0 0 0.74\\n")
    ...     file.flush()
    ...     read_xyz(file.name)[0].symbols
    ('H', 'H')
    """
    try:
        lines = Path(path).read_text("utf-8").splitlines()
    except UnicodeDecodeError:
        raise SchemaError(f"{path}, which is not text", "an XYZ file") from None
    found: list[Structure] = []
    at = 0
    while at < len(lines):
        if not lines[at].strip():
            at += 1
            continue
        count = _count(lines[at], at)
        rows = lines[at + 2 : at + 2 + count]
        if len(rows) < count:
            raise SchemaError(f"{len(rows)} atoms after line {at + 2}", f"{count}, as line {at + 1} says")
        atoms = [_atom(row, at + 3 + i) for i, row in enumerate(rows)]
        positions = torch.tensor([xyz for _, xyz in atoms], dtype=torch.float64)
        found.append(Structure(tuple(symbol for symbol, _ in atoms), positions, lines[at + 1].strip()))
        at += 2 + count
    if not found:
        raise SchemaError(f"{path} without a structure", "a count, a comment, and a line for each atom")
    return found


def _count(line: str, at: int) -> int:
    if not line.strip().isdecimal() or int(line) < 1:
        raise SchemaError(f"line {at + 1}: {line[:60]!r}", "the number of atoms")
    return int(line)


def _atom(line: str, number: int) -> tuple[str, list[float]]:
    fields = line.split()
    try:
        xyz = [float(field) for field in fields[1:4]]
    except ValueError:
        xyz = []
    if len(xyz) != 3:
        raise SchemaError(f"line {number}: {line[:60]!r}", "symbol x y z")
    if not all(map(math.isfinite, xyz)):
        raise DomainError(f"line {number}: {line[:60]!r}", "finite coordinates")
    return fields[0], xyz
