"""Averaging over an orbit, and choosing from it: one optic whose residual is the group element."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Literal, get_args

import torch
from torch import Tensor
from torch.utils import _pytree as tree

from isotropy.errors import DegenerateError, DomainError, ShapeError, counted
from isotropy.groups import Cubature, DiscreteMeasure, Group, parse
from isotropy.linalg import Segments
from isotropy.optics._again import modules_of
from isotropy.optics._copies import HALF, Copies
from isotropy.optics._optic import Optic
from isotropy.optics._run import recomputed
from isotropy.reps import Type, act, parse_type, pull

Frame = Callable[..., DiscreteMeasure]
Source = Group | str | Cubature | DiscreteMeasure | Frame
Mode = Literal["average", "stochastic", "first"]


def average(
    source: Source,
    rep_in: Type | str,
    rep_out: Type | str,
    *,
    group: Group | str | None = None,
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

    ``mode`` "stochastic" draws one atom for each row from ``generator``, "first" takes the heaviest, which has to be
    one. With ``chunk`` that many atoms are run at a time, and again for the backward pass, so that the memory is that
    of ``chunk`` atoms, with the same chance; statistics that f keeps (batch norm in train mode) are those of a chunk,
    moved once for each. Under autocast only f runs in half precision: there and back is in that of x, and half inputs
    become float32. Outputs of f in half precision come back in the precision of x.

    Raises DomainError where no group is known, a draw without a generator, or another mode; ShapeError for
    one-dimensional input, inputs of different lengths, or an output without one row for each copy; DtypeError for
    integer outputs; DegenerateError for "first" where several atoms are heaviest. Source: CORE §4; specification 01
    §2.8, R_G f; frame averaging of Puny et al. 2022, eq. 1-2; stochastic frames of Duval et al. 2023.

    >>> mean = average("C(4)", "Vector", "Vector").close(torch.relu)
    >>> mean(torch.tensor([[2.0, 1.0]])).tolist()
    [[1.0, 0.5]]
    """
    if isinstance(source, Group | str):
        group = parse(source)
        source = _uniform(group, degree)
    G = getattr(source, "group", None) if group is None else parse(group)
    if not isinstance(G, Group):
        raise DomainError("a measure that does not say on which group", "a group", "pass group=G")
    if mode not in get_args(Mode):
        raise DomainError(f"mode={mode!r}", f"one of {', '.join(map(repr, get_args(Mode)))}")
    if mode == "stochastic" and generator is None:
        raise DomainError("mode='stochastic' without a generator", "generator=torch.Generator()")
    if chunk is not None and chunk < 1:
        raise DomainError(f"chunk={chunk}", "at least one atom at a time")
    if isinstance(source, Cubature):
        source = source.discretise()
    journey = _Journey(source, G, parse_type(rep_in), parse_type(rep_out), mode, generator, segments)
    safe = isinstance(source, DiscreteMeasure) and mode != "stochastic"
    return _Average(journey.forward, journey.back, recompute_safe=safe, journey=journey, chunk=chunk)


def canonicalise(
    source: Frame | DiscreteMeasure, rep_in: Type | str, rep_out: Type | str, *, group: Group | str | None = None
) -> Optic[Any, Any, Any, Any]:
    """The one-atom case of ``average``: go to the pose of the heaviest atom of each row, and come back from it.

    The residual is the group element. Exact where one atom is heavier than all others; where several are, as the signs
    of principal axes are, no choice among them is equivariant: DegenerateError. Arguments and other errors are those of
    ``average``. Source: specification 13 §2.5; 03 §2.8.

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


def _in_full_precision(step: Callable[..., Any]) -> Callable[..., Any]:
    """A step of the journey, untouched by autocast: only the inside may lose digits."""

    @wraps(step)
    def run(*args: Any) -> Any:
        device = next((part.device.type for part in tree.tree_leaves(args[1:]) if isinstance(part, Tensor)), "cpu")
        if not _lowered(device):
            return step(*args)
        with torch.autocast(device, enabled=False):
            return step(*args)

    return run


def _widened(x: Any) -> Any:
    """Under autocast, what other layers gave in half precision becomes float32, in which it came to them."""
    if not _lowered(_like(x).device.type):
        return x
    return tree.tree_map(lambda part: part.float() if part.dtype in HALF else part, x)


def _lowered(device: str) -> bool:
    return torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)


def _refuse_ties(weight: Tensor) -> None:
    """One of several heaviest atoms would be chosen by rounding."""
    w = weight.detach()
    several = (w >= w.amax(1, keepdim=True) * (1 - _SAME)).sum(1) > 1 if w.numel() else w.new_zeros(0)
    if bool(several.any()):
        raise DegenerateError(
            f"several heaviest atoms at batch {several.nonzero().flatten()[:5].tolist()}",
            'one that mode="first" can take',
            'MinimalFrame and MDSFrame have one atom for clouds without symmetry; mode="average" takes all',
        )


_SAME = 1e-5
"""Weights closer than this, relative to the largest, are equal but for rounding."""


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

    @_in_full_precision
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
            _refuse_ties(weight)
        else:
            assert self.generator is not None
            drawn = torch.multinomial(weight.detach().to(self.generator.device), 1, generator=self.generator)
            chosen = drawn[:, 0].to(weight.device)
        rows = torch.arange(len(weight), device=weight.device)
        return tree.tree_map(lambda part: part[rows, chosen][:, None], g), torch.ones_like(weight[:, :1])

    @_in_full_precision
    def there(self, copies: Copies, x: Any) -> Any:
        return pull(self.rep_in, self.group, copies.g, copies.take(self.rep_in, x), copies.inner)

    @_in_full_precision
    def back(self, copies: Copies, y: Any) -> Any:
        y = copies.check(self.rep_out, y)
        return copies.sum(self.rep_out, act(self.rep_out, self.group, copies.g, y, copies.inner))

    def forward(self, x: Any) -> tuple[Copies, Any]:
        x = _widened(x)
        copies = self.copies(x)
        return copies, self.there(copies, x)


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
            x = _widened(x)
            copies = journey.copies(x)
            pieces = [copies] if self.chunk is None else copies.split(self.chunk)
            if len(pieces) <= 1:  # a batch without rows has no piece
                return run(copies, x)
            total, modules = None, modules_of(f)
            for few in pieces:
                term = recomputed(run, few, x, modules=modules)
                total = term if total is None else tree.tree_map(torch.add, total, term)
            return total

        closed.recompute_safe = self.recompute_safe  # type: ignore[attr-defined]
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
        raise ShapeError(f"a measure for {counted(len(weight), 'row')}", f"one for each of {rows}")
    return tree.tree_map(placed, measure.g), weight


def _like(x: Any) -> Tensor:
    """The tensor that says in which dtype to compute: the first with a fractional part."""
    leaves = tree.tree_leaves(x)
    return next((part for part in leaves if part.is_floating_point()), leaves[0])
