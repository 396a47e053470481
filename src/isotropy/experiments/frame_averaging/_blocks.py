"""The report of the experiment: claims with their numbers, our tables and figures, published numbers apart."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from isotropy.experiments._claims import Verdict, claim_blocks
from isotropy.experiments._scores import Score
from isotropy.experiments.frame_averaging._published import PUBLISHED
from isotropy.experiments.frame_averaging._records import GRAPHS, LEARNED, NORMALS, PARTICLES
from isotropy.report import Bar, Bars, Block, Table

# Task, setting, title and axis of each figure, and whether a logarithm would hide zeros.
_FIGURES = (
    (NORMALS, "I/I", "Normals, trained and tested as the parts lie", "mean of 1 - <n, p>^2"),
    (NORMALS, "I/SO(3)", "Normals, tested on turned parts", "mean of 1 - <n, p>^2"),
    (GRAPHS, "graph8c", "Pairs of graph8c left together", "pairs of 61.8 million"),
    (LEARNED, LEARNED, "EXP learned", "accuracy"),
    (PARTICLES, "test", "Charged particles, 1000 steps ahead", "test MSE per coordinate"),
)


def blocks_of(table: Table, scores: Sequence[Score], claims: Sequence[Verdict]) -> list[Block]:
    """All blocks, in order."""
    return [*claim_blocks(claims), _ours(table), *_figures(scores), PUBLISHED]


def _ours(table: Table) -> Table:
    return dataclasses.replace(
        table,
        section="Numbers",
        title="Numbers of this run",
        caption="X/Y means trained on clouds in poses X, tested in poses Y: I as parts lie, SO(3) turned at random. "
        "Copies are the largest L1 distance between the embeddings of a graph and of the same graph relabelled.",
        notes=(),
        name="numbers",
    )


def _figures(scores: Sequence[Score]) -> list[Block]:
    found: list[Block] = []
    for number, (task, setting, title, unit) in enumerate(_FIGURES):
        bars = [
            Bar(score.method, score.mean, min(score.values), max(score.values))
            for score in scores
            if (score.task, score.setting) == (task, setting)
        ]
        if bars:
            found.append(
                Bars(
                    bars,
                    section="Figures",
                    title=title,
                    caption="The mean over seeds, the whisker from the lowest to the highest.",
                    xlabel=unit,
                    interval_label="range over seeds",
                    scale="root",
                    name=f"figure-{number}",
                )
            )
    return found
