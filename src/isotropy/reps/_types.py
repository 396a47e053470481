"""What is acted on, once: a Rep, a Cloud, Pairs, a Field, an action, or a tree of these; as text, and moved."""

import re
from collections.abc import Callable
from typing import Any, Protocol, cast, runtime_checkable

import torch
from torch import Tensor
from torch.func import jvp
from torch.utils import _pytree as tree

from isotropy.errors import SchemaError, ShapeError, counted
from isotropy.groups import Element, Group, homogeneous, linear, translation
from isotropy.linalg import Segments
from isotropy.reps._acting import spread
from isotropy.reps._action import refuse_rates, translates
from isotropy.reps._bumps import Bumps
from isotropy.reps._field import Field
from isotropy.reps._indexed import Cloud, Edges, Pairs
from isotropy.reps._rep import Rep
from isotropy.reps._text import parse_rep


@runtime_checkable
class Indexed(Protocol):
    """A type of values with index axes of their own, such as points, pairs of points or pixels.

    A further one joins by having this method: ``g`` holds one element per row of ``x``, or per set of ``segments``.
    """

    def act(self, G: Group, g: Any, x: Tensor, segments: Segments | None = None) -> Tensor: ...


# A tensor (B, ..., n), or a tuple or dictionary of them.
Value = Any
# How values transform: a Rep on the last axis, a Cloud, Pairs or Field, any action (g, x) -> g.x, nothing (None), or a
# tuple or dictionary of these.
Type = Rep | Indexed | Callable[[Any, Tensor], Tensor] | tuple[Any, ...] | dict[str, Any] | None

INDEXED: dict[str, Callable[..., Indexed]] = {
    "Cloud": Cloud,
    "Edges": Edges,
    "Pairs": Pairs,
    "Field": Field,
    "Bumps": Bumps,
}

_OPTION = re.compile(r"(?:^|,)\s*(?P<name>fill|mode)\s*=\s*(?P<value>[\w.+'\"-]+)\s*$")


