"""What one group element per row does to rows of typed values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.utils import _pytree as tree

from isotropy.errors import ShapeError
from isotropy.groups import Group
from isotropy.reps import Rep

# A tensor of elements (B, *element), or a tuple of them for a product of groups on several spaces.
Element = Any
# A tensor (B, ..., n), or a tuple of them.
Value = Any
# How values transform: a Rep on the last axis, any action (g, x) -> g.x, nothing (None), or a tuple of these.
Type = Rep | Callable[[Element, Tensor], Tensor] | tuple[Any, ...] | None


def transform(type_: Type, group: Group, g: Element, x: Value) -> Value:
    """g.x with one element per row: ``g`` (B, *element), ``x`` (B, ..., n), axes between row and feature untouched.

    A tuple of types acts on a tuple of values; None means that the group does nothing. Raises ShapeError when the
    number of values differs from the number of types.

    >>> import torch
    >>> from isotropy.groups import parse
    >>> from isotropy.reps import Vector
    >>> quarter = torch.tensor([[[0.0, -1.0], [1.0, 0.0]]])
    >>> transform(Vector, parse("SO(2)"), quarter, torch.tensor([[1.0, 0.0]])).tolist()
    [[0.0, 1.0]]
    """
    if type_ is None:
        return x
    if isinstance(type_, tuple):
        if not isinstance(x, tuple) or len(x) != len(type_):
            given = f"{len(x)} values" if isinstance(x, tuple) else "one value"
            raise ShapeError(given, f"{len(type_)}, one for each type", "pass them as a tuple")
        return tuple(transform(part, group, g, value) for part, value in zip(type_, x, strict=True))
    if isinstance(type_, Rep):
        between = x.ndim - 2
        return type_.act(group, tree.tree_map(lambda part: _spread(part, between), g), x)
    return type_(g, x)


def _spread(part: Tensor, between: int) -> Tensor:
    return part.reshape(part.shape[0], *[1] * between, *part.shape[1:])
