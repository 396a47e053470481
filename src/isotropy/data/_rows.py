"""Rows: a typed collection that is counted and taken from, dense or ragged; what trainings are fed with."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from functools import cached_property, partial
from typing import Any, ClassVar, Literal, TypeVar

import torch
from jaxtyping import Shaped
from torch import Tensor
from torch.utils import _pytree as tree

from isotropy.errors import ShapeError, counted
from isotropy.linalg import Segments

Axis = Literal["rows", "parts", "edges", "joins", "all"]
Kind = TypeVar("Kind", bound="Rows")


def along(axis: Axis, default: Any = MISSING) -> Any:
    """A field of ``Rows`` that does not run along the rows.

    Along ``"parts"`` run the points, nodes or atoms that ``segments`` deals to the rows; along ``"edges"`` pairs of
    them; ``"joins"`` are the numbers ``(2, E)`` of the parts that each edge joins; ``"all"`` is shared by all rows.
    """
    return field(default=default, metadata={"axis": axis})


@dataclass(frozen=True, eq=False)
class Rows:
    """A typed collection: ``len`` of it, and ``take`` of some rows, which is a collection of the same kind.

    Base of frozen dataclasses. Their tensors have the rows as first axis, unless the field is declared by ``along``; a
    field ``segments`` makes a collection ragged: it says to which row each point, node or atom belongs. Taking is one
    gather, without a loop over rows.

    >>> @dataclass(frozen=True, eq=False)
    ... class Views(Rows):
    ...     left: torch.Tensor
    ...     right: torch.Tensor
    >>> views = Views(torch.arange(4.0), -torch.arange(4.0))
    >>> len(views), views.take(torch.tensor([3, 1])).right.tolist(), len(views[:3])
    (4, [-3.0, -1.0], 3)
    """

    _trees: ClassVar[tuple[str, ...]] = ()  # fields that may hold trees of tensors, one for each of several types
    __iter__ = None  # rows are taken by slices and index tensors; Python would otherwise count indices upwards

    def __len__(self) -> int:
        if self._segments is not None:
            return self._segments.count
        return next(len(value) for _, axis, value in self._tensors() if axis == "rows")

    def take(self: Kind, rows: slice | Tensor) -> Kind:
        """The rows of these numbers (or of a slice, or a mask), in this order."""
        if not isinstance(rows, Tensor) or rows.dtype == torch.bool:
            rows = torch.arange(len(self), device=self.device)[rows]
        return self._taken(rows)

    def __getitem__(self: Kind, rows: slice | Tensor) -> Kind:
        return self.take(rows)

    @property
    def device(self) -> torch.device:
        """Where its tensors lie."""
        return next(self._tensors())[2].device

    def to(self: Kind, device: torch.device | str) -> Kind:
        """The same on a device."""
        moved = self._mapped(lambda _, value: value.to(device))
        return replace(self, **moved, **({} if self._segments is None else {"segments": self._segments.to(device)}))

    def _taken(self: Kind, rows: Tensor) -> Kind:
        segments, index = self._segments, {"rows": rows}
        taken: dict[str, Any] = {}
        if segments is not None:
            index["parts"], taken["segments"] = segments.take(rows)
            for name, owner in self._edges.items():
                index["edges"], chosen = owner.take(rows)
                first = taken["segments"].ptr[chosen.label]
                taken[name] = segments.place[getattr(self, name)[:, index["edges"]]] + first
        chosen_of = self._mapped(lambda axis, value: value[index[axis]] if axis in index else value)
        return replace(self, **{**chosen_of, **taken})

    @cached_property
    def _edges(self) -> dict[str, Segments]:
        """For the field of edges, which edge belongs to which row: that of the second part that it joins."""
        segments = self._segments
        assert segments is not None
        return {
            name: Segments(segments.label[value[1]], segments.count)
            for name, axis, value in self._tensors()
            if axis == "joins"
        }

    @property
    def _segments(self) -> Segments | None:
        return getattr(self, "segments", None)

    def _tensors(self) -> Iterator[tuple[str, Axis, Tensor]]:
        for each in fields(self):
            value = getattr(self, each.name)
            for part in tree.tree_leaves(value) if each.name in self._trees else (value,):
                if isinstance(part, Tensor):
                    yield each.name, self._axis(each, part), part

    def _mapped(self, change: Callable[[Axis, Tensor], Tensor]) -> dict[str, Any]:
        """The fields that hold tensors, by their names, each tensor changed as its axis asks."""
        found: dict[str, Any] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, Tensor):
                found[each.name] = change(self._axis(each, value), value)
            elif each.name in self._trees:
                asked = partial(self._axis, each)
                found[each.name] = tree.tree_map_only(Tensor, lambda part: change(asked(part), part), value)  # noqa: B023
        return found

    def _axis(self, each: Field[Any], value: Tensor) -> Axis:
        return each.metadata.get("axis", "rows")

    def _refuse_lengths(self, lengths: Mapping[Axis, tuple[int, str]]) -> None:
        """Raises ShapeError unless tensors along these axes are so long, one entry for each thing that is named."""
        for name, axis, value in self._tensors():
            length, thing = lengths.get(axis, (len(value), ""))
            if len(value) != length:
                raise ShapeError(f"{counted(len(value), 'row')} of {name}", f"{length}, one for each {thing}")


@dataclass(frozen=True, eq=False)
class Clouds(Rows):
    """Clouds of points with their features ``x``, and ``y``: what is known of each cloud, or of each point.

    Dense, ``x (B, n, d)`` and ``y (B, ...)``; or ragged, with ``segments``: ``x (N, d)``, and ``y`` with B rows, one
    for each cloud, or N, one for each point. Raises ShapeError for parts that do not fit together.

    >>> clouds = Clouds(torch.zeros(5, 3), torch.tensor([1.0, 2.0]), Segments.from_sizes(torch.tensor([2, 3])))
    >>> len(clouds), clouds[1:].x.shape, clouds[1:].y
    (2, torch.Size([3, 3]), tensor([2.]))
    """

    x: Shaped[Tensor, "*n d"]
    y: Shaped[Tensor, "m ..."]
    segments: Segments | None = None

    def __post_init__(self) -> None:
        parts = None if self.segments is None else len(self.segments.label)
        if parts is not None and (self.x.dim() != 2 or len(self.x) != parts):
            raise ShapeError(f"x of shape {tuple(self.x.shape)}", f"({parts}, d), a row for each point of the segments")
        if self.x.dim() < (3 if parts is None else 2):
            raise ShapeError(f"x of shape {tuple(self.x.shape)}", "(B, n, d), or (N, d) with segments")
        if len(self.y) not in (len(self), parts):
            expected = f"{len(self)}, one for each cloud" + (
                "" if parts is None else f", or {parts}, one for each point"
            )
            raise ShapeError(f"{counted(len(self.y), 'row')} of y", expected)

    def _axis(self, each: Field[Any], value: Tensor) -> Axis:
        per_point = self.segments is not None and (each.name == "x" or len(value) != len(self))
        return "parts" if per_point else "rows"
