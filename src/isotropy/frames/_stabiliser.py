"""What leaves a cloud alone: turns of the space that it does not span, and averages over them."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from isotropy.errors import DegenerateError, counted
from isotropy.frames._padded import log_of, stacked
from isotropy.groups import SO, Cubature, DiscreteMeasure, E, Group, LinearGroup, O, Placed, Similarity
from isotropy.groups.parts import axis_frame, circle_rule, matrix
from isotropy.linalg import Segments
from isotropy.reps import Cloud, Pairs, Rep, Type, leaves


@dataclass(frozen=True, eq=False)
class Unspanned:
    """The space that each cloud does not span: its dimension, and a basis in its first columns; and the centres."""

    dimension: Int[Tensor, " B"]
    basis: Float[Tensor, "B d d"]
    centre: Float[Tensor, "B d"]

    def only(self, rows: Bool[Tensor, " B"]) -> "Unspanned":
        """Those of some rows."""
        return Unspanned(self.dimension[rows], self.basis[rows], self.centre[rows])


def unspanned(group: LinearGroup, y: Tensor, sets: Segments, centre: Tensor, dtype: torch.dtype) -> Unspanned:
    """What flat points ``y (N, d)`` about ``centre`` leave open to ``group``, as sure as ``dtype`` allows.

    >>> y = torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]]).double()
    >>> unspanned(O(3), y, Segments(torch.zeros(2).long(), 1), torch.zeros(1, 3).double(), y.dtype).dimension
    tensor([2])
    """
    y = y.detach()
    axis = _axis(group, y)
    if axis is not None:
        y = y - (y @ axis)[:, None] * axis
    moments = sets.sum(y[:, :, None] * y[:, None, :])
    size = moments.diagonal(dim1=-2, dim2=-1).sum(-1)
    size = torch.where(size > 0, size, 1.0)
    moments = moments / size[:, None, None]
    if axis is not None:
        moments = moments + axis[:, None] * axis
    values, vectors = torch.linalg.eigh(moments)
    # Square roots of the moments are lengths, known to the square root of the rounding.
    return Unspanned((values <= 64 * torch.finfo(dtype).eps).sum(-1), vectors, centre.detach())


def averaged_over(
    group: LinearGroup, found: DiscreteMeasure, rows: Int[Tensor, " R"], free: Unspanned, degree: int
) -> DiscreteMeasure:
    """The measure with its ``rows`` averaged over the turns of what is ``free``, exactly for outputs of ``degree``.

    Raises DegenerateError where no rule is known: for more than three free dimensions.
    """
    assert isinstance(found.g, Tensor)
    other = torch.ones(len(found.weight), dtype=torch.bool, device=rows.device)
    other[rows] = False
    parts, places = [(found.g[other], found.weight[other])], [other.nonzero().flatten()]
    affine = group.affine
    for m in free.dimension.unique().tolist():
        some = free.dimension == m
        turns, share = (part.to(free.basis) for part in _rule(int(m), _proper(group), degree))
        N = free.basis[some, :, :m]
        one = torch.eye(N.shape[1]).to(N)
        k = one + N[:, None] @ (turns - torch.eye(m).to(N)) @ N[:, None].mT
        g, weight = found.g[rows[some]].to(N), found.weight[rows[some]]
        if affine:
            h = torch.eye(N.shape[1] + 1).to(N).repeat(*k.shape[:2], 1, 1)
            h[..., :-1, :-1] = k
            centre = free.centre[some][:, None]
            h[..., :-1, -1] = centre - (k @ centre[..., None])[..., 0]
            k = h
        moved = (k[:, :, None] @ g[:, None]).flatten(1, 2).to(found.g)
        parts.append((moved, (share[:, None] * weight[:, None].to(share)).flatten(1).to(weight)))
        places.append(rows[some])
    g, weight = stacked(parts, torch.cat(places))
    return DiscreteMeasure(g, log_of(weight), found.exact, found.degenerate)


def degree_of(rep_out: Type) -> int:
    """The degree of the largest type among outputs as a polynomial in the element; an action of one's own counts as 2.

    >>> from isotropy.reps import Tensor as T, Vector
    >>> degree_of((Vector, Cloud(T(3))))
    3
    """
    reps = [type_.rep if isinstance(type_, Cloud | Pairs) else type_ for type_ in leaves(rep_out)]
    return max((_degree(rep) if isinstance(rep, Rep) else 0 if rep is None else 2 for rep in reps), default=0)


def _degree(rep: Rep) -> int:
    def of(factor: Any) -> int:
        return 2 if factor.kind == "Adjoint" else max(1, *factor.shape) if factor.shape else 1

    return max(
        (
            sum(map(of, part.term.factors)) + (_degree(part.term.tail) if part.term.tail is not None else 0)
            for part in rep.parts()
        ),
        default=0,
    )


def _rule(m: int, proper: bool, degree: int) -> tuple[Tensor, Tensor]:
    """A rule on SO(m), or on both components of O(m), exact for ``degree`` on each component."""
    if m > 3:
        raise DegenerateError(
            f"outputs of rank {degree} at clouds that leave {counted(m, 'dimension')} open", "at most 3, or rank 2",
            "such rows have to be left out",
        )  # fmt: skip
    if m == 3:
        rule = Cubature(SO(3) if proper else O(3), degree).discretise()
        return matrix(rule.g), rule.weight
    turns, _ = circle_rule(degree)
    if not proper:
        turns = torch.cat([turns, turns * torch.tensor([1.0, -1.0], dtype=torch.float64)])
    return turns, torch.full((len(turns),), 1 / len(turns), dtype=torch.float64)


def _proper(group: Group) -> bool:
    base = group.base if isinstance(group, Placed) else group
    return not isinstance(base, O | E | Similarity)


def _axis(group: Group, like: Tensor) -> Float[Tensor, " d"] | None:
    return axis_frame(group.axis).to(like)[:, -1] if isinstance(group, Placed) else None


def in_plane(group: Group, t: Float[Tensor, "B d"]) -> Float[Tensor, "B d"]:
    """The part of a translation that the group has: across the axis of a group about one."""
    axis = _axis(group, t)
    return t if axis is None else t - (t @ axis)[:, None] * axis
