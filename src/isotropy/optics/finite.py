"""Lenses, optics and 2-cells between finite sets {0, ..., n-1}: every theorem can be checked by looking at all."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from isotropy.errors import DomainError, ShapeError
from isotropy.optics._optic import Lens, Optic

MOST = 10**7
Row = tuple[int, ...]


@dataclass(frozen=True)
class Sets:
    """The sizes of (A, A') -> (B, B')."""

    A: int
    A2: int
    B: int
    B2: int

    def then(self, other: Sets) -> Sets:
        """The sets of a composite. Raises ShapeError, which prints both pairs, where the inner ones differ."""
        if (self.B, self.B2) != (other.A, other.A2):
            raise ShapeError(f"{self} followed by {other}", f"({self.B}, {self.B2}) -> ... after it")
        return Sets(self.A, self.A2, other.B, other.B2)

    def __str__(self) -> str:
        return f"({self.A}, {self.A2}) -> ({self.B}, {self.B2})"


@dataclass(frozen=True, eq=False)
class FiniteLens(Lens[int, int, int, int]):
    """A lens by its tables: ``got[a]`` and ``putting[a][b']``."""

    sets: Sets
    got: Row
    putting: tuple[Row, ...]

    @classmethod
    def of(cls, sets: Sets, got: Row, putting: tuple[Row, ...]) -> FiniteLens:
        return cls(got.__getitem__, lambda a, b: putting[a][b], sets, got, putting)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FiniteLens) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> tuple[Any, ...]:
        return self.sets, self.got, self.putting

    def __rshift__(self, inner: Lens[Any, Any, Any, Any]) -> Lens[Any, Any, Any, Any]:
        if not isinstance(inner, FiniteLens):
            return super().__rshift__(inner)
        sets, plain = self.sets.then(inner.sets), Lens(self.get, self.put) >> inner
        putting = tuple(tuple(plain.put(a, b) for b in range(sets.B2)) for a in range(sets.A))
        return FiniteLens.of(sets, tuple(map(plain.get, range(sets.A))), putting)

    def to_optic(self) -> FiniteOptic:
        """The optic that keeps the input."""
        return FiniteOptic.of(self.sets, tuple(range(self.sets.A)), self.got, self.putting)


@dataclass(frozen=True, eq=False)
class FiniteOptic(Optic[int, int, int, int]):
    """An optic by its tables: a is kept as ``kept[a]`` and shown as ``shown[a]``; ``rows[m][b']`` comes back."""

    sets: Sets = field(kw_only=True)
    kept: Row = field(kw_only=True)
    shown: Row = field(kw_only=True)
    rows: tuple[Row, ...] = field(kw_only=True)

    @classmethod
    def of(cls, sets: Sets, kept: Row, shown: Row, rows: tuple[Row, ...]) -> FiniteOptic:
        return cls(lambda a: (kept[a], shown[a]), lambda m, b: rows[m][b], sets=sets, kept=kept, shown=shown, rows=rows)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FiniteOptic) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> tuple[Any, ...]:
        return self.sets, self.kept, self.shown, self.rows

    def __rshift__(self, inner: Optic[Any, Any, Any, Any]) -> Optic[Any, Any, Any, Any]:
        if not isinstance(inner, FiniteOptic):
            return super().__rshift__(inner)
        sets, n = self.sets.then(inner.sets), len(inner.rows)
        kept = tuple(m * n + inner.kept[y] for m, y in zip(self.kept, self.shown, strict=True))
        rows = tuple(tuple(row[back] for back in other) for row in self.rows for other in inner.rows)
        return FiniteOptic.of(sets, kept, tuple(inner.shown[y] for y in self.shown), rows)

    def to_lens(self) -> FiniteLens:
        """The same function, by the input alone."""
        return FiniteLens.of(self.sets, self.shown, tuple(self.rows[m] for m in self.kept))


def _tables(entries: int, values: int) -> Iterator[Row]:
    return itertools.product(range(values), repeat=entries)


def _matrices(rows: int, columns: int, values: int) -> Iterator[tuple[Row, ...]]:
    return itertools.product(tuple(_tables(columns, values)), repeat=rows)


def _refuse(count: int, what: str, sets: Sets) -> None:
    if count > MOST:
        raise DomainError(f"{count:.3g} {what} on {sets}", f"at most {MOST:.0e}", "smaller sets")


