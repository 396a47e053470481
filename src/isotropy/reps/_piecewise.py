"""The type of clouds in parts that move each by its own element of a power such as ``E(3)^5``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Int
from torch import Tensor

from isotropy.errors import DomainError, SchemaError, ShapeError, counted
from isotropy.groups import Element, Group, Power
from isotropy.groups.parts import matrix
from isotropy.linalg import Segments
from isotropy.reps._rep import Rep
from isotropy.reps._text import parse_rep


@runtime_checkable
class Celled(Protocol):
    """A partition: its cells, of which each lies in the cloud ``of``."""

    cells: Segments
    of: Int[Tensor, " K"]


@dataclass(frozen=True, eq=False)
class Piecewise:
    """A value of type ``rep`` for each point, which moves by the element of the part that the point belongs to.

    Values are ``(clouds, N, d)``, clouds of the same N points, or flat ``(N, d)`` with the segments of their clouds.
    ``cells`` are the parts, as Segments or a Partition: copy ``j`` of a group ``G^K`` moves the points of part j, of a
    Partition of several clouds the j-th cell of each. ``label (N,)`` says which copy moves each point. None in place
    of a Rep are values that nothing moves. Raises SchemaError for what is no Rep and no parts.

    >>> from isotropy.groups import parse
    >>> halves = Piecewise("Vector", Segments(torch.tensor([0, 0, 1]), 2))
    >>> turn = torch.stack([torch.eye(2), -torch.eye(2)])[None]
    >>> halves.act(parse("SO(2)^2"), turn, torch.tensor([[[1.0, 0], [2, 0], [3, 0]]])).tolist()
    [[[1.0, 0.0], [2.0, 0.0], [-3.0, 0.0]]]
    """

    rep: Rep | None
    label: Int[Tensor, " N"]
    count: int

    def __init__(self, rep: Rep | str | None, cells: Any) -> None:
        read = parse_rep(rep) if isinstance(rep, str) else rep
        if read is not None and not isinstance(read, Rep):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise SchemaError(f"parts of type {type(rep).__name__}", "a Rep, such as Point, or None")
        if isinstance(cells, Segments):
            label, count = cells.label, cells.count
        elif isinstance(cells, Celled):
            of = cells.of.contiguous()
            place = torch.arange(len(of), device=of.device) - torch.searchsorted(of, of)
            label, count = place[cells.cells.label], int(place.max()) + 1
        else:
            raise SchemaError(f"parts given as {type(cells).__name__}", "Segments or a Partition")
        for name, value in (("rep", read), ("label", label), ("count", count)):
            object.__setattr__(self, name, value)

    def __str__(self) -> str:
        return f"Piecewise({self.rep}, {counted(self.count, 'part')})"

    def act(self, G: Group, g: Element, x: Tensor, segments: Segments | None = None) -> Tensor:
        """``g.x`` with one element ``(K, m, m)`` for each cloud, ``g (clouds, K, m, m)``.

        Raises DomainError for a group that is no power, or of other than K parts; ShapeError for other values.
        """
        if self.rep is None:
            return x
        if not isinstance(G, Power) or G.count != self.count:
            raise DomainError(
                f"{G} on {counted(self.count, 'part')}", "a copy of a group for each", f"such as E(3)^{self.count}"
            )
        each = matrix(g)
        if segments is None:
            if x.ndim != 3 or x.shape[1] != len(self.label):
                raise ShapeError(f"values {tuple(x.shape)}", f"(clouds, {len(self.label)}, d), or flat with segments")
            return self.rep.act(G.base, each[:, self.label], x)
        if x.ndim != 2 or len(x) != len(self.label) or len(segments.label) != len(x):
            raise ShapeError(
                f"values {tuple(x.shape)} of {counted(len(segments.label), 'point')}", f"({len(self.label)}, d)"
            )
        return self.rep.act(G.base, each[segments.label, self.label], x)
