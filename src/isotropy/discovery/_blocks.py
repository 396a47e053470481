"""A discovery as the blocks of its report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from isotropy.discovery._findings import GroupFinding, Learnt, TrainingCurves
from isotropy.discovery._surrogates import CALIBRATED_ROWS
from isotropy.errors import counted
from isotropy.report import (
    Bar,
    Bars,
    Block,
    Chip,
    Column,
    Curve,
    Curves,
    Interval,
    Lattice,
    Node,
    Points,
    Scatter,
    Table,
    Text,
)


def head(recommendation: str, learnt: Learnt, data: Mapping[str, Any], units: int | None) -> list[Block]:
    """The advice and its grounds; ``units`` counts those that dependent rows were put into."""
    return [
        Text.advice(
            recommendation,
            f"{_judging(data, units)}. "
            f"The best model ({learnt.learner}) "
            f"explains {learnt.explained:.0%} of the variation on rows that it has not seen; its error is "
            f"{', '.join(f'{e:.3g}{_of(name, learnt)}' for name, e in learnt.errors.items())} RMSE per output.",
        ),
        *([Text(str(data["story"]), style="body")] if data.get("story") else []),
    ]


def _judging(data: Mapping[str, Any], units: int | None) -> str:
    """How many rows and units the verdicts rest on."""
    if judging := data.get("judging"):
        inside = counted(judging["units"], "independent unit")
        return (
            f"{judging['rows']:,} of {counted(data['rows'], 'row')} judge, in {inside}; the others found the candidates"
        )
    return f"{counted(data['rows'], 'row')} in {counted(units or data['units'], 'independent unit')}"


def _of(name: str, learnt: Learnt) -> str:
    return f" ({name})" if len(learnt.errors) > 1 else ""


def levels(groups: Sequence[GroupFinding], tolerance: float) -> Block:
    bars = [
        Bar(
            f.name, f.breaking.mean, f.breaking.low, f.breaking.high, f.upper_worst, f.truth, Chip.of(f.verdict).tone,
            grey=f.unreliable,
        )
        for f in groups
    ]  # fmt: skip
    known = any(f.truth is not None for f in groups)
    explain = (
        "A dot near zero and a solid line that ends before the tolerance: no violation was seen.\n\n"
        "- A solid line that starts right of zero: a violation was found.\n"
        "- A long dashed line: much of the signal is unexplained, and a larger violation could hide there."
    )
    return Bars(
        bars,
        title="How much each symmetry is broken",
        xlabel="share of the signal that violates the symmetry (axis stretched near zero)",
        percent=True,
        scale="root",
        tolerance=tolerance,
        interval_label="one-sided 95 % ends",
        caption="The solid interval speaks of the signal that the models explain; the dashed line assumes the worst, "
        "that all of what neither they nor the noise account for violates the symmetry."
        + (" Triangles mark the truth, which is known for this problem." if known else ""),
        explain=explain,
    )


def by_part(groups: Sequence[GroupFinding]) -> list[Block]:
    """Where the target has several parts: each judged in its own energy."""
    if all(len(f.parts) < 2 for f in groups):
        return []
    rows = [
        (
            f.name,
            part.name,
            Interval(part.breaking, part.low, part.high),
            Chip.of(part.verdict),
            part.price,
            part.explained,
        )
        for f in groups
        for part in f.parts
    ]
    return [
        Table(
            (
                Column("group"),
                Column("part of the target"),
                Column("how much it breaks", "percent"),
                Column("verdict"),
                Column("price of imposing it", "signed percent"),
                Column("explained", "percent"),
            ),
            rows,
            title="Part by part",
            caption="Each part of the target is judged in its own energy, so units decide nothing. The verdict on a "
            "group is that on its worst part.",
        )
    ]


def lattice(groups: Sequence[GroupFinding], edges: Sequence[tuple[str, str]]) -> list[Block]:
    if len(groups) < 2:
        return []
    nodes = [Node(f.name, f.level, f.verdict) for f in groups]
    return [
        Lattice(
            nodes,
            edges,
            title="The candidates, ordered by inclusion",
            caption="A line leads from a group down to a subgroup; a smaller group can only be broken less.",
        )
    ]


def fitted(learnt: Learnt, training: TrainingCurves) -> list[Block]:
    rows = [(name, score, 1 - score) for name, score in sorted(learnt.scores.items(), key=lambda item: item[1])]
    table = Table(
        (
            Column("learner"),
            Column("held-out error", "percent", explain="As a share of the signal."),
            Column("explained", "percent"),
        ),
        rows,
        title="Which learner predicts best",
        caption=f"Two-fold cross-fitting, {learnt.splits} random splits: models judge rows that they have not seen. "
        "These scores are of one half, on which the learners compete."
        + (f" Kernel: {learnt.kernel}." if learnt.kernel and learnt.learner == "kernel" else ""),
    )  # fmt: skip
    if not training.epochs or learnt.learner != "network":
        return [table]  # curves of a learner that lost say nothing about this answer
    return [
        table,
        Curves(
            [
                Curve("training", training.epochs, training.loss),
                *([Curve("validation", training.epochs, training.validation)] if training.validation else []),
            ],
            title="Training",
            xlabel="epoch",
            ylabel="mean squared error (standardised)",
            ylog=True,
            half=True,
        ),
        Curves(
            [Curve(name, training.epochs, series) for name, series in training.strengths.items()],
            title="Strength of each soft constraint",
            xlabel="epoch",
            ylabel="multiplier",
            ylog=True,
            half=True,
            caption="Chosen by the evidence. Strengths are a means of fitting, never the level of a symmetry.",
        ),
    ]


def trusted(groups: Sequence[GroupFinding], calibration: Mapping[str, Sequence[float]], rows: int) -> list[Block]:
    drawn: list[Block] = []
    if calibration:
        smaller = (
            f" Copies have {CALIBRATED_ROWS:,} of the {counted(rows, 'row')}, so they scatter more than these data do."
        )
        own = {f.name: f.cross for f in groups if f.name in calibration}
        null = [
            Points(
                "exactly symmetric copies of these data",
                [i for i, name in enumerate(own) for _ in calibration[name]],
                [value for name in own for value in calibration[name]],
            ),
            Points("these data", list(range(len(own))), list(own.values())),
        ]
        drawn.append(
            Scatter(
                null,
                title="The same analysis on exactly symmetric copies",
                ylabel="breaking read off (cross estimate)",
                ticks=list(own),
                percent=True,
                half=True,
                caption="Each copy was made symmetric by moving every unit at random. What is read off there is noise."
                + (smaller if rows > CALIBRATED_ROWS else ""),
            )
        )
    known = [f for f in groups if f.truth is not None]
    if known:
        drawn.append(
            Scatter(
                [
                    Points(
                        "candidates",
                        [f.truth or 0.0 for f in known],
                        [f.breaking.mean for f in known],
                        [f.breaking.low for f in known],
                        [f.breaking.high for f in known],
                        [f.name for f in known],
                    )
                ],
                title="Found against true",
                xlabel="true share that breaks the symmetry",
                ylabel="found",
                diagonal=True,
                percent=True,
                half=True,
            )
        )
    naive = Table(
        (
            Column("group"),
            Column("naive reading", "percent", explain="Mean squared asymmetry of the fitted model itself."),
            Column("cross-fitted", "percent", explain="Unbiased under exact symmetry, however weak the model."),
        ),
        [(f.name, f.plug_in, f.cross) for f in groups],
        title="Why not just measure the model?",
        caption="A fitted model is asymmetric by accident even where the data are symmetric; the naive reading counts "
        "that accident as broken symmetry.",
    )
    return [*drawn, naive]


def how_to_read(tolerance: float) -> list[Block]:
    return [
        Text(
            "A symmetry is judged on data, not on a network: two models learn from different halves, and the part of "
            "the signal that disagrees with its own symmetrised version is measured on rows that neither has seen.\n\n"
            "- How much it breaks: the share of the signal's energy that violates the symmetry.\n"
            "- Price: by what fraction building the symmetry in would raise the best error reached.\n"
            f"- Both have tolerances: {tolerance:.0%} of the signal and 5 % of the error. That a symmetry holds is "
            "only said where the upper ends of both are below them.\n"
            "- None seen: nothing of what the models explain violates the symmetry, but part of the variation is "
            "neither explained nor known to be noise. Say how large the noise is, and the verdict can be firmer.",
        ),
        Text(
            "Exactness cannot be read off data: one can only fail to see a violation, and say how large one may hide.",
            style="details",
            title="Why does it never say “exact”?",
        ),
    ]
