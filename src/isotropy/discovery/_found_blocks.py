"""What is found beside the verdicts, as blocks of the report: regions, unlisted symmetries, curves."""

from __future__ import annotations

from collections.abc import Sequence

from isotropy.data import Dataset
from isotropy.discovery._findings import AngleCurve, GroupFinding
from isotropy.discovery._pictures import pictures
from isotropy.discovery._regions import Region
from isotropy.discovery._unlisted import Unlisted
from isotropy.report import (
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
