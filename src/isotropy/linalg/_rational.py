"""Exact null spaces of sparse systems: reduced modulo primes, lifted to fractions, and verified on every row."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from isotropy.errors import DomainError

SparseRow = Mapping[int, int | Fraction]

_PRIME_BITS = 21  # products of two residues take 42 bits, so 2^11 of them add up exactly in a float64
_TERMS = 2 ** (52 - 2 * _PRIME_BITS)
_CHUNK = 64  # rows that are reduced together: most of the work is then a product of matrices


def rational_nullspace(rows: Sequence[SparseRow], n: int) -> tuple[tuple[Fraction, ...], ...]:
    """The exact null space of sparse ``rows`` {column: coefficient} in ``n`` unknowns, one tuple a solution.

    Each solution has a 1 at a free unknown of the reduced row echelon form and zeros at the others, so equal spans give
    equal answers. Independent rows are chosen modulo a prime, these alone are reduced modulo as many primes as their
    solutions have digits, and each solution is verified on *all* rows with integers: independent modulo a prime is
    independent, so what passes is the whole null space, whatever the primes.

    Raises DomainError for a column outside 0 ... n - 1.
    Source: Wang, Guy, Davenport, P-adic reconstruction of rational numbers, SIGSAM Bulletin 16 (1982).

    >>> rational_nullspace([{0: 1, 1: 2}, {0: 2, 1: 4}], 3)
    ((Fraction(-2, 1), Fraction(1, 1), Fraction(0, 1)), (Fraction(0, 1), Fraction(0, 1), Fraction(1, 1)))
    """
    left, zero = _without_zeros(rows, n)
    kept = [column for column in range(n) if column not in zero]
    place = {column: number for number, column in enumerate(kept)}
    found = _nullspace([{place[column]: value for column, value in row.items()} for row in left], len(kept))
    if not zero:
        return found
    return tuple(tuple(one[place[column]] if column in place else Fraction(0) for column in range(n)) for one in found)


def _nullspace(rows: Sequence[SparseRow], n: int) -> tuple[tuple[Fraction, ...], ...]:
    if n == 0:
        return ()
    integers = _primitive(rows, n)
    if not integers:
        return tuple(tuple(Fraction(i == k) for k in range(n)) for i in range(n))
    primes = _primes()
    echelon = _reduce(integers, n, next(primes))
    while True:
        chosen = [integers[row] for row in echelon.rows]
        solutions = _lift(chosen, n, echelon, primes)
        if _solve(integers, solutions):
            return solutions
        echelon = _reduce(integers, n, next(primes))  # the prime divided a minor: some row only seemed dependent


def _without_zeros(rows: Sequence[SparseRow], n: int) -> tuple[list[SparseRow], set[int]]:
    """The rows without unknowns that must be zero, because a row holds nothing else, and these unknowns.

    Half of all determining equations say no more than that.
    """
    for row in rows:
        if any(not 0 <= column < n for column in row):
            raise DomainError(f"columns {sorted(row)}", f"0 ... {n - 1}")
    left: list[SparseRow] = [{column: value for column, value in row.items() if value} for row in rows]
    zero = set[int]()
    while True:
        lone = {column for row in left if len(row) == 1 for column in row}
        if not lone:
            return left, zero
        zero |= lone
        left = [{c: value for c, value in row.items() if c not in lone} for row in left if len(row) > 1]
        left = [row for row in left if row]


def independent_rows(rows: Sequence[SparseRow], n: int) -> tuple[int, ...]:
    """Positions of rows that span the others over the rationals, in the order in which they were needed.

    >>> independent_rows([{0: 2, 1: 4}, {0: 1, 1: 2}, {1: 3}], 2)
    (0, 2)
    """
    kept: list[int] = []
    rank = n - len(rational_nullspace(rows, n))
    integers = [_integer(row, n) for row in rows]
    for prime in _primes():
        kept = sorted(_reduce(integers, n, prime, in_order=True).rows)
        if len(kept) == rank:
            break
    return tuple(kept)


@dataclass(frozen=True, eq=False)
class _Echelon:
    """The reduced row echelon form modulo ``prime``: ``matrix (r, n)``, its ``pivots``, the ``rows`` that made it."""

    matrix: NDArray[np.float64]
    pivots: tuple[int, ...]
    rows: tuple[int, ...]
    prime: int


def _integer(row: SparseRow, n: int) -> dict[int, int]:
    """The row times its denominators, divided by its content, without zeros."""
    if any(not 0 <= column < n for column in row):
        raise DomainError(f"columns {sorted(row)}", f"0 ... {n - 1}")
    exact = {column: Fraction(value) for column, value in row.items() if value}
    scale = math.lcm(*(value.denominator for value in exact.values()))
    whole = {column: int(value * scale) for column, value in exact.items()}
    content = math.gcd(*whole.values())
    return {column: value // content for column, value in whole.items()}


def _primitive(rows: Sequence[SparseRow], n: int) -> list[dict[int, int]]:
    """Each equation once, short ones first: they are pivots that fill nothing in."""
    seen: dict[frozenset[tuple[int, int]], dict[int, int]] = {}
    for row in rows:
        whole = _integer(row, n)
        if whole:
            sign = 1 if whole[min(whole)] > 0 else -1
            whole = {column: sign * value for column, value in whole.items()}
            seen.setdefault(frozenset(whole.items()), whole)
    return sorted(seen.values(), key=len)


def _primes() -> Iterator[int]:
    """Primes below 2^21, from the largest down."""
    for number in range(2**_PRIME_BITS - 1, 2, -2):
        if all(number % small for small in range(3, math.isqrt(number) + 1, 2)):
            yield number
    raise DomainError("a null space whose fractions have a million digits", "smaller coefficients")


def _product(left: NDArray[np.float64], right: NDArray[np.float64], prime: int) -> NDArray[np.float64]:
    """The product modulo ``prime``, exact in float64."""
    total = np.zeros((left.shape[0], right.shape[1]))
    for start in range(0, left.shape[1], _TERMS):
        part = slice(start, start + _TERMS)
        total = (total + left[:, part] @ right[part]) % prime
    return total


def _reduce(rows: Sequence[Mapping[int, int]], n: int, prime: int, *, in_order: bool = False) -> _Echelon:
    matrix, pivots, kept = np.zeros((0, n)), list[int](), list[int]()
    chunk = 1 if in_order else _CHUNK
    for start in range(0, len(rows), chunk):
        if len(pivots) == n:
            break
        part = np.zeros((min(chunk, len(rows) - start), n))
        for number, row in enumerate(rows[start : start + chunk]):
            part[number, list(row)] = [value % prime for value in row.values()]
        part = (part - _product(part[:, pivots], matrix, prime)) % prime
        new, made = list[int](), list[int]()
        for number in range(len(part)):
            columns = np.flatnonzero(part[number])
            if not len(columns):
                continue
            pivot = int(columns[0])
            part[number] = part[number] * pow(int(part[number, pivot]), -1, prime) % prime
            factor = part[:, pivot].copy()
            factor[number] = 0
            part = (part - factor[:, None] * part[number]) % prime
            new.append(pivot)
            made.append(number)
        if new:
            matrix = (matrix - _product(matrix[:, new], part[made], prime)) % prime
            matrix = np.concatenate([matrix, part[made]])
            pivots += new
            kept += [start + number for number in made]
    return _Echelon(*_leftmost(matrix, pivots, prime), tuple(kept), prime)


def _leftmost(
    matrix: NDArray[np.float64], pivots: list[int], prime: int
) -> tuple[NDArray[np.float64], tuple[int, ...]]:
    """The reduced echelon form proper: rows by pivot, each pivot the first entry of its row.

    Rows came in chunks, and a later row may have been given a pivot that an earlier one could have had.
    """
    order = np.argsort(pivots, kind="stable") if pivots else np.zeros(0, dtype=int)
    matrix, sorted_pivots = matrix[order], [pivots[i] for i in order]
    first = [int(np.flatnonzero(row)[0]) for row in matrix]
    if first == sorted_pivots:
        return matrix, tuple(first)
    echelon, result = matrix.copy(), list[int]()
    rank = 0
    for column in range(matrix.shape[1]):
        candidates = np.flatnonzero(echelon[rank:, column])
        if not len(candidates):
            continue
        swap = rank + int(candidates[0])
        echelon[[rank, swap]] = echelon[[swap, rank]]
        echelon[rank] = echelon[rank] * pow(int(echelon[rank, column]), -1, prime) % prime
        factor = echelon[:, column].copy()
        factor[rank] = 0
        echelon = (echelon - factor[:, None] * echelon[rank]) % prime
        result.append(column)
        rank += 1
        if rank == len(echelon):
            break
    return echelon, tuple(result)


def _lift(
    chosen: Sequence[Mapping[int, int]], n: int, echelon: _Echelon, primes: Iterator[int]
) -> tuple[tuple[Fraction, ...], ...]:
    """The null space of independent rows, from residues modulo ever more primes until the rows accept it."""
    tries = 1
    pivots, known, modulus = echelon.pivots, _residues(echelon), echelon.prime
    while True:
        solutions = _fractions(known, modulus, pivots, n)
        if solutions is not None and _solve(chosen, solutions):
            return solutions
        for prime in islice(primes, tries):
            other = _reduce(chosen, n, prime)
            if len(other.pivots) < len(pivots) or other.pivots > pivots:
                continue  # the prime divides a pivot; the others are better witnesses
            if other.pivots < pivots:
                pivots, known, modulus = other.pivots, _residues(other), prime
                continue
            step = [
                (new - old) * pow(modulus, -1, prime) % prime for old, new in zip(known, _residues(other), strict=True)
            ]
            known = [old + modulus * by for old, by in zip(known, step, strict=True)]
            modulus *= prime
        tries = 2 * tries


def _residues(echelon: _Echelon) -> list[int]:
    free = [column for column in range(echelon.matrix.shape[1]) if column not in set(echelon.pivots)]
    return [int(value) for value in (-echelon.matrix[:, free] % echelon.prime).T.ravel()]


def _fractions(
    known: Sequence[int], modulus: int, pivots: tuple[int, ...], n: int
) -> tuple[tuple[Fraction, ...], ...] | None:
    free = [column for column in range(n) if column not in set(pivots)]
    solutions: list[tuple[Fraction, ...]] = []
    for number, column in enumerate(free):
        solution = [Fraction(0)] * n
        solution[column] = Fraction(1)
        for pivot, residue in zip(pivots, known[number * len(pivots) : (number + 1) * len(pivots)], strict=True):
            value = _fraction(residue, modulus)
            if value is None:
                return None
            solution[pivot] = value
        solutions.append(tuple(solution))
    return tuple(solutions)


def _fraction(residue: int, modulus: int) -> Fraction | None:
    """The fraction with numerator and denominator below sqrt(modulus / 2) that has this residue, if there is one."""
    bound = math.isqrt(modulus // 2)
    last, now, above, below = modulus, residue, 0, 1
    while now > bound:
        quotient = last // now
        last, now, above, below = now, last - quotient * now, below, above - quotient * below
    if below == 0 or abs(below) > bound or math.gcd(now, below) != 1:
        return None
    return Fraction(now, below)


def _solve(rows: Sequence[Mapping[int, int]], solutions: Sequence[Sequence[Fraction]]) -> bool:
    """Whether every solution solves every row, in integers."""
    for solution in solutions:
        scale = math.lcm(*(value.denominator for value in solution))
        whole = [value.numerator * (scale // value.denominator) for value in solution]
        if any(sum([value * whole[column] for column, value in row.items()]) for row in rows):
            return False
    return True
