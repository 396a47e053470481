"""Infinitesimal equivariance: the Lie derivative of a function along the generators of a group, in forward mode."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.func import jvp
from torch.utils import _pytree as tree

from isotropy.errors import DomainError
from isotropy.estimate import Estimate
from isotropy.groups import Group, parse
from isotropy.linalg import Segments
from isotropy.measure._defects import Defects, Norm, take, units
from isotropy.measure._sample import Sample
from isotropy.measure._slopes import slopes
from isotropy.reps import Type, parse_type

_CHUNK = 8_192  # rows that enter f at once


@dataclass(frozen=True)
class LieError:
    """The size of the Lie derivative: ``total`` over all generators, and one Estimate for each of ``generators``."""

    total: Estimate
    generators: tuple[Estimate, ...]


def lie_derivative(
    f: Callable[..., Any],
    group: Group | str,
    x: Any,
    rep_in: Type | str = None,
    rep_out: Type | str = None,
    *,
    segments: Segments | None = None,
    chunk: int = _CHUNK,
) -> Any:
    """(L_A f)(x) = d/dt rho_out(exp(-tA)) f(rho_in(exp(tA)) x) at t = 0, for each generator A: (k, rows, ...).

    ``x`` (rows, ..., features) or a tuple of such inputs of f(*x); with ``segments`` rows are sets and Clouds flat, and
    the call is f(x, segments). The result has the dtype of f(x), per unit of the
    basis ``group.algebra.basis``, and is a tuple where f(x) is one. It is differentiable in the parameters of f.

    Raises DomainError for a group without generators, and when torch cannot see the derivative of f (numpy inside,
    detached values). Source: Gruver et al. 2022 (arXiv:2210.02984), by forward mode instead of double backward.

    >>> from isotropy.reps import Scalar, Vector
    >>> x = torch.tensor([[3.0, 4.0]])
    >>> lie_derivative(lambda v: v[:, :1], "SO(2)", x, Vector, Scalar).tolist()  # x moves along -y
    [[[-4.0]]]
    """
    return lie_fields(f, parse(group), Sample(x, parse_type(rep_in), segments), parse_type(rep_out), chunk)[0]


def lie_fields(
    f: Callable[..., Any], group: Group, sample: Sample, rep_out: Type, chunk: int, by_row: bool = False
) -> tuple[Any, Any]:
    """The Lie derivatives (k, rows, ...) and the values f(x) (rows, ...); ``by_row`` for tables read row by row."""
    fields, values = [], []
    for start in range(0, len(sample.checked()), chunk):
        found, value = _block(f, group, sample.take(slice(start, start + chunk)), rep_out, by_row)
        fields.append(found)
        values.append(value)
    return (
        tree.tree_map(lambda *parts: torch.cat(parts, 1), *fields),
        tree.tree_map(lambda *parts: torch.cat(parts), *values),
    )


def _block(f: Callable[..., Any], group: Group, sample: Sample, rep_out: Type, by_row: bool) -> tuple[Any, Any]:
    run, floats = smooth(f, sample)
    y, fields, seen = run(*floats), [], False
    out = sample.out(y, rep_out)
    moves = [sample.out(sample.rates(group, A), sample.type).floats for A in generators(group)]
    slope = slopes(run, floats[0]) if by_row else None
    for A, moved in zip(generators(group), moves, strict=True):
        if slope is None:
            change = jvp(run, tuple(floats), tuple(moved))[1]
        else:
            change = torch.einsum("np,nqp->nq", moved[0], slope)
        seen = seen or any(bool(part.detach().any()) for part in tree.tree_leaves(change))
        fields.append(tree.tree_map(torch.sub, change, out.rates(group, A)))
    if not seen:
        _refuse_hidden(f, sample, [torch.stack(parts).sum(0) for parts in zip(*moves, strict=True)], rep_out)
    return tree.tree_map(lambda *parts: torch.stack(parts), *fields), y


def smooth(f: Callable[..., Any], sample: Sample) -> tuple[Callable[..., Any], list[Tensor]]:
    """f as a function of the values that have derivatives, and these."""
    parts, form = tree.tree_flatten(sample.x)
    smooth = [i for i, part in enumerate(parts) if part.is_floating_point()]

    def run(*floats: Tensor) -> Any:
        whole = list(parts)
        for i, part in zip(smooth, floats, strict=True):
            whole[i] = part
        return sample.call(f, tree.tree_unflatten(whole, form))

    return run, sample.floats


def generators(group: Group) -> list[Any]:
    """The basis of the Lie algebra, one element (a matrix, or a tuple for a product over spaces) after another."""
    basis = group.algebra.basis
    count = len(tree.tree_leaves(basis)[0])
    if not count:
        raise DomainError(f"{group}, which has no generators", "a continuous group", "use equivariance_error")
    return [take(basis, a) for a in range(count)]


def _refuse_hidden(f: Callable[..., Any], sample: Sample, v: list[Tensor], rep_out: Type) -> None:
    """A derivative that is zero everywhere is believed only if f does not move under finite steps either."""
    run, floats = smooth(f, sample)
    with torch.no_grad():
        # Steps to both sides: the curvature of an invariant function cancels.
        there, back = (run(*[a + h * b for a, b in zip(floats, v, strict=True)]) for h in (1e-2, -1e-2))
        change = sample.out(tree.tree_map(torch.sub, there, back), rep_out).norm()[:8]
        size = max(float(sample.out(there, rep_out).norm()[:8].max()), 1e-300)
    if float(change.max()) > 1e-4 * size:
        raise DomainError(
            "a function whose derivative torch cannot see", "one made of torch operations", "use equivariance_error"
        )


def lie_error(
    f: Callable[..., Any],
    group: Group | str,
    x: Any,
    rep_in: Type | str = None,
    rep_out: Type | str = None,
    *,
    segments: Segments | None = None,
    norm: Norm = "relative",
    cluster: Iterable[Any] | None = None,
    confidence: float = 0.95,
    chunk: int = _CHUNK,
) -> LieError:
    """The equivariance error per unit of each generator, lim equivariance_error(exp tA) / t, and over all of them.

    With s^2 = 2 |f|^2: "relative" is sqrt(sum |L_A f|^2 / sum s^2); "absolute" is the rms of L_A f per output
    component, whose square is the local equivariance error LEE; "pairwise" is the mean of |L_A f| / 2|f|. ``total``
    takes the root of the sum of squares over generators. Arguments are those of ``lie_derivative``; the interval is
    over rows, or ``cluster``. Source: Gruver et al. 2022 (arXiv:2210.02984).

    >>> from isotropy.reps import Scalar, Vector
    >>> x = torch.randn(40, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    >>> found = lie_error(lambda v: v[:, 2:], "SO(3)", x, Vector, Scalar)  # turning about z keeps it
    >>> [each.mean > 1e-9 for each in found.generators]
    [True, True, False]
    """
    with torch.no_grad():
        sample, rep_out = Sample(x, parse_type(rep_in), segments), parse_type(rep_out)
        fields, y = lie_fields(f, parse(group), sample, rep_out, chunk)
        out, directions = sample.out(y, rep_out), range(len(tree.tree_leaves(fields)[0]))
        size = out.norm()
        sizes = torch.stack([sample.out(take(fields, a), rep_out).norm() for a in directions])
    unit = units(cluster, len(size)).to(size.device)
    components = out.components
    each = [_estimate(distance, size, components, norm, unit, confidence) for distance in sizes]
    total = _estimate(sizes.square().sum(0).sqrt(), size, components, norm, unit, confidence)
    return LieError(total, tuple(each))


def _estimate(distance: Tensor, size: Tensor, components: int, norm: Norm, unit: Tensor, confidence: float) -> Estimate:
    one = distance.new_ones(1)
    found = Defects(distance[:, None], size[:, None], size[:, None], one, components, int(distance.argmax()), None)
    return found.estimate(norm, unit, confidence, bounded=False)