def enumerate_lenses(A: int, A2: int, B: int, B2: int) -> list[FiniteLens]:
    """All |B|^|A| |A'|^(|A||B'|) lenses (A, A') -> (B, B'), by the sizes of the sets.

    Raises DomainError, with the count, for more than 10^7.

    >>> len(enumerate_lenses(2, 2, 2, 2))
    64
    """
    sets = Sets(A, A2, B, B2)
    _refuse(B**A * A2 ** (A * B2), "lenses", sets)
    return [FiniteLens.of(sets, got, put) for got in _tables(A, B) for put in _matrices(A, B2, A2)]


def enumerate_optics(A: int, A2: int, B: int, B2: int, M: int) -> list[FiniteOptic]:
    """All optics (A, A') -> (B, B') whose residual is a set of 1, ..., M elements.

    Raises DomainError, with the count, for more than 10^7.

    >>> len(enumerate_optics(2, 2, 2, 2, 3))
    2576
    """
    sets = Sets(A, A2, B, B2)
    _refuse(sum((m * B) ** A * A2 ** (m * B2) for m in range(1, M + 1)), "optics", sets)
    return [
        FiniteOptic.of(sets, kept, shown, rows)
        for m in range(1, M + 1)
        for kept in _tables(A, m)
        for shown in _tables(A, B)
        for rows in _matrices(m, B2, A2)
    ]


def two_cells(source: FiniteOptic, target: FiniteOptic) -> list[Row]:
    """All r: M -> N, as tables, that are 2-cells from one optic to the other: on every residual, reached or not.

    >>> lens = enumerate_lenses(2, 2, 2, 2)[37]
    >>> two_cells(lens.to_optic(), lens.to_optic())
    [(0, 1)]
    """
    if source.sets != target.sets or source.shown != target.shown:
        return []
    forced: dict[int, int] = {}
    for m, n in zip(source.kept, target.kept, strict=True):
        if forced.setdefault(m, n) != n:
            return []
    choices = [
        [n for n, other in enumerate(target.rows) if other == row and forced.get(m, n) == n]
        for m, row in enumerate(source.rows)
    ]
    _refuse(math.prod(map(len, choices)), "2-cells", source.sets)
    return list(itertools.product(*choices))


def components(A: int, A2: int, B: int, B2: int, M: int) -> list[list[FiniteOptic]]:
    """The optics with residuals of up to M elements, those together that zig-zags of 2-cells connect.

    The steps are the 2-cells from which all others are composed: an element more, two neighbours exchanged, two of the
    same behaviour made one. What an optic is as a function is never looked at.

    >>> len(components(2, 2, 2, 2, 2))
    64
    """
    import numpy as np
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    everything = enumerate_optics(A, A2, B, B2, M)
    place = {optic: i for i, optic in enumerate(everything)}
    steps = [(i, place[other]) for i, optic in enumerate(everything) for other in _steps(optic, M)]
    one, other = np.array(steps, dtype=np.int64).reshape(-1, 2).T
    joined = csr_matrix((np.ones(len(steps)), (one, other)), shape=(len(everything), len(everything)))
    groups: dict[int, list[FiniteOptic]] = {}
    for label, optic in zip(connected_components(joined, directed=False)[1].tolist(), everything, strict=True):
        groups.setdefault(label, []).append(optic)
    return list(groups.values())


def _steps(optic: FiniteOptic, most: int) -> Iterator[FiniteOptic]:
    """Targets of elementary 2-cells from an optic."""
    sets, rows, m = optic.sets, optic.rows, len(optic.rows)
    if m < most:
        for row in _tables(sets.B2, sets.A2):
            yield FiniteOptic.of(sets, optic.kept, optic.shown, (*rows, row))
    for i in range(m - 1):
        exchange = {i: i + 1, i + 1: i}
        kept = tuple(exchange.get(k, k) for k in optic.kept)
        yield FiniteOptic.of(sets, kept, optic.shown, (*rows[:i], rows[i + 1], rows[i], *rows[i + 2 :]))
        if rows[i] == rows[i + 1]:
            kept = tuple(k - (k > i) for k in optic.kept)
            yield FiniteOptic.of(sets, kept, optic.shown, (*rows[: i + 1], *rows[i + 2 :]))
