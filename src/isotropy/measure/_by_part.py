"""Distances |f(g.x) - g.f(x)| of clouds in parts, part by part: all parts move at once, and f is called once a draw."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils import _pytree as tree

from isotropy.errors import DomainError, NonDeterministicError, SchemaError, ShapeError, counted
from isotropy.groups import DiscreteMeasure, Draws, Group, Measure, Power
from isotropy.linalg import Segments
from isotropy.measure._defects import Defects
from isotropy.random import spawn
from isotropy.reps import Piecewise, Rep, Type


def part_defects(
    f: Callable[..., Any],
    G: Group,
    x: Float[Tensor, "N d"],
    rep_in: Piecewise,
    rep_out: Type,
    *,
    by: Segments | None,
    segments: Segments | None,
    measure: Measure | DiscreteMeasure | None,
    n: int,
    seed: int,
) -> list[Defects]:
    """The defects of each part of ``by``, or of the whole; a row is a cloud, or, where there is one cloud, a draw."""
    clouds = Segments.one(len(x), x.device) if segments is None else segments
    parts = by or Segments.one(len(x), x.device)
    out = _checked(G, x, rep_in, rep_out, parts, clouds)
    source = Draws.of(measure or G, n, G)
    g: Any = source.take(clouds.count, spawn(seed, "equivariance_error"), dtype=x.dtype, device=x.device).g
    g = g.expand(clouds.count, *g.shape[1:])
    sets = Segments(clouds.label * parts.count + parts.label, clouds.count * parts.count)

    def called(points: Tensor) -> Tensor:
        y = f(points) if segments is None else f(points, segments)
        if not isinstance(y, Tensor) or y.ndim < 2 or len(y) != len(x):
            shape = tuple(y.shape) if isinstance(y, Tensor) else type(y).__name__
            raise ShapeError(f"an output of {shape}", f"one row for each of {counted(len(x), 'point')}")
        return y

    def size(y: Tensor) -> Tensor:
        return sets.sum(y.flatten(1).double().square().sum(1)).sqrt().unflatten(0, (clouds.count, parts.count))

    with torch.no_grad():
        y = called(x)
        if bool(((called(x) - y).abs() > 1e-3 * y.abs().max()).any()):  # NaNs are told apart later, with their row
            raise NonDeterministicError("two values of f at one cloud that differ", "a function of it", "model.eval()")
        found: list[tuple[Tensor, Tensor, Tensor]] = []
        for h in g.unbind(1):
            fgx, gfx = called(rep_in.act(G, h, x, clouds)), out.act(G, h, y, clouds)
            found.append((size(fgx - gfx), size(fgx), size(gfx)))
    distance, moved, carried = (torch.stack([each[i] for each in found], 1) for i in range(3))  # clouds, draws, parts
    components = y.numel() / len(x) / clouds.count
    return [
        _defects(distance[..., k], moved[..., k], carried[..., k], source.weight, components * int(count), g)
        for k, count in enumerate(torch.bincount(parts.label, minlength=parts.count).tolist())
    ]


def _defects(
    distance: Tensor, moved: Tensor, carried: Tensor, weight: Float[Tensor, " n"], components: float, g: Tensor
) -> Defects:
    cloud, draw = divmod(int(distance.argmax()), distance.shape[1])
    worst = tree.tree_map(lambda part: part[cloud, draw], g)
    sampled = float((weight - weight.mean()).abs().max()) < 1e-12  # equal, but for roundings of a softmax
    if len(distance) > 1 or not sampled:  # elements with weights of their own are no sample of draws
        return Defects(distance, moved, carried, weight.to(distance.device), components, cloud, worst)
    one = torch.ones(1, dtype=weight.dtype, device=distance.device)
    return Defects(distance.mT, moved.mT, carried.mT, one, components, draw, worst)


def _checked(G: Group, x: Tensor, rep_in: Piecewise, rep_out: Type, parts: Segments, clouds: Segments) -> Piecewise:
    if not isinstance(G, Power) or G.count != rep_in.count:
        raise DomainError(f"{G} on {rep_in}", "a copy of a group for each part", f"such as E(3)^{rep_in.count}")
    if x.ndim != 2 or {len(x)} != {len(rep_in.label), len(parts.label), len(clouds.label)}:
        raise ShapeError(f"x of shape {tuple(x.shape)}", f"({len(rep_in.label)}, d), a row for each point of the parts")
    if bool((parts.sizes == 0).any()):
        raise DomainError(f"part {int((parts.sizes == 0).nonzero()[0])} without a point", "a point in each part")
    if isinstance(rep_out, Piecewise):
        return rep_out
    if rep_out is not None and not isinstance(rep_out, Rep):
        raise SchemaError(f"an output of type {rep_out}", "a type for each point, such as Vector, or None")
    return Piecewise(rep_out, Segments(rep_in.label, rep_in.count))
