"""The report of the experiment: claims, accuracies, gaps of tours, real instances, embeddings."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from isotropy.experiments.transformation_invariant._records import (
    Embedding,
    RealTour,
    Recognition,
    Routing,
    Values,
)
from isotropy.report import Bar, Bars, Block, Column, Curve, Curves, Table


def cloud_blocks(clouds: Sequence[Recognition]) -> list[Block]:
    """Accuracies as a table, and as bars: standing and turned."""
    rows = [
        (
            one.method,
            _mean(one.standing),
            _mean(one.turned),
            _mean(one.augmented),
            len(one.standing),
            len(one.augmented) or None,
            one.parameters,
            one.seconds,
        )
        for one in clouds
    ]
    table = Table(
        (
            Column("method"),
            Column("I/I", "percent", explain="trained and tried on clouds as they stand"),
            Column("I/SO3", "percent", explain="the same network and points, every cloud turned"),
            Column("SO3/SO3", "percent", explain="trained on turned clouds"),
            Column("seeds", "number"),
            Column("seeds, SO3/SO3", "number"),
            Column("parameters", "number"),
            Column("CPU s", "number", explain="processor seconds of one training on standing clouds, one core"),
        ),
        rows,
        section="Clouds",
        title="Test accuracy in this run",
        caption="Points on 40 kinds of meshes; test clouds come from the other mesh of their class.",
        name="clouds",
    )
    bars = [
        Bar(f"{one.method}, {where}", _mean(values), min(values), max(values))
        for one in clouds
        for where, values in (("standing", one.standing), ("turned", one.turned))
    ]
    figure = Bars(
        bars,
        section="Clouds",
        title="Standing and turned",
        caption="Networks trained on standing clouds; the whisker runs from the lowest seed to the highest.",
        xlabel="test clouds recognised",
        percent=True,
        interval_label="range over seeds",
        name="clouds-turned",
    )
    return [table, figure] if clouds else []


def tour_blocks(tours: Sequence[Routing], real: Sequence[RealTour]) -> list[Block]:
    """Gaps under every move, and on real instances."""
    if not tours:
        return []
    moves, measures = list(tours[0].greedy), list(tours[0].real)
    labels = {"greedy": "greedy", "best": "best of 20", "improved": "greedy + 2-opt", "best_improved": "best + 2-opt"}
    rows = [
        (one.method, *(_mean(one.greedy[move]) for move in moves), _mean(one.best["same"]), one.seconds)
        for one in tours
    ]
    moved = Table(
        (
            Column("method"),
            *(Column(move, "percent") for move in moves),
            Column("same, best of 20 starts", "percent"),
            Column("CPU s", "number", explain="processor seconds of one training, one core"),
        ),
        rows,
        section="Tours",
        title="Gap to the optimum, moved instances",
        caption="Greedy tours of the attention model; every instance under a similarity of its own; proven optima.",
        name="tours",
    )
    overall = Table(
        (Column("method"), *(Column(labels[name], "percent") for name in measures)),
        [(one.method, *(_mean(one.real[name]) for name in measures)) for one in tours],
        section="TSPLIB",
        title="Gap to the optimum, real instances",
        caption="Mean over the instances; coordinates as they are in the files, distances rounded as TSPLIB does.",
        name="tsplib",
    )
    names = ("instance", "cities", "method")
    each = Table(
        (
            *(Column(name, "number" if name == "cities" else "text") for name in names),
            *(Column(label, "percent") for label in labels.values()),
        ),
        [(one.instance, one.cities, one.method, *(getattr(one, name) for name in labels)) for one in real],
        section="TSPLIB",
        title="Every instance",
        name="tsplib-instances",
    )
    return [moved, overall, each]


def embedding_blocks(embeddings: Sequence[Embedding]) -> list[Block]:
    """Stress and gaps by dimension, with the two searches that saw no embedding."""
    if not embeddings:
        return []
    table = Table(
        (Column("the search sees"), Column("stress", "percent"), Column("gap", "percent")),
        [(one.name, _mean(one.stress), _mean(one.gap)) for one in embeddings],
        section="Distances",
        title="Tours on roads, found elsewhere",
        caption="Shortest paths of random geometric graphs, embedded by classical MDS; mean over graphs. The gap is "
        "what the tour costs on the roads, over the proven optimum there.",
        name="distances",
    )
    embedded = [one for one in embeddings if one.dimension]
    dimensions = [one.dimension for one in embedded]
    curves = [
        Curve("stress", dimensions, [statistics.fmean(one.stress) for one in embedded]),
        Curve("gap of the tour", dimensions, [statistics.fmean(one.gap) for one in embedded]),
    ]
    figure = Curves(
        curves,
        section="Distances",
        title="Stress and gap by dimension",
        xlabel="dimension of the embedding",
        ylabel="share",
        percent=True,
        name="distances-by-dimension",
    )
    return [table, figure]


def _mean(values: Values) -> float | None:
    return statistics.fmean(values) if values else None
