"""What verdicts rest on beside the models, as blocks of the report: noise, order of rows, components of groups."""

from collections.abc import Sequence

from isotropy.discovery._findings import DependenceFinding, GroupFinding, NoiseFinding
from isotropy.discovery._verdicts import MINIMAL_OVERLAP, least_overlap
from isotropy.report import Block, Cell, Column, Interval, Table, Text

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
