"""What each layer of a chain takes, in time and in bytes: all that a plan is made from."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from isotropy.errors import DomainError, ShapeError, counted
from isotropy.optics._plan import Plan, Solver, make_plan
from isotropy.optics._schedule import Costs


@dataclass(frozen=True)
class Profile:
    """Of each layer: seconds of its ``forward`` and ``backward``, bytes of its ``output`` and of its ``residual``.

    The ``residual`` is all that is alive after a forward that keeps what the backward pass needs, the layer's output
    included, its input not (§2.3 of the specification). ``transient_forward`` is what a forward that keeps nothing
    makes at its peak, the output included; ``transient_kept`` what one that keeps the residual makes beyond it;
    ``transient_backward`` what a backward makes beyond the residual: cotangents, fresh gradients, working tensors.
    Without the first of them working tensors and the values that run from layer to layer cost nothing, as in tables
    of textbooks. ``gradient`` are bytes of gradients that stay
    because they had no place before. Layers that are not ``recompute_safe`` run forward once only. ``inverse`` are
    seconds of the inverses of layers that have one (None: it has none), ``transient_inverse`` what these make at their
    peak, ``drift`` by how much a rebuilt input differs, relative to its largest entry. ``names`` are for people,
    ``shape`` says on which input the numbers were measured. A layer that runs again right before its backward stops
    when the residual is whole: ``unmade`` is what of the residual it does not make then (its output, mostly), and
    ``transient_again`` what it makes beyond the rest.

    Raises ShapeError for lists of unequal length; DomainError for negative numbers and NaN, and for a residual smaller
    than the output that it holds.

    >>> chain = Profile(forward=[1, 1, 1], backward=[1, 1, 1], output=[1, 1, 1], residual=[2, 2, 2])
    >>> chain.plan(budget=4).predicted.recomputed
    2
    """

    forward: Sequence[float]
    backward: Sequence[float]
    output: Sequence[float]
    residual: Sequence[float]
    transient_forward: Sequence[float] | None = None
    transient_backward: Sequence[float] | None = None
    inverse: Sequence[float | None] | None = None
    transient_kept: Sequence[float] | None = None
    transient_inverse: Sequence[float] | None = None
    drift: Sequence[float] | None = None
    unmade: Sequence[float] | None = None
    transient_again: Sequence[float] | None = None
    gradient: Sequence[float] | None = None
    recompute_safe: Sequence[bool] | None = None
    names: Sequence[str] | None = None
    shape: str = ""

    def __post_init__(self) -> None:
        count = len(self.forward)
        for name in _LISTS:
            values: Sequence[Any] | None = getattr(self, name)
            if values is None:
                continue
            if len(values) != count:
                raise ShapeError(
                    f"{counted(len(values), 'value')} of {name}", f"{count}, one for each layer, as of forward"
                )
            if name in ("recompute_safe", "names"):
                object.__setattr__(self, name, tuple(values))
                continue
            numbers = tuple(None if one is None else float(one) for one in values)
            bad = [i for i, one in enumerate(numbers) if one is not None and not (one >= 0 and math.isfinite(one))]
            if bad:
                raise DomainError(f"{name} of {values[bad[0]]} at layer {bad[0]}", "a finite number, not negative")
            object.__setattr__(self, name, numbers)
        for i, (output, residual) in enumerate(zip(self.output, self.residual, strict=True)):
            if residual < output:
                raise DomainError(
                    f"a residual of {residual:g} and an output of {output:g} at layer {i}",
                    "a residual that holds the output of its layer",
                    "add the output to what the backward pass needs",
                )

    def __len__(self) -> int:
        return len(self.forward)

    @cached_property
    def costs(self) -> Costs:
        """The same numbers with nothing left out."""
        zero = (0.0,) * len(self)
        return Costs(
            tuple(self.forward),
            tuple(self.backward),
            tuple(self.output),
            tuple(self.residual),
            tuple(self.transient_forward or zero),
            tuple(self.transient_backward or zero),
            tuple(self.transient_kept or zero),
            tuple(self.gradient or zero),
            tuple(self.inverse or (None,) * len(self)),
            tuple(self.transient_inverse or zero),
            tuple(self.drift or zero),
            tuple(self.unmade or zero),
            tuple(self.transient_again or self.transient_kept or zero),
            tuple(self.recompute_safe or (True,) * len(self)),
            tuple(self.names or map(str, range(len(self)))),
            self.transient_forward is not None,
            self.shape,
        )

    def plan(
        self,
        budget: str | float | None = None,
        *,
        fraction: float | None = None,
        min_budget: bool = False,
        allow: Collection[str] = ("store", "recompute"),
        solver: Solver = "dp",
        slots: int = 500,
        every: int = 32,
    ) -> Plan:
        """What to keep and what to run again, so that the peak stays within ``budget`` and least time is spent.

        ``budget`` is in bytes or text ("256MB"), ``fraction`` one of plain autograd's peak in the same count,
        ``min_budget=True`` the smallest that there is; without any of them everything is kept. "dp" is optimal among
        schedules that keep a stored value until it is used (persistent ones), but for the rounding of sizes to a
        ``slots``-th of the budget; "exact" (10 layers at most) among all schedules; "revolve" is binomial checkpointing
        as if layers were equal, "sqrt" keeps the input of every root-n-th layer, "all" is plain autograd, "none" keeps
        the input only. ``allow`` without "store" recomputes every layer but the last; with "invert" inputs of layers
        that have an inverse may be rebuilt from outputs, with a value that is stored or given at least ``every`` so
        many layers: gradients are then exact up to the plan's ``drift`` only.

        Raises InfeasibleBudget, which names the smallest budget and the layer in the way; DomainError for sizes that
        cannot be read, an unknown solver, or more layers than the solver takes. Sources: Beaumont et al. 2019 (Rotor),
        arXiv 1911.13214; Griewank and Walther 2000; Chen et al. 2016.

        >>> even = Profile([1] * 8, [1] * 8, [1] * 8, [1] * 8)
        >>> even.plan(budget=3, allow={"recompute"}).predicted.recomputed
        14
        """
        return make_plan(self.costs, budget, fraction, min_budget, allow, solver, slots, every)


_LISTS = (
    *("forward", "backward", "output", "residual", "transient_forward", "transient_backward", "transient_kept"),
    *("transient_inverse", "drift", "unmade", "transient_again", "inverse", "gradient", "recompute_safe", "names"),
)
