"""What verdicts rest on beside the models, and what is found beside them, as blocks of the report: noise, the order of
rows, components of groups, regions, unlisted symmetries, curves, moved samples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isotropy.data import Dataset
from isotropy.discovery._findings import AngleCurve, DependenceFinding, GroupFinding, NoiseFinding
from isotropy.discovery._regions import Region
from isotropy.discovery._unlisted import Unlisted
from isotropy.discovery._verdicts import MINIMAL_OVERLAP, least_overlap
from isotropy.groups import parse
from isotropy.report import (
    Block,
    Cell,
    Column,
    Curve,
    Curves,
    Images,
    Interval,
    Picture,
    Table,
    Text,
)

_WELL_COVERED = 0.9  # components that all lie where there are data need no table

_SOURCES = {
    "given": "you said so",
    "repeated rows": "rows that measure a place again",
    "near neighbours": "rows near each other",
}


def alarm(dependence: DependenceFinding) -> str:
    """That rows are no units of their own, as a sentence; empty where they are."""
    if dependence.kind in ("none", "sorted"):
        return ""
    sentence = dependence.sentence.rstrip(".")
    return f"{sentence[:1].upper()}{sentence[1:]}."


def loud(dependence: DependenceFinding) -> list[Block]:
    said = alarm(dependence)
    if not said:
        return []
    return [Text(f"{said} All intervals and p-values count these units.", title="Rows depend on each other",
                 style="warning")]  # fmt: skip


def open_questions(groups: Sequence[GroupFinding]) -> tuple[str, ...]:
    """What verdicts leave open, each with its group, to stand below the table; a sentence names its group already."""
    return tuple(
        dict.fromkeys(f"{f.name}, {f.verdict}: {f.note}." for f in groups if f.note and not (f.imposed or f.unreliable))
    )


def noise(found: Sequence[NoiseFinding]) -> list[Block]:
    if not found:
        return []
    rows: list[tuple[Cell, ...]] = [
        (
            part.name,
            Interval(part.deviation) if part.low == part.high else Interval(part.deviation, part.low, part.high),
            _SOURCES.get(part.source, part.source),
        )
        for part in found
    ]
    bounded = any(part.low == 0 < part.high for part in found)
    return [
        Table(
            (
                Column("part of the target"),
                Column("standard deviation", "number", explain="Of each of its columns, in the unit of the target."),
                Column("known from"),
            ),
            rows,
            title="Noise of the targets",
            caption="What models do not explain is noise as far as the lower end; the rest could break a symmetry."
            + (
                " A lower end of 0 says that nothing tells noise from structure that was not learned: state the noise "
                "(noise=, or --noise), or measure some rows twice."
                if bounded
                else ""
            ),
            half=True,
        )
    ]


def components(groups: Sequence[GroupFinding]) -> list[Block]:
    """Where a group has several connected components or cosets, and one of them leads where there are few data."""
    rows = [
        (
            f.name,
            name,
            Interval(share, low, 1.0),
            "too few data" if low < least_overlap(windowed=f.width is not None) else "judged",
        )
        for f in groups
        if len(f.components) > 1 and min(share for _, share in f.components) < _WELL_COVERED
        for (name, share), low in zip(
            f.components, f.components_low or [share for _, share in f.components], strict=True
        )
    ]
    if not rows:
        return []
    return [
        Table(
            (
                Column("group"),
                Column("its elements"),
                Column("overlap", "percent", explain="Share of inputs so moved that lie where there are data."),
                Column("can it be judged"),
            ),
            rows,
            title="Overlap, component by component",
            caption="A group falls into parts that no path joins, such as rotations and mirror images. The part that "
            "leads furthest from the data decides: where the lower end of its overlap (one-sided 95 %) is under "
            f"{MINIMAL_OVERLAP:.0%}, the whole group is not identifiable.",
            half=True,
        )
    ]


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


_MOST = 6


def pictures(dataset: Dataset, groups: Sequence[str]) -> list[tuple[str, NDArray[np.float64]]]:
    """The row of largest contrast as it is, then under one element of each group that moves it, without repeats."""
    rep = dataset.types.x
    row = dataset.x[dataset.x.square().sum(1).argmax()]
    drawn = [("a sample", _image(dataset, row))]
    for name in groups:
        group = parse(name)
        for g in group.elements(dtype=row.dtype):
            image = _image(dataset, rep.act(group, g, row))
            if not any(np.allclose(image, other, equal_nan=True) for _, other in drawn):
                drawn.append((f"moved by {name}", image))
                break
    return drawn[:_MOST]


def _image(dataset: Dataset, row: Tensor) -> NDArray[np.float64]:
    """The pixels of the first part in their grid; a hole shows the mean."""
    height, width, hole = dataset.types.x.parts()[0].term.factors[0].shape
    present = torch.ones(height, width, dtype=torch.bool)
    top, left = (height - hole) // 2, (width - hole) // 2
    present[top : top + hole, left : left + hole] = False
    pixels = row[: int(present.sum())]
    image = torch.full((height, width), float(pixels.mean()), dtype=row.dtype)
    image[present] = pixels
    return image.numpy()
