"""Averaging over an orbit, and choosing from it: one optic whose residual is the group element."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.utils import _pytree as tree
from torch.utils.checkpoint import checkpoint

from isotropy.errors import DomainError, ShapeError
from isotropy.groups import Cubature, DiscreteMeasure, Group
from isotropy.linalg import Segments
from isotropy.optics._copies import Copies
from isotropy.optics._optic import Optic
from isotropy.optics._transform import Type, pull, transform

Frame = Callable[..., DiscreteMeasure]
Source = Group | Cubature | DiscreteMeasure | Frame
Mode = Literal["average", "stochastic", "first"]


def average(
    source: Source,
    rep_in: Type,
    rep_out: Type,
    *,
    group: Group | None = None,
    degree: int = 6,
    mode: Mode = "average",
    chunk: int | None = None,
    generator: torch.Generator | None = None,
    segments: Segments | None = None,
) -> Optic[Any, Any, Any, Any]:
    """The optic with close(f)(x) = sum_i w_i g_i . f(g_i^-1 . x): pull back by g^-1, push forward by g.

    ``source`` is a Group, whose Reynolds operator this is: all elements of a finite one, else the cubature that is
    exact for polynomials of total degree ``degree`` in the entries of g (degree of f times that of ``rep_in``, plus
    that of ``rep_out``); a Cubature; a DiscreteMeasure, shared by all rows or one for each row; or a frame, a callable
    that gives the latter for x. The last two need ``group`` unless the frame has one. Inputs are rows (rows, ...,
    features), or a tuple or dictionary of such; f sees (copies, ..., features), one copy for each atom of each row.
    With ``segments`` rows are sets, Clouds are flat, the frame is called with (x, segments) and f with (inside,
    segments of the copies).

    ``mode`` "stochastic" draws one atom for each row from ``generator``, "first" takes the heaviest. With ``chunk``
    that many atoms are run at a time, and again for the backward pass, so that the memory is that of ``chunk`` atoms.

    Raises DomainError where no group is known, or a draw without a generator; ShapeError for one-dimensional input, or
    an output without one row for each copy. Source: CORE §4; specification 01 §2.8, R_G f; frame averaging of Puny et
    al. 2022, eq. 1-2; stochastic frames of Duval et al. 2023.

    >>> from isotropy.groups import parse
    >>> from isotropy.reps import Vector
    >>> mean = average(parse("C(4)"), Vector, Vector).close(torch.relu)
    >>> mean(torch.tensor([[2.0, 1.0]])).tolist()
    [[1.0, 0.5]]
    """
    if isinstance(source, Group):
        group, source = source, _uniform(source, degree)
    if group is None:
        group = getattr(source, "group", None)
        if not isinstance(group, Group):
            raise DomainError("a measure that does not say on which group", "a group", "pass group=G")
    if mode == "stochastic" and generator is None:
        raise DomainError("mode='stochastic' without a generator", "generator=torch.Generator()")
    if chunk is not None and chunk < 1:
        raise DomainError(f"chunk={chunk}", "at least one atom at a time")
    if isinstance(source, Cubature):
        source = source.discretise()
    journey = _Journey(source, group, rep_in, rep_out, mode, generator, segments)
    safe = isinstance(source, DiscreteMeasure) and mode != "stochastic"
    return _Average(journey.forward, journey.backward, recompute_safe=safe, journey=journey, chunk=chunk)


def canonicalise(
    source: Frame | DiscreteMeasure, rep_in: Type, rep_out: Type, *, group: Group | None = None
) -> Optic[Any, Any, Any, Any]:
    """The one-atom case of ``average``: go to the pose of the heaviest atom of each row, and come back from it.

    The residual is the group element. Exact for equivariant outputs where x has no stabiliser; otherwise for invariant
    ones only. Arguments and errors are those of ``average``. Source: specification 13 §2.5.

    >>> from isotropy.groups import parse
    >>> from isotropy.reps import Vector
    >>> def sign(x):
    ...     return DiscreteMeasure(x.sign()[:, None, :, None], torch.zeros(len(x), 1))
    >>> odd = canonicalise(sign, Vector, Vector, group=parse("O(1)"))
    >>> odd.close(lambda v: v + 1)(torch.tensor([[2.0], [-2.0]])).tolist()
    [[3.0], [-3.0]]
    """
    return average(source, rep_in, rep_out, group=group, mode="first")


def _uniform(group: Group, degree: int) -> DiscreteMeasure | Cubature:
    if group.finite:
        g = group.elements()
        count = len(tree.tree_leaves(g)[0])
        return DiscreteMeasure(g, -torch.full((count,), count, dtype=torch.float64).log(), exact=True)
    return Cubature(group, degree)


@dataclass(frozen=True)
class _Journey:
    """There by g^-1 and back by g, for the atoms that the mode asks for."""

    source: DiscreteMeasure | Frame
    group: Group
    rep_in: Type
    rep_out: Type
    mode: Mode
    generator: torch.Generator | None
    segments: Segments | None

    def copies(self, x: Any) -> Copies:
        sets = () if self.segments is None else (self.segments,)
        found = self.source if isinstance(self.source, DiscreteMeasure) else self.source(x, *sets)
        g, weight = _for_rows(found, x, self.segments)
        if self.mode != "average":
            g, weight = self._one(g, weight)
        return Copies.of(g, weight, self.segments)

    def _one(self, g: Any, weight: Tensor) -> tuple[Any, Tensor]:
        if self.mode == "first":
            chosen = weight.argmax(1)
        else:
            assert self.generator is not None
            drawn = torch.multinomial(weight.detach().to(self.generator.device), 1, generator=self.generator)
            chosen = drawn[:, 0].to(weight.device)
        rows = torch.arange(len(weight), device=weight.device)
        return tree.tree_map(lambda part: part[rows, chosen][:, None], g), torch.ones_like(weight[:, :1])

    def there(self, copies: Copies, x: Any) -> Any:
        return pull(self.rep_in, self.group, copies.g, copies.take(self.rep_in, x), copies.inner)

    def back(self, copies: Copies, y: Any) -> Any:
        y = copies.check(self.rep_out, y)
        return copies.sum(self.rep_out, transform(self.rep_out, self.group, copies.g, y, copies.inner))

    def forward(self, x: Any) -> tuple[Copies, Any]:
        copies = self.copies(x)
        return copies, self.there(copies, x)

    def backward(self, copies: Copies, y: Any) -> Any:
        return self.back(copies, y)


@dataclass(frozen=True)
class _Average(Optic[Any, Any, Any, Any]):
    """The same optic, closed a few atoms at a time where memory asks for it."""

    journey: _Journey | None = None
    chunk: int | None = None

    def close(self, f: Callable[..., Any]) -> Callable[[Any], Any]:
        journey = self.journey
        assert journey is not None

        def run(copies: Copies, x: Any) -> Any:
            inside = journey.there(copies, x)
            return journey.back(copies, f(inside) if copies.inner is None else f(inside, copies.inner))

        def closed(x: Any) -> Any:
            copies = journey.copies(x)
            pieces = [copies] if self.chunk is None else copies.split(self.chunk)
            if len(pieces) == 1:
                return run(copies, x)
            total: Any = None
            for few in pieces:
                term = checkpoint(run, few, x, use_reentrant=False) if torch.is_grad_enabled() else run(few, x)
                total = term if total is None else tree.tree_map(torch.add, total, term)
            return total

        return closed


def _for_rows(measure: DiscreteMeasure, x: Any, segments: Segments | None) -> tuple[Any, Tensor]:
    """Elements (rows, F, *element) and weights (rows, F), in the dtype and place of ``x``."""
    like = _like(x)
    if segments is None and any(part.ndim < 2 for part in tree.tree_leaves(x)):
        raise ShapeError(f"x of shape {tuple(like.shape)}", "(rows, ..., features)", "add a row axis: x[None]")
    rows = len(like) if segments is None else segments.count
    shared = measure.log_weight.ndim == 1

    def placed(part: Tensor) -> Tensor:
        part = part.to(like) if part.is_floating_point() else part.to(like.device)
        return part.expand(rows, *part.shape) if shared else part

    weight = placed(measure.log_weight.exp())
    if len(weight) != rows:
        raise ShapeError(f"a measure for {len(weight)} rows", f"one for each of {rows}")
    return tree.tree_map(placed, measure.g), weight


def _like(x: Any) -> Tensor:
    """The tensor that says in which dtype to compute: the first with a fractional part."""
    leaves = tree.tree_leaves(x)
    return next((part for part in leaves if part.is_floating_point()), leaves[0])
