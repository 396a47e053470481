"""A comparison as the blocks of its report."""

from collections.abc import Mapping, Sequence
from typing import Any

from isotropy.comparison._methods import STANDINGS, MethodFinding
from isotropy.comparison._recommendation import MARGIN, REACH
from isotropy.errors import counted
from isotropy.report import Bar, Bars, Block, Column, Points, Scatter, Table, Text

_SHOWN = 6  # methods in the picture of the folds

_BUILT = {
    "plain": "The network as it is, on the rows as they are: gated residual layers that know of no group.",
    "augmentation": "The same network; every row is moved by a random element of the group whenever it is seen.",
    "soft": "The same network with one penalty for each candidate on all weights, of strengths chosen by the evidence.",
    "frames": "The same network between a pose and its way back: one pose of each row's frame, at random, while "
    "training, and the average over all of them afterwards. A finite group has all its elements for poses.",
    "coordinates": "The same network on coordinates that the group does not change: one pose for each row.",
    "layers": "A network of layers that commute with the group (EMLP), with gates and products of features. Its "
    "weights are tied, so that it has fewer parameters at a width that takes about as long.",
}

_OF_PICTURES = {
    "plain": "A network of strided convolutions and a hidden layer, on the pictures as they are.",
    "TrivialAugment": "The same network; each picture by one of 14 operations of a random strength, each time.",
    "augmentation": "The same network; each picture is moved by a random element of the group whenever it is seen.",
    "constrained": "The same network, whose loss on pictures moved by what it finds hard is held at a bound.",
    "frames": "The same network, averaged over the group: all elements of a finite one, eight angles of SO(2).",
    "coordinates": "The same network behind moments of the intensity, which take position, size and stretch away.",
    "layers": "Convolutions over the group, with few elements and channels: a network of its own.",
}

_OF_PARTS = {
    "plain": "Shared layers on points and pooling over the cloud (PointNet), on clouds as they are.",
    "augmentation": "The same network; the whole of each cloud is moved by chance whenever it is seen.",
    "frames": "The same network in the principal axes of the whole cloud, averaged over their signs.",
    "given parts": "The same network part by part: each in its own principal axes, pooled over its own points.",
    "found parts": "As before, with the parts that the poses themselves tell.",
}
HOW = {"pictures": _OF_PICTURES, "parts": _OF_PARTS, "": _BUILT}
"""How methods are built, by what the data have that others have not."""


def head(
    recommendation: str, data: Mapping[str, Any], budget: Mapping[str, int], constant: float, loss: str
) -> list[Block]:
    best = "The best constant has a mean loss" if loss else "Predicting the mean has an error"
    return [
        Text.advice(
            recommendation,
            f"{counted(data['rows'], 'row')} in {counted(data['units'], 'independent unit')}, {data['inputs']} → "
            f"{data['targets']}. Every row was predicted by every method from a model that had not seen it: "
            f"{budget['folds']} folds, {counted(budget['steps'], 'step')} of {counted(budget['batch'], 'row')} each. "
            f"{best} of {constant:.3g}.",
        ),
        *([Text(str(data["story"]), style="body")] if data.get("story") else []),
    ]


def errors(run: Sequence[MethodFinding], loss: str) -> Block:
    squared = "root mean squared error for each output, in the unit of the targets"
    return Bars(
        [
            Bar(f.name, f.error.mean, f.error.low, f.error.high, tone=STANDINGS[f.standing][0])
            for f in run
            if f.error is not None
        ],
        title="Error on rows not seen",
        xlabel=f"mean loss ({loss})" if loss else squared,
        interval_label="95 % interval",
        caption="Intervals tell how far each error is known by itself. Methods share their rows, so two intervals may "
        "overlap although one method is surely worse: the paired tests in the table decide.",
    )


def costs(run: Sequence[MethodFinding]) -> list[Block]:
    micro = [None if f.row_seconds is None else 1e6 * f.row_seconds for f in run]
    predicting = "processor time of one row, in microseconds: exact methods may look at it in several poses"
    step = "MB in tensors: weights, gradients, Adam, what is kept for the backward pass"
    shown = (
        ("Time to train", "processor seconds, all folds together", [f.seconds for f in run]),
        ("Time to predict", predicting, micro),
        ("Memory of a step", step, [f.peak_mb for f in run]),
    )
    return [
        Bars(
            [Bar(f.name, value, tone=STANDINGS[f.standing][0]) for f, value in zip(run, values, strict=True)],
            title=title,
            xlabel=xlabel,
            half=True,
        )
        for title, xlabel, values in shown
    ]


def pairs(run: Sequence[MethodFinding], folds: int) -> Block:
    ticks = [f"fold {k + 1}" for k in range(folds)]
    shown = [f for f in run if f.standing in ("recommended", "best") or f.kind == "plain"]
    rest = [f for f in run if f not in shown]
    return Scatter(
        [Points(f.name, range(len(f.fold_errors)), f.fold_errors) for f in [*shown, *rest][:_SHOWN]],
        ylabel="error",
        ticks=ticks,
        title="The same folds, one after the other",
        caption=f"The recommended, the best and the plain method, and the next ones, {_SHOWN} at most: how far "
        "trainings and rows vary. It is no test: of two equally good methods one lies below the other in all of "
        f"{counted(len(ticks), 'fold')} by chance in one table of {2 ** (len(ticks) - 1)}.",
    )


def built(methods: Sequence[MethodFinding], backbone: str, kind: str = "") -> Block:
    """How each method is built; ``kind`` is a key of HOW."""
    said = {
        **HOW[kind],
        **({"plain": f"The network of {backbone} as it is, on the rows as they are."} if backbone else {}),
    }
    kinds = list(dict.fromkeys(f.kind for f in methods))
    rows = [(kind, said[kind], _parameters([f for f in methods if f.kind == kind])) for kind in kinds]
    return Table(
        (Column("method"), Column("how it is built"), Column("parameters")),
        rows,
        title="The methods",
    )


def _parameters(methods: Sequence[MethodFinding]) -> str:
    counts = sorted({f.parameters for f in methods if f.parameters is not None})
    if not counts:
        return "–"
    return f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"


def not_run(methods: Sequence[MethodFinding]) -> list[Block]:
    rows = [(f.name, f.missing) for f in methods if f.missing]
    if not rows:
        return []
    return [Table((Column("method"), Column("why it was not run")), rows, title="Methods without figures")]


def how_to_read() -> list[Block]:
    return [
        Text(
            "The recommendation follows one rule:\n\n"
            f"- As good as the best are all methods whose error is less than {MARGIN:.0%} higher, and those within "
            f"{REACH:.0%} that a paired test does not show to be worse (p ≥ 0.05 after Holm's correction for their "
            "number). One that errs more than a worse method for the same group is not.\n"
            "- Among these, exact methods come first, because they keep the symmetry on every input; of these, those "
            "for the largest group; of several for one group, or for groups of which none contains another, that with "
            "the lowest error.\n"
            "- Where no exact method is as good, the plain network is taken if it is, else augmentation for the "
            "largest group, else the soft network.",
            title="The rule",
        ),
        Text(
            "The standard error of a mean difference has two parts: rows vary, clustered by unit; and trainings vary, "
            "which is read off what folds differ more than their rows explain, with the correction for training sets "
            "that overlap. Time is processor time of one thread, so that other work on the machine does not count. "
            "Methods with the same network start from the same weights in each fold, and all are stopped at their best "
            "error on the same validation units.",
            title="Intervals, tests, time",
            style="details",
        ),
    ]
