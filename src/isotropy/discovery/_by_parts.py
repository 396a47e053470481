"""How exact is a model part by part? Errors of each part and the certificate, as an answer with its report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, ClassVar

from jaxtyping import Float
from torch import Tensor

from isotropy.discovery._audit_result import error_bar
from isotropy.discovery._words import ROUNDING, verdict
from isotropy.errors import counted
from isotropy.estimate import Estimate
from isotropy.frames import Certificate
from isotropy.linalg import eigh
from isotropy.report import Bars, Block, Column, Curve, Curves, Points, Scatter, Table, Text, Tone, flatten, section
from isotropy.study import Answer, Finding

_SHOWN = 3000
_BINS = (0.01, 0.1, 1.0)  # of the largest output, errors in a picture


@dataclass(frozen=True, repr=False)
class PartError(Finding):
    """The relative ``error`` of one part, by its ``name``, when all parts move each by itself, and its ``points``."""

    shown: ClassVar[tuple[str, ...]] = ("verdict", "points", "error")
    name: str
    points: int
    error: Estimate

    @property
    def verdict(self) -> str:
        """What the error means, in words."""
        return verdict(self.error.mean)


@dataclass(frozen=True)
class Certified:
    """The certificate under motions of one ``size`` ("small" or "any"): means over clouds, relative to the outputs.

    ``measured`` is the mean error of a point and never above ``bound``; ``exact`` the share of points that no weights
    can make wrong; ``impure`` and ``unstable`` why others are none; ``delta`` the doubt about cells, ``lambda_`` the
    probability of the literature. ``cells`` is how many cells the model began with.
    """

    size: str
    measured: float
    bound: float
    exact: float
    impure: float
    unstable: float
    lambda_: float
    delta: float
    cells: float


@dataclass(frozen=True, kw_only=True, repr=False)
class PiecewiseAudit(Answer[PartError]):
    """How far a model is from equivariant part by part: ``answer["part 2"].error``, and the certificate.

    ``group`` is what acts on each part; ``whole`` the error when all parts move alike. ``certificates`` are those of
    small motions and of any; ``curve`` those of small ones for other numbers of cells, where the model can begin with
    others. ``told`` says whether the model returned its partitions: without them nothing is certified. ``parts`` are
    the findings, ``model`` its name, ``pictures`` those of the page. As every answer it tells its ``data``,
    ``settings``, ``notes``, ``seconds``, ``date`` and ``command``.
    """

    kind: ClassVar[str] = "piecewise_audit"
    found: ClassVar[str] = "parts"
    model: str = ""
    group: str = ""
    parts: tuple[PartError, ...] = ()
    whole: Estimate | None = None
    certificates: tuple[Certified, ...] = ()
    curve: tuple[Certified, ...] = ()
    told: bool = False
    pictures: tuple[Block, ...] = field(default=(), compare=False, metadata={"json": False})

    def title(self) -> str:
        return f"Audit of {self.model or 'a model'}, part by part"

    @property
    def sentences(self) -> Sequence[str]:
        return [self.headline()]

    def headline(self) -> str:
        """The answer in a few sentences."""
        worst = max(self.parts, key=lambda part: part.error.mean)
        assert self.whole is not None
        moved = "exact" if self.whole.mean <= ROUNDING else f"off by {self.whole}"
        text = f"When the whole moves by {self.group} the model is {moved}. "
        if worst.error.mean <= ROUNDING:
            return text + "When parts move each by itself it is exact, too, in every part."
        text += f"When parts move each by itself it is worst in {worst.name}: {worst.verdict}, {worst.error}. "
        small = self.certificates[0]
        if not self.told:
            return text + "It tells no partition, so that nothing can be certified: these are measurements alone."
        return text + (
            f"Under small motions {small.exact:.0%} of the points are exact whatever its weights; "
            f"the others are off by {small.measured:.2g} of the largest output on average, at most {small.bound:.2g}."
        )

    def rows(self) -> list[dict[str, Any]]:
        return [
            {
                "part": part.name,
                "points": part.points,
                **flatten("error", part.error, headline=True),
                "verdict": part.verdict,
            }
            for part in self.parts
        ]

    def summary(self) -> Table:
        columns = (
            Column("part"),
            Column("points", "number"),
            Column("error", "number", explain="Relative rms when all parts move each by itself; 0 is equivariant."),
            Column("verdict"),
        )
        cells = [(part.name, part.points, part.error, part.verdict) for part in self.parts]
        return Table(columns, cells, title="Error of each part", notes=self.notes)

    def certificate(self) -> Table:
        """The certificate, as a table."""
        columns = (
            Column("motions"),
            Column("exact points", "percent", explain="No weights can make them wrong: their cells are pure and stay."),
            Column("bound", "number", explain="The mean error of a point is never above it, over the largest output."),
            Column("measured", "number"),
            Column("impure", "percent", explain="Points whose cell holds points of two parts."),
            Column("changed", "percent", explain="Points whose cell is another set after the motion."),
            Column("λ", "number", explain="The literature's: 1 as soon as one cell is impure."),
        )
        if not self.told:
            columns = (columns[0], columns[3])
            return Table(columns, [(one.size, one.measured) for one in self.certificates], title="Measured alone")
        cells = [
            (one.size, one.exact, one.bound, one.measured, one.impure, one.unstable, one.lambda_)
            for one in self.certificates
        ]
        return Table(columns, cells, title="The certificate")

    def blocks(self) -> Sequence[Block]:
        whole = [] if self.whole is None else [error_bar("all alike", self.whole)]
        bars = Bars(
            [*whole, *(error_bar(part.name, part.error) for part in self.parts)],
            title="Error by part",
            xlabel="relative equivariance error",
            scale="root",
            interval_label="95 % interval",
            caption="All alike: the whole moves as one; the parts below it move each by itself.",
        )
        at = [one.cells for one in self.curve]
        lines = [Curve(name, at, [getattr(one, name) for one in self.curve]) for name in ("bound", "measured")]
        curves = Curves(
            lines,
            title="Bound and error by the number of cells",
            xlabel="cells that the model begins with",
            ylabel="of the largest output",
            xlog=True,
            half=True,
            caption="The first cloud, small motions.",
        )
        return [
            Text(self.headline(), style="headline"),
            *section("By part", self.summary(), bars),
            *section("What is certain", self.certificate(), *self.pictures, *([curves] if at else [])),
            *section("How to read this", Text(_HOW_TO_READ, style="details")),
        ]


_HOW_TO_READ = """Every part of a cloud is moved by its own element of the group, and f(g x) is compared with g f(x), \
point by point.

