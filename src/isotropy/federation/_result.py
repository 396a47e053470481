"""What a federation found, site by site, and what left each site; its page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from isotropy.errors import counted
from isotropy.estimate import Estimate
from isotropy.report import Bar, Bars, Block, Column, Curve, Curves, Interval, Matrix, Table, Text, Tone, section
from isotropy.study import Answer

_COLUMNS = (
    Column("site"),
    Column("rows", "number"),
    Column("held out", "number"),
    Column("commonest class", "percent"),
    Column("alone", "percent"),
    Column("together", "percent"),
)
_ROUND = [2 * math.pi * k / 60 for k in range(61)]


@dataclass(frozen=True)
class SiteFinding:
    """A site by ``name``: numbers of ``rows`` trained on and ``held_out``, and the share of the latter told right.

    ``before``: by always saying the commonest class of the site; ``alone``: by a classifier of its own rows;
    ``together``: by the federation's. Intervals are Wilson's, 95 %.
    """

    name: str
    rows: int
    held_out: int
    before: Estimate
    alone: Estimate
    together: Estimate


@dataclass(frozen=True)
class ShapesSeen:
    """How alike the shape of a class is at two sites, and of different classes, with the p-value of the difference."""

    same: float
    different: float
    p_value: float
    q: int
    null: tuple[float, ...]


@dataclass(frozen=True, kw_only=True, repr=False)
class Federation(Answer[SiteFinding]):
    """One classifier of many ``sites``: what each reaches, what left it, and what was drawn there.

    ``classes`` and ``features`` are their numbers; ``rounds`` and ``losses`` (by site) tell the training. ``counts``
    are the rows of each class that a site released, 0 below ``min_count``; ``shapes`` says whether shapes agree;
    ``drawn`` counts the synthetic rows of each site, ``modes`` how each class was drawn; ``planes`` are the ellipses of
    classes in the plane of their leading axes, ``laws`` those of one class as each way of drawing makes it. ``data``,
    ``notes``, ``settings``, ``seconds``, ``seed``, ``date`` and ``command`` say how it was asked.
    """

    kind: ClassVar[str] = "federation"
    found: ClassVar[str] = "sites"
    sites: tuple[SiteFinding, ...]
    classes: int
    features: int
    rounds: tuple[int, ...]
    losses: tuple[Mapping[str, float], ...]
    counts: Mapping[str, tuple[int, ...]]
    min_count: int
    shapes: ShapesSeen | None
    drawn: Mapping[str, int]
    modes: Mapping[str, str]
    planes: Mapping[str, Mapping[str, tuple[float, ...]]]
    laws: Mapping[str, Mapping[str, tuple[float, ...]]] = field(
        default_factory=dict[str, Mapping[str, tuple[float, ...]]]
    )
    seed: int = 0

    def title(self) -> str:
        return f"{counted(len(self.sites), 'site')}, one classifier of {counted(self.classes, 'class', 'classes')}"

    def headline(self) -> str:
        """The answer in a sentence."""
        gains = [site for site in self.sites if site.together.mean > site.alone.mean]
        losses = [site for site in self.sites if site.together.mean < site.alone.mean]
        of = counted(len(self.sites), "site")
        said = f"The shared classifier does better than the site's own at {len(gains)} of {of}"
        return f"{said}, worse at {', '.join(site.name for site in losses)}." if losses else f"{said}, worse at none."

    @property
    def sentences(self) -> Sequence[str]:
        return [self.headline(), self._premise()]

    def summary(self) -> Table:
        rows = [
            [s.name, s.rows, s.held_out, s.before.mean, Interval(*_parts(s.alone)), Interval(*_parts(s.together))]
            for s in self.sites
        ]
        return Table(_COLUMNS, rows)

    def blocks(self) -> Sequence[Block]:
        tones: tuple[tuple[str, Tone], ...] = (("before", "plain"), ("alone", "plain"), ("together", "holds"))
        bars = [
            Bar(f"{site.name}, {what}", *_parts(getattr(site, what)), tone=tone)
            for site in self.sites
            for what, tone in tones
        ]
        blocks: list[Block] = [
            Text(self.headline(), style="headline", title="Found"),
            Bars(bars, xlabel="rows held out that are told right", percent=True, title="Before, alone, together"),
            self.summary(),
        ]
        return [
            *blocks,
            *section("What left each site", *self._left()),
            *section("The shape of the classes", *self._shapes()),
            *section("Rounds", *self._curve()),
        ]

    def _left(self) -> list[Block]:
        per_class = 1 + self.features + self.features * (self.features + 1) // 2
        config = self.settings.get("config", {})
        privacy, masking = config.get("privacy"), config.get("secure_aggregation")
        together = masking is not None
        rows = [
            [
                f"each of {counted(len(self.sites), 'site')}" if together else name,
                sum(n > 0 for n in counts),
                per_class * sum(n > 0 for n in counts),
                sum(n == 0 for n in counts),
            ]
            for name, counts in self.counts.items()
        ]
        few = counted(self.min_count, "row")
        said = f"Classes of fewer than {few} stay at their site: of one row the mean is the row. "
        said += "What left is neither masked nor noised."
        if privacy is not None:
            epsilon, delta, clip = (privacy[key] for key in ("epsilon", "delta", "clip"))
            said = f"With noise for epsilon {epsilon:g}, delta {delta:g}, rows within {clip:g}; classes of fewer than "
            said += f"{few} by the noisy count are held back. Epsilon covers neither the weights of the rounds, nor "
            said += "the numbers of rows and accuracies on this page, nor how classes were drawn."
        if masking is not None:
            said = "Masked: what a site sends is noise by itself, and the server learns the sum over all sites, of "
            said += f"statistics and of weights. The numbers of rows come first; of classes with fewer than {few} in "
            said += (
                "all, nothing follows. The sum itself is not hidden: of a class that one site alone has, it is that "
            )
            said += "site's. Numbers of rows and accuracies on this page are each site's own."
        columns = (
            Column("site"),
            Column("classes told of", "number"),
            Column("numbers sent", "number"),
            Column("classes held back or absent", "number"),
        )
        names = [f"class {c}" for c in range(self.classes)]
        cells = [[str(n) if n else "-" for n in counts] for counts in self.counts.values()]
        hues: list[list[int | None]] = [[0 if n else None for n in counts] for counts in self.counts.values()]
        sent = "the weights of its classifier"
        if (config.get("augment") or {}).get("mode") == "auto":
            said += (
                " To choose how classes are drawn, statistics of half of its rows, filled up in each way, and counts "
            )
            said += "of the others told right left it too."
        if config.get("algorithm") == "fedproto":
            sent += f", and the mean representation of each class of which it has at least {few} (its prototype)"
        title = f"Rows of each class {'at all sites together' if together else 'at each site, as released'}"
        blocks: list[Block] = [
            Text(f"{said} In each round every site also sends {sent}."),
            Table(columns, rows),
        ]
        if len(self.counts) == self.classes:
            blocks.append(Matrix(names, cells, hues, title=title))
        else:
            table = (Column("site"), *(Column(name, "number") for name in names))
            released = [[name, *(n or None for n in counts)] for name, counts in self.counts.items()]
            blocks.append(Table(table, released, title=title))
        return blocks

    def _premise(self) -> str:
        if self.settings.get("config", {}).get("secure_aggregation") is not None:
            return "No site's shapes are seen apart from the others', so whether they agree was not asked."
        if self.shapes is None:
            return "Too few classes are at two sites to ask whether their shapes agree."
        s = self.shapes
        agree = "agree from site to site" if s.p_value <= 0.05 else "are not seen to agree from site to site"
        return (
            f"The shapes of the classes {agree}: {s.same:.2f} of the leading {s.q} axes in common for the same class, "
            f"{s.different:.2f} for different ones (p = {s.p_value:.3g})."
        )

    def _shapes(self) -> list[Block]:
        blocks: list[Block] = [Text(self._premise())]
        if self.shapes is not None:
            ordered = sorted(self.shapes.null)
            ranks = [(k + 1) / len(ordered) for k in range(len(ordered))]
            blocks.append(
                Curves(
                    [Curve("matched at random", ordered, ranks)],
                    xlabel="same minus different",
                    ylabel="share of permutations below",
                    marks=[("seen", self.shapes.same - self.shapes.different)],
                    title="What chance would give",
                )
            )
        for c, sites in self.planes.items():
            curves = [Curve(name, *_outline(ellipse)) for name, ellipse in sites.items()]
            where = "at each site" if len(sites) > 1 else "at all sites together"
            blocks.append(
                Curves(
                    curves,
                    xlabel="leading axis",
                    ylabel="second axis",
                    title=f"Class {c}: one standard deviation {where}",
                    half=True,
                )
            )
        for where, laws in self.laws.items():
            blocks.append(
                Curves(
                    [Curve(name, *_outline(ellipse)) for name, ellipse in laws.items()],
                    xlabel="leading axis",
                    ylabel="second axis",
                    title=f"What each way draws: {where}, one standard deviation",
                    caption="ggeur adds the spread of the class to that of the site's own rows; matched and gaussian "
                    "have the spread that the class has over all sites.",
                )
            )
        return blocks

    def _curve(self) -> list[Block]:
        if len(self.rounds) < 2:
            return []
        curves = [
            Curve(name, list(self.rounds), [row.get(name, math.nan) for row in self.losses]) for name in self.losses[0]
        ]
        last = [("the result", float(self.rounds[-1]))]
        return [Curves(curves, xlabel="round", ylabel="loss", marks=last, title="Loss by round")]


def _parts(share: Estimate) -> tuple[float, float, float]:
    return share.mean, share.low, share.high


def _outline(ellipse: tuple[float, ...]) -> tuple[list[float], list[float]]:
    """The curve at one standard deviation, by the root of a 2 x 2 covariance."""
    x, y, a, b, d = ellipse
    s = math.sqrt(max(a * d - b * b, 0.0))
    t = math.sqrt(max(a + d + 2 * s, 1e-300))
    root = ((a + s) / t, b / t, (d + s) / t)
    xs = [x + root[0] * math.cos(u) + root[1] * math.sin(u) for u in _ROUND]
    ys = [y + root[1] * math.cos(u) + root[2] * math.sin(u) for u in _ROUND]
    return xs, ys
