"""The question as a person asks it: which directions of parameters does my model not see, which hardly?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from isotropy.errors import AmbiguousRankError, ShapeError, counted
from isotropy.physics.parameters._fields import AffineField
from isotropy.physics.parameters._jacobian import Model, checked
from isotropy.physics.parameters._sloppy import sloppy_directions
from isotropy.physics.parameters._symmetries import parameter_symmetries
from isotropy.report import Block, Column, Curve, Curves, Result, Table, Text


@dataclass(frozen=True)
class Direction:
    """One direction at the centre of the draws: ``information`` per standard deviation of the draws, and its parts.

    ``kind`` is "exact" (some field points along it), "sloppy" (under a thousandth of the stiffest) or "seen".
    """

    kind: str
    information: float
    parts: Mapping[str, float]

    def __str__(self) -> str:
        large = {name: part for name, part in self.parts.items() if abs(part) >= 0.05}
        return " ".join(f"{part:+.2f} {name}" for name, part in large.items())


@dataclass(frozen=True, kw_only=True)
class Unseen(Result):
    """What a model does not see of its parameters: ``fields`` as text (None where no gap decides), and all directions.

    ``gap`` certifies the number of fields; ``directions`` are those at the mean of the draws, stiff ones first.
    """

    kind: ClassVar[str] = "parameter_symmetries"
    about: str
    names: tuple[str, ...]
    draws: int
    fields: tuple[str, ...] | None
    gap: float
    spectrum: tuple[float, ...]
    directions: tuple[Direction, ...]
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    date: str = field(default="", compare=False)
    command: str = field(default="", compare=False)

    def headline(self) -> str:
        """The answer in a sentence."""
        if self.fields is None:
            return "no gap in the spectrum decides whether a direction is exactly unseen; the table ranks what is seen"
        if not self.fields:
            return f"every direction is seen: no exact symmetry among affine fields (gap {self.gap:.1e})"
        return f"{counted(len(self.fields), 'exact symmetry', 'exact symmetries')} (gap {self.gap:.1e}): " + "; ".join(
            self.fields
        )

    def title(self) -> str:
        return f"Which parameters of {self.about} can the data see?"

    def rows(self) -> Sequence[Mapping[str, Any]]:
        return [{"kind": one.kind, "direction": str(one), "information": one.information} for one in self.directions]

    def summary(self) -> Table:
        columns = (Column("kind"), Column("direction, in spreads of the draws"), Column("information", "number"))
        rows = [(one.kind, str(one), one.information) for one in self.directions]
        return Table(columns, rows)

    def blocks(self) -> Sequence[Block]:
        words = self.headline()
        note = (
            "A field says how parameters move together without any change of the predictions. Information is the "
            "change of the predictions for a step of one standard deviation of the draws, in the units of the weights."
        )
        values = [max(one.information, 1e-300) for one in self.directions]
        shown = [max(value, 1e-17 * values[0]) for value in values]  # rounding: below, an axis says nothing
        ranks = list(range(1, len(values) + 1))
        return [
            Text(words[:1].upper() + words[1:] + ".", style="headline"),
            Table(self.summary().columns, self.summary().rows, section="Directions", title="Ranked", caption=note),
            Curves(
                [Curve("information", ranks, shown)],
                xlabel="direction, stiff ones first",
                ylabel="information",
                ylog=True,
                section="Directions",
                title="Spectrum",
                marks=[(one.kind, rank) for rank, one in zip(ranks, self.directions, strict=True)],
            ),
        ]


def which_parameters(
    model: Model,
    thetas: Tensor,
    *,
    weights: Tensor | None = None,
    names: Sequence[str] | None = None,
    about: str = "the model",
) -> Unseen:
    """``parameter_symmetries`` and ``sloppy_directions`` of draws ``thetas (K, p)`` in one answer, ready to be shown.

    Where no gap decides, the fields are None and the directions say how little is seen. Raises as these two do.

    >>> t = torch.linspace(0.0, 1.0, 5, dtype=torch.float64)
    >>> draws = torch.rand(20, 2, dtype=torch.float64) + 1
    >>> found = which_parameters(lambda k: k[0] * k[1] * t, draws, names=["k", "m"])
    >>> len(found.fields), [one.kind for one in found.directions]
    (1, ['seen', 'exact'])
    """
    thetas = checked(thetas, 2)
    p = thetas.shape[1]
    called = tuple(names) if names is not None else tuple(f"theta{i}" for i in range(p))
    if len(called) != p:
        raise ShapeError(f"{counted(len(called), 'name')} for {p} parameters", "one for each")
    fields: tuple[str, ...] | None = None
    exact, gap, spectrum = 0, 1.0, tuple[float, ...]()
    centre = thetas.mean(0)
    try:
        found = parameter_symmetries(model, thetas, weights=weights)
    except AmbiguousRankError:
        pass
    else:
        realised: Sequence[AffineField] = found.realisation or ()
        fields = tuple(told(one, called) for one in realised)
        gap = found.gap
        spectrum = () if found.spectrum is None else tuple(found.spectrum.tolist())
        if realised:
            at = torch.stack([one(centre) for one in realised]) / thetas.std(0)
            values = torch.linalg.svdvals(at)
            exact = int((values > 1e-6 * values[0]).sum())  # the digits that a gap of 1e6 certifies
    ones = torch.ones(len(model(centre)), dtype=torch.float64) if weights is None else weights
    sloppy = sloppy_directions(model, centre, weights=ones, scale=thetas.std(0))
    largest = float(sloppy.singular_values[0])
    directions: list[Direction] = []
    for number, (value, row) in enumerate(
        zip(sloppy.singular_values.tolist(), sloppy.directions.tolist(), strict=True)
    ):
        kind = "exact" if number >= p - exact else "sloppy" if value < 1e-3 * largest else "seen"
        directions.append(Direction(kind, value, dict(zip(called, row, strict=True))))
    return Unseen(
        about=about, names=called, draws=len(thetas), fields=fields, gap=gap, spectrum=spectrum,
        directions=tuple(directions),
    )  # fmt: skip


def told(one: AffineField, names: Sequence[str]) -> str:
    """The field as a formula in the names of the parameters.

    >>> told(AffineField(torch.tensor([[-1.0, 0.0], [0.0, 1.0]]), torch.tensor([0.0, 1.0])), ["mu", "zeta"])
    '(mu)*∂_mu + (-zeta - 1)*∂_zeta'
    """
    inside = [f"ln {name}" if i in one.log else name for i, name in enumerate(names)]
    parts: list[str] = []
    A, b = one.A, one.b
    largest = A.diagonal()[A.diagonal().abs().argmax()]  # a field times a number is the same symmetry
    if float(largest) != 0:
        A, b = A / largest, b / largest
    for i, name in enumerate(names):
        terms = [(float(value), of) for value, of in zip(A[i], inside, strict=True) if value != 0]
        terms += [(float(b[i]), "")] if b[i] != 0 else []
        if terms:
            text = "".join(_term(value, of) for value, of in terms)
            text = text.removeprefix(" + ") if text.startswith(" + ") else "-" + text.removeprefix(" - ")
            parts.append(f"({text})*" + (f"{name}*∂_{name}" if i in one.log else f"∂_{name}"))
    return " + ".join(parts) or "0"


def _term(value: float, of: str) -> str:
    size = "" if of and abs(abs(value) - 1) < 1e-9 else f"{abs(value):.6g}" + ("*" if of else "")
    return (" - " if value < 0 else " + ") + size + of
