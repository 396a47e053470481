"""Which layer broke it? The first whose output moves as no hidden action of the group does."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from isotropy.errors import IsotropyError
from isotropy.measure._sample import Sample
from isotropy.reps import Cloud, Field, Indexed, Pairs, Point, Pseudovector, Rep, Scalar, Type, Vector

_EXACT = 1e-4  # relative: what an action that holds leaves in single precision
_FOLLOWED = 1e-3  # of the energy of what moves: what a linear action that was fitted to rows may leave
_RIDGE = 1e-7  # of the mean square of features: enough for double precision
_WIDEST = 1_024  # features beyond which no action is fitted


@dataclass(frozen=True)
class Blame:
    """``layer`` is where the symmetry is lost; ``among``, in the order in which they run, are the layers that the
    outputs cannot tell from it, itself among them. ``rule`` says how it was seen.

    ``layer`` is "" where every layer follows, and the forward of the model itself breaks the symmetry.
    """

    layer: str
    among: tuple[str, ...] = ()
    rule: str = ""


@dataclass(frozen=True, eq=False)
class _Seen:
    """A call of a module, with its output and how that moves for each generator or element; None where it is judged
    by what follows: it gave no rows of numbers."""

    name: str
    module: nn.Module
    h: Tensor | None
    moves: Float[Tensor, "k ..."] | None


def blamed(model: nn.Module, motion: Any, sample: Sample, rep_out: Type) -> Blame:
    """The first module, in the order in which their calls end, that loses the symmetry of its inputs.

    The output h of a module keeps it where it has the action that its type declares (``rep_out``), rests (invariants),
    moves as vectors do on a last axis as long as theirs, or as pixels and points do; or, if nothing so simple holds,
    where one linear action, fitted to half of the rows, follows how h moves on the other half. Where vectors go in, or
    were kept by a layer before, an axis that is laid out as theirs and does not move so is a loss, though a linear
    action may follow: one that no product of features respects. What is seen by a fit alone is told with the layers
    since the last that was seen to be exact.
    """
    seen = _watched(model, motion, sample)
    y = sample.out(sample.call(model), rep_out)
    layouts = [_Layout(motion, sample, y, one) for one in seen]
    vectors, since = any(map(_has_vectors, sample.leaves)), list[str]()
    for one, found in zip(seen, layouts, strict=True):
        since = [*(name for name in since if name != one.name), one.name]
        if found.rests is None:  # unjudged
            continue
        if found.exact:
            vectors = vectors or found.shaped is True
            since = []
            continue
        if found.shaped is False and vectors and found.alike:
            return Blame(one.name, tuple(since), "layout")
        if not found.followed:
            return Blame(one.name, tuple(since), "linear")
    out = _Layout(motion, sample, y, _Seen("", model, *_of_output(motion, sample, y, model)))
    last = [one.name for one, found in zip(seen, layouts, strict=True) if found.same_as(out)]
    return Blame(last[-1] if last else "", tuple(since) or tuple(last[-1:]), "output")


def _has_vectors(leaf: tuple[Type, Any]) -> bool:
    rep = leaf[0] if isinstance(leaf[0], Rep) else getattr(leaf[0], "rep", None)
    return isinstance(rep, Rep) and any(part.atom in (Vector, Point, Pseudovector) for part in rep.parts())


def _watched(model: nn.Module, motion: Any, sample: Sample) -> list[_Seen]:
    names = {module: name for name, module in model.named_modules() if module is not model}
    ended: list[nn.Module] = []

    def run(*args: Any, **named: Any) -> tuple[Tensor, ...]:
        ended.clear()
        kept: list[Any] = []

        def note(module: nn.Module, _: Any, out: Any) -> None:
            ended.append(module)
            kept.append(out.clone() if isinstance(out, Tensor) else None)

        with ExitStack() as hooks:
            for module in names:
                hooks.enter_context(module.register_forward_hook(note))
            model(*args, **named)
        return tuple(h for h in kept if h is not None and h.is_floating_point())

    def lined(outputs: tuple[Tensor, ...]) -> dict[int, Tensor]:
        """The outputs by the number of the call."""
        return dict(zip(places, outputs, strict=True))

    first = sample.call(run)
    calls = list(ended)
    kinds: list[Any] = []
    with ExitStack() as hooks:
        for module in names:
            hooks.enter_context(module.register_forward_hook(lambda _, __, out: kinds.append(out)))
        sample.call(model)
    places = [i for i, out in enumerate(kinds) if isinstance(out, Tensor) and out.is_floating_point()]
    values, moves = lined(first), [lined(each) for each in motion.of(run)]
    found: list[_Seen] = []
    for i, module in enumerate(calls):
        rows = i in values and values[i].ndim >= 2
        stack = torch.stack([each[i] for each in moves]) if rows else None
        found.append(_Seen(names[module], module, values[i] if rows else None, stack))
    return found


def _of_output(motion: Any, sample: Sample, y: Sample, model: nn.Module) -> tuple[Tensor | None, Tensor | None]:
    if not isinstance(y.x, Tensor):
        return None, None
    return y.x, torch.stack(motion.of(model))


class _Layout:
    """How the output of one module moves, beside what hidden actions would do."""

    def __init__(self, motion: Any, sample: Sample, y: Sample, seen: _Seen) -> None:
        self.motion, self.sample, self.seen, self.y = motion, sample, seen, y
        h, moves = seen.h, seen.moves
        lengths = (len(sample), None if sample.segments is None else len(sample.segments.label))
        if h is None or moves is None or len(h) not in lengths:
            self.rests: bool | None = None
            return
        self.h, self.moves = h.detach().double(), moves.detach().double()
        self.size = float(self.h.square().mean().sqrt()) + 1e-300
        still = torch.zeros_like(self.moves) if self.rates else self.h.expand_as(self.moves)
        self.rests = self._close(still)

    @property
    def rates(self) -> bool:
        return hasattr(self.motion, "directions")

    def _close(self, expected: Tensor) -> bool:
        return float((self.moves - expected).square().mean().sqrt()) <= _EXACT * self.size

    @property
    def exact(self) -> bool:
        """Whether a simple action holds."""
        declared = getattr(self.seen.module, "rep_out", None)
        if isinstance(declared, Rep | Indexed):
            held = self._as(declared, self.h)
            if held is not None:
                self.shaped: bool | None = held
                return held
        self.shaped = None
        if self.rests:
            return True
        whole = self._as_output()
        if whole is not None:
            self.shaped = whole
            return whole
        tried = [self._as(*each) for each in self._shapes()]
        known = [held for held in tried if held is not None]
        self.shaped = any(known) if known else None
        return bool(self.shaped)

    @property
    def alike(self) -> bool:
        """Whether the shape alone says vectors: more axes than a row of numbers has."""
        return self.h.ndim > 2 or self._is_output

    @property
    def _is_output(self) -> bool:
        y = self.y.x
        same = isinstance(y, Tensor) and len(y) == len(self.h) and y[0].numel() == self.h[0].numel()
        return bool(same and torch.equal(y.double().flatten(1), self.h.flatten(1)))

    def _as_output(self) -> bool | None:
        """What is the output already, but for its shape, moves as outputs do, or not at all as it should."""
        if not self._is_output:
            return None
        return self._close(self._carried(self.y.type, self.y.x.double()).reshape(self.moves.shape))

    def _shapes(self) -> list[tuple[Type, Tensor]]:
        """Types that the shape of h suggests."""
        found: list[tuple[Type, Tensor]] = []
        for type_, value in self.sample.leaves:
            if isinstance(type_, Field) and self.h.ndim == value.ndim:
                found.append((Field(self.h.shape[1] * Scalar), self.h))
            if isinstance(type_, Pairs) and self.sample.segments is None and self.h.shape[1:3] == value.shape[1:3]:
                found.append((Pairs(), self.h))
        vectors = self._vectors()
        if not vectors:
            return found
        d = self.motion.group.degree
        flat = self.sample.segments is not None and len(self.h) != self.sample.segments.count
        for kind in vectors:
            if self.h.shape[-1] == d:
                copies = self.h[0].numel() // d
                found.append((Cloud(copies * kind), self.h.flatten(1)) if flat else (kind, self.h))
            if self.h.ndim >= 3 and self.h.shape[-2] == d and self.h.shape[-1] != d and not flat:
                found.append((kind, self.h.transpose(-1, -2)))
        return found

    def _vectors(self) -> list[Rep]:
        group = self.motion.group
        try:
            degree = group.degree
        except IsotropyError:
            return []
        kinds = [Vector, Point] if group.affine else [Vector]
        kinds += [Pseudovector] if degree == 3 else []
        return [kind.on(group.space) for kind in kinds]

    def _as(self, type_: Type, h: Tensor) -> bool | None:
        """Whether h moves as that type does; None where it is none of that type."""
        try:
            expected = self._carried(type_, h)
        except (IsotropyError, RuntimeError, IndexError):
            return None
        if h.ndim == self.h.ndim and h.shape != self.h.shape:
            expected = expected.transpose(-1, -2)
        return self._close(expected.reshape(self.moves.shape))

    def _carried(self, type_: Type, h: Tensor) -> Tensor:
        like = Sample(h.to(self.sample.floats[0]), type_, self.sample.segments)
        return torch.stack([part.double() for part in self.motion.carried(like)])

    @property
    def followed(self) -> bool:
        """Whether one linear action for all rows does, each half of the rows judged by the fit on the other."""
        left, whole = 0.0, 0.0
        h, moves = self._rows(self.h), [self._rows(each) for each in self.moves]
        if h.shape[1] > _WIDEST or len(h) < 4 * h.shape[1]:
            return True  # nothing can be said
        even = torch.arange(len(h)) % 2 == 0
        for own, other in ((even, ~even), (~even, even)):
            X = h[other]
            gram = X.mT @ X
            gram.diagonal().add_(_RIDGE * gram.diagonal().mean() + 1e-300)
            for move in moves:
                map_ = torch.linalg.solve(gram, X.mT @ move[other])
                start = h[own] if not self.rates else torch.zeros_like(h[own])
                left += float((move[own] - h[own] @ map_).square().sum())
                whole += float((move[own] - start).square().sum())
        return left <= _FOLLOWED * whole

    def _rows(self, h: Tensor) -> Float[Tensor, "rows features"]:
        """The features of each row, and 1 where the group translates: then actions are affine."""
        rows = h.flatten(1)
        affine = bool(getattr(self.motion.group, "affine", False))
        return torch.cat([rows, torch.ones_like(rows[:, :1])], 1) if affine else rows

    def same_as(self, other: _Layout) -> bool:
        """Whether both are outputs of the same numbers."""
        mine, own = self.seen.h, other.seen.h
        if mine is None or own is None or len(mine) != len(own) or mine.numel() != own.numel():
            return False
        return torch.equal(mine.flatten(), own.flatten())
