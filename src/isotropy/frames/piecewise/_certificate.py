"""How far a model is from equivariant part by part, and the points at which it must be exact."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from isotropy.errors import DomainError, SchemaError, ShapeError, counted
from isotropy.frames.piecewise._partition import Partition
from isotropy.frames.piecewise._radial import check_group
from isotropy.groups import Group, Haar, Measure, Window, homogeneous, parse
from isotropy.linalg import Segments, check_points
from isotropy.random import spawn
from isotropy.reps import Piecewise, Point, Rep, parse_type

_ORTHOGONAL = 1e-5
"""What R^T R may be off by: a product of two hundred turns in single precision is."""


@dataclass(frozen=True, eq=False)
class Certificate:
    """What ``piecewise_certificate`` tells of D motions of the parts, each (D,) where not said otherwise.

    ``measured`` is mean_i |f(gx)_i - (g f(x))_i| and never above ``bound``, 2 M times the share of points that are not
    exact. ``exact (N,)`` marks points whose error is zero whatever the network, in every motion: in each layer their
    cell lies within one part, is the same set of points before and after, and holds only points that were exact before.
    ``error (D, N)`` is that of each point. ``impure`` is the share of points whose cell in some layer holds two parts,
    ``unstable`` that of points whose cell changed. ``lambda_`` is the probability of the paper, 1 as soon as one cell
    is impure; ``lambda_point`` its mean over points. ``M`` is the largest |g f(x)_i| or |f(gx)_i|. ``delta`` is the
    largest doubt about a cell, where the model tells it, else 0. ``told`` says whether the model returned partitions:
    without them no point is exact and the bound is void.
    """

    measured: Float[Tensor, " D"]
    bound: Float[Tensor, " D"]
    exact: Bool[Tensor, " N"]
    error: Float[Tensor, "D N"]
    impure: float
    unstable: Float[Tensor, " D"]
    lambda_: float
    lambda_point: float
    delta: float
    M: float
    told: bool

    def __repr__(self) -> str:
        share = float(self.exact.double().mean())
        return (
            f"Certificate(measured {float(self.measured.max()):.3g}, bound {float(self.bound.max()):.3g}, "
            f"{share:.0%} of the points exact)"
        )


def piecewise_certificate(
    f: Callable[..., Any],
    x: Tensor,
    partition: Partition,
    g: tuple[Tensor, Tensor] | Sequence[tuple[Tensor, Tensor]] | int = 8,
    *,
    segments: Segments | None = None,
    rep_out: Rep | str | None = None,
    group: str = "E(3)",
    seed: int = 0,
) -> Certificate:
    """The error of ``f`` when the parts of ``x (N, 3)`` move each by itself, its bound, and where it must be zero.

    ``f(x)`` gives an output (N, c) of the type ``rep_out`` (numbers that stay, by default), or that and what a
    piecewise model returns beside it: a Partition or several, one for each layer, and what tells a "delta".
    ``partition`` has the true parts, K of them; ``g`` is one motion ``(R (K, 3, 3), t (K, 3))``, several, or a number
    of them to be drawn from ``group`` with translations of the size of the cloud. ``segments`` are passed on to ``f``
    where given.

    Theorem: let f be made of layers, each of which computes the output of a point from the points of its cell alone, by
    a map that is equivariant cell by cell. If in each layer the cell of i lies within one part, is the same set for x
    and gx, and holds only points for which this was so before, then f(gx)_i = (g f(x))_i. By induction the inputs of
    the cell of i move by one motion, that of its part, so its outputs do. At all other points the difference is at most
    2 M, by the triangle inequality.

    Raises ShapeError, DtypeError and DomainError for what does not fit. Source: specification 06 §2.3; Atzmon et al.,
    ICLR 2024, bound lambda + delta instead, which is 1 as soon as one cell is impure.

    >>> parts = Partition(torch.tensor([0, 0, 0, 1, 1, 1]))
    >>> x = torch.randn(6, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    >>> def inwards(x):
    ...     return parts.cells.gather(parts.cells.mean(x)) - x, parts
    >>> piecewise_certificate(inwards, x, parts, rep_out="Vector")
    Certificate(measured ..., bound 0, 100% of the points exact)
    """
    check_points(x, segments, dim=3)
    if len(partition.labels) != len(x):
        raise ShapeError(f"parts of {counted(len(partition.labels), 'point')} for {len(x)}", "one label for each point")
    out = None if rep_out is None else parse_type(rep_out)
    if out is not None and not isinstance(out, Rep):
        raise SchemaError(f"outputs of type {out}", "a Rep of each point, such as Vector, or None")
    K = len(partition)
    acting = _acting(group) ** K
    points, outputs = (Piecewise(rep, partition.cells) for rep in (Point, out))
    motions = _motions(g, K, x, group, seed)

    def asked(at: Tensor) -> tuple[Tensor, list[Partition], float]:
        return _read(f(at) if segments is None else f(at, segments=segments))

    def moved(type_: Piecewise, h: Tensor, value: Tensor) -> Tensor:
        return type_.act(acting, h[None], value[None])[0]

    y, cells, doubt = asked(x)
    told = bool(cells)
    exact = torch.full_like(partition.labels, told, dtype=torch.bool)
    errors, bounds, unstable, M = [], [], [], 0.0
    for h in motions:
        z, moved_cells, other = asked(moved(points, h, x))
        doubt = max(doubt, other)
        there = moved(outputs, h, y)
        errors.append((z - there).norm(dim=-1))
        same = [_unchanged(a, b) for a, b in zip(cells, moved_cells, strict=True)]
        unstable.append(float((~torch.stack(same).all(0)).double().mean()) if told else 1.0)
        here = _clean(cells, same, partition) if told else torch.zeros_like(exact)
        exact &= here
        largest = float(torch.stack([z, there]).norm(dim=-1).max())
        bounds.append(2 * largest * float((~here).double().mean()))
        M = max(M, largest)
    impure = torch.stack([layer.impure(partition) for layer in cells]).any(0) if told else torch.ones_like(exact)
    error = torch.stack(errors)
    return Certificate(
        error.mean(1),
        torch.tensor(bounds, dtype=error.dtype),
        exact,
        error,
        float(impure.double().mean()),
        torch.tensor(unstable, dtype=error.dtype),
        float(bool(impure.any())),
        float(impure.double().mean()),
        doubt,
        M,
        told,
    )


def _read(answer: Any) -> tuple[Tensor, list[Partition], float]:
    """Output, partitions of the layers, doubt."""
    parts = answer if isinstance(answer, tuple) else (answer,)
    if not isinstance(parts[0], Tensor) or parts[0].ndim != 2:
        raise ShapeError(f"an answer that begins with {type(parts[0]).__name__}", "an output (N, c)")
    cells: list[Partition] = []
    doubt = 0.0
    for part in parts[1:]:
        if isinstance(part, Partition):
            cells.append(part)
        elif isinstance(part, list | tuple):
            cells.extend(one for one in part if isinstance(one, Partition))
        else:
            told = part.get("delta", 0.0) if isinstance(part, dict) else getattr(part, "delta", 0.0)
            doubt = max(doubt, float(told))
    return parts[0], cells, doubt


def _acting(group: str) -> Group:
    """The group as one of homogeneous matrices: what moves the points of one part."""
    check_group(group)
    return parse(group.replace("SO", "SE") if group.startswith("S") else group.replace("O", "E"))


def motions_of(group: str, size: float) -> Measure:
    """How one part moves: by uniform turns, and translations whose coordinates have the deviation ``size``."""
    check_group(group)
    own = parse(group)
    return Window(own, size, compact="haar") if own.affine else Haar(own)


def _motions(
    g: tuple[Tensor, Tensor] | Sequence[tuple[Tensor, Tensor]] | int,
    K: int,
    x: Float[Tensor, "N 3"],
    group: str,
    seed: int,
) -> list[Float[Tensor, "K 4 4"]]:
    """Elements of E(3)^K, in the dtype and place of the points."""
    if isinstance(g, int):
        if g < 1:
            raise DomainError(f"{g} motions", "1 or more")
        size = float((x - x.mean(0)).norm(dim=1).max())
        drawn: Any = (motions_of(group, size) ** K).draw(g, spawn(seed, "piecewise"))
        drawn = drawn if drawn.shape[-1] == 4 else homogeneous(drawn)
        return list(drawn.to(x))
    if not len(g):
        raise DomainError("0 motions", "1 or more")
    several = cast(list[tuple[Tensor, Tensor]], [g] if isinstance(g[0], Tensor) else list(g))
    for R, t in several:
        if R.shape != (K, 3, 3) or t.shape != (K, 3):
            raise ShapeError(f"a motion {tuple(R.shape)}, {tuple(t.shape)}", f"R ({K}, 3, 3) and t ({K}, 3)")
        skewed = float((R.mT @ R - torch.eye(3).to(R)).abs().max())
        if not skewed <= _ORTHOGONAL:
            raise DomainError(f"R with R^T R off by {skewed:.1e}", "turns and mirrors of each part")
    return [homogeneous(R, t).to(x) for R, t in several]


def _unchanged(a: Partition, b: Partition) -> Bool[Tensor, " N"]:
    """Whether the cell of each point is the same set in both."""
    if len(a.labels) != len(b.labels):
        raise ShapeError(f"partitions of {len(a.labels)} and {counted(len(b.labels), 'point')}", "the points of x")
    both = Partition(a.labels * len(b) + b.labels)
    common = both.cells.gather(both.counts)
    return (common == a.cells.gather(a.counts)) & (common == b.cells.gather(b.counts))


def _clean(cells: Sequence[Partition], same: Sequence[Tensor], truth: Partition) -> Bool[Tensor, " N"]:
    clean = torch.ones_like(truth.labels, dtype=torch.bool)
    for layer, kept in zip(cells, same, strict=True):
        whole = layer.cells.sum((~clean).long()) == 0
        clean = whole[layer.labels] & kept & ~layer.impure(truth)
    return clean
