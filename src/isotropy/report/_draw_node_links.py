"""Graphs drawn as nodes and links, several in a row, with words above each and below those that stand together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from isotropy.errors import counted
from isotropy.report._figure import PIXELS, SMALL, Width, canvas, shorten, wrap
from isotropy.report._node_links import NodeLink, NodeLinks, Together
from isotropy.report._verdicts import SERIES, light

_CELLS: Final[dict[Width, int]] = {"wide": 6, "half": 4, "narrow": 2}
_ABOVE, _BELOW, _KEY = 20.0, 36.0, 26.0  # pixels of a line above, of two below, of the key


def draw_node_links(block: NodeLinks, width: Width) -> Figure:
    """Sets one after another, as many in a row as fit; a set of more graphs than that is broken."""
    columns = _CELLS[width]
    cell = PIXELS[width] / columns
    rows = _rows(block.sets, columns)
    height = _ABOVE + cell + _BELOW
    key = _KEY if block.names else 0.0
    figure = canvas(PIXELS[width], max(len(rows), 1) * height + key)
    w, h = PIXELS[width], max(len(rows), 1) * height + key
    for number, row in enumerate(rows):
        top, at = h - number * height, 0
        for one in row:
            for place, graph in enumerate(one.graphs):
                left = (at + place) * cell
                axes = figure.add_axes((left / w, (top - _ABOVE - cell) / h, cell / w, cell / h))
                _graph(axes, graph)
                label = shorten(graph.label, cell - 8, SMALL)
                figure.text((left + cell / 2) / w, (top - 4) / h, label, ha="center", va="top", fontsize=SMALL)
            wide = len(one.graphs) * cell
            words = wrap(one.said, wide - 12, SMALL)
            middle, under = (at * cell + wide / 2) / w, (top - _ABOVE - cell) / h
            figure.text(middle, under, words, ha="center", va="top", fontsize=SMALL, color=light("muted"))
            at += len(one.graphs)
    if block.names:
        dots = [Line2D([], [], marker="o", ls="", color=_hue(i), label=name) for i, name in enumerate(block.names)]
        figure.legend(handles=dots, loc="lower left", ncols=columns + 2, labelcolor=light("muted"), columnspacing=1.2)
    return figure


def _rows(sets: Sequence[Together], columns: int) -> list[list[Together]]:
    """Sets in rows of at most so many graphs."""
    rows: list[list[Together]] = []
    for one in sets:
        parts = [one.graphs[i : i + columns] for i in range(0, len(one.graphs), columns)]
        for number, part in enumerate(parts):
            words = one.said if number == len(parts) - 1 else ""
            used = sum(len(other.graphs) for other in rows[-1]) if rows else columns
            if used + len(part) > columns:
                rows.append([])
            rows[-1].append(Together(part, words))
    return rows


def _hue(kind: int) -> str:
    return SERIES[kind % len(SERIES)]


def _graph(axes: Axes, graph: NodeLink) -> None:
    places = np.asarray(graph.places, dtype=float).reshape(-1, 2)
    inside = set(range(len(places)) if graph.inside is None else graph.inside)
    crowd = len(graph.links) > 40
    for kept in (False, True):
        lines = [places[[i, j]] for i, j in graph.links if ({i, j} <= inside) == kept]
        colour = light("muted" if kept else "faint")
        axes.add_collection(LineCollection(lines, colors=colour, linewidths=0.5 if crowd else 1.3, zorder=1 + kept))
    size = 60.0 if len(places) <= 10 else 26.0 if len(places) <= 20 else 9.0
    kinds = graph.kinds or [0] * len(places)
    colours = [_hue(kind) if node in inside else light("faint") for node, kind in enumerate(kinds)]
    edges = [light("ink") if node == graph.root else light("paper") for node in range(len(places))]
    axes.scatter(places[:, 0], places[:, 1], s=size, c=colours, edgecolors=edges, linewidths=1.4, zorder=3)
    low, high = (places.min(0), places.max(0)) if len(places) else (np.zeros(2), np.ones(2))
    middle, reach = (low + high) / 2, max(float((high - low).max()) / 2, 0.6) * 1.2
    axes.set_xlim(middle[0] - reach, middle[0] + reach)
    axes.set_ylim(middle[1] - reach, middle[1] + reach)
    axes.set_aspect("equal")
    axes.set_axis_off()


def describe_node_links(block: NodeLinks) -> str:
    """The graphs by their labels, sizes and what is said of them."""
    parts: list[str] = []
    for one in block.sets:
        graphs = ", ".join(
            f"{graph.label or 'a graph'} ({counted(len(graph.places), 'node')}, {counted(len(graph.links), 'link')})"
            for graph in one.graphs
        )
        parts.append(graphs + (f": {one.said}" if one.said else ""))
    return "; ".join(parts) + "."
