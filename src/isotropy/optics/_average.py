"""Averaging over an orbit, and choosing from it: one optic whose residual is the group element."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as tree

from isotropy.errors import DomainError, ShapeError
from isotropy.groups import Cubature, DiscreteMeasure, Group
from isotropy.optics._optic import Optic
from isotropy.optics._transform import Type, transform

Frame = Callable[[Any], DiscreteMeasure]
Source = Group | Cubature | DiscreteMeasure | Frame


def average(
    source: Source,
    rep_in: Type,
    rep_out: Type,
    *,
    group: Group | None = None,
    degree: int = 6,
    chunk: int | None = None,
) -> Optic[Any, Any, Any, Any]:
    """The optic with close(f)(x) = sum_i w_i g_i . f(g_i^-1 . x): pull back by g^-1, push forward by g.

    ``source`` is a Group, whose Reynolds operator this is: all elements of a finite one, else the cubature that is
    exact for polynomials of total degree ``degree`` in the entries of g (degree of f times that of ``rep_in``, plus
    that of ``rep_out``); a Cubature; a DiscreteMeasure, shared by all rows or one for each row; or a frame, a callable
    that gives the latter for x. The last two need ``group`` unless the frame has one. Inputs are rows (rows, ...,
    features) or a tuple of such; f sees (atoms * rows, ..., features), at most ``chunk`` atoms at a time.

    Raises DomainError where no group is known, ShapeError for one-dimensional input. Source: CORE §4; specification
    01 §2.8, R_G f; frame averaging of Puny et al. 2022.

    >>> from isotropy.groups import parse
    >>> from isotropy.reps import Vector
    >>> mean = average(parse("C(4)"), Vector, Vector).close(torch.relu)
    >>> mean(torch.tensor([[2.0, 1.0]])).tolist()
    [[1.0, 0.5]]
    """
    if isinstance(source, Group):
        group, source = source, _uniform(source, degree)
    if group is None:
        group = getattr(source, "group", None)
        if not isinstance(group, Group):
            raise DomainError("a measure that does not say on which group", "a group", "pass group=G")
    if isinstance(source, Cubature):
        source = source.discretise()
    return _Average(*_pair(source, group, rep_in, rep_out), chunk=chunk)


def canonicalise(
    source: Frame | DiscreteMeasure, rep_in: Type, rep_out: Type, *, group: Group | None = None
) -> Optic[Any, Any, Any, Any]:
    """The one-atom case of ``average``: go to the pose of the heaviest atom of each row, and come back from it.

    The residual is the group element. Exact for equivariant outputs where x has no stabiliser; otherwise for invariant
    ones only. Arguments and errors are those of ``average``.

    >>> from isotropy.groups import parse
    >>> from isotropy.reps import Vector
    >>> def sign(x):
    ...     return DiscreteMeasure(x.sign()[:, None, :, None], torch.zeros(len(x), 1))
    >>> odd = canonicalise(sign, Vector, Vector, group=parse("O(1)"))
    >>> odd.close(lambda v: v + 1)(torch.tensor([[2.0], [-2.0]])).tolist()
    [[3.0], [-3.0]]
    """

    def heaviest(x: Any) -> DiscreteMeasure:
        found = source if isinstance(source, DiscreteMeasure) else source(x)
        g, weight = _for_rows(found, x)
        first, rows = weight.argmax(1), torch.arange(len(weight), device=weight.device)
        return DiscreteMeasure(
            tree.tree_map(lambda part: part[rows, first][:, None], g), torch.zeros_like(weight[:, :1])
        )

    if group is None:
        group = getattr(source, "group", None)
    return average(heaviest, rep_in, rep_out, group=group)


def _uniform(group: Group, degree: int) -> DiscreteMeasure | Cubature:
    if group.finite:
        g = group.elements()
        count = len(tree.tree_leaves(g)[0])
        return DiscreteMeasure(g, -torch.full((count,), count, dtype=torch.float64).log(), exact=True)
    return Cubature(group, degree)


def _pair(
    source: DiscreteMeasure | Frame, group: Group, rep_in: Type, rep_out: Type
) -> tuple[Callable[[Any], Any], Callable[[Any, Any], Any]]:
    def forward(x: Any) -> tuple[Any, Any]:
        found = source if isinstance(source, DiscreteMeasure) else source(x)
        g, weight = _for_rows(found, x)
        atoms = weight.shape[1]
        # Atom by atom, so that the first rows are the first atom of every row.
        flat = tree.tree_map(lambda part: part.transpose(0, 1).flatten(0, 1), g)
        many = tree.tree_map(lambda part: part.expand(atoms, *part.shape).flatten(0, 1), x)
        return (flat, weight), transform(rep_in, group, group.inverse(flat), many)

    def backward(residual: Any, y: Any) -> Any:
        flat, weight = residual
        back = transform(rep_out, group, flat, y)
        return tree.tree_map(lambda part: _weighted(part, weight), back)

    return forward, backward


@dataclass(frozen=True)
class _Average(Optic[Any, Any, Any, Any]):
    """The same optic, closed a few atoms at a time where memory asks for it."""

    chunk: int | None = None

    def close(self, f: Callable[[Any], Any]) -> Callable[[Any], Any]:
        if self.chunk is None:
            return super().close(f)

        def closed(x: Any) -> Any:
            (flat, weight), inside = self.forward(x)
            rows, atoms = weight.shape
            parts: list[Any] = []
            for few in torch.arange(atoms).split(self.chunk or atoms):
                some = slice(int(few[0]) * rows, (int(few[-1]) + 1) * rows)
                parts.append(self.backward((_take(flat, some), weight[:, few]), f(_take(inside, some))))
            return tree.tree_map(lambda *terms: torch.stack(terms).sum(0), *parts)

        return closed


def _for_rows(measure: DiscreteMeasure, x: Any) -> tuple[Any, Tensor]:
    """Elements (rows, F, *element) and weights (rows, F), in the dtype and place of ``x``."""
    like = tree.tree_leaves(x)[0]
    if any(part.ndim < 2 for part in tree.tree_leaves(x)):
        raise ShapeError(f"x of shape {tuple(like.shape)}", "(rows, ..., features)", "add a row axis: x[None]")
    shared = measure.log_weight.ndim == 1

    def placed(part: Tensor) -> Tensor:
        part = part.to(like) if part.is_floating_point() else part.to(like.device)
        return part.expand(len(like), *part.shape) if shared else part

    weight = placed(measure.log_weight.exp())
    if len(weight) != len(like):
        raise ShapeError(f"a measure for {len(weight)} rows", f"one for each of {len(like)}")
    return tree.tree_map(placed, measure.g), weight


def _weighted(y: Tensor, weight: Tensor) -> Tensor:
    rows, atoms = weight.shape
    return torch.einsum("ar...,ra->r...", y.unflatten(0, (atoms, rows)), weight)


def _take(value: Any, some: slice) -> Any:
    return tree.tree_map(lambda part: part[some], value)
