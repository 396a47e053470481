"""A posterior as a triangle: what each quantity is worth, and how every two hang together."""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from isotropy.errors import counted
from isotropy.report._corner import Corner
from isotropy.report._figure import PIXELS, SMALL, Width, canvas, quiet, shorten
from isotropy.report._format import number_text
from isotropy.report._verdicts import light

_MARKERS = ("P", "X", "D", "s", "v", "^")
_PANEL = {"wide": 165.0, "half": 110.0, "narrow": 88.0}
_LINE = 22.0


def draw_corner(block: Corner, width: Width) -> Figure:
    """Histograms on the diagonal, clouds below it; panels of a column share their x, those of a row their y."""
    n = len(block.names)
    side = min(_PANEL[width], PIXELS[width] / max(n, 1))
    figure = canvas(PIXELS[width], max(n, 1) * side + 40 + _LINE * math.ceil(len(block.marked) / 2))
    figure.set_layout_engine("constrained", h_pad=0.03, w_pad=0.03)
    if not n:
        return figure
    grid = figure.subplots(n, n, sharex="col", squeeze=False)
    columns = [np.asarray(column, dtype=float) for column in block.draws]
    for i in range(n):
        for j in range(n):
            axes: Axes = grid[i, j]
            if j > i:
                axes.set_axis_off()
                continue
            quiet(axes)
            if i == j:
                _histogram(axes, columns[i])
            else:
                axes.plot(columns[j], columns[i], ".", ms=2.5, mew=0, alpha=0.4, color=light("silent"), ls="")
            for number, one in enumerate(block.marked):
                _mark(axes, [float(v) for v in one.values], i, j, _MARKERS[number % len(_MARKERS)], light(one.tone))
            axes.xaxis.set_major_locator(MaxNLocator(3))
            axes.yaxis.set_major_locator(MaxNLocator(3))
            if j or i == j:
                axes.tick_params(labelleft=False)
            if i == n - 1:
                axes.set_xlabel(shorten(block.names[j], side - 10, SMALL), fontsize=SMALL)
            if j == 0 and i:
                axes.set_ylabel(shorten(block.names[i], side - 10, SMALL), fontsize=SMALL)
    for i in range(1, n):  # one scale along a row, but not for the histogram at its end
        low, high = grid[i, 0].get_ylim()
        for j in range(1, i):
            more = grid[i, j].get_ylim()
            low, high = min(low, more[0]), max(high, more[1])
        for j in range(i):
            grid[i, j].set_ylim(low, high)
    _legend(figure, block, width)
    return figure


def _histogram(axes: Axes, values: np.ndarray) -> None:
    known = values[np.isfinite(values)]
    if len(known):
        axes.hist(known, bins=30, color=light("silent"), alpha=0.6, linewidth=0)


def _mark(axes: Axes, values: list[float], i: int, j: int, marker: str, colour: str) -> None:
    if i == j:
        axes.axvline(values[i], color=colour, linewidth=1.4)
    else:
        axes.plot([values[j]], [values[i]], marker, color=colour, ms=8, mec=light("paper"), mew=0.8, ls="")


def _legend(figure: Figure, block: Corner, width: Width) -> None:
    if not block.marked:
        return
    handles = [
        figure.axes[0].plot([], [], _MARKERS[at % len(_MARKERS)], color=light(one.tone), ms=8, ls="")[0]
        for at, one in enumerate(block.marked)
    ]
    labels = [shorten(one.label, PIXELS[width] / 2 - 50, SMALL) for one in block.marked]
    figure.legend(handles, labels, loc="outside lower left", ncols=2, labelcolor=light("muted"))


def describe_corner(block: Corner) -> str:
    """The quantities in words: how many draws, the middle half of each, and the marked points."""
    parts: list[str] = []
    for name, column in zip(block.names, block.draws, strict=True):
        known = np.asarray([float(v) for v in column if math.isfinite(v)])
        if len(known):
            low, high = (number_text(float(v), "number") for v in np.quantile(known, [0.25, 0.75]))
            parts.append(f"half of {name} lies between {low} and {high}")
    marked = [f"{one.label} at ({', '.join(number_text(v, 'number') for v in one.values)})" for one in block.marked]
    return f"{counted(len(block.draws[0]) if block.draws else 0, 'draw')}: " + "; ".join([*parts, *marked]) + "."
