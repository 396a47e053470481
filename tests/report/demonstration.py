"""A made-up discovery with every kind of block, close to what `isotropy discover inertia` ends in."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence

import numpy as np

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
    Meter,
    Node,
    Picture,
    Points,
    Scatter,
    Table,
    Text,
    write_html,
)

# group, breaking, low, high, worst, truth, verdict, price, low, high, p, overlap, inputs
FOUND = (
    ("O(3)", 0.0468, 0.0311, 0.0655, 0.1022, 0.04672, "approximate", 0.83, 0.52, 1.21, 0.0004, 0.97, True),
    ("O(2)@x", 0.0357, 0.0229, 0.0507, 0.0894, 0.03504, "approximate", 0.63, 0.37, 0.94, 0.0004, 0.98, True),
    ("O(2)@y", 0.0341, 0.0216, 0.0489, 0.0881, 0.03504, "approximate", 0.60, 0.35, 0.90, 0.0008, 0.98, True),
    ("O(2)@z", 0.0009, 0.0, 0.0058, 0.0521, 0.0, "no breaking detected", 0.02, -0.03, 0.08, 0.41, 0.99, True),
    ("D(4)@x", 0.0301, 0.0049, 0.0622, 0.0994, 0.03504, "undecided", 0.53, 0.06, 1.11, 0.031, 0.98, True),
    ("C(4)@z", 0.0003, 0.0, 0.0041, 0.0498, 0.0, "no breaking detected", 0.01, -0.02, 0.06, 0.55, 0.99, True),
    ("Scale(3)", 0.61, 0.55, 0.68, 0.74, 0.602, "absent", 10.8, 9.6, 12.2, 0.0004, 0.64, False),
    ("S(5)", 0.0021, 0.0011, 0.0034, 0.0501, 0.002, "negligible", 0.03, 0.01, 0.05, 0.0012, 1.0, True),
    ("SE(3)", 0.221, 0.09, 0.38, 0.44, None, "not identifiable", 3.9, 1.2, 7.4, 0.0004, 0.08, False),
)
EDGES = (
    ("O(2)@x", "O(3)"),
    ("O(2)@y", "O(3)"),
    ("O(2)@z", "O(3)"),
    ("D(4)@x", "O(2)@x"),
    ("C(4)@z", "O(2)@z"),
    ("C(4)@z", "O(3)"),
)


def verdict_table() -> Table:
    columns = (
        Column("group"),
        Column(
            "how much it breaks",
            "percent",
            explain="The share of the signal's energy that violates the symmetry, with a two-sided 90 % interval.",
        ),
        Column("level", explain="What is left: the share of the signal that respects the symmetry."),
        Column("verdict"),
        Column(
            "price of imposing it",
            "signed percent",
            explain="By how much the best achievable error would rise if the symmetry were built in exactly.",
        ),
        Column("p-value", "p", explain="Randomisation test of exact symmetry, corrected for testing several groups."),
        Column(
            "overlap",
            "percent",
            explain="Share of transformed inputs that lie where there are data. Below 20 % nothing can be said.",
        ),
        Column(
            "inputs invariant", explain="Whether transformed inputs look like inputs to a classifier.", terminal=False
        ),
    )
    rows = [
        (
            name,
            Interval(b, low, high),
            Meter(1 - b, 1 - high, 1 - low, Chip.of(verdict).tone),
            Chip.of(verdict),
            Interval(price, price_low, price_high),
            p,
            overlap,
            inputs,
        )
        for name, b, low, high, _, _, verdict, price, price_low, price_high, p, overlap, inputs in FOUND
    ]
    grey = [number for number, row in enumerate(FOUND) if row[6] == "not identifiable"]
    return Table(
        columns,
        rows,
        grey=grey,
        section="What holds",
        title="Verdicts",
        caption="Intervals are two-sided 90 % (each end one-sided 95 %), resampled by row.",
    )


def level_bars() -> Bars:
    bars = [
        Bar(name, b, low, high, worst, truth, Chip.of(verdict).tone, grey=verdict == "not identifiable")
        for name, b, low, high, worst, truth, verdict, *_ in FOUND
    ]
    return Bars(
        bars,
        section="What holds",
        title="How much each symmetry is broken",
        xlabel="share of the signal that violates the symmetry (axis stretched near zero)",
        percent=True,
        scale="root",
        tolerance=0.01,
        interval_label="90 % interval",
        caption="The solid interval assumes that what the model cannot explain is no more asymmetric than what it can. "
        "The dashed line assumes the worst: that all of it is.",
        explain="A dot near zero and a short solid line that ends before the dotted tolerance: the symmetry holds.\n\n"
        "- A solid line that starts right of zero: a violation was found.\n"
        "- A long dashed line: much of the signal is unexplained, so a larger violation could hide there.\n"
        "- Small triangles mark the truth, which is known for built-in problems only.",
    )


def angle_curves() -> Curves:
    angle = np.linspace(-math.pi, math.pi, 73)
    curves = []
    for label, size in (("about x", 0.19), ("about y", 0.185), ("about z", 0.012)):
        y = size * np.abs(np.sin(angle)) + 0.006 + 0.002 * np.sin(5 * angle) ** 2
        curves.append(Curve(label, angle.tolist(), y.tolist(), (0.86 * y).tolist(), (1.15 * y).tolist()))
    return Curves(
        curves,
        section="Where it breaks",
        title="Error against angle",
        xlabel="angle of rotation",
        ylabel="relative equivariance error",
        angle=True,
        percent=True,
        caption="How far the fitted function is from turning with its inputs, one curve for each axis; bands are 90 %.",
        explain="A symmetry that holds gives a flat line near zero. A bump shows which rotations are the costly ones.",
    )


def spectrum() -> tuple[Block, ...]:
    bars = (
        Bar("direction 1", -0.0006, -0.0041, 0.0032, truth=0.0, tone="holds"),
        Bar("direction 2", 0.0442, 0.0303, 0.0601, truth=0.0488, tone="partial"),
        Bar("direction 3", 0.0471, 0.0322, 0.0634, truth=0.0488, tone="partial"),
    )
    axes = Table(
        (
            Column("direction"),
            Column("axis"),
            Column("eigenvalue", "number"),
            Column("angle to z", "number", "degrees"),
        ),
        (
            ("1", "(0.01, −0.03, 1.00)", Interval(-0.0006, -0.0041, 0.0032), Interval(1.8, 0.7, 4.9)),
            ("2", "(0.94, 0.33, 0.00)", Interval(0.0442, 0.0303, 0.0601), Interval(89.9, 85.1, 90.0)),
            ("3", "(−0.33, 0.94, 0.03)", Interval(0.0471, 0.0322, 0.0634), Interval(88.3, 84.0, 90.0)),
        ),
        section="Where it breaks",
        title="Discovered axes",
        caption="Direction 1 generates a symmetry that nobody listed: rotations about an axis 1.8 degrees from z.",
        half=True,
    )
    figure = Bars(
        bars,
        section="Where it breaks",
        title="Spectrum of the infinitesimal rotations",
        xlabel="squared derivative along the orbit, in units of the signal",
        interval_label="90 % interval",
        caption="An eigenvalue whose interval covers zero belongs to a continuous symmetry.",
        half=True,
    )
    return figure, axes


def training() -> tuple[Block, ...]:
    epoch = np.arange(0, 501, 10, dtype=float)
    loss = 0.9 * np.exp(-epoch / 60) + 0.05 * np.exp(-epoch / 400) + 0.01
    strengths = [
        Curve(name, epoch.tolist(), (0.3 * np.exp(rate * np.minimum(epoch, 260) / 100)).tolist())
        for name, rate in (("O(3)", -1.2), ("O(2)@x", -0.9), ("O(2)@y", -0.95), ("O(2)@z", 1.1))
    ]
    return (
        Curves(
            (
                Curve("training", epoch.tolist(), loss.tolist()),
                Curve("validation", epoch.tolist(), (1.25 * loss + 0.004).tolist()),
            ),
            section="How the model was fitted",
            title="Training",
            xlabel="epoch",
            ylabel="mean squared error (standardised)",
            ylog=True,
            marks=(("best", 430.0),),
            half=True,
        ),
        Curves(
            strengths,
            section="How the model was fitted",
            title="Strength of each soft constraint",
            xlabel="epoch",
            ylabel="multiplier",
            ylog=True,
            half=True,
            caption="Strengths are a means of fitting, never the level of a symmetry.",
        ),
    )


def calibration() -> tuple[Block, ...]:
    draws = np.random.default_rng(0).normal(0.0006, 0.0021, 10)
    names = [row[0] for row in FOUND if row[5] is not None]
    true, found = [row[5] for row in FOUND if row[5] is not None], [row[1] for row in FOUND if row[5] is not None]
    return (
        Scatter(
            (
                Points("exactly symmetric copies of your data", [0, 1] * 5, draws.tolist()),
                Points("your data", [0, 1], [0.0468, 0.0011], [0.0311, 0.0], [0.0655, 0.002]),
            ),
            section="Can the method be trusted here?",
            title="The same analysis on exactly symmetric data",
            ylabel="breaking found",
            ticks=("O(3)", "SO(3) x Scale(3) with a long name"),
            percent=True,
            half=True,
            caption="Each copy was made symmetric by turning every row at random. What is found there is noise.",
        ),
        Scatter(
            (
                Points(
                    "groups",
                    [float(t or 0) for t in true],
                    found,
                    [row[2] for row in FOUND if row[5] is not None],
                    [row[3] for row in FOUND if row[5] is not None],
                    [name if name in ("Scale(3)", "O(3)") else "" for name in names],
                ),
            ),
            section="Can the method be trusted here?",
            title="Found against true",
            xlabel="true breaking",
            ylabel="found breaking",
            diagonal=True,
            percent=True,
            half=True,
        ),
    )


def patches() -> Images:
    random = np.random.default_rng(3)
    patch = np.add.outer(np.linspace(0, 1, 7), np.linspace(0, 0.6, 7)) + 0.1 * random.random((7, 7))
    return Images(
        tuple(
            Picture(turned.copy(), label)
            for turned, label in (
                (patch, "a patch"),
                (np.rot90(patch), "turned by 90°"),
                (patch[:, ::-1], "mirrored left to right"),
                (patch[::-1, ::-1], "point reflection"),
            )
        ),
        section="Where it breaks",
        title="One sample and what the group makes of it",
        caption="From the ring of pixels the model predicts the middle.",
    )


def demonstration() -> list[Block]:
    """Every block of a full report."""
    return [
        Text(
            "Build in `O(2)@z` exactly; imposing `O(3)` would cost 0.81 RMSE.",
            style="headline",
            title="Recommendation",
            caption="0.81 RMSE is 83 % more than the best error that was reached without it (0.98 kg m²).",
        ),
        verdict_table(),
        level_bars(),
        Lattice(
            tuple(Node(row[0], 1 - row[1], row[6]) for row in FOUND),
            EDGES,
            section="What holds",
            title="The candidates, ordered by inclusion",
            caption="A line leads from a group down to a subgroup. A smaller group can only be broken less.",
        ),
        angle_curves(),
        *spectrum(),
        patches(),
        *training(),
        *calibration(),
        Text(
            "A symmetry is judged on data, not on a network: two models learn from different halves, and the part of "
            "the signal that disagrees with its own symmetrised version is measured on rows that neither has seen.\n\n"
            "- `breaking` is the share of the signal's energy that violates the symmetry.\n"
            "- `price` is what building the symmetry in would cost in error.\n"
            "- Both have tolerances, here 1 % and 5 %.",
            section="How to read this report",
        ),
        Text(
            "Exactness cannot be read off data: one can only fail to see a violation, and say how large one may hide.",
            style="details",
            title="Why does it never say “exact”?",
        ),
        Text(
            "The inputs of `Scale(3)` are not invariant: their sizes are not those of a scale-free law.", style="note"
        ),
    ]


PROVENANCE = {
    "command": "isotropy discover inertia --set nu=0.3 --set n=1000 --seed 0 --out runs/a",
    "data": "inertia (built in), 1000 rows, 20 inputs, 9 targets",
    "seed": 0,
    "versions": "isotropy 0.1.0, torch 2.13.0, numpy 2.3.1, Python 3.11",
    "seconds": "41.2",
}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", help="folder that receives report.html")
    path = parser.parse_args(arguments).path
    subtitle = "Which symmetries hold in 1000 rows of five masses and their positions, predicting the inertia?"
    print(write_html("Symmetries of inertia", demonstration(), path, subtitle=subtitle, provenance=PROVENANCE))


if __name__ == "__main__":
    main()
