"""Pi groups: all products of powers without dimension, as a lattice of integers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from isotropy.errors import DtypeError, ShapeError

Row = list[int]


def pi_groups(D: Sequence[Sequence[int]] | Tensor) -> list[tuple[int, ...]]:
    """Exponents of the dimensionless products of quantities, a basis of *every* integer solution of ``w D = 0``.

    ``D`` has a row for each of n quantities, its exponents of the base dimensions. The r rows that come back span a
    lattice that no larger one contains (index 1: their maximal minors have no common divisor), short ones as LLL finds
    them, each with its first entry positive.

    Raises ShapeError for rows of different lengths or none, DtypeError for entries that are no integers.
    Source: Buckingham 1914; Hermite form by unimodular steps, Cohen, A Course in Computational Algebraic Number
    Theory, §2.4.

    >>> pi_groups([[0, 1, 0], [0, 1, -2], [0, 0, 1], [1, 0, 0]])  # length, acceleration, time, mass: l = g t^2
    [(1, -1, -2, 0)]
    """
    table = _integers(D)
    n, width = len(table), len(table[0])
    rows = [[*row, *(int(i == at) for i in range(n))] for at, row in enumerate(table)]
    rank = 0
    for column in range(width):
        rank += _cleared(rows, rank, column)
    kernel = [row[width:] for row in rows[rank:]]
    return [tuple(_signed(row)) for row in _short(kernel)]


def _integers(D: Any) -> list[Row]:
    if isinstance(D, Tensor):
        if D.is_floating_point() or D.is_complex() or D.dtype == torch.bool:
            raise DtypeError(f"a table of dtype {D.dtype}", "integers", "multiply a row until its exponents are whole")
        D = D.tolist()
    table = [list(row) for row in D]
    if not table or len({len(row) for row in table}) != 1 or not table[0]:
        raise ShapeError(f"rows of lengths {[len(row) for row in table]}", "n rows, one entry for each base dimension")
    for number, row in enumerate(table):
        for value in row:
            if isinstance(value, bool) or not hasattr(value, "__index__"):
                hint = "multiply the row until its exponents are whole"
                raise DtypeError(f"{value!r} in row {number}", "integers", hint)
    return [[int(value) for value in row] for row in table]


def _cleared(rows: list[Row], rank: int, column: int) -> int:
    """Euclid's steps on the rows from ``rank`` on, until one at most has an entry in the column; whether one has."""
    while True:
        found = [at for at in range(rank, len(rows)) if rows[at][column]]
        if not found:
            return 0
        least = min(found, key=lambda at: abs(rows[at][column]))
        rows[rank], rows[least] = rows[least], rows[rank]
        pivot = rows[rank]
        for at in range(rank + 1, len(rows)):
            times = rows[at][column] // pivot[column]
            if times:
                rows[at] = [a - times * b for a, b in zip(rows[at], pivot, strict=True)]
        if not any(row[column] for row in rows[rank + 1 :]):
            return 1


def _short(kernel: list[Row]) -> list[Row]:
    """The same lattice with short vectors."""
    if len(kernel) < 2:
        return kernel
    from sympy.polys.domains import ZZ
    from sympy.polys.matrices import DomainMatrix

    reduced = DomainMatrix(kernel, (len(kernel), len(kernel[0])), ZZ).lll().to_Matrix().tolist()
    return [[int(value) for value in row] for row in reduced]


def _signed(row: Row) -> Row:
    first = next(value for value in row if value)
    return row if first > 0 else [-value for value in row]
