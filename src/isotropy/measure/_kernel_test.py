"""A test of symmetry without a learner: is what depends on where a row lies spread over its orbit?

Nothing is fitted, so nothing can be missed for want of a model; only kernels say what kind of structure is looked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils import _pytree as tree

from isotropy.errors import DomainError
from isotropy.groups import Group, Window
from isotropy.measure._invariant_columns import invariant_columns
from isotropy.reps import Rep

_ROWS = 2000  # units beyond which a random part of them is looked at, and so of twice as many rows
_COLUMNS, _DIRECTIONS, _VOLUMES = 16, 6, 10  # along which rows are put in order
_REACH = (1, 4, 16, 64)  # neighbours in that order with which a row is compared
_WAVES, _WIDTHS = 32, (0.5, 1.5, 4.0)  # random Fourier features of Gaussian kernels, in units of the spread
_KNOTS, _ROWS_PER_FEATURE = 6, 5  # of the functions of single invariants that targets are relieved of
_USUAL = 60  # randomisations that tell how far each statistic varies
_ENOUGH = 10  # as large as the data's: then p is above 10 in ``permutations``, and its further digits do not matter
_AT_ONCE, _PIECE = 16, 1 << 13  # randomisations looked at together, of short tables
_LARGE = 4.0  # targets beyond so many median sizes count no more than these


def kernel_test(
    x: Float[Tensor, "n p"],
    y: Float[Tensor, "n q"],
    candidate: Group | Window,
    rep_in: Rep,
    rep_out: Rep,
    *,
    unit: Int[Tensor, " n"] | None = None,
    permutations: int = 199,
    generator: torch.Generator,
) -> float:
    """p-value of "(x, y) has an invariant joint law", exact for every n: statistics of kernels, ranked on the orbit.

    ``y`` are targets, or held-out residuals of a model averaged over the group (y - R f with draws of its own for each
    row), which have the same law as their orbit where the targets have. The statistics are sum k(x_i, x_j) <y_i, y_j>
    for kernels between neighbours in the order of a column, a random direction or an oriented volume (four reaches, so
    that roughness finer than any model is seen), Gaussian kernels of three widths through random Fourier features, a
    linear one and a constant one. The largest, each in units of its own spread over 60 randomisations, is ranked among
    those of the data moved by further random elements, one for each ``unit``, at most ``permutations`` times: once ten
    of L have been as large, p = 10 / L, which is exact too and soon known where nothing is found. Where inputs are
    invariant a small p-value says that the map breaks the symmetry; where they are not it may speak of the inputs.

    Source: the joint randomisation test of Chiu, Sharp and Bloem-Reddy, arXiv:2412.14391, with kernels of our own;
    Besag and Clifford, Biometrika 78, 1991 (sequential Monte Carlo p-values).
    Raises DomainError for a window: without a uniform law no orbit is exchangeable.

    >>> from isotropy.groups import parse
    >>> from isotropy.reps import Scalar, Vector
    >>> x = torch.randn(300, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    >>> rough = x.square().sum(1, keepdim=True) + 1.5 * (25 * x[:, :1]).sin()
    >>> kernel_test(x, rough, parse("O(3)"), Vector, Scalar, permutations=99, generator=torch.Generator())
    0.01
    """
    if isinstance(candidate, Window) or not candidate.compact:
        hint = "test a compact subgroup, or refit with the symmetry imposed"
        raise DomainError(f"{candidate}, which has no uniform probability", "a compact group", hint)
    label = torch.arange(len(x)) if unit is None else torch.unique(unit, return_inverse=True)[1]
    if int(label.max()) + 1 > _ROWS:
        kept = torch.randperm(int(label.max()) + 1, generator=generator)[:_ROWS]
        some = torch.isin(label, kept)
        x, y, label = x[some], y[some], torch.unique(label[some], return_inverse=True)[1]
    if len(x) > 2 * _ROWS:
        some = torch.randperm(len(x), generator=generator)[: 2 * _ROWS].sort().values
        x, y, label = x[some], y[some], torch.unique(label[some], return_inverse=True)[1]
    units = int(label.max()) + 1

    def moved(count: int) -> tuple[Float[Tensor, "count n p"], Float[Tensor, "count n q"]]:
        g = candidate.sample((count * units,), generator=generator, dtype=x.dtype)
        of_row = tree.tree_map(lambda part: part.unflatten(0, (count, units))[:, label], g)
        return rep_in.act(candidate, of_row, x[None]), rep_out.act(candidate, of_row, y[None])

    first = _only(moved(1))
    y = _without_invariants(x, y, first, candidate, rep_in)
    statistic = _statistic(x, y, _only(moved(1)), candidate, rep_in, generator)
    step = max(1, min(_AT_ONCE, _PIECE // (len(x) * y.shape[1])))
    usual = torch.cat([statistic(*moved(len(some))) for some in torch.arange(_USUAL).split(step)])
    mean, spread = usual.mean(0), usual.std(0)
    spread = torch.where(spread > 1e-9 * usual.abs().amax(0), spread, math.inf)

    def largest(x: Tensor, y: Tensor) -> Float[Tensor, " count"]:
        return ((statistic(x, y) - mean) / spread).amax(1)

    own = float(largest(x[None], y[None]))
    seen = torch.zeros(0, dtype=torch.bool)
    while len(seen) < permutations and int(seen.sum()) < _ENOUGH:
        some = largest(*moved(min(step, permutations - len(seen))))
        # Equal up to rounding where nothing moves: ties count against rejection.
        seen = torch.cat([seen, some >= own - 1e-9])
    if int(seen.sum()) < _ENOUGH:
        return (1 + int(seen.sum())) / (1 + permutations)
    return _ENOUGH / (1 + int(seen.nonzero()[_ENOUGH - 1]))


def _only(moved: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """The single copy of a batch of one."""
    return moved[0][0], moved[1][0]


def _without_invariants(
    x: Tensor, y: Tensor, moved: tuple[Tensor, Tensor], G: Group, rep_in: Rep
) -> Float[Tensor, "n q"]:
    """Targets that no element moves, less what is a sum of functions of single invariants of x.

    Such a sum says nothing about the symmetry and drowns what does. As invariants are the same all over an orbit, so is
    the fit, and nothing is lost of exactness.
    """
    resting = (y == moved[1]).all(0)
    read, there = (torch.cat([points, invariant_columns(points, rep_in, G)], 1) for points in (x, moved[0]))
    changing = _changing(read, there, read.shape[1])
    kept = [i for i in range(read.shape[1]) if i not in set(changing.tolist())]
    columns = read[:, kept]
    columns = columns[:, (columns != columns[:1]).any(0)][:, : len(x) // (_KNOTS * _ROWS_PER_FEATURE)]
    if not columns.shape[1] or not bool(resting.any()):
        return y
    ranks = columns.round(decimals=9).argsort(0).argsort(0) / (len(x) - 1)
    hats = (1 - (ranks[..., None] * (_KNOTS - 1) - torch.arange(_KNOTS)).abs()).clamp_min(0).flatten(1)
    design = torch.cat([hats, columns / columns.square().mean(0).sqrt()], 1)
    fitted = design @ torch.linalg.lstsq(design, y, driver="gelsd").solution
    return torch.where(resting, y - fitted, y)


def _statistic(
    x: Tensor, y: Tensor, moved: tuple[Tensor, Tensor], G: Group, rep_in: Rep, generator: torch.Generator
) -> Callable[[Tensor, Tensor], Float[Tensor, " s"]]:
    """The kernels, chosen once and without looking at the targets: a function of inputs and targets."""
    columns = _changing(x, moved[0], _COLUMNS)
    volumes = _changing(invariant_columns(x, rep_in, G), invariant_columns(moved[0], rep_in, G), _VOLUMES)
    resting = (y == moved[1]).all(0)
    p, size = len(columns), _LARGE * torch.linalg.vector_norm(y - _mean(y, resting), dim=1).median()
    across = torch.randn(p, _DIRECTIONS, generator=generator, dtype=x.dtype)
    across = across * _few(p, _DIRECTIONS, generator)
    waves = torch.randn(p, _WAVES, generator=generator, dtype=x.dtype) / math.sqrt(max(p, 1))
    waves = torch.cat([waves / width for width in _WIDTHS], 1)
    phase = 2 * math.pi * torch.rand(waves.shape[1], generator=generator, dtype=x.dtype)

    def of(x: Float[Tensor, "count n p"], y: Float[Tensor, "count n q"]) -> Float[Tensor, "count s"]:
        y = y - _mean(y, resting)
        y = y * (size / torch.linalg.vector_norm(y, dim=-1, keepdim=True).clamp_min(1e-300)).clamp_max(1.0)
        own = x[..., columns]
        # One scale for all columns: scales of their own would be no function of the orbit.
        own = own / own.square().mean((1, 2), keepdim=True).sqrt().clamp_min(1e-300)
        lines = [own, own @ across]
        if len(volumes):
            lines.append(invariant_columns(x.flatten(0, 1), rep_in, G)[:, volumes].unflatten(0, x.shape[:2]))
        features = (own @ waves + phase).cos()
        wide = (features.mT @ y).square().sum(2).unflatten(1, (len(_WIDTHS), -1)).sum(2)
        whole = torch.stack([(own.mT @ y).square().sum((1, 2)), y.sum(1).square().sum(1)], 1)
        return torch.cat([_in_order(torch.cat(lines, -1), y).flatten(1), wide.sqrt(), whole.sqrt()], 1)

    return of


def _mean(y: Tensor, resting: Tensor) -> Tensor:
    """The mean of the columns that no element moves, which says nothing; 0 in the others."""
    return y.mean(-2, keepdim=True) * resting


def _changing(before: Tensor, after: Tensor, most: int) -> Int[Tensor, " k"]:
    """The columns that elements change beyond rounding, evenly thinned to at most so many."""
    size = before.abs().amax(0) + after.abs().amax(0)
    found = ((before - after).abs().amax(0) > 1e-9 * size).nonzero()[:, 0]
    return found if len(found) <= most else found[torch.linspace(0, len(found) - 1, most).long()]


def _few(p: int, count: int, generator: torch.Generator) -> Float[Tensor, "p count"]:
    """Masks of three neighbouring columns each: most often one vector, so that rough structure is not washed out."""
    first = torch.randint(0, max(p - 2, 1), (count,), generator=generator)
    row = torch.arange(p)[:, None]
    return ((row >= first) & (row < first + 3)).double()


def _in_order(lines: Float[Tensor, "count n c"], y: Float[Tensor, "count n q"]) -> Float[Tensor, "count r c"]:
    """For each line sum <y_i, y_j> over rows at most ``reach`` places apart in the order of the line."""
    n = y.shape[1]
    order = lines.mT.contiguous().argsort(2)  # (count, c, n)
    ordered = y[torch.arange(len(y))[:, None, None], order]  # (count, c, n, q)
    total = ordered.cumsum(2)
    own, last = _inner(ordered, total), total[:, :, -1:]
    # sum over j <= i + reach, less that over j <= i
    return torch.stack(
        [
            _inner(ordered[:, :, : n - reach], total[:, :, reach:])
            + (ordered[:, :, n - reach :].sum(2, keepdim=True) * last).sum((2, 3))
            - own
            for reach in _REACH
            if reach < n
        ],
        1,
    )


def _inner(a: Float[Tensor, "count c m q"], b: Float[Tensor, "count c m q"]) -> Float[Tensor, "count c"]:
    return (a * b).sum((2, 3))
