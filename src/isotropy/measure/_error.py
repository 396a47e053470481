"""How far is a function from equivariant, on average over data and group, and how sure are we?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as tree

from isotropy.errors import NonDeterministicError, ShapeError
from isotropy.estimate import Estimate
from isotropy.groups import DiscreteMeasure, Draws, Group, Measure, Window, parse
from isotropy.measure._defects import Defects, Norm, call, check_rows, row_norm, take, units
from isotropy.random import spawn
from isotropy.reps import Type, act, parse_type

# Draws are made for blocks of about this many (row, draw) pairs, whatever `chunk` is, so that it changes no number.
_BLOCK = 32_768


def equivariance_error(
    f: Callable[..., Any],
    group: Group | Window | str,
    x: Any,
    rep_in: Type | str = None,
    rep_out: Type | str = None,
    *,
    measure: Measure | DiscreteMeasure | None = None,
    n: int = 32,
    norm: Norm = "relative",
    cluster: Iterable[Any] | None = None,
    confidence: float = 0.95,
    seed: int = 0,
    chunk: int | None = None,
) -> Estimate:
    """How much f(g.x) differs from g.f(x), over the rows of ``x`` (rows, ..., features) and ``n`` elements for each.

    With d = |f(g.x) - g.f(x)| over all axes of a row and s^2 = |f(g.x)|^2 + |g.f(x)|^2: "relative" is
    sqrt(sum d^2 / sum s^2), whose square is the uncentred breaking fraction of f for a compact group and invariant
    inputs; "absolute" is the rms of d per output component, in the output's unit; "pairwise" is the mean of
    d / (|f(g.x)| + |g.f(x)|). ``max`` is always max d / sqrt(mean s^2 / 2).

    Elements: all of a finite group with at most ``n``, else ``n`` independent Haar draws for each row; a group
    without a Haar probability needs a Window as ``group`` or ``measure``. The interval is over rows, or over
    ``cluster`` where rows are not independent. Types may be their text, "Cloud(Point)". A tuple of inputs is called as
    f(*x). At most ``chunk`` (row, element) pairs enter f at once; it changes no number.

    Raises DomainError for a zero output ("vacuous"), one that is not finite, or a group without a measure;
    NonDeterministicError when f depends on chance or on the other rows. Source: §2.4 and CORE §5.

    >>> from isotropy.groups import parse
    >>> from isotropy.reps import Scalar, Vector
    >>> x = torch.randn(50, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    >>> equivariance_error(lambda v: v.norm(dim=1, keepdim=True), parse("O(2)"), x, Vector, Scalar).mean < 1e-12
    True
    """
    found = equivariance_defects(f, group, x, rep_in, rep_out, measure=measure, n=n, seed=seed, chunk=chunk)
    return found.estimate(norm, units(cluster, len(found.distance)).to(found.distance.device), confidence)


def equivariance_defects(
    f: Callable[..., Any],
    group: Group | Window | str,
    x: Any,
    rep_in: Type | str = None,
    rep_out: Type | str = None,
    *,
    measure: Measure | DiscreteMeasure | None = None,
    n: int = 32,
    seed: int = 0,
    chunk: int | None = None,
) -> Defects:
    """The distances behind ``equivariance_error``, one for each row and element, and where the largest one is.

    Arguments and errors are those of ``equivariance_error``.

    >>> from isotropy.reps import Vector
    >>> x = torch.tensor([[1.0, 0.0], [0.0, 3.0]])
    >>> equivariance_defects(lambda v: v[:, :1], "O(1)", x[:, :1], Vector, None).worst_row
    0
    """
    if isinstance(group, Window):
        group, measure = group.group, group if measure is None else measure
    G, rep_in, rep_out = parse(group), parse_type(rep_in), parse_type(rep_out)
    rows = check_rows(x)
    leaves = tree.tree_leaves(x)
    like = next((part for part in leaves if part.is_floating_point()), leaves[0])
    source = Draws.of(measure or G, n, G)
    with torch.no_grad():
        _refuse_chance(f, x, rows)
        blocks = [
            _block(f, G, take(x, some), rep_in, rep_out, g, chunk) for some, g in _pieces(source, rows, like, seed)
        ]
    peaks = torch.stack([distance.max() for distance, *_ in blocks])
    at = int(peaks.argmax())
    distance, moved, carried = (torch.cat(parts) for parts in zip(*(block[:3] for block in blocks), strict=True))
    *_, components, place, element = blocks[at]
    row = sum(len(block[0]) for block in blocks[:at]) + place
    return Defects(distance, moved, carried, source.weight.to(like.device), components, row, element)


def _pieces(source: Draws, rows: int, like: Tensor, seed: int) -> Iterator[tuple[slice, Any]]:
    """Pieces of the rows, with their elements ``(rows, draws, *element)`` in the dtype and place of ``like``."""
    generator, draws = spawn(seed, "equivariance_error"), len(source.weight)
    step = max(1, _BLOCK // draws)
    for start in range(0, rows, step):
        count = min(step, rows - start)
        parts, form = tree.tree_flatten(source.take(count, generator, dtype=like.dtype, device=like.device).g)
        parts = [part.expand(count, *part.shape[1:]) for part in parts]
        yield slice(start, start + count), tree.tree_unflatten(parts, form)


def _block(
    f: Callable[..., Any], group: Group, x: Any, rep_in: Type, rep_out: Type, g: Any, chunk: int | None
) -> tuple[Tensor, Tensor, Tensor, int, int, Any]:
    """Distance, both sizes (rows, draws), outputs of one row, and the row and element of the largest distance."""
    rows, draws = tree.tree_leaves(g)[0].shape[:2]
    g, y = tree.tree_map(lambda part: part.flatten(0, 1), g), call(f, x)
    pairs = torch.arange(rows * draws, device=tree.tree_leaves(x)[0].device)
    found: list[tuple[Tensor, Tensor, Tensor]] = []
    for some in pairs.split(chunk or len(pairs)):
        row = some // draws
        fgx = call(f, act(rep_in, group, take(g, some), take(x, row)))
        gfx = act(rep_out, group, take(g, some), take(y, row))
        if [part.shape for part in tree.tree_leaves(fgx)] != [part.shape for part in tree.tree_leaves(gfx)]:
            raise ShapeError("f(g.x) and g.f(x) of different shapes", "one output (rows, ...) for each row")
        found.append((row_norm(tree.tree_map(torch.sub, fgx, gfx)), row_norm(fgx), row_norm(gfx)))
    distance, moved, carried = (torch.cat([part[i] for part in found]).reshape(rows, draws) for i in range(3))
    worst = int(distance.argmax())
    components = sum(part[0].numel() for part in tree.tree_leaves(y))
    return distance, moved, carried, components, worst // draws, take(g, worst)


def _refuse_chance(f: Callable[..., Any], x: Any, rows: int) -> None:
    """Dropout left on, or batch statistics: then f is no function of the row, and no error of it is defined."""
    few, half = min(rows, 8), max(1, min(rows, 8) // 2)
    whole, part = (call(f, take(x, slice(count))) for count in (few, half))
    for one, other in zip(tree.tree_leaves(whole), tree.tree_leaves(part), strict=True):
        if not isinstance(one, Tensor) or not one.ndim or len(one) != few:
            raise ShapeError(
                f"an output of shape {tuple(getattr(one, 'shape', ()))}", f"one row for each of {few} rows"
            )
        one, size = one[:half].double(), one.double().abs().max()
        # NaNs are told apart later, with their row.
        if bool(((one - other.double()).abs() > 1e-3 * size).any()):
            raise NonDeterministicError(
                "two values of f at one row that differ", "a function of the row alone", "call model.eval() first"
            )
