"""What is found beside the verdicts, as blocks of the report: regions, unlisted symmetries, curves, spectrum."""

from __future__ import annotations

from collections.abc import Sequence

from isotropy.data import Dataset
from isotropy.discovery._continuous import KEPT
from isotropy.discovery._findings import AngleCurve, Continuous, GroupFinding
from isotropy.discovery._pictures import pictures
from isotropy.discovery._regions import Region
from isotropy.discovery._unlisted import Unlisted
from isotropy.report import (
    Bar,
    Bars,
    Block,
    Column,
    Curve,
    Curves,
    Images,
    Interval,
    Picture,
    Table,
)


def where(found: Sequence[Region], groups: Sequence[GroupFinding]) -> list[Block]:
    """Regions of input space that carry more of the breaking than their share of the rows."""
    if not found:
        return []
    broken = next(f.name for f in groups if f.verdict in ("approximate", "absent") and f.evidence == "orbit")
    return [
        Table(
            (
                Column("where"),
                Column("part of the target"),
                Column("rows", "number"),
                Column(
                    "share of the breaking", "percent", explain="With the ends of a 95 % interval over all regions."
                ),
            ),
            [(r.text, r.part, r.rows, Interval(r.share, r.low, r.high)) for r in found],
            title=f"Regions that break {broken}",
            caption="A shallow tree on sizes, components and products, grown on half of the units; its regions are "
            "weighed on the other half, which did not choose them.",
        )
    ]


def beyond(found: Sequence[Unlisted]) -> list[Block]:
    """Continuous symmetries among all linear maps that no candidate names."""
    if not found:
        return []
    return [
        Table(
            (
                Column("space"),
                Column("among"),
                Column("dimension", "number"),
                Column("what it is"),
                Column(
                    "still changed",
                    "percent",
                    explain="Ends of a 90 % interval of the share of the signal that "
                    "the worst direction changes, for a displacement of the size of the data.",
                ),
            ),
            [(u.space, u.group, u.dimension, u.name, Interval((u.low + u.high) / 2, u.low, u.high)) for u in found],
            title="Symmetries that nobody listed",
        )
    ]


def along(curves: Sequence[AngleCurve]) -> list[Block]:
    if not curves:
        return []
    return [
        Curves(
            [Curve(curve.name, curve.angles, curve.values) for curve in curves],
            title="Change along each one-parameter subgroup",
            xlabel="angle" if curves[0].periodic else "parameter",
            ylabel="share of the signal that changes",
            angle=curves[0].periodic,
            percent=True,
            caption="Half the mean squared change of the fitted function when its inputs are moved and its outputs "
            "moved back, from two models of disjoint halves. A flat line at zero is a symmetry.",
        )
    ]


def spectrum(c: Continuous, tolerance: float) -> list[Block]:
    if not c.eigenvalues:
        return []
    bars = [
        Bar(f"direction {i + 1}", value, low, high, tone="holds" if low <= KEPT * tolerance else "partial")
        for i, (value, (low, high)) in enumerate(zip(c.eigenvalues, c.intervals, strict=True))
    ]
    rows = [
        (
            f"direction {i + 1}",
            ", ".join(f"{weight:+.2f}" for weight in axis),
            Interval(c.eigenvalues[i], *c.intervals[i]),
            c.angles[i],
        )
        for i, axis in enumerate(c.axes)
    ]
    said = (
        f"Within the Lie algebra of {c.group} {c.dimension} of {len(c.axes)} directions "
        f"{'is' if c.dimension == 1 else 'are'} not shown to be broken."
    )
    if not c.closes:
        said += " Their brackets leave their span: together they do not form an algebra."
    return [
        Bars(
            bars,
            title="Spectrum of infinitesimal symmetries",
            xlabel="squared derivative along the orbit, in shares of the signal",
            interval_label="90 % interval",
            half=True,
            caption="A direction is not shown to be broken while the lower end of its interval is at most "
            f"{KEPT * tolerance:.2g}, {KEPT:.0f} times the tolerated share: such belong to a continuous symmetry, "
            "listed or not.",
            name="gram-spectrum",
        ),
        Table(
            (
                Column("direction"),
                Column("axis", explain=f"Weights of: {', '.join(c.names)}."),
                Column("eigenvalue", "number"),
                Column("uncertain by", "number", "degrees", explain="95 % of resampled axes lie within this angle."),
            ),
            rows,
            title="Discovered axes",
            caption=said,
            half=True,
        ),
    ]


def moved_samples(dataset: Dataset | None, groups: Sequence[GroupFinding]) -> list[Block]:
    """For data on pixels: one sample, and what candidates make of it."""
    if dataset is None or not str(dataset.types.x).startswith("Pixels("):
        return []
    drawn = pictures(dataset, [f.name for f in groups])
    return [
        Images(
            tuple(Picture(pixels, label) for label, pixels in drawn),
            title="One sample, and what the candidates make of it",
        )
    ]
