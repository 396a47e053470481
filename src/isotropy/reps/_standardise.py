"""Scaling of data that commutes with the group: numbers by mean and spread, vectors by one scale, no mean.

Source: specification 01 §3.6.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from isotropy.errors import DomainError, SchemaError, ShapeError, counted
from isotropy.reps._layout import columns, dimension, known_sizes
from isotropy.reps._rep import Dims, Part, Rep

_ALIKE = 30.0  # copies whose sizes differ by more are in units of their own, such as metres beside millimetres


@dataclass(frozen=True, eq=False)
class Standardiser:
    """``z = (x - shift - origin) / scale``, fitted once; ``shift`` and ``scale`` have one entry per column.

    A Scalar has its own mean and scale; the copies of any other part share one scale, or have one each where their
    sizes differ by a factor of more than 30, and keep their origin, so that the result answers to a group as x does.
    Fitted with ``centre=True``, the Points of a row are taken relative to their centroid, which makes the result blind
    to translations.
    """

    rep: Rep
    shift: Float[Tensor, " n"]
    scale: Float[Tensor, " n"]
    points: Int[Tensor, "k d"] | None = None  # the columns of the Points of a centred type

    @staticmethod
    def fit(rep: Rep, x: Float[Tensor, "rows n"], *, centre: bool = False, dims: Dims | None = None) -> Standardiser:
        """Means and scales of the columns of ``x``; a column that does not vary keeps scale 1.

        Raises ShapeError for a width that the type does not have; SchemaError to centre a type without Points;
        DomainError for a table without rows.
        """
        known = known_sizes(rep, dims, x.shape[-1])
        if dimension(rep, known) != x.shape[-1]:
            raise ShapeError(counted(x.shape[-1], "column"), f"{dimension(rep, known)} for {rep}")
        if not len(x):
            raise DomainError("no rows", "at least one row to take means of")
        shift, scale = torch.zeros_like(x[0]), torch.ones_like(x[0])
        points = _points(rep, known) if centre else None
        if points is not None:
            x = Standardiser(rep, shift, scale, points).apply(x)
        for part, where in zip(rep.copies, columns(rep, known), strict=True):
            stretch = x[:, where]
            if _is_number(part):
                shift[where] = stretch.mean(0)
                spread = (stretch - shift[where]).square().mean(0).sqrt()
                scale[where] = torch.where(_varies(spread, stretch), spread, torch.ones_like(spread))
                continue
            around = torch.zeros_like(stretch[0])
            if _is_image(part):
                shift[where] = around = stretch.mean().expand_as(around)
            if part.term.affine:  # the scale of a cloud must not depend on where it is
                around = stretch.unflatten(-1, (-1, known[part.term.place])).mean((0, 1))
                around = around.repeat(stretch.shape[1] // len(around))
            scale[where] = _sizes(stretch, around, part.multiplicity)
        return Standardiser(rep, shift, scale, points)

    def centroid(self, x: Float[Tensor, "... n"]) -> Float[Tensor, "... d"]:
        """The mean of the Points of each row; raises SchemaError where ``fit`` did not centre."""
        if self.points is None:
            raise SchemaError(f"the centroid of {self.rep}", "a standardiser fitted with centre=True")
        return x[..., self.points].mean(-2)

    def _spread(self, origin: Float[Tensor, "... d"]) -> Float[Tensor, "... n"]:
        """The origin in the columns of the Points, zero elsewhere."""
        assert self.points is not None
        k, d = self.points.shape
        values = origin[..., None, :].expand(*origin.shape[:-1], k, d).flatten(-2)
        zeros = origin.new_zeros(*origin.shape[:-1], len(self.shift))
        return zeros.index_copy(-1, self.points.flatten().to(origin.device), values)

    def apply(self, x: Float[Tensor, "... n"], origin: Float[Tensor, "... d"] | None = None) -> Float[Tensor, "... n"]:
        """Standardised rows; ``origin (..., d)`` replaces the centroid, for targets that share the inputs' origin."""
        if self.points is not None:
            x = x - self._spread(self.centroid(x) if origin is None else origin)
        return (x - self.shift.to(x)) / self.scale.to(x)

    def restore(
        self, z: Float[Tensor, "... n"], origin: Float[Tensor, "... d"] | None = None
    ) -> Float[Tensor, "... n"]:
        """The inverse of ``apply``; centred rows need the ``origin`` that was taken from them."""
        x = z * self.scale.to(z) + self.shift.to(z)
        if self.points is None:
            return x
        if origin is None:
            raise SchemaError("centred rows without their origin", "origin (..., d)", "keep Standardiser.centroid(x)")
        return x + self._spread(origin)


def _sizes(stretch: Tensor, around: Tensor, copies: int) -> Float[Tensor, " n"]:
    """The root mean square of all copies of a part, or of each by itself where they are in units of their own.

    A copy that does not vary keeps the scale of the others, or 1 where none does.
    """
    each = (stretch - around).unflatten(-1, (copies, -1)).square().mean((0, 2)).sqrt()
    varies = torch.stack(
        [_varies(size, part) for size, part in zip(each, stretch.tensor_split(copies, -1), strict=True)]
    )
    whole = (stretch - around).square().mean().sqrt()
    common = whole if bool(_varies(whole, stretch)) else torch.ones_like(whole)
    if bool(varies.any()) and float(each[varies].max()) > _ALIKE * float(each[varies].min()):
        common = torch.where(varies, each, common)
    return common.expand(copies).repeat_interleave(stretch.shape[-1] // copies)


def _points(rep: Rep, sizes: Mapping[str, int]) -> Int[Tensor, "k d"]:
    spaces = {part.term.place for part in rep.copies if part.term.affine}
    if len(spaces) != 1:
        raise SchemaError(f"the centroid of {rep}", "Points on one space", "leave centre=False")
    d = sizes[next(iter(spaces))]
    where = [w for part, w in zip(rep.copies, columns(rep, sizes), strict=True) if part.term.affine]
    return torch.cat([torch.arange(w.start, w.stop) for w in where]).reshape(-1, d)


def _is_image(part: Part) -> bool:
    """Whether the constant image is fixed by whatever acts, so that one common mean may be taken off."""
    factors = part.term.factors
    return bool(factors) and all(factor.kind == "Pixels" for factor in factors) and not part.term.sign + part.term.scale


def _is_number(part: Part) -> bool:
    return not (part.term.factors or part.term.sign or part.term.scale or part.term.tail)


def _varies(spread: Tensor, stretch: Tensor) -> Tensor:
    return spread > 1e-12 * (1 + stretch.abs().amax())
