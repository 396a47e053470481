"""One copy of a row for each atom that counts: made before the inside is run, summed up again after it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils import _pytree as tree

from isotropy.errors import DtypeError, ShapeError, counted
from isotropy.linalg import Segments
from isotropy.reps import Cloud, Edges, Type, leaves, over

HALF = (torch.float16, torch.bfloat16)


@dataclass(frozen=True, eq=False)
class Copies:
    """Copy p is of row ``row[p]``, moved by ``g[p]`` and counted with ``weight[p]``; all of one atom together.

    In a ragged batch rows are sets, and the points of a copy lie one after another.
    """

    row: Int[Tensor, " P"]
    atom: Int[Tensor, " P"]
    g: Any
    weight: Float[Tensor, " P"]
    rows: int
    segments: Segments | None = None

    @classmethod
    def of(cls, g: Any, weight: Float[Tensor, "R F"], segments: Segments | None) -> Copies:
        """A copy for each atom of weight above zero: padding is never run."""
        atom, row = (weight.detach().T > 0).nonzero().unbind(1)
        return cls(row, atom, tree.tree_map(lambda part: part[row, atom], g), weight[row, atom], len(weight), segments)

    def split(self, atoms: int) -> list[Copies]:
        """The same copies, those of ``atoms`` atoms at a time."""
        parts = (self.atom // atoms).bincount().tolist()
        pieces = torch.arange(len(self.row), device=self.row.device).split(parts)
        return [self._some(slice(int(p[0]), int(p[-1]) + 1)) for p in pieces if len(p)]

    def _some(self, some: slice) -> Copies:
        g = tree.tree_map(lambda part: part[some], self.g)
        return Copies(self.row[some], self.atom[some], g, self.weight[some], self.rows, self.segments)

    @cached_property
    def inner(self) -> Segments | None:
        """The sets of the copies, in a ragged batch."""
        return None if self.segments is None else Segments.from_sizes(self.segments.sizes[self.row])

    @cached_property
    def points(self) -> Int[Tensor, " M"]:
        """Of which point of the ragged batch each point of the copies is a copy."""
        assert self.segments is not None
        return self.segments.take(self.row)[0]

    def take(self, type_: Type, x: Any) -> Any:
        """The copied values: rows, or the points of their sets where the type is a Cloud in a ragged batch.

        Edges of a ragged batch are those of the sets that were copied, between the points of each copy; without
        segments they are shared by all rows.

        Raises ShapeError for a value with another number of rows (of points, for a Cloud in a ragged batch; of edges).
        """
        edges = list[Tensor]()
        if any(isinstance(kind, Edges) for kind in leaves(type_)) and self.segments is not None:
            over(type_, x, lambda kind, value: edges.append(value) if self._joins(kind, value) else None)

        def leaf(type_: Any, value: Tensor) -> Tensor:
            if isinstance(type_, Edges):
                return value if self.segments is None else self._of_edges(value, edges)
            by_point = self._by_point(type_)
            wanted = self._count if by_point else self.rows
            if len(value) != wanted:
                each = "point" if by_point else "row" if self.segments is None else "set"
                raise ShapeError(
                    f"an input {tuple(value.shape)} of type {type_} for {wanted} {each}s",
                    f"({wanted}, ...), one value for each {each}",
                    "" if self.segments is None else "values of points are of type Cloud, Cloud() for plain numbers",
                )
            return value[self.points if by_point else self.row]

        return over(type_, x, leaf)

    def _joins(self, type_: Any, value: Tensor) -> bool:
        return isinstance(type_, Edges) and self.segments is not None and self.segments.joins(value)

    def _of_edges(self, value: Tensor, edges: list[Tensor]) -> Tensor:
        """An edge index, or values of the edges of one."""
        assert self.segments is not None
        own = [pairs for pairs in edges if pairs is value]
        pairs = own or [pairs for pairs in edges if pairs.shape[1] == len(value)]
        if not pairs:
            raise ShapeError(
                f"an input {tuple(value.shape)} of type Edges()",
                "(2, E) whole numbers that join points of one set, or (E, ...) values beside these",
            )
        which, joined = self.segments.take_pairs(pairs[0], self.row)
        return joined if own else value[which]

    def check(self, type_: Type, y: Any) -> Any:
        """``y``, refused unless it has one row for each copy (one for each point of a Cloud in a ragged batch).

        Half precision, as autocast makes it, becomes the precision of the weights: sums of copies need their digits.
        Raises ShapeError, and DtypeError for integers, which have no average.
        """

        def leaf(type_: Any, value: Tensor) -> Tensor:
            wanted = len(self.points) if self._by_point(type_) else len(self.row)
            if not value.ndim or len(value) != wanted:
                raise ShapeError(
                    f"an output of shape {tuple(value.shape)} for {counted(wanted, 'copy', 'copies')}",
                    f"({wanted}, ...), one row for each",
                    "a backbone must keep the batch axis first",
                )
            if not (value.is_floating_point() or value.is_complex()):
                raise DtypeError(f"an output of dtype {value.dtype}", "a floating one", "an average is not an integer")
            return value.to(self.weight.dtype) if value.dtype in HALF else value

        return over(type_, y, leaf)

    def sum(self, type_: Type, y: Any) -> Any:
        """Weighted sums over the copies of each row, or of each point where the type is a Cloud in a ragged batch."""

        def leaf(type_: Any, value: Tensor) -> Tensor:
            by_point = self._by_point(type_)
            index = self.points if by_point else self.row
            weight, count = (self._weights, self._count) if by_point else (self.weight, self.rows)
            terms = value * weight.to(value.dtype).reshape(-1, *[1] * (value.ndim - 1))
            return terms.new_zeros(count, *value.shape[1:]).index_add(0, index, terms)

        return over(type_, y, leaf)

    @property
    def _weights(self) -> Float[Tensor, " M"]:
        assert self.inner is not None
        return self.weight[self.inner.label]

    @property
    def _count(self) -> int:
        assert self.segments is not None
        return len(self.segments.label)

    def _by_point(self, type_: Any) -> bool:
        return self.segments is not None and isinstance(type_, Cloud)
