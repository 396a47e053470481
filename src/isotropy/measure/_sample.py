"""Rows of typed values: what a function is called on, moved by one element for each row, and measured row by row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils import _pytree as tree

from isotropy.errors import DtypeError, ShapeError, counted
from isotropy.groups import Element, Group
from isotropy.linalg import Segments
from isotropy.reps import Cloud, Edges, Rep, Type, act, over, tangent


@dataclass(frozen=True, eq=False)
class Sample:
    """Values ``x`` of one type, (rows, ...) or a tree of such; with ``segments`` rows are sets, and Clouds flat."""

    x: Any
    type: Type
    segments: Segments | None = None

    def checked(self) -> Sample:
        """The same, refused unless it holds real numbers, one value for each row (or each point of a flat Cloud).

        Raises DtypeError and ShapeError.
        """
        over(self.type, self.x, self._check)
        if len({(part.dtype, part.device) for part in self.floats}) != 1:
            raise ShapeError("inputs of different dtypes or devices", "one dtype, one device")
        if len(self) == 0:
            raise ShapeError("x without rows", "at least one row")
        lengths, points = (
            {
                len(part)
                for type_, x in self.leaves
                if self._by_point(type_) == flat and not isinstance(type_, Edges)
                for part in tree.tree_leaves(x)
            }
            for flat in (False, True)
        )
        if not lengths <= {len(self)} or not points <= {0 if self.segments is None else len(self.segments.label)}:
            raise ShapeError("inputs of different lengths", f"one value for each of {counted(len(self), 'row')}")
        return self

    def _check(self, type_: Any, value: Any) -> None:
        for part in tree.tree_leaves(value):
            if not isinstance(part, Tensor) or part.is_complex() or (isinstance(type_, Rep) and not _real(part)):
                given = f"x of dtype {part.dtype}" if isinstance(part, Tensor) else f"x of type {type(part).__name__}"
                hint = "cast with torch.as_tensor(x).double()"
                raise DtypeError(given, "tensors of real floating-point numbers", hint)
            if part.ndim < 1 or (_real(part) and part.ndim < 2):
                raise ShapeError(f"x of shape {tuple(part.shape)}", "(rows, ..., features)", "add a row axis: x[None]")

    @cached_property
    def floats(self) -> list[Tensor]:
        """The values that have derivatives; others, such as atomic numbers and adjacencies, are only carried along."""
        found = [part for part in tree.tree_leaves(self.x) if isinstance(part, Tensor) and _real(part)]
        if not found:
            parts = tree.tree_leaves(self.x)
            given = f"x of dtype {parts[0].dtype}" if parts and isinstance(parts[0], Tensor) else "no tensor"
            hint = "cast with torch.as_tensor(x).double()"
            raise DtypeError(given, "tensors of real floating-point numbers", hint)
        return found

    def __len__(self) -> int:
        return len(self.floats[0]) if self.segments is None else self.segments.count

    @property
    def leaves(self) -> list[tuple[Any, Any]]:
        """The types without parts of their own, each with its values."""
        found: list[tuple[Any, Any]] = []
        over(self.type, self.x, lambda type_, x: found.append((type_, x)))
        return found

    def _by_point(self, type_: Any) -> bool:
        return self.segments is not None and isinstance(type_, Cloud)

    def take(self, rows: Tensor | slice) -> Sample:
        """Some rows, in this order; of sets all their points."""
        if self.segments is None:

            def some(type_: Any, value: Any) -> Any:
                return value if isinstance(type_, Edges) else tree.tree_map(lambda part: part[rows], value)

            return replace(self, x=over(self.type, self.x, some))
        if isinstance(rows, slice):
            rows = torch.arange(self.segments.count, device=self.segments.label.device)[rows]
        points, segments = self.segments.take(rows)

        joined = [x for type_, x in self.leaves if isinstance(type_, Edges) and self.segments.joins(x)]

        def taken(type_: Any, value: Any) -> Any:
            if isinstance(type_, Edges):
                assert self.segments is not None
                own = [pairs for pairs in joined if pairs is value]
                pairs = own or [pairs for pairs in joined if pairs.shape[1] == len(value)]
                which, found = self.segments.take_pairs(pairs[0], rows)
                return found if own else value[which]
            index = points if self._by_point(type_) else rows
            return tree.tree_map(lambda part: part[index], value)

        return Sample(over(self.type, self.x, taken), self.type, segments)

    def to(self, dtype: torch.dtype) -> Sample:
        """The same in another precision; whole numbers stay so."""
        return replace(self, x=tree.tree_map(lambda part: part.to(dtype) if _real(part) else part, self.x))

    def moved(self, group: Group, g: Element) -> Sample:
        """g.x with one element for each row."""
        return replace(self, x=act(self.type, group, g, self.x, self.segments))

    def rates(self, group: Group, A: Element) -> Any:
        """d/dt exp(tA).x at t = 0, in the shape of x."""
        return tangent(self.type, group, A, self.x, self.segments)

    def call(self, f: Callable[..., Any], x: Any = None) -> Any:
        """f on these values (or others of the same shapes), a tuple as its arguments, a dictionary by name."""
        x, sets = self.x if x is None else x, () if self.segments is None else (self.segments,)
        if isinstance(x, dict):
            return f(**x) if self.segments is None else f(**x, segments=self.segments)
        return f(*x, *sets) if isinstance(x, tuple) else f(x, *sets)

    def out(self, y: Any, type_: Type) -> Sample:
        """Values of the same rows, of another type."""
        return Sample(y, type_, self.segments)

    def norm(self) -> Float[Tensor, " rows"]:
        """The norm over all axes, parts and points of each row, in float64."""
        squares: list[Tensor] = []
        for type_, value in self.leaves:
            for part in tree.tree_leaves(value):
                square = part.detach().flatten(1).double().square().sum(1)
                squares.append(self.segments.sum(square) if self.segments and self._by_point(type_) else square)
        return torch.stack(squares).sum(0).sqrt()

    @property
    def components(self) -> int:
        """How many numbers a row has, of sets on average."""
        return round(sum(part.numel() for part in tree.tree_leaves(self.x)) / len(self.norm()))


def _real(part: Tensor) -> bool:
    return part.is_floating_point()
