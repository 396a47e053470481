"""Values at the door, read as their type wants them: tables, clouds, graphs, images, and trees of these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor
from torch.utils import _pytree as tree

from isotropy.errors import SchemaError, ShapeError
from isotropy.groups import Group
from isotropy.linalg import Segments
from isotropy.reps._cloud import NODES, Cloud, Pairs
from isotropy.reps._columns import finite, table
from isotropy.reps._field import Field
from isotropy.reps._rep import Rep
from isotropy.reps._types import Type, act, written_type

_MOST_AXES = 8
_TRIED = 64  # elements of a finite group that a grid has to keep


def read_values(type_: Type, values: Any, name: str, segments: Segments | None = None) -> Any:
    """Values of a type as float64 tensors, rows first; whole numbers that no matrix acts on, atomic ones say, stay so.

    A Rep reads a table (rows, columns), a Cloud (clouds, points, features) or with ``segments`` flat (N, features),
    Pairs (graphs, n, n[, features]), a Field images (rows, channels, height, width) or voxels, and a tuple or
    dictionary of types one value for each. Raises what tables raise, and ShapeError for other shapes.

    >>> read_values(Cloud(Rep()), [[[], []]], "x")
    Traceback (most recent call last):
        ...
    isotropy.errors.ShapeError: given x of shape (1, 2, 0); expected at least one row and one column
    """
    if isinstance(type_, tuple | dict):
        keys: list[Any] = list(type_) if isinstance(type_, dict) else list(range(len(type_)))
        given = "by name" if isinstance(type_, dict) else "as a tuple"
        fits = isinstance(values, Mapping) if isinstance(type_, dict) else isinstance(values, tuple | list)
        if not fits or len(values) != len(keys):
            raise SchemaError(f"{name} as {type(values).__name__}", f"{len(keys)} values, one for each type", given)
        if isinstance(type_, dict) and set(values) != set(keys):
            raise SchemaError(f"{name} with {sorted(values)}", f"values {sorted(keys)}, one for each type", given)
        read = {key: read_values(type_[key], values[key], f"{name}[{key!r}]", segments) for key in keys}
        return read if isinstance(type_, dict) else tuple(read.values())
    if isinstance(type_, Rep):
        return table(values, name)
    if isinstance(type_, Cloud):
        flat, features = segments is not None, type_.rep is not None
        shape = f"({'N' if flat else 'clouds, points'}{', features' if features else ''})"
        hint = "sets of several sizes are flat, (N, features), with segments=: the set of each point"
        hint = "" if flat or not features else hint
        least = 2 - flat + features
        read = finite(values, name, range(least, _MOST_AXES), shape, hint, whole=not features)
        if segments is not None and len(read) != len(segments.label):
            raise ShapeError(f"{len(read)} points of {name}", f"{len(segments.label)}, as many as the segments name")
        return read
    if isinstance(type_, Pairs):
        features = type_.rep is not None
        shape = f"(graphs, n, n{', features' if features else ''})"
        read = finite(values, name, range(3 + features, _MOST_AXES), shape, whole=not features)
        if read.shape[1] != read.shape[2]:
            raise ShapeError(f"{name} of shape {tuple(read.shape)}", shape, "one value for each ordered pair of points")
        return read
    if isinstance(type_, Field):
        shape = "(rows, channels, height, width), or voxels (rows, channels, depth, height, width)"
        return finite(values, name, range(4, 6), shape, f"{name}[:, None] is one channel")
    return finite(values, name, range(1, _MOST_AXES), "(rows, ...)", whole=type_ is None)


def suits(type_: Type, group: Group, x: Tensor, name: str, dims: Mapping[str, int] | None = None) -> None:
    """Refuses a group that cannot act on values of a type: one of another dimension, or that does not keep a grid."""
    if isinstance(type_, Rep):
        _fitting(type_.dim(group, dims), x, f"{group.name}, under which {type_} has", "columns", name)
    elif isinstance(type_, Cloud | Pairs) and type_.rep is not None:
        if any(space not in (dims or {}) and group.factor(space) is None for space in type_.rep.spaces):
            return  # where nothing acts, any number of values will do
        wanted, given = type_.rep.dim(group, dims), f"{group.name}, under which each value of {type_} has"
        if type_.rep.feature_axes(group, x.shape) == 1:
            _fitting(wanted, x, given, "numbers", name)
    elif isinstance(type_, Field):
        one = x[:1]
        every = group.finite and group.order is not None and group.order <= _TRIED
        g = group.elements(dtype=x.dtype) if every else group.identity(1, dtype=x.dtype)
        act(type_, group, g, one.expand(len(tree.tree_leaves(g)[0]), *one.shape[1:]))


def rests(type_: Type, group: Group) -> bool:
    """Whether the group certainly moves no value of a type."""
    if isinstance(type_, tuple | dict):
        return all(rests(part, group) for part in (type_.values() if isinstance(type_, dict) else type_))
    if isinstance(type_, Rep):
        return type_.is_trivial(group)
    if isinstance(type_, Cloud | Pairs):
        return group.factor(NODES) is None and (type_.rep is None or type_.rep.is_trivial(group))
    if isinstance(type_, Field):
        return group.factor("space") is None and type_.rep.is_trivial(group)
    return type_ is None


def rows_of(type_: Type, x: Any, given: str, wanted: str) -> tuple[Rep, Tensor]:
    """Values of a type as a table and its Rep: Clouds of one size are rows of n points.

    Raises SchemaError for what is no table and cannot become one.
    """
    if isinstance(type_, Rep):
        return type_, x
    if isinstance(type_, Cloud) and type_.rep is not None and isinstance(x, Tensor) and x.ndim == 3:
        return x.shape[1] * type_.rep, x.flatten(1)
    hint = "isotropy.audit and equivariance_error take it; for images write Pixels(height, width) and flatten each"
    raise SchemaError(f"{given} of type {written_type(type_)}", wanted, hint)


def _fitting(wanted: int, x: Tensor, given: str, unit: str, name: str) -> None:
    if wanted != x.shape[-1]:
        hint = "name a group of the right dimension, or correct the types"
        raise ShapeError(f"{given} {wanted} {unit}", f"the {x.shape[-1]} {unit} of {name}", hint)
