"""A discovery as the blocks of its report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from isotropy.discovery._surrogates import CALIBRATED_ROWS
from isotropy.report import (
    Bar,
    Bars,
    Block,
    Chip,
    Column,
    Curve,
    Curves,
    Images,
    Interval,
    Lattice,
    Node,
    Picture,
    Points,
    Scatter,
    Table,
    Text,
)

if TYPE_CHECKING:
    from isotropy.discovery._result import Discovery

_WHAT, _WHERE, _FIT = "What holds", "Where it breaks", "How the model was fitted"
_TRUST, _READ = "Can the method be trusted here?", "How to read this report"


def blocks(found: Discovery) -> list[Block]:
    """The whole report, from the recommendation down to the small print."""
    return [
        *_head(found),
        found.summary(),
        _levels(found),
        *_lattice(found),
        *_notes(found),
        *_curves(found),
        *_spectrum(found),
        *_patches(found),
        *_learnt(found),
        *_calibration(found),
        *_how_to_read(found),
    ]


def _head(found: Discovery) -> list[Block]:
    advice = found.recommendation[:1].upper() + found.recommendation[1:] + "."
    learnt = found.learnt
    data = found.data
    return [
        Text(
            advice,
            style="headline",
            title="Recommendation",
            caption=f"{data['rows']:,} rows in {data['units']:,} independent units. The best model ({learnt.learner}) "
            f"explains {learnt.explained:.0%} of the signal on rows that it has not seen; its error is "
            f"{learnt.held_out_rmse:.3g} RMSE per output.",
        ),
        *([Text(str(data["story"]), style="body")] if data.get("story") else []),
    ]


def _levels(found: Discovery) -> Block:
    bars = [
        Bar(
            f.name, f.breaking.mean, f.breaking.low, f.breaking.high, f.upper_worst, f.truth, Chip.of(f.verdict).tone,
            grey=f.unreliable,
        )
        for f in found.groups
    ]  # fmt: skip
    known = any(f.truth is not None for f in found.groups)
    explain = (
        "A dot near zero and a solid line that ends before the tolerance: no violation was seen.\n\n"
        "- A solid line that starts right of zero: a violation was found.\n"
        "- A long dashed line: much of the signal is unexplained, and a larger violation could hide there."
    )
    return Bars(
        bars,
        section=_WHAT,
        title="How much each symmetry is broken",
        xlabel="share of the signal that violates the symmetry (axis stretched near zero)",
        percent=True,
        scale="root",
        tolerance=found.tolerance,
        interval_label="one-sided 95 % ends",
        caption="The solid interval assumes that what the model cannot explain is no more asymmetric than what it can; "
        "the dashed line assumes the worst, that all of it is."
        + (" Triangles mark the truth, which is known for this problem." if known else ""),
        explain=explain,
    )


def _lattice(found: Discovery) -> list[Block]:
    if len(found.groups) < 2:
        return []
    nodes = [Node(f.name, f.level, f.verdict) for f in found.groups]
    return [
        Lattice(
            nodes,
            found.edges,
            section=_WHAT,
            title="The candidates, ordered by inclusion",
            caption="A line leads from a group down to a subgroup; a smaller group can only be broken less.",
        )
    ]


def _notes(found: Discovery) -> list[Block]:
    if not found.notes:
        return []
    return [Text("\n".join(f"- {note}" for note in found.notes), section=_WHAT, title="Read with care", style="note")]


def _curves(found: Discovery) -> list[Block]:
    if not found.curves:
        return []
    return [
        Curves(
            [Curve(curve.name, curve.angles, curve.values) for curve in found.curves],
            section=_WHERE,
            title="Change along each one-parameter subgroup",
            xlabel="angle" if found.curves[0].periodic else "parameter",
            ylabel="share of the signal that changes",
            angle=found.curves[0].periodic,
            percent=True,
            caption="Half the mean squared change of the fitted function when its inputs are moved and its outputs "
            "moved back, from two models of disjoint halves. A flat line at zero is a symmetry.",
        )
    ]


def _spectrum(found: Discovery) -> list[Block]:
    c = found.continuous
    if not c.eigenvalues:
        return []
    bars = [
        Bar(f"direction {i + 1}", value, low, high, tone="holds" if low <= 2 * found.tolerance else "partial")
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
            section=_WHERE,
            title="Spectrum of infinitesimal symmetries",
            xlabel="squared derivative along the orbit, in shares of the signal",
            interval_label="90 % interval",
            half=True,
            caption="An eigenvalue whose interval covers zero belongs to a continuous symmetry, listed or not.",
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
            section=_WHERE,
            title="Discovered axes",
            caption=said,
            half=True,
        ),
    ]


def _patches(found: Discovery) -> list[Block]:
    """For data on pixels: one sample, and what candidates make of it."""
    dataset = found.samples
    if dataset is None or not str(found.data.get("inputs", "")).startswith("Pixels("):
        return []
    from isotropy.discovery._pictures import pictures

    drawn: Sequence[tuple[str, object]] = pictures(dataset, [f.name for f in found.groups])
    return [
        Images(
            tuple(Picture(pixels, label) for label, pixels in drawn),  # pyright: ignore[reportArgumentType]
            section=_WHERE,
            title="One sample, and what the candidates make of it",
        )
    ]


def _learnt(found: Discovery) -> list[Block]:
    learnt, training = found.learnt, found.training
    rows = [(name, score, 1 - score) for name, score in sorted(learnt.scores.items(), key=lambda item: item[1])]
    table = Table(
        (
            Column("learner"),
            Column("held-out error", "percent", explain="As a share of the signal."),
            Column("explained", "percent"),
        ),
        rows,
        section=_FIT,
        title="Which learner predicts best",
        caption=f"Two-fold cross-fitting, {learnt.splits} random splits: models judge rows that they have not seen."
        + (f" Kernel: {learnt.kernel}." if learnt.kernel else ""),
    )  # fmt: skip
    if not training.epochs:
        return [table]
    return [
        table,
        Curves(
            [
                Curve("training", training.epochs, training.loss),
                *([Curve("validation", training.epochs, training.validation)] if training.validation else []),
            ],
            section=_FIT,
            title="Training",
            xlabel="epoch",
            ylabel="mean squared error (standardised)",
            ylog=True,
            half=True,
        ),
        Curves(
            _by_group(training.epochs, training.strengths),
            section=_FIT,
            title="Strength of each soft constraint",
            xlabel="epoch",
            ylabel="multiplier",
            ylog=True,
            half=True,
            caption="Chosen by the evidence. Strengths are a means of fitting, never the level of a symmetry.",
        ),
    ]


def _by_group(epochs: Sequence[int], values: Mapping[str, Sequence[float]]) -> list[Curve]:
    return [Curve(name, epochs, series) for name, series in values.items()]


def _smaller(found: Discovery) -> str:
    rows = int(str(found.data["rows"]))
    if rows <= CALIBRATED_ROWS:
        return ""
    return f" Copies have {CALIBRATED_ROWS:,} of the {rows:,} rows, so they scatter more than these data do."


def _calibration(found: Discovery) -> list[Block]:
    drawn: list[Block] = []
    if found.calibration:
        names = [f.name for f in found.groups if f.name in found.calibration]
        null = [
            Points(
                "exactly symmetric copies of these data",
                [i for i, name in enumerate(names) for _ in found.calibration[name]],
                [value for name in names for value in found.calibration[name]],
            ),
            Points("these data", list(range(len(names))), [found[name].cross for name in names]),
        ]
        drawn.append(
            Scatter(
                null,
                section=_TRUST,
                title="The same analysis on exactly symmetric copies",
                ylabel="breaking read off (cross estimate)",
                ticks=names,
                percent=True,
                half=True,
                caption="Each copy was made symmetric by moving every unit at random. What is read off there is noise."
                + _smaller(found),
            )
        )
    known = [f for f in found.groups if f.truth is not None]
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
                section=_TRUST,
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
        [(f.name, f.plug_in, f.cross) for f in found.groups],
        section=_TRUST,
        title="Why not just measure the model?",
        caption="A fitted model is asymmetric by accident even where the data are symmetric; the naive reading counts "
        "that accident as broken symmetry.",
    )
    return [*drawn, naive]


def _how_to_read(found: Discovery) -> list[Block]:
    return [
        Text(
            "A symmetry is judged on data, not on a network: two models learn from different halves, and the part of "
            "the signal that disagrees with its own symmetrised version is measured on rows that neither has seen.\n\n"
            "- How much it breaks: the share of the signal's energy that violates the symmetry.\n"
            "- Price: by what fraction building the symmetry in would raise the best error reached.\n"
            f"- Both have tolerances: {found.tolerance:.0%} of the signal and 5 % of the error.\n"
            "- Verdicts use the typical upper end; the worst case is drawn beside it.",
            section=_READ,
        ),
        Text(
            "Exactness cannot be read off data: one can only fail to see a violation, and say how large one may hide.",
            style="details",
            section=_READ,
            title="Why does it never say “exact”?",
        ),
    ]
