"""One line that tests any layer, of ours or of yours."""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as tree

from isotropy.errors import SchemaError
from isotropy.groups import DiscreteMeasure, Group, Measure, Window, parse
from isotropy.measure import equivariance_defects
from isotropy.random import spawn
from isotropy.reps import Rep, Type, parse_type

_TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-5}
_ROUNDING = 1e-2  # of the output: more than that is no use to anyone, whatever it comes from


def assert_equivariant(
    f: Callable[..., Any],
    group: Group | Window | str,
    x: Any = None,
    rep_in: Type | str = "declared",
    rep_out: Type | str = "declared",
    *,
    tol: float | None = None,
    measure: Measure | DiscreteMeasure | None = None,
    n: int = 32,
    seed: int = 0,
) -> None:
    """Fail unless f(g.x) = g.f(x) for every row of ``x`` (rows, ..., features) and ``n`` elements for each.

    The figure is max |f(g.x) - g.f(x)| over the rms size of the output; ``tol`` is 1e-10 for float64 and 1e-5 for
    float32 by default. What single precision misses is looked at again in double, with a copy of the module: where it
    is below 1e-10 there it was rounding (up to 1 % of an output that is small beside what it was summed from, as that
    of a fresh network averaged over a frame), and passes; with a ``tol`` of your own there is no second look. Types
    left out are read from the attributes ``rep_in`` and ``rep_out`` of ``f``; None means that the group does nothing.
    A tuple of inputs is called as f(*x); where x is left out, 16 standard normal rows of the
    type in the dtype of the weights take its place. A group without a uniform law is drawn from a window of 0.5, since
    where we look does not matter to a function that is equivariant everywhere; pass ``measure`` to look elsewhere.

    Raises AssertionError naming the worst row, its element, the figure and the tolerance; SchemaError when no type is
    given or declared; what ``equivariance_error`` raises.

    >>> from isotropy.reps import Scalar, Vector
    >>> x = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    >>> assert_equivariant(lambda v: v.square().sum(1, keepdim=True), "O(3)", x, Vector, Scalar)
    """
    types = [_declared(f, name, given) for name, given in (("rep_in", rep_in), ("rep_out", rep_out))]
    G = group if isinstance(group, Window) else parse(group)
    if isinstance(G, Group) and measure is None and not G.compact:
        measure = Window(G, 0.5)
    if x is None:
        x = _drawn(f, G.group if isinstance(G, Window) else G, types[0], seed)
    dtype = next((part.dtype for part in tree.tree_leaves(x) if part.is_floating_point()), torch.float64)
    measured = tol is not None or dtype == torch.float64
    if tol is None:
        tol = _TOLERANCE.get(dtype, _TOLERANCE[torch.float32])
    found = equivariance_defects(f, G, x, *types, measure=measure, n=n, seed=seed)
    if found.largest <= tol:
        return
    exact = None if measured or found.largest > _ROUNDING else _in_double(f, G, x, types, measure, n, seed)
    if exact is not None and exact <= _TOLERANCE[torch.float64]:
        return
    element = tree.tree_map(lambda part: part.tolist(), found.worst_element)
    raise AssertionError(
        f"not equivariant under {group}: |f(g.x) - g.f(x)| is {found.largest:.3g} of the output's size, "
        f"tolerance {tol:.3g}"
        + ("" if exact is None else f"; in double precision it is {exact:.3g}, so that this is no rounding")
        + f"\nworst at row {found.worst_row}, for g = {element}"
    )


def _in_double(f: Any, G: Any, x: Any, types: list[Type], measure: Any, n: int, seed: int) -> float | None:
    """The figure of ``f`` in double precision; None where it cannot be had."""
    try:
        wide = copy.deepcopy(f).double() if isinstance(f, nn.Module) else f
        many = tree.tree_map(lambda part: part.double() if part.is_floating_point() else part, x)
        return equivariance_defects(wide, G, many, *types, measure=measure, n=n, seed=seed).largest
    except (RuntimeError, TypeError, ValueError):  # weights of one precision only, in whatever a caller wrote
        return None


def _drawn(f: object, group: Group, rep_in: Type, seed: int) -> Tensor:
    if not isinstance(rep_in, Rep):
        raise SchemaError(f"no x for {rep_in}", "a Rep, from which to draw one", "pass x")
    weights = [part.dtype for part in f.parameters() if part.is_floating_point()] if isinstance(f, nn.Module) else []
    dtype = weights[0] if weights else torch.float64
    drawn = torch.randn(16, rep_in.dim(group), generator=spawn(seed, "assert_equivariant"), dtype=torch.float64)
    return drawn.to(dtype)


def _declared(f: object, name: str, given: Any) -> Type:
    if given != "declared":
        return parse_type(given)
    if not hasattr(f, name):
        raise SchemaError(f"no {name}, and {type(f).__name__} declares none", "a type", f"pass {name}=Vector, or None")
    return parse_type(getattr(f, name))
