"""The smallest frames there are, for labelled points: axes from the first independent ones in their order."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from isotropy.errors import DegenerateError, DomainError
from isotropy.frames._padded import TOLERANCE, dense, euclidean, log_of, no_rows, nothing, padded, placed, stacked
from isotropy.frames._signs import complete, stabilizer_rule
from isotropy.groups import SL, DiscreteMeasure, GLPlus, Group, Lorentz, parse
from isotropy.groups.parts import reflect_last
from isotropy.linalg import Segments

Part = tuple[Float[Tensor, "b F d d"], Float[Tensor, "b F"]]
"""Atoms and weights of some rows."""


@dataclass(frozen=True, init=False)
class MinimalFrame:
    """The element that takes coordinate axes to the first independent points of a labelled tuple, by a generalised QR.

    For O, SO, and centred at the mean E, SE: Gram-Schmidt; for Lorentz(d), time first, Gram-Schmidt in its metric; for
    GL+(d), SL(d) the points themselves, the last one scaled to the right determinant. One atom where the tuple has a
    trivial stabiliser; a stabiliser O(m), SO(m) of the complement is averaged by a finite rule exact for outputs of
    degree at most 2, and the row is marked ``degenerate``. Depends on the order of the points, and jumps where a point
    joins the span of those before it: no frame of one atom is continuous.

    Call with ``x (B, n, d)``, or flat ``(N, d)`` with segments. Raises DomainError for another group, coordinates that
    are not finite, or a Lorentz tuple with a null vector among its axes; DegenerateError for tuples of GL+, SL without
    d independent points, or of Lorentz whose stabiliser is not compact; ShapeError and DtypeError for wrong input.
    Source: Lin et al., ICML 2024, minimal frame averaging; specification 03 §2.6.

    >>> frame = MinimalFrame("SO(2)")
    >>> frame(torch.tensor([[[0.0, 2.0], [3.0, 3.0]]])).g.int().tolist()
    [[[[0, -1], [1, 0]]]]
    """

    group: Group

    def __init__(self, group: Group | str) -> None:
        group = parse(group)
        if not isinstance(group, Lorentz | GLPlus):
            euclidean(group)
        object.__setattr__(self, "group", group)

    def __call__(self, x: Shaped[Tensor, "*index d"], segments: Segments | None = None) -> DiscreteMeasure:
        if no_rows(x, segments):
            return nothing(self.group, x)
        if isinstance(self.group, GLPlus):
            return _linear(self.group, x, segments)
        if isinstance(self.group, Lorentz):
            return _spacetime(self.group, x, segments)
        special, affine = euclidean(self.group)
        clouds = padded(self.group, x, segments, centred=affine)
        d = x.shape[-1]
        rank, first = first_independent(clouds.y.detach(), clouds.zero[:, None])
        # The last axis of SO(d) is decided by the others, whether a point has it or not.
        length = rank.clamp_max(d - 1) if special else rank
        parts: list[tuple[Tensor, Tensor]] = []
        rows: list[Tensor] = []
        for level in length.unique().tolist():
            some = (length == level).nonzero().flatten()
            chosen = torch.take_along_dim(clouds.y[some], first[some, : int(level), None], 1)
            g, weight = complete(orthonormal(chosen), special)
            parts.append((g, weight.expand(len(g), -1)))
            rows.append(some)
        g, weight = stacked(parts, torch.cat(rows))
        return DiscreteMeasure(
            placed(g, clouds.centre, affine, x),
            log_of(weight).to(x),
            exact=True,
            degenerate=length < (d - 1 if special else d),
        )


def _linear(group: GLPlus, x: Tensor, segments: Segments | None) -> DiscreteMeasure:
    d = group.degree
    y = dense(group, x, segments)[0].double()
    zero = TOLERANCE[x.dtype] * torch.linalg.vector_norm(y.detach(), dim=-1)
    rank, first = first_independent(y.detach(), zero)
    if bool((rank < d).any()):
        rows = (rank < d).nonzero().flatten()[:5].tolist()
        raise DegenerateError(f"tuples without {d} independent points at batch {rows}", f"{d} of them for {group}")
    M = torch.take_along_dim(y, first[..., None], 1).mT
    volume = torch.linalg.det(M)
    last = 1 / volume if isinstance(group, SL) else volume.detach().sign()
    g = torch.cat([M[..., :-1], M[..., -1:] * last[:, None, None]], -1)[:, None]
    return DiscreteMeasure(
        g.to(x), x.new_zeros(len(g), 1), True, torch.zeros(len(g), dtype=torch.bool, device=x.device)
    )


def _spacetime(group: Lorentz, x: Tensor, segments: Segments | None) -> DiscreteMeasure:
    y, _ = dense(group, x, segments)
    parts, rows, degenerate = spacetime_axes(y.double(), TOLERANCE[x.dtype])
    g, weight = stacked(parts, rows)
    return DiscreteMeasure(g.to(x), log_of(weight).to(x), True, degenerate)


def first_independent(
    y: Float[Tensor, "B n d"], zero: Float[Tensor, "B _n"]
) -> tuple[Int[Tensor, " B"], Int[Tensor, "B d"]]:
    """The rank, and the first points that are each farther than ``zero`` from the span of those before.

    >>> x = torch.tensor([[[1.0, 0.0], [2.0, 0.0], [1.0, 1.0]]])
    >>> first_independent(x, torch.tensor([[1e-6]]))
    (tensor([2]), tensor([[0, 2]]))
    """
    batch, _, d = y.shape
    rank = torch.zeros(batch, dtype=torch.int64, device=y.device)
    first = torch.zeros(batch, d, dtype=torch.int64, device=y.device)
    left = y
    for stage in range(d):
        free = torch.linalg.vector_norm(left, dim=-1) > zero
        found, at = free.any(1), free.int().argmax(1)
        first[:, stage] = at
        rank = rank + found
        axis = torch.take_along_dim(left, at[:, None, None], 1)
        size = torch.linalg.vector_norm(axis, dim=-1, keepdim=True)
        axis = torch.where(found[:, None, None], axis / torch.where(size > 0, size, 1.0), 0.0)
        for _ in range(2):
            left = left - (left @ axis.mT) @ axis
        left = left * found[:, None, None]
    return rank, first


def orthonormal(rows: Float[Tensor, "B l d"]) -> Float[Tensor, "B l d"]:
    """Gram-Schmidt on independent rows, each projected twice for its digits."""
    axes: list[Tensor] = []
    for i in range(rows.shape[1]):
        v = rows[:, i]
        for axis in 2 * axes:
            v = v - (v * axis).sum(-1, keepdim=True) * axis
        axes.append(v / torch.linalg.vector_norm(v, dim=-1, keepdim=True))
    return torch.stack(axes, 1) if axes else rows


def spacetime_axes(
    y: Float[Tensor, "B n d"], tolerance: float
) -> tuple[list[Part], Int[Tensor, " B"], Bool[Tensor, " B"]]:
    """Elements of SO+(1, d-1) from the first independent points; the rows of each part, and which are degenerate.

    The timelike axis points to the future; the last spacelike one is reversed where the determinant asks for it. A
    complement of m >= 2 spacelike directions is averaged by a rule of SO(m). Raises DomainError where a point leaves a
    null vector, ``|<u, u>| <= tolerance |u|^2``, DegenerateError where m >= 2 missing directions include time.

    >>> parts, rows, degenerate = spacetime_axes(torch.tensor([[[5.0, 3.0], [0.0, 1.0]]]), 1e-5)
    >>> parts[0][0].tolist()
    [[[[1.25, 0.75], [0.75, 1.25]]]]
    """
    d = y.shape[-1]
    rank, first = _first(y.detach(), tolerance)
    parts: list[Part] = []
    rows: list[Tensor] = []
    for level in rank.unique().tolist():
        some = (rank == level).nonzero().flatten()
        axes, signs = _orthonormal(torch.take_along_dim(y[some], first[some, : int(level), None], 1))
        for timelike in (True, False):
            which = (signs > 0).any(1) == timelike
            if bool(which.any()):
                if not timelike and level < d - 1:
                    raise DegenerateError(
                        f"tuples without a timelike direction at batch {some[which][:5].tolist()}",
                        "a compact stabiliser",
                        "the boosts that fix them have no uniform distribution",
                    )
                parts.append(_elements(axes[which], signs[which]))
                rows.append(some[which])
    return parts, torch.cat(rows), rank < d - 1


def _first(y: Tensor, tolerance: float) -> tuple[Tensor, Tensor]:
    """The number of independent points, and the first of them; null vectors refused."""
    eta = _metric(y)
    batch, _, d = y.shape
    rank = torch.zeros(batch, dtype=torch.int64, device=y.device)
    first = torch.zeros(batch, d, dtype=torch.int64, device=y.device)
    size = torch.linalg.vector_norm(y, dim=-1)
    left = y
    for stage in range(d):
        length = torch.linalg.vector_norm(left, dim=-1)
        # What is left of a point may be longer than the point: the axes are not short.
        size = torch.maximum(size, length)
        free = length > tolerance * size
        found, at = free.any(1), free.int().argmax(1)
        first[:, stage] = at
        rank = rank + found
        u = torch.take_along_dim(left, at[:, None, None], 1)
        norm = (u * eta * u).sum(-1, keepdim=True)
        null = found & (norm.abs() <= tolerance * u.square().sum(-1, keepdim=True))[:, 0, 0]
        if bool(null.any()):
            row = int(null.nonzero()[0])
            raise DomainError(
                f"a null vector, from point {int(at[row])} at batch {row}",
                "timelike or spacelike ones",
                "order the points so that its span with those before it is not null",
            )
        u = torch.where(found[:, None, None], u / torch.where(norm == 0, 1.0, norm.abs().sqrt()), 0.0)
        for _ in range(2):
            left = left - norm.sign() * (left @ (eta * u).mT) @ u
        left = left * found[:, None, None]
    return rank, first


def _orthonormal(
    rows: Float[Tensor, "B l d"], axes: Sequence[Tensor] = (), signs: Sequence[Tensor] = ()
) -> tuple[Float[Tensor, "B m d"], Float[Tensor, "B m"]]:
    """Gram-Schmidt in the metric, after known ``axes``: axes with ``<u, u>`` = 1 (timelike) or -1, and that sign."""
    eta = _metric(rows)
    axes, signs = list(axes), list(signs)
    for i in range(rows.shape[1]):
        v = rows[:, i]
        for axis, sign in 2 * list(zip(axes, signs, strict=True)):
            v = v - sign * (v * eta * axis).sum(-1, keepdim=True) * axis
        norm = (v * eta * v).sum(-1, keepdim=True)
        axes.append(v * norm.abs().rsqrt())
        signs.append(norm.detach().sign())
    if not axes:
        return rows, rows[..., 0]
    return torch.stack(axes, 1), torch.cat(signs, 1)


def _elements(axes: Tensor, signs: Tensor) -> Part:
    """All elements with these axes as columns, in the order time, then the spacelike ones as they came."""
    d, timelike = axes.shape[-1], bool((signs > 0).any())
    missing = _missing(axes, signs)
    order = (signs <= 0).int().argsort(dim=1, stable=True)
    known = torch.take_along_dim(axes, order[..., None], 1)
    if not timelike:
        known, missing = torch.cat([missing, known], 1), missing[:, :0]
    future = known[:, :1] * known[:, :1, :1].detach().sign()
    columns = reflect_last(torch.cat([future, known[:, 1:], missing], 1).mT)
    if missing.shape[1] < 2:
        return columns[:, None], columns.new_ones(len(columns), 1)
    turns, weight = (part.to(axes) for part in stabilizer_rule(missing.shape[1], True))
    rest = columns[:, None, :, d - missing.shape[1] :] @ turns
    kept = columns[:, None, :, : d - missing.shape[1]].expand(-1, len(turns), -1, -1)
    return torch.cat([kept, rest], -1), weight.expand(len(axes), -1)


def _missing(axes: Float[Tensor, "B l d"], signs: Float[Tensor, "B l"]) -> Float[Tensor, "B m d"]:
    """Orthonormal directions that complete the axes, all of one sign."""
    count = axes.shape[1]
    with torch.no_grad():
        start = torch.linalg.qr((axes * _metric(axes)).mT, mode="complete").Q[..., count:].mT
    return _orthonormal(start, axes.unbind(1), signs[..., None].unbind(1))[0][:, count:]


def _metric(y: Tensor) -> Tensor:
    eta = -torch.ones(y.shape[-1], dtype=y.dtype, device=y.device)
    eta[0] = 1
    return eta