def parse_type(type_: Any) -> Type:
    """A type, or the text of one, in any tree of tuples (or lists) and dictionaries; ``str`` writes the text.

    What is a type already comes back as it is. Raises SchemaError for text that is none, and for anything else.

    >>> str(parse_type("2*Vector")), str(parse_type("Cloud(Point)")), str(parse_type("Field(3*Scalar)"))
    ('2*Vector', 'Cloud(Point)', 'Field(3*Scalar)')
    >>> parse_type(("Cloud(Point)", None)) == (Cloud(parse_rep("Point")), None)
    True
    """
    if isinstance(type_, tuple | list):
        return tuple(parse_type(part) for part in type_)  # pyright: ignore[reportUnknownVariableType]
    if isinstance(type_, dict):
        return {name: parse_type(part) for name, part in type_.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(type_, str):
        return _read(type_.strip())
    if type_ is None or ((callable(type_) or isinstance(type_, Indexed)) and not isinstance(type_, type)):
        return cast("Type", type_)
    raise SchemaError(
        f"a type given as {getattr(type_, '__name__', type(type_).__name__)}",
        f'a Rep, {", ".join(INDEXED)}, or text such as 5*Scalar("mass") or Cloud(Point)',
    )


def _read(text: str) -> Type:
    if text == "None":
        return None
    name, _, inside = text.partition("(")
    make = INDEXED.get(name.strip())
    if make is None:
        return parse_rep(text)
    if not inside.endswith(")"):
        hint = f"several values at one place are a sum inside: {name}(Point + Scalar)"
        raise SchemaError(f"the type {text!r}", f"{name}(...) and nothing after it", hint)
    inside = inside[:-1].strip()
    if make is Bumps:
        if inside and not (inside.isdecimal() and int(inside) > 0):
            raise SchemaError(f"the type {text!r}", "Bumps(k), k the dimension of space", "such as Bumps(2)")
        return Bumps(int(inside)) if inside else Bumps()
    inside, options = _options(inside) if make is Field else (inside, {})
    return make(*([parse_rep(inside)] if inside else []), **options)


def _options(text: str) -> tuple[str, dict[str, float | str]]:
    """``Scalar, fill=border, mode=nearest`` without its options, and these."""
    options: dict[str, float | str] = {}
    while found := _OPTION.search(text):
        name, value = found["name"], found["value"].strip("'\"")
        try:
            options[name] = float(value) if name == "fill" else value
        except ValueError:
            options[name] = value
        text = text[: found.start()].strip()
    return text, options


def written_type(type_: Type) -> str:
    """The text of a type, also of a tree.

    >>> written_type((Cloud(), {"edges": Pairs()}))
    '(Cloud(), {edges: Pairs()})'
    """
    if isinstance(type_, tuple):
        return f"({', '.join(map(written_type, type_))})"
    if isinstance(type_, dict):
        return "{" + ", ".join(f"{name}: {written_type(part)}" for name, part in type_.items()) + "}"
    return str(type_)


def act(type_: Type, group: Group, g: Element, x: Value, segments: Segments | None = None) -> Value:
    """g.x with one element per row: ``g`` (B, *element), ``x`` (B, ..., n), axes between row and feature untouched.

    A value of a type ``n * A`` may also have its copies on an axis of their own: (B, ..., n, d).
    A Cloud in a ragged batch is flat, (N, n), with ``segments``. A tuple or dictionary of types acts on one of values;
    None means that the group does nothing. Raises ShapeError when values and types differ in number, SchemaError when
    they differ in name.

    >>> from isotropy.groups import parse
    >>> from isotropy.reps import Vector
    >>> quarter = torch.tensor([[[0.0, -1.0], [1.0, 0.0]]])
    >>> act(Vector, parse("SO(2)"), quarter, torch.tensor([[1.0, 0.0]])).tolist()
    [[0.0, 1.0]]
    """
    return over(type_, x, lambda leaf, value: _moved(leaf, group, g, value, segments))


def pull(type_: Type, group: Group, g: Element, x: Value, segments: Segments | None = None) -> Value:
    """g^-1.x, as ``act`` with the inverse, but with translations undone first.

    R^-1 (x - t) keeps the digits of a small cloud far away that R^-1 x - R^-1 t loses.

    >>> from isotropy.groups import E, homogeneous
    >>> from isotropy.reps import Point
    >>> far = homogeneous(torch.eye(1), torch.tensor([1e6]))[None]
    >>> pull(Point, E(1), far, torch.tensor([[1e6 + 0.5]])).tolist()
    [[0.5]]
    """
    moves = [translates(group, space) for space in group.spaces]
    if not any(moves):
        return act(type_, group, group.inverse(g), x, segments)
    parts = g if isinstance(g, tuple) else (g,)
    first = parts[moves.index(True)]
    still = group.identity(*first.shape[:-2], dtype=first.dtype, device=first.device)
    rest = still if isinstance(still, tuple) else (still,)
    each = zip(moves, rest, parts, strict=True)
    shift = tuple(homogeneous(linear(one), -translation(part)) if m else one for m, one, part in each)
    turn = tuple(homogeneous(linear(part)) if m else part for m, part in zip(moves, parts, strict=True))
    whole = isinstance(g, tuple)
    centred = act(type_, group, shift if whole else shift[0], x, segments)
    return act(type_, group, group.inverse(turn if whole else turn[0]), centred, segments)


def tangent(type_: Type, group: Group, A: Element, x: Value, segments: Segments | None = None) -> Value:
    """d/dt exp(tA).x at t = 0, of the shape of ``x``: the action at the dual number e + tA, and ``Field.rate``.

    Raises DomainError for pixels, between which nothing moves smoothly.

    >>> from isotropy.groups import parse
    >>> from isotropy.reps import Vector
    >>> turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]])
    >>> tangent(Vector, parse("SO(2)"), turn, torch.tensor([[1.0, 0.0]])).tolist()
    [[0.0, 1.0]]
    """

    def leaf(type_: Any, value: Any) -> Any:
        if isinstance(type_, Rep):
            refuse_rates(type_, group)
        return type_.rate(group, A, value) if isinstance(type_, Field) else _rate(type_, group, A, value, segments)

    return over(type_, x, leaf)


def _rate(type_: Any, group: Group, A: Element, x: Value, segments: Segments | None) -> Value:
    """The rate of one leaf of a tree, by the action at a dual number."""
    parts, shape = tree.tree_flatten(x)
    moving = [i for i, part in enumerate(parts) if part.is_floating_point()]
    if not moving:
        return tree.tree_map(torch.zeros_like, x)
    like = parts[moving[0]]
    rows = len(like) if segments is None else segments.count

    def batched(part: Tensor) -> Tensor:
        dtype = like.dtype if part.is_floating_point() else part.dtype
        return part.detach().to(like.device, dtype).expand(rows, *part.shape).clone()

    e, form = tree.tree_flatten(tree.tree_map(batched, group.identity()))
    # Permutations, the integer parts of an element, have no directions.
    smooth = [i for i, part in enumerate(e) if part.is_floating_point()]
    directions = tree.tree_leaves(A)

    def moved(*parts: Tensor) -> list[Tensor]:
        g = list(e)
        for i, part in zip(smooth, parts, strict=True):
            g[i] = part
        y = tree.tree_leaves(act(type_, group, tree.tree_unflatten(g, form), x, segments))
        return [y[i] for i in moving]

    found = jvp(moved, tuple(e[i] for i in smooth), tuple(batched(directions[i]) for i in smooth))[1]
    # Whole numbers, atomic numbers say, have none.
    rates = [torch.zeros_like(part) for part in parts]
    for i, rate in zip(moving, found, strict=True):
        rates[i] = rate
    return tree.tree_unflatten(rates, shape)


def over(type_: Type, x: Value, leaf: Callable[[Any, Any], Any]) -> Any:
    """``leaf(type, value)`` for each type in a tree of types, in the shape of the tree.

    Raises ShapeError when values and types differ in number, SchemaError when they differ in name.

    >>> over((None, {"a": None}), (2, {"a": 3}), lambda type_, value: 10 * value)
    (20, {'a': 30})
    """
    if isinstance(type_, tuple):
        if not isinstance(x, tuple) or len(x) != len(type_):
            given = counted(len(x), "value") if isinstance(x, tuple) else "one value"
            raise ShapeError(given, f"{len(type_)}, one for each type", "pass them as a tuple")
        return tuple(over(part, value, leaf) for part, value in zip(type_, x, strict=True))
    if isinstance(type_, dict):
        if not isinstance(x, dict) or set(x) != set(type_):
            given = f"the values {sorted(x)}" if isinstance(x, dict) else "one value"
            raise SchemaError(given, f"{sorted(type_)}, one for each type", "pass them by name")
        return {name: over(part, x[name], leaf) for name, part in type_.items()}
    return leaf(type_, x)


def leaves(type_: Type) -> list[Any]:
    """The types in a tree of types, one after another.

    >>> leaves((None, {"a": None}))
    [None, None]
    """
    found: list[Any] = []
    over(type_, type_, lambda leaf, _: found.append(leaf))
    return found


def _moved(type_: Any, group: Group, g: Element, x: Tensor, segments: Segments | None) -> Tensor:
    if type_ is None:
        return x
    if isinstance(type_, Rep):
        if not x.numel():
            return x
        between = x.ndim - 1 - type_.feature_axes(group, x.shape)
        return type_.act(group, spread(g, 1, between), x)
    if isinstance(type_, Indexed):
        return type_.act(group, g, x, segments) if x.numel() else x
    return type_(g, x)
