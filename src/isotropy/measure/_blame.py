"""Which layer broke it? The first that makes something which moves as no hidden action of the group does."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from isotropy.errors import IsotropyError
from isotropy.measure._sample import Sample
from isotropy.measure._watching import Passed, by_place, passing, view_of
from isotropy.reps import Cloud, Field, Indexed, Pairs, Point, Pseudovector, Rep, Scalar, Type, Vector
from isotropy.reps import Tensor as Matrix

_EXACT = 1e-4  # relative: what an action that holds leaves in single precision
_FOLLOWED = 1e-3  # of the energy of what moves: what a linear action that was fitted to rows may leave
_RIDGE = 1e-7  # of the mean square of features: enough for double precision
_WIDEST = 1_024  # features beyond which no action is fitted


@dataclass(frozen=True)
class Blame:
    """``layer`` is where the symmetry is lost; ``among``, in the order in which they run, are the layers that the
    outputs cannot tell from it, itself among them. ``rule`` says how it was seen.

    A layer with parts of its own that lost it in its own forward did so ``before`` it called that part. ``layer`` is ""
    where every layer follows, and the forward of the model itself breaks the symmetry.
    """

    layer: str
    among: tuple[str, ...] = ()
    rule: str = ""
    before: str = ""

    @property
    def where(self) -> str:
        """The layer in words; empty where nothing is lost."""
        if not self.rule:
            return ""
        return _named(self.layer) + (f", before {self.before}" if self.before else "")

    @property
    def others(self) -> list[str]:
        """The layers that cannot be told from it, in words."""
        return [_named(name) for name in self.among if name != self.layer]


def _named(layer: str) -> str:
    return layer or "the model itself"


def blamed(model: nn.Module, motion: Any, sample: Sample, rep_out: Type, cuts: Collection[str]) -> Blame:
    """The first module that loses the symmetry of its inputs, in its output or in what it gives to a part of its own.

    What a module makes keeps it where it has the action that its type declares (``rep_out``), rests (invariants),
    moves as vectors do on a last axis as long as theirs, or as pixels and points do; or, if nothing so simple holds,
    where one linear action, fitted to half of the rows, follows how it moves on the other half: the same action at all
    points or pixels, where it stands at those of the inputs. Where vectors go in, or were kept by a layer before, an
    axis that is laid out as theirs and does not move so is a loss, though a linear action may follow: one that no
    product of features respects. What is seen by a fit alone is told with the layers that were not seen to be exact
    since all that flows (through one of ``cuts``) was.
    """
    passed = passing(model, motion, sample)
    y = sample.out(sample.call(model), rep_out)
    layouts = [_Layout(motion, sample, y, one) for one in passed]
    vectors, doubtful = any(map(_has_vectors, sample.leaves)), list[str]()
    for one, found in zip(passed, layouts, strict=True):
        exact = found.judged and found.exact
        if one.before is None or not exact:
            doubtful = [name for name in doubtful if name != one.name]
        if exact:
            vectors = vectors or bool(found.vectors)
            if one.before is None and one.name in cuts:
                doubtful = []
            continue
        if one.name or found.judged:
            doubtful.append(one.name)
        if not found.judged:  # unjudged
            continue
        bent = found.vectors is False and vectors and found.alike
        if bent or not found.followed:
            return Blame(one.name, tuple(doubtful), "layout" if bent else "linear", one.before or "")
    ends = torch.stack(motion.of(model)) if isinstance(y.x, Tensor) else None
    out = _Layout(motion, sample, y, Passed("", model, None, None if ends is None else y.x, ends))
    last = [one.name for one, found in zip(passed, layouts, strict=True) if found.same_as(out)]
    return Blame(next(reversed([*doubtful, *last]), ""), tuple(doubtful) or tuple(last[-1:]), "output")


def _has_vectors(leaf: tuple[Type, Any]) -> bool:
    rep = leaf[0] if isinstance(leaf[0], Rep) else getattr(leaf[0], "rep", None)
    return isinstance(rep, Rep) and any(part.atom in (Vector, Point, Pseudovector) for part in rep.parts())


class _Layout:
    """How something that passed moves, beside what hidden actions would do."""

    def __init__(self, motion: Any, sample: Sample, y: Sample, one: Passed) -> None:
        self.motion, self.sample, self.one, self.y = motion, sample, one, y
        self.judged, self.exact = False, False
        self.vectors: bool | None = None  # whether an axis that is laid out as that of vectors moves so
        lengths = (len(sample), None if sample.segments is None else len(sample.segments.label))
        if one.h is None or one.moves is None:
            return
        # Rows of another kind, edges say, rest or move each by itself, unless an element of the group exchanges them.
        self.loose = len(one.h) not in lengths
        if self.loose and not self._rates:
            return
        self.judged = True
        self.h, self.moves = one.h.detach().double(), one.moves.detach().double()
        self.size = float(self.h.square().mean().sqrt()) + 1e-300
        self.exact = self._simple()

    @property
    def _rates(self) -> bool:
        return hasattr(self.motion, "directions")

    def _close(self, expected: Tensor) -> bool:
        return float((self.moves - expected).square().mean().sqrt()) <= _EXACT * self.size

    def _simple(self) -> bool:
        """Whether a simple action holds."""
        declared = getattr(self.one.module, "rep_out", None) if self.one.before is None else None
        if isinstance(declared, Rep | Indexed):
            held = self._as(declared, self.h)
            if held is not None:
                self.vectors = held
                return held
        if self._close(torch.zeros_like(self.moves) if self._rates else self.h.expand_as(self.moves)):
            return True
        if self._is_output:  # but for its shape: moves as outputs do, or not at all as it should
            self.vectors = self._close(self._carried(self.y.type, self.y.x.double()).reshape(self.moves.shape))
            return self.vectors
        tried = [self._as(*each, shifted=True) for each in self._laid_out()]
        known = [held for held in tried if held is not None]
        self.vectors = any(known) if known else None
        return bool(self.vectors) or any(self._as(*each) for each in self._placed())

    @property
    def alike(self) -> bool:
        """Whether the shape alone says vectors: more axes than a row of numbers has."""
        return self.h.ndim > 2 or self._is_output

    @property
    def _is_output(self) -> bool:
        y = self.y.x
        same = isinstance(y, Tensor) and len(y) == len(self.h) and y[0].numel() == self.h[0].numel()
        return bool(same and torch.equal(y.double().flatten(1), self.h.flatten(1)))

    def _placed(self) -> list[tuple[Type, Tensor]]:
        """Numbers at the pixels of images and at pairs of points, as the shape of h suggests."""
        found: list[tuple[Type, Tensor]] = []
        for type_, value in self.sample.leaves:
            if isinstance(type_, Field) and self.h.ndim == value.ndim:
                found.append((Field(self.h.shape[1] * Scalar), self.h))
            if isinstance(type_, Pairs) and self.sample.segments is None and self.h.shape[1:3] == value.shape[1:3]:
                found.append((Pairs(), self.h))
        return found

    def _laid_out(self) -> list[tuple[Type, Tensor]]:
        """Vectors, and tensors of rank 2, as the shape of h suggests."""
        vectors = self._vectors()
        if not vectors:
            return []
        found: list[tuple[Type, Tensor]] = []
        d = self.motion.group.degree
        flat = self.sample.segments is not None and len(self.h) != self.sample.segments.count and not self.loose
        square = self.h.ndim >= 3 and tuple(self.h.shape[-2:]) == (d, d)
        for kind in vectors:
            if self.h.shape[-1] == d:
                found.append((Cloud(self.h[0].numel() // d * kind), self.h.flatten(1)) if flat else (kind, self.h))
            if self.h.ndim >= 3 and self.h.shape[-2] == d and not square and not flat:
                found.append((kind, self.h.transpose(-1, -2)))
        if square:
            kind = Matrix(2).on(self.motion.group.space)
            copies = self.h[0].numel() // d**2
            found.append((Cloud(copies * kind), self.h.flatten(1)) if flat else (kind, self.h.flatten(-2)))
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

    def _as(self, type_: Type, h: Tensor, shifted: bool = False) -> bool | None:
        """Whether h moves as that type does, but for shifts of all rows alike; None where it is none of that type."""
        try:
            expected = self._carried(type_, h)
        except (IsotropyError, RuntimeError, IndexError):
            return None
        if h.ndim == self.h.ndim and h.shape != self.h.shape:
            expected = expected.transpose(-1, -2)
        expected = expected.reshape(self.moves.shape)
        return self._close(self._shifted(expected) if shifted else expected)

    def _shifted(self, expected: Tensor) -> Tensor:
        """Along translations any shift of all rows alike: 0.7 x moves neither as a vector nor as a point."""
        if not self._rates or not getattr(self.motion.group, "affine", False):
            return expected
        shifts = self.moves.mean(1, keepdim=True).expand_as(expected)
        still = expected.flatten(1).abs().amax(1) == 0
        return torch.where(still.reshape(-1, *[1] * (expected.ndim - 1)), shifts, expected)

    def _carried(self, type_: Type, h: Tensor) -> Tensor:
        like = Sample(h.to(self.sample.floats[0]), type_, None if self.loose else self.sample.segments)
        return torch.stack([part.double() for part in self.motion.carried(like)])

    @property
    def followed(self) -> bool:
        """Whether one linear action does, for all rows and places, each half of the rows judged by that of the other.

        True where the rows are too few to tell.
        """
        view = None if self.loose else view_of(self.motion, self.sample, self.h)
        rows = [self._affine(by_place(view, each)) for each in self.motion.still(view, self.h)]
        places, features = rows[0].shape
        if features > _WIDEST or places < 4 * features:
            return True
        left, whole = 0.0, 0.0
        even = (torch.arange(len(self.h)) % 2 == 0).repeat_interleave(places // len(self.h))
        for own, other in ((even, ~even), (~even, even)):
            for h, move in zip(rows, (by_place(view, each) for each in self.moves), strict=True):
                X = h[other]
                gram = X.mT @ X
                gram.diagonal().add_(_RIDGE * gram.diagonal().mean() + 1e-300)
                map_ = torch.linalg.solve(gram, X.mT @ move[other])
                start = torch.zeros_like(move[own]) if self._rates else h[own, : move.shape[1]]
                left += float((move[own] - h[own] @ map_).square().sum())
                whole += float((move[own] - start).square().sum())
        return left <= _FOLLOWED * whole

    def _affine(self, rows: Float[Tensor, "places features"]) -> Float[Tensor, "places features_"]:
        """With 1 as a feature where the group translates: then actions are affine."""
        affine = bool(getattr(self.motion.group, "affine", False))
        return torch.cat([rows, torch.ones_like(rows[:, :1])], 1) if affine else rows

    def same_as(self, other: _Layout) -> bool:
        """Whether both are outputs of the same numbers."""
        mine, own = self.one.h, other.one.h
        if mine is None or own is None or len(mine) != len(own) or mine.numel() != own.numel():
            return False
        return self.one.before is None and torch.equal(mine.flatten(), own.flatten())
