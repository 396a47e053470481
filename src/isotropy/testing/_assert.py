"""One line that tests any layer, of ours or of yours."""

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
    float32 by default. Types left out are read from the attributes ``rep_in`` and ``rep_out`` of ``f``; None means that
    the group does nothing. A tuple of inputs is called as f(*x); where x is left out, 16 standard normal rows of the
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
    if tol is None:
        tol = 1e-10 if tree.tree_leaves(x)[0].dtype == torch.float64 else 1e-5
    found = equivariance_defects(f, G, x, *types, measure=measure, n=n, seed=seed)
    if found.largest <= tol:
        return
    element = tree.tree_map(lambda part: part.tolist(), found.worst_element)
    raise AssertionError(
        f"not equivariant under {group}: |f(g.x) - g.f(x)| is {found.largest:.3g} of the output's size, "
        f"tolerance {tol:.3g}"
        f"\nworst at row {found.worst_row}, for g = {element}"
    )


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
