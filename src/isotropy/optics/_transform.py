"""What one group element per row does to rows of typed values, and how to undo it without losing digits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as tree

from isotropy.errors import SchemaError, ShapeError
from isotropy.groups import Group, homogeneous, linear, translation
from isotropy.linalg import Segments
from isotropy.reps import Cloud, Pairs, Rep

# A tensor of elements (B, *element), or a tuple of them for a product of groups on several spaces.
Element = Any
# A tensor (B, ..., n), or a tuple or dictionary of them.
Value = Any
# How values transform: a Rep on the last axis, a Cloud or Pairs, any action (g, x) -> g.x, nothing (None), or a tuple
# or dictionary of these.
Type = Rep | Cloud | Pairs | Callable[[Element, Tensor], Tensor] | tuple[Any, ...] | dict[str, Any] | None


def transform(type_: Type, group: Group, g: Element, x: Value, segments: Segments | None = None) -> Value:
    """g.x with one element per row: ``g`` (B, *element), ``x`` (B, ..., n), axes between row and feature untouched.

    A value of a type ``n * A`` may also have its copies on an axis of their own: (B, ..., n, d).
    A Cloud in a ragged batch is flat, (N, n), with ``segments``. A tuple or dictionary of types acts on one of values;
    None means that the group does nothing. Raises ShapeError when values and types differ in number, SchemaError when
    they differ in name.

    >>> from isotropy.groups import parse
    >>> from isotropy.reps import Vector
    >>> quarter = torch.tensor([[[0.0, -1.0], [1.0, 0.0]]])
    >>> transform(Vector, parse("SO(2)"), quarter, torch.tensor([[1.0, 0.0]])).tolist()
    [[0.0, 1.0]]
    """
    return over(type_, x, lambda leaf, value: _moved(leaf, group, g, value, segments))


def pull(type_: Type, group: Group, g: Element, x: Value, segments: Segments | None = None) -> Value:
    """g^-1.x, as ``transform`` with the inverse, but with translations undone first.

    R^-1 (x - t) keeps the digits of a small cloud far away that R^-1 x - R^-1 t loses.

    >>> from isotropy.groups import E, homogeneous
    >>> from isotropy.reps import Point
    >>> far = homogeneous(torch.eye(1), torch.tensor([1e6]))[None]
    >>> pull(Point, E(1), far, torch.tensor([[1e6 + 0.5]])).tolist()
    [[0.5]]
    """
    if not any(_affine(group, space) for space in group.spaces):
        return transform(type_, group, group.inverse(g), x, segments)
    parts = g if isinstance(g, tuple) else (g,)
    moves = [_affine(group, space) for space in group.spaces]
    back = [homogeneous(_one(part), -translation(part)) if m else None for m, part in zip(moves, parts, strict=True)]
    still = group.identity(*_batch(parts, moves), dtype=parts[moves.index(True)].dtype, device=parts[0].device)
    rest = still if isinstance(still, tuple) else (still,)
    shift = tuple(b if b is not None else r for b, r in zip(back, rest, strict=True))
    turn = tuple(homogeneous(linear(part)) if m else part for m, part in zip(moves, parts, strict=True))
    whole = isinstance(g, tuple)
    centred = transform(type_, group, shift if whole else shift[0], x, segments)
    return transform(type_, group, group.inverse(turn if whole else turn[0]), centred, segments)


def over(type_: Type, x: Value, leaf: Callable[[Any, Any], Any]) -> Any:
    """``leaf(type, value)`` for each type in a tree of types, in the shape of the tree.

    Raises ShapeError when values and types differ in number, SchemaError when they differ in name.

    >>> over((None, {"a": None}), (2, {"a": 3}), lambda type_, value: 10 * value)
    (20, {'a': 30})
    """
    if isinstance(type_, tuple):
        if not isinstance(x, tuple) or len(x) != len(type_):
            given = f"{len(x)} values" if isinstance(x, tuple) else "one value"
            raise ShapeError(given, f"{len(type_)}, one for each type", "pass them as a tuple")
        return tuple(over(part, value, leaf) for part, value in zip(type_, x, strict=True))
    if isinstance(type_, dict):
        if not isinstance(x, dict) or set(x) != set(type_):
            given = f"the values {sorted(x)}" if isinstance(x, dict) else "one value"
            raise SchemaError(given, f"{sorted(type_)}, one for each type", "pass them by name")
        return {name: over(part, x[name], leaf) for name, part in type_.items()}
    return leaf(type_, x)


def _moved(type_: Any, group: Group, g: Element, x: Tensor, segments: Segments | None) -> Tensor:
    if type_ is None or (not x.numel() and isinstance(type_, Rep | Cloud | Pairs)):
        return x
    if isinstance(type_, Cloud | Pairs):
        return type_.act(group, g, x, segments)
    if isinstance(type_, Rep):
        between = x.ndim - 1 - type_.feature_axes(group, x.shape)
        return type_.act(group, tree.tree_map(lambda part: _spread(part, between), g), x)
    return type_(g, x)


def _spread(part: Tensor, between: int) -> Tensor:
    return part.reshape(part.shape[0], *[1] * between, *part.shape[1:])


def _affine(group: Group, space: str) -> bool:
    return bool(getattr(group.factor(space), "affine", False))


def _one(g: Tensor) -> Tensor:
    d = g.shape[-1] - 1
    return torch.eye(d, dtype=g.dtype, device=g.device).expand(*g.shape[:-2], d, d)


def _batch(parts: tuple[Tensor, ...], moves: list[bool]) -> tuple[int, ...]:
    return tuple(parts[moves.index(True)].shape[:-2])