- A model that sees the whole cloud may be exact when the whole moves and wrong as soon as parts move by themselves.
- A model that works cell by cell is exact, whatever its weights, at each point whose cell lies within one part in \
every layer, is the same set of points after the motion, and took nothing from points for which this was not so. All \
other points are off by at most twice the largest output: that is the bound.
- Small motions turn parts by about three degrees and shift them by a twentieth of the cloud; any motions turn them \
all the way, so that cells that the model chooses anew change everywhere."""


def cloud(label: str, flat: Float[Tensor, "n 2"], tone: Tone | None = None) -> Points:
    """Points of the plane as a figure shows them."""
    x, y = flat.T.round(decimals=4).tolist()
    return Points(label, x, y, tone=tone)


def alt_text(what: str, clouds: Sequence[Points]) -> str:
    """A picture in words, for those who do not see it."""
    each = (f"{one.label} ({counted(len(one.x), 'point')})" for one in clouds)
    return f"{what}: {', '.join(each)}."


def picture(x: Float[Tensor, "n 3"], found: Certificate) -> Scatter:
    """The cloud across the plane in which it is widest, by the error of its points under small motions."""
    y = (x - x.mean(0)).double()
    plane = eigh(y.mT @ y).vectors[:, :2]
    step = math.ceil(len(x) / _SHOWN)
    flat, exact = (y @ plane)[::step], found.exact[::step]
    error = (found.error.mean(0) / (found.M or 1.0))[::step]
    edges = [0.0, *_BINS, math.inf]
    clouds = [cloud("exact", flat[exact], tone="holds")]
    for low, high in pairwise(edges):
        inside = ~exact & (error >= low) & (error < high)
        label = f"error below {high:g}" if high < math.inf else f"error {low:g} and more"
        clouds.append(cloud(label, flat[inside]))
    shown = [some for some in clouds if some.x]
    alt = alt_text("The first cloud under small motions", shown)
    return Scatter(shown, title="Where it is exact, and where not", plane=True, half=True, alt=alt)
