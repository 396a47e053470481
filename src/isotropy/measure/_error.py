"""How far is a function from equivariant, on average over data and group, and how sure are we?"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, overload

import torch
from torch import Tensor
from torch.utils import _pytree as tree

from isotropy.errors import NonDeterministicError, SchemaError, ShapeError, counted
from isotropy.estimate import Estimate
from isotropy.groups import DiscreteMeasure, Draws, Group, Measure, Window, parse
from isotropy.linalg import Segments
from isotropy.measure._by_part import part_defects
from isotropy.measure._defects import Defects, Norm, take, units
from isotropy.measure._sample import Sample
from isotropy.random import spawn
from isotropy.reps import Celled, Piecewise, Type, parse_type, written_type

# Draws are made for blocks of about this many (row, draw) pairs, whatever `chunk` is, so that it changes no number.
_BLOCK = 32_768


@overload
def equivariance_error(
    f: Callable[..., Any],
    group: Group | Window | str,
    x: Any,
    rep_in: Type | str = None,
    rep_out: Type | str = None,
    *,
    by: None = None,
    segments: Segments | None = None,
    measure: Measure | DiscreteMeasure | None = None,
    n: int = 32,
    norm: Norm = "relative",
    cluster: Iterable[Any] | None = None,
    confidence: float = 0.95,
    seed: int = 0,
    chunk: int | None = None,
) -> Estimate: ...


@overload
def equivariance_error(
    f: Callable[..., Any],
    group: Group | Window | str,
    x: Any,
    rep_in: Type | str = None,
    rep_out: Type | str = None,
    *,
    by: Segments | Celled,
    segments: Segments | None = None,
    measure: Measure | DiscreteMeasure | None = None,
    n: int = 32,
    norm: Norm = "relative",
    cluster: Iterable[Any] | None = None,
    confidence: float = 0.95,
    seed: int = 0,
    chunk: int | None = None,
) -> tuple[Estimate, ...]: ...


def equivariance_error(
    f: Callable[..., Any],
    group: Group | Window | str,
    x: Any,
    rep_in: Type | str = None,
    rep_out: Type | str = None,
    *,
    by: Segments | Celled | None = None,
    segments: Segments | None = None,
    measure: Measure | DiscreteMeasure | None = None,
    n: int = 32,
    norm: Norm = "relative",
    cluster: Iterable[Any] | None = None,
    confidence: float = 0.95,
    seed: int = 0,
    chunk: int | None = None,
) -> Estimate | tuple[Estimate, ...]:
    """How much f(g.x) differs from g.f(x), over the rows of ``x`` (rows, ..., features) and ``n`` elements for each.

    With d = |f(g.x) - g.f(x)| over all axes of a row and s^2 = |f(g.x)|^2 + |g.f(x)|^2: "relative" is
    sqrt(sum d^2 / sum s^2), whose square is the uncentred breaking fraction of f for a compact group and invariant
    inputs; "absolute" is the rms of d per output component, in the output's unit; "pairwise" is the mean of
    d / (|f(g.x)| + |g.f(x)|). ``max`` is always max d / sqrt(mean s^2 / 2).

    Elements: all of a finite group with at most ``n``, else ``n`` independent Haar draws for each row; a group
    without a Haar probability needs a Window as ``group`` or ``measure``. The interval is over rows, or over
    ``cluster`` where rows are not independent. A tuple of inputs is called as f(*x); with ``segments`` rows are sets,
    Clouds are flat (N, n), and the call is f(x, segments). At most ``chunk`` (row, element) pairs enter f at once; it
    changes no number.

    Clouds in parts that move each by itself are ``Piecewise(rep, cells)`` under a power, ``E(3)^5``: x is one cloud
    (N, d), or several, flat with ``segments``; f is called once for each draw and gives a row for each point. With
    ``by``, Segments or a Partition of the points, there is one Estimate for each part. Of one cloud the interval is
    over draws and speaks of this cloud alone; elements of a ``measure`` with weights that differ leave it wide open.

    Raises DomainError for a zero output ("vacuous"), one that is not finite, or a group without a measure;
    NonDeterministicError when f depends on chance or on the other rows. Source: §2.4 and CORE §5.

    >>> from isotropy.groups import parse
    >>> from isotropy.reps import Scalar, Vector
    >>> x = torch.randn(50, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    >>> equivariance_error(lambda v: v.norm(dim=1, keepdim=True), parse("O(2)"), x, Vector, Scalar).mean < 1e-12
    True
    >>> from isotropy.groups import SE, Window
    >>> from isotropy.reps import Piecewise, Point
    >>> halves = Segments(torch.arange(50) // 40, 2)
    >>> f = lambda v: v - halves.gather(halves.mean(v))
    >>> window = Window(SE(2), 1.0) ** 2
    >>> apart = equivariance_error(f, "SE(2)^2", x, Piecewise(Point, halves), Vector, by=halves, measure=window)
    >>> [part.mean < 1e-12 for part in apart]
    [True, True]
    """
    asked = parse_type(rep_in)
    if by is not None and not isinstance(asked, Piecewise):
        raise SchemaError(
            f"the parts by={type(by).__name__} of x of type {written_type(asked)}", "Piecewise(rep, cells)"
        )
    if isinstance(asked, Piecewise):
        if isinstance(group, Window):
            group, measure = group.group, group if measure is None else measure
        cells = by if by is None or isinstance(by, Segments) else by.cells
        G, out = parse(group), parse_type(rep_out)
        each = part_defects(f, G, x, asked, out, by=cells, segments=segments, measure=measure, n=n, seed=seed)
        told = [one.estimate(norm, units(cluster, len(one.distance)), confidence) for one in each]
        return told[0] if by is None else tuple(told)
    found = equivariance_defects(
        f, group, x, rep_in, rep_out, segments=segments, measure=measure, n=n, seed=seed, chunk=chunk
    )
    unit = units(cluster, len(found.distance)).to(found.distance.device)
    return found.estimate(norm, unit, confidence)


def equivariance_defects(
    f: Callable[..., Any],
    group: Group | Window | str,
    x: Any,
    rep_in: Type | str = None,
    rep_out: Type | str = None,
    *,
    segments: Segments | None = None,
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
    G, sample = parse(group), Sample(x, parse_type(rep_in), segments).checked()
    source, out = Draws.of(measure or G, n, G), parse_type(rep_out)
    with torch.no_grad():
        _refuse_chance(f, sample)
        blocks = [_block(f, G, sample.take(some), out, g, chunk) for some, g in _pieces(source, sample, seed)]
    peaks = torch.stack([distance.max() for distance, *_ in blocks])
    at = int(peaks.argmax())
    distance, moved, carried = (torch.cat(parts) for parts in zip(*(block[:3] for block in blocks), strict=True))
    *_, components, place, element = blocks[at]
    row = sum(len(block[0]) for block in blocks[:at]) + place
    return Defects(distance, moved, carried, source.weight.to(sample.floats[0].device), components, row, element)


def _pieces(source: Draws, sample: Sample, seed: int) -> Iterator[tuple[slice, Any]]:
    """Pieces of the rows, with their elements ``(rows, draws, *element)`` in the dtype and place of the values."""
    generator, draws = spawn(seed, "equivariance_error"), len(source.weight)
    rows, like = len(sample), sample.floats[0]
    step = max(1, _BLOCK // draws)
    for start in range(0, rows, step):
        count = min(step, rows - start)
        parts, form = tree.tree_flatten(source.take(count, generator, dtype=like.dtype, device=like.device).g)
        parts = [part.expand(count, *part.shape[1:]) for part in parts]
        yield slice(start, start + count), tree.tree_unflatten(parts, form)


def _block(
    f: Callable[..., Any], group: Group, sample: Sample, rep_out: Type, g: Any, chunk: int | None
) -> tuple[Tensor, Tensor, Tensor, int, int, Any]:
    """Distance, both sizes (rows, draws), outputs of one row, and the row and element of the largest distance."""
    rows, draws = tree.tree_leaves(g)[0].shape[:2]
    g, y = tree.tree_map(lambda part: part.flatten(0, 1), g), sample.out(sample.call(f), rep_out)
    pairs = torch.arange(rows * draws, device=sample.floats[0].device)
    found: list[tuple[Tensor, Tensor, Tensor]] = []
    for some in pairs.split(chunk or len(pairs)):
        row, h = some // draws, take(g, some)
        one, gfx = sample.take(row), y.take(row).moved(group, h)
        fgx = gfx.out(one.moved(group, h).call(f), rep_out)
        if [part.shape for part in tree.tree_leaves(fgx.x)] != [part.shape for part in tree.tree_leaves(gfx.x)]:
            raise ShapeError("f(g.x) and g.f(x) of different shapes", "one output (rows, ...) for each row")
        gap = gfx.out(tree.tree_map(torch.sub, fgx.x, gfx.x), rep_out)
        found.append((gap.norm(), fgx.norm(), gfx.norm()))
    distance, moved, carried = (torch.cat([part[i] for part in found]).reshape(rows, draws) for i in range(3))
    worst = int(distance.argmax())
    return distance, moved, carried, y.components, worst // draws, take(g, worst)


def _refuse_chance(f: Callable[..., Any], sample: Sample) -> None:
    """Dropout left on, or batch statistics: then f is no function of the row, and no error of it is defined."""
    few = sample.take(slice(min(len(sample), 8)))
    half = few.take(slice(max(1, len(few) // 2)))
    points = None if few.segments is None else len(few.segments.label)
    whole, part = few.call(f), half.call(f)
    for one, other in zip(tree.tree_leaves(whole), tree.tree_leaves(part), strict=True):
        if not isinstance(one, Tensor) or not one.ndim or len(one) not in (len(few), points):
            raise ShapeError(
                f"an output of shape {tuple(getattr(one, 'shape', ()))}",
                f"one row for each of {counted(len(few), 'row')}",
            )
        one, size = one[: len(other)].double(), one.double().abs().max()
        # NaNs are told apart later, with their row.
        if bool(((one - other.double()).abs() > 1e-3 * size).any()):
            raise NonDeterministicError(
                "two values of f at one row that differ", "a function of the row alone", "call model.eval() first"
            )
