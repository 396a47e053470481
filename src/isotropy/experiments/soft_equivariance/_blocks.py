"""The report of the experiment: claims, errors with floors, published numbers, levels found, strengths over time."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from isotropy.experiments.soft_equivariance._published import PUBLISHED
from isotropy.experiments.soft_equivariance._records import Level, Score, Strengths
from isotropy.report import Bar, Bars, Block, Chip, Cloud, Column, Curve, Curves, Scatter, Table


def score_blocks(table: Table, scores: Sequence[Score], floors: Mapping[str, Mapping[str, float]]) -> list[Block]:
    """Our errors as a table, the floors of all candidates, and one figure for each setting."""
    ours = dataclasses.replace(
        table,
        section="Errors",
        title="Test errors in this run",
        caption="Mean squared error per entry of y. A network that obeys a group exactly cannot go below its floor.",
        notes=(),
        name="errors",
    )
    names = list(dict.fromkeys(group for groups in floors.values() for group in groups))
    floor_rows = [(setting, *(groups.get(name) for name in names)) for setting, groups in floors.items()]
    floor_table = Table(
        (Column("setting"), *(Column(name, "number") for name in names)),
        floor_rows,
        section="Errors",
        title="Closed-form floors",
        caption="B_G / 9: what obeying each group exactly costs, per entry of y, in expectation.",
        name="floors",
    )
    figures = [
        Bars(
            [
                Bar(score.method, score.mean, min(score.test), max(score.test), truth=score.floor)
                for score in scores
                if score.setting == setting
            ],
            section="Errors",
            title=setting,
            caption="Test error per entry: the mean over seeds, the whisker from the lowest to the highest. The mark "
            "is the floor of an exact network.",
            xlabel="test MSE per entry",
            interval_label="range over seeds",
            scale="root",
            name=f"errors-{number}",
        )
        for number, setting in enumerate(dict.fromkeys(score.setting for score in scores))
    ]
    return [ours, floor_table, *figures]


def published_blocks() -> list[Block]:
    """Other people's numbers, in a table of their own."""
    return [PUBLISHED]


def level_blocks(levels: Sequence[Level]) -> list[Block]:
    """What ``discover`` found against the truth."""
    if not levels:
        return []
    groups = list(dict.fromkeys(level.group for level in levels))
    clouds = [
        Cloud(
            group,
            [level.truth for level in levels if level.group == group],
            [level.breaking for level in levels if level.group == group],
            [level.low for level in levels if level.group == group],
            [level.high for level in levels if level.group == group],
        )
        for group in groups
    ]
    columns = (
        Column("problem"),
        Column("seed", "number"),
        Column("group"),
        Column("found", "share"),
        Column("true", "share"),
        Column("verdict"),
    )
    rows = [
        (level.problem, level.seed, level.group, level.breaking, level.truth, Chip.of(level.verdict))
        for level in levels
    ]
    return [
        Scatter(
            clouds,
            section="Levels",
            title="Found against true breaking",
            xlabel="true share",
            ylabel="found share",
            diagonal=True,
            percent=True,
            name="levels",
        ),
        Table(columns, rows, section="Levels", title="What discover found", name="found"),
    ]


def strength_blocks(strengths: Sequence[Strengths]) -> list[Block]:
    """How the strengths moved during training: one seed of each tuned method."""
    return [
        Curves(
            [Curve(group, one.epochs, values) for group, values in one.groups.items() if min(values) > 0],
            section="Strengths",
            title=f"{one.method}, {one.setting}",
            xlabel="epoch",
            ylabel="strength of the penalty",
            ylog=True,
            half=True,
            name=f"strengths-{number}",
        )
        for number, one in enumerate(strengths)
    ]
