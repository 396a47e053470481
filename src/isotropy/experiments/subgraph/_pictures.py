"""What the report draws: graphs that networks leave together, the commonest ego networks, folds, memory by size."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

from isotropy.errors import counted
from isotropy.experiments.subgraph._apart import WAYS
from isotropy.experiments.subgraph._census import ALL, CLASSES, read
from isotropy.experiments.subgraph._claims import crossover, peaks
from isotropy.experiments.subgraph._config import ACCURACY, CENSUS, EXPRESSIVITY, MEMORY, METHODS, OURS
from isotropy.report import Block, Column, Curve, Curves, NodeLink, NodeLinks, Points, Scatter, Table, Together

Links = list[tuple[int, int]]
_APART = 0.12  # of a fold's width, between the dots of two methods: folds of MUTAG have 19 graphs, equal counts abound
_SHORT = {
    "ego networks": "k = 1", "ego networks with root": "root marked", "ego networks of radius 2": "k = 2",
    "ego networks with products": "products", "GIN": "GIN", "2-IGN": "2-IGN",
}  # fmt: skip


def alike(result: Any) -> Iterator[Block]:
    """Pairs of graphs side by side, and which of the networks that ran tell them apart."""
    left = {(line.setting, line.method): line.mean for line in result.lines(EXPRESSIVITY)}
    sets: list[Together] = []
    for name, graphs in _hard().items():
        counts = {way: left[name, way] for way in WAYS if (name, way) in left}
        if not counts:
            continue
        if name == "CSL":
            said = "left together of 45 pairs, " + ", ".join(
                f"{_SHORT[way]}: {count:g}" for way, count in counts.items()
            )
        else:
            together = [_SHORT[way] for way, count in counts.items() if count]
            apart = [_SHORT[way] for way, count in counts.items() if not count]
            said = "; ".join(
                f"{', '.join(ways)}: {verdict}"
                for ways, verdict in ((together, "alike"), (apart, "told apart"))
                if ways
            )
        sets.append(Together(graphs, said))
    if sets:
        yield NodeLinks(
            sets, title="Graphs that are hard to tell apart", section="Expressivity", name="alike",
            caption="Random weights in float64. Alike: they lie no farther apart than relabelled copies do.",
        )  # fmt: skip


def _hard() -> dict[str, tuple[NodeLink, NodeLink]]:
    cells = [(a, b) for a in range(4) for b in range(4)]
    rook = [
        (i, j) for i, (a, b) in enumerate(cells) for j, (c, d) in enumerate(cells) if i < j and (a == c) != (b == d)
    ]
    steps = ((0, 1), (1, 0), (1, 1))
    shrikhande = [(4 * a + b, 4 * ((a + x) % 4) + (b + y) % 4) for a, b in cells for x, y in steps]
    halves = [(x - 0.9, y) for x, y in ring(3, 0.75)] + [(x + 0.9, y) for x, y in ring(3, 0.75)]
    triangles = [(0, 1), (1, 2), (0, 2), (3, 4), (4, 5), (3, 5)]
    return {
        "C6, two triangles": (
            NodeLink(ring(6), circulant(6, 1), "C6"), NodeLink(halves, triangles, "two triangles"),
        ),
        "Rook, Shrikhande": (NodeLink(ring(16), rook, "Rook's 4 x 4"), NodeLink(ring(16), shrikhande, "Shrikhande")),
        "CSL": (
            NodeLink(ring(41), circulant(41, 1, 3), "CSL(41, 3)"),
            NodeLink(ring(41), circulant(41, 1, 12), "CSL(41, 12)"),
        ),
    }  # fmt: skip


def ring(n: int, radius: float = 1.0) -> list[tuple[float, float]]:
    """Places on a circle, the first on top.

    >>> [(round(x, 3), round(y, 3)) for x, y in ring(4)]
    [(0.0, 1.0), (1.0, 0.0), (0.0, -1.0), (-1.0, -0.0)]
    """
    angles = [2 * math.pi * i / n for i in range(n)]
    return [(radius * math.sin(angle), radius * math.cos(angle)) for angle in angles]


def circulant(n: int, *steps: int) -> Links:
    """The edges from each node to those so many steps on.

    >>> circulant(4, 1)
    [(0, 1), (1, 2), (2, 3), (3, 0)]
    """
    return [(i, (i + step) % n) for step in steps for i in range(n)]


def strip(result: Any) -> Iterator[Block]:
    """The commonest labelled ego networks of each set, with how often they occur."""
    lines = result.lines(CENSUS)
    for name in dict.fromkeys(line.method for line in lines):
        counts = {line.setting: int(line.mean) for line in lines if line.method == name}
        total, classes = counts.pop(ALL), counts.pop(CLASSES)
        found = [(read(text), count) for text, count in counts.items()]
        used = sorted({label for (labels, _), _ in found for label in labels})
        sets = [
            Together((NodeLink(star(len(labels)), links, kinds=[used.index(one) for one in labels], root=0),),
                     f"{count:,} ({count / total:.1%})")
            for (labels, links), count in sorted(found, key=lambda one: -one[1])
        ]  # fmt: skip
        yield NodeLinks(
            sets, [f"node label {label}" for label in used], title=f"The commonest ego networks of {name}",
            section="Ego networks", name=f"census-{name}",
            caption=f"k = 1, the root ringed and in the middle: {classes:,} classes of labelled rooted graphs among "
            f"{total:,} ego networks.",
        )  # fmt: skip


def star(n: int) -> list[tuple[float, float]]:
    """The root in the middle of the others."""
    return [(0.0, 0.0), *ring(n - 1)] if n > 1 else [(0.0, 0.0)]


def folds(result: Any) -> Iterator[Block]:
    """A dot for each method in each fold, side by side where they are equal: how methods differ on equal graphs."""
    lines = result.lines(ACCURACY, "last ten epochs$")
    for name in dict.fromkeys(line.setting.split(",")[0] for line in lines):
        shown = [line for line in lines if line.setting.startswith(f"{name},") and line.method in METHODS]
        count = max((len(line.values) for line in shown), default=0)
        beside = [_APART * (number - (len(shown) - 1) / 2) for number in range(len(shown))]
        clouds = [
            Points(line.method, [i + step for i in range(len(line.values))], [value / 100 for value in line.values])
            for line, step in zip(shown, beside, strict=True)
        ]
        if count > 1:
            yield Scatter(
                clouds, ticks=[f"fold {i}" for i in range(count)], percent=True, title=f"{name}: accuracy fold by fold",
                ylabel="accuracy on the test fold, mean of the last ten epochs", section="Accuracy",
                name=f"folds-{name}",
                caption="The dots of a fold are tested on the same graphs: the paired test compares these.",
            )  # fmt: skip


def crossing(result: Any) -> Iterable[Block]:
    """Bytes by n of both, and where they cross."""
    methods = list(dict.fromkeys(line.method for line in result.lines(MEMORY)))
    if len(methods) != 2:
        return
    bytes_of = {method: peaks(result, method) for method in methods}
    sizes = sorted(bytes_of[OURS])
    n = crossover(result)
    said = f"pieces cheaper from n = {n:.0f}"
    if n == 0 or math.isinf(n):
        said = f"pieces are {'never' if n else 'always'} cheaper, {counted(len(sizes), 'size')}"
    marks = [(f"cross-over, n = {n:.0f}", n)] if 0 < n < math.inf else []
    curves = [
        Curve(method, sizes, [bytes_of[method][size] / 1e6 for size in sizes]) for method in (OURS, "2-IGN")
    ]  # fmt: skip
    yield Curves(
        curves, title="Memory on 4-regular graphs", xlabel="nodes", ylabel="peak of a step, MB", xlog=True, ylog=True,
        marks=marks, section="Memory", name="memory-curve",
    )  # fmt: skip
    rows = [(str(size), *(bytes_of[method][size] / 1e6 for method in methods)) for size in sizes]
    columns = (Column("nodes"), *(Column(f"{method}, MB", "number") for method in methods))
    yield Table(columns, rows, title=f"Memory on 4-regular graphs: {said}", section="Memory", name="memory")
