"""Curves with bands and clouds of points, on common axes."""

import math
from collections.abc import Sequence
from typing import Any, Literal

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, MultipleLocator, NullLocator

from isotropy.errors import counted
from isotropy.report._blocks import Curves, Number, Picture, Points, Scatter
from isotropy.report._figure import PIXELS, SMALL, Width, canvas, note, numbers, quiet, shorten, text_width, wrap
from isotropy.report._format import number_text
from isotropy.report._pixels import pixels_of
from isotropy.report._verdicts import DASHES, SERIES, Tone, light

_HEIGHT: dict[Width, float] = {"wide": 300.0, "half": 270.0, "narrow": 270.0}
_LEGEND_LINE = 21.0
_DIAGONAL = "found = true"
_TICK = 180.0  # pixels of the name of a tick: slanted, it takes half of that below the axis
_SLANTED: dict[str, Any] = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"}


def draw_curves(block: Curves, width: Width) -> Figure:
    """Lines with bands; each differs from the others in its colour and in its dashes, unless told to look alike."""
    figure, axes, columns = _axes(block, width, [one.label for one in (*block.curves, *block.points) if one.label])
    _lines(axes, block)
    if block.above is not None:
        upper = figure.axes[0]
        _lines(upper, block.above)
        upper.sharex(axes)
        upper.tick_params(labelbottom=False)
    if block.strip:
        _draw_strip(figure.axes[1], axes, block.strip)
    _legend(figure, axes, width, columns)
    return figure


def _lines(axes: Axes, block: Curves) -> None:
    """One panel: its lines, points and marks."""
    for number, curve in enumerate(block.curves):
        place, dash = curve.look or (number, number)
        colour = _colour(curve.tone, place)
        x = np.asarray(curve.x, dtype=float)
        if curve.low is not None and curve.high is not None:
            low, high = np.asarray(curve.low, dtype=float), np.asarray(curve.high, dtype=float)
            axes.fill_between(x, low, high, color=colour, alpha=0.16, linewidth=0)
        dashes = DASHES[dash % len(DASHES)]
        # A single point is a curve that nobody would see.
        marker = "o" if len(x) == 1 else ""
        axes.plot(x, np.asarray(curve.y, dtype=float), color=colour, ls=dashes, marker=marker, label=_name(curve.label))
    for number, cloud in enumerate(block.points, start=len(block.curves)):
        _cloud(axes, cloud, number)
    if block.xlog:
        _log_axis(axes, "x")
    if block.ylog:
        _log_axis(axes, "y")
    for label, x_mark in block.marks:
        axes.axvline(x_mark, color=light("muted"), linewidth=1, linestyle=(0, (2, 2.5)), zorder=1)
        note(axes, shorten(label, 160, SMALL), (x_mark, 1), (4, -4), xycoords=axes.get_xaxis_transform(), va="top")
    axes.margins(x=0.015)
    if block.shade is not None:
        axes.axvspan(*map(float, block.shade), color=light("holds"), alpha=0.10, linewidth=0, zorder=0)
    for label, level in block.levels:
        axes.axhline(level, color=light("muted"), linewidth=1.2, linestyle=(0, (5, 4)), zorder=1)
        note(axes, shorten(label, 160, SMALL), (1, level), (-4, 4), xycoords=axes.get_yaxis_transform(), ha="right")
    if block.angle:
        _angle_axis(axes, [v for curve in block.curves for v in curve.x])
    if block.percent:
        axes.yaxis.set_major_formatter(numbers(percent=True))
    if not block.ylog:
        _floor_at_zero(axes, [float(v) for curve in block.curves for v in (*curve.y, *(curve.low or ()))])


def _draw_strip(below: Axes, axes: Axes, strip: Sequence[tuple[Number, Picture]]) -> None:
    """Pictures centred under their x; those at the ends lean inwards."""
    transform = axes.transScale + axes.transLimits
    for x, picture in strip:
        place = float(transform.transform((float(x), axes.get_ylim()[0]))[0])
        left = min(max(place - _STRIP / 2, 0.0), 1 - _STRIP)
        inset = below.inset_axes((left, 0.0, _STRIP, 1.0))
        inset.imshow(pixels_of(picture), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        inset.set_axis_off()


_STRIP = 0.16  # of the width, for each picture
_STRIP_PIXELS = 76.0


def draw_scatter(block: Scatter, width: Width) -> Figure:
    """Points with vertical intervals; the diagonal is where found equals true."""
    if block.plane:
        return _draw_plane(block, width)
    labels = [cloud.label for cloud in block.clouds if cloud.label]
    figure, axes, columns = _axes(block, width, [*labels, *([_DIAGONAL] if block.diagonal else [])])
    if block.diagonal:
        values = [float(v) for cloud in block.clouds for v in (*cloud.x, *cloud.y) if math.isfinite(v)] or [0.0, 1.0]
        ends = [min(values), max(values)]
        axes.plot(ends, ends, color=light("faint"), linewidth=1.2, zorder=1, label=_DIAGONAL)
    for number, cloud in enumerate(block.clouds):
        _cloud(axes, cloud, number)
    _draw_arrows(axes, block)
    if block.ylog:
        _log_axis(axes, "y")
    if block.percent:
        axes.yaxis.set_major_formatter(numbers(percent=True))
        if block.diagonal:
            axes.xaxis.set_major_formatter(numbers(percent=True))
    axes.grid(visible=True, axis="both")
    axes.margins(0.06)
    if block.ticks:
        room = (PIXELS[width] - 90) / len(block.ticks) - 12
        names = [wrap(name, room, SMALL) for name in block.ticks]
        crowded = any("…" in name for name in names)
        if crowded:
            names = [shorten(name, _TICK, SMALL) for name in block.ticks]
        axes.set_xticks(range(len(names)), names, **(_SLANTED if crowded else {}))
        axes.set_xlim(-0.5, len(block.ticks) - 0.5)
    for cloud in block.clouds:
        _name_points(axes, cloud)
    _legend(figure, axes, width, columns)
    return figure


_MARKERS = ("o", "s", "^", "D", "v", "P")
_MANY = 300  # points of a cloud that are drawn fine, so that its density shows


def _cloud(axes: Axes, cloud: Points, number: int) -> None:
    """Points with their vertical intervals."""
    place, mark = cloud.look or (number, number)
    colour = _colour(cloud.tone, place)
    x, y = np.asarray(cloud.x, dtype=float), np.asarray(cloud.y, dtype=float)
    if cloud.low is not None and cloud.high is not None:
        low, high = np.asarray(cloud.low, dtype=float), np.asarray(cloud.high, dtype=float)
        axes.vlines(x, low, high, color=colour, linewidth=1.6, alpha=0.75)
    size, alpha = (2.5, 0.4) if len(x) > _MANY else (6.5, 0.9)
    marker = _MARKERS[mark % len(_MARKERS)]
    axes.plot(x, y, marker, color=colour, ms=size, mew=0, ls="", label=_name(cloud.label), alpha=alpha)


def _draw_arrows(axes: Axes, block: Scatter) -> None:
    for x, y, to_x, to_y in block.arrows:
        how = {"arrowstyle": "->", "color": light("ink"), "linewidth": 1.3, "shrinkA": 0, "shrinkB": 0}
        axes.annotate("", xy=(to_x, to_y), xytext=(x, y), arrowprops=how)


_GOLDEN = (5**0.5 - 1) / 2
"""Of a circle: steps of it come never near to one of the last few."""


def _draw_plane(block: Scatter, width: Width) -> Figure:
    labels = [cloud.label for cloud in block.clouds if cloud.label]
    figure, axes, columns = _axes(block, width, labels)
    hues = matplotlib.colormaps["tab20"].colors  # type: ignore[attr-defined]
    for number, cloud in enumerate(block.clouds):
        colour = light(cloud.tone) if cloud.tone else _apart(hues, number, len(block.clouds))
        axes.plot(cloud.x, cloud.y, ".", color=colour, ms=4, mew=0, ls="", label=_name(cloud.label))
    _draw_arrows(axes, block)
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_axis_off()
    _legend(figure, axes, width, columns, markers=3.0)
    return figure


def _apart(hues: Sequence[Any], number: int, count: int) -> Any:
    """The strong colours first, their light partners where those do not suffice; of more, neighbours far apart."""
    if count <= 20:
        return hues[(2 * number) % 20 + (number // 10) % 2]
    return matplotlib.colormaps["turbo"](number * _GOLDEN % 1.0)


def _axes(block: Curves | Scatter, width: Width, labels: Sequence[str]) -> tuple[Figure, Axes, int]:
    """The figure, its axes, and the columns of its legend: as many keys in a row as fit."""
    widest = max((text_width(label, SMALL) for label in labels), default=0.0)
    columns = min(max(int((PIXELS[width] - 30) // (widest + 62)), 1), 5)
    strip = _STRIP_PIXELS if isinstance(block, Curves) and block.strip else 0.0
    above = block.above if isinstance(block, Curves) else None
    upper = 0.8 * _HEIGHT[width] if above is not None else 0.0
    figure = canvas(PIXELS[width], _HEIGHT[width] + upper + strip + _LEGEND_LINE * math.ceil(len(labels) / columns))
    figure.set_layout_engine("constrained", h_pad=0.06, w_pad=0.06)
    if above is not None:
        grid = figure.add_gridspec(2, 1, height_ratios=(upper, _HEIGHT[width]))
        _dress(figure.add_subplot(grid[0]), above.ylabel, width)
        axes = named = figure.add_subplot(grid[1])
    elif strip:
        grid = figure.add_gridspec(2, 1, height_ratios=(_HEIGHT[width] - 40, strip))
        axes, named = figure.add_subplot(grid[0]), figure.add_subplot(grid[1])
        named.set(xticks=[], yticks=[])
        named.spines[:].set_visible(False)
    else:
        axes = named = figure.add_subplot()
    named.set_xlabel(wrap(block.xlabel, PIXELS[width] - 90), labelpad=6)
    _dress(axes, block.ylabel, width)
    return figure, axes, columns


def _dress(axes: Axes, ylabel: str, width: Width) -> None:
    if ylabel:
        # Upright above the axis: a title on its side is read last or not at all.
        size = SMALL + 0.5
        title = wrap(ylabel, PIXELS[width] - 90, size)
        axes.set_title(title, loc="left", fontsize=size, color=light("muted"), pad=10)
    axes.xaxis.set_major_locator(MaxNLocator(6 if width == "wide" else 4))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    quiet(axes)


def _colour(tone: Tone | None, number: int) -> str:
    return light(tone) if tone is not None else SERIES[number % len(SERIES)]


def _log_axis(axes: Axes, which: Literal["x", "y"]) -> None:
    """Powers of ten, and 2 and 5 between them where there is room; plain numbers, since formulas are not parsed."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    (axes.set_xscale if which == "x" else axes.set_yscale)("log")
    low, high = axis.get_data_interval()
    wide = low <= 0 or high <= 0 or math.log10(high / low) > 2.5
    axis.set_major_locator(LogLocator(subs=(1,) if wide else (1, 2, 5), numticks=7))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", "−")))


def _name(label: str) -> str:
    # matplotlib leaves labels that begin with an underscore out of legends.
    return f"\N{WORD JOINER}{label}" if label.startswith("_") else label or "_"


def _floor_at_zero(axes: Axes, values: Sequence[float]) -> None:
    """Errors start at zero, unless they vary little far from it."""
    known = [v for v in values if math.isfinite(v)]
    if known and 0 <= min(known) < 0.5 * max(known):
        axes.set_ylim(bottom=0)


def _angle_axis(axes: Axes, angles: Sequence[Number]) -> None:
    reach = max((abs(a) for a in angles), default=math.pi)
    step = math.pi / 2 if reach > 0.75 * math.pi else math.pi / 4 if reach > 0.4 * math.pi else math.pi / 8
    axes.xaxis.set_major_locator(MultipleLocator(step))
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{round(math.degrees(value), 1):g}°".replace("-", "−"))
    )


def _name_points(axes: Axes, cloud: Points) -> None:
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    named: list[tuple[float, float, list[str]]] = []
    for x, y, label in zip(cloud.x, cloud.y, cloud.labels or (), strict=bool(cloud.labels)):
        if not label or not (math.isfinite(x) and math.isfinite(y)):
            continue
        # Points that lie on each other share one line of names.
        near = [n for a, b, n in named if abs(a - x) < 0.08 * (right - left) and abs(b - y) < 0.06 * (top - bottom)]
        if near:
            near[0].append(label)
        else:
            named.append((float(x), float(y), [label]))
    for x, y, names in named:
        # Names lean inwards, so that none leaves the figure.
        inwards = -1 if x > left + 0.65 * (right - left) else 1
        side = "left" if inwards > 0 else "right"
        note(axes, shorten(", ".join(names), 190, SMALL), (x, y), (7 * inwards, 5), ha=side)


def _legend(figure: Figure, axes: Axes, width: Width, columns: int, markers: float = 1.0) -> None:
    handles, labels = axes.get_legend_handles_labels()
    if len(handles) > 1:  # A single curve is named by the title.
        figure.legend(
            handles,
            [shorten(label, PIXELS[width] - 80, SMALL) for label in labels],
            loc="outside lower left",
            ncols=columns,
            labelcolor=light("muted"),
            handlelength=2.4,
            markerscale=markers,
            columnspacing=1.6,
        )


def describe_curves(block: Curves) -> str:
    """The curves in words: where each starts and ends, and its range."""
    above = f"{describe_curves(block.above)} Below: " if block.above is not None else ""
    parts: list[str] = []
    form = "percent" if block.percent else "number"
    for curve in block.curves:
        known = [float(v) for v in curve.y if math.isfinite(v)]
        if known:
            low, high, last = (number_text(v, form) for v in (min(known), max(known), known[-1]))
            parts.append(f"{curve.label or 'the curve'} runs from {low} to {high} and ends at {last}")
    return f"{above}Curves of {block.ylabel or block.title} over {block.xlabel}: " + "; ".join(parts) + "."


def describe_scatter(block: Scatter) -> str:
    """The clouds in words: how many points, and the first of them."""
    parts: list[str] = []
    form = "percent" if block.percent else "number"
    for cloud in block.clouds:
        shown = [
            f"{label} ({number_text(x, form if block.diagonal else 'number')}, {number_text(y, form)})".strip()
            for x, y, label in list(zip(cloud.x, cloud.y, cloud.labels or [""] * len(cloud.x), strict=True))[:12]
        ]
        parts.append(f"{cloud.label or 'cloud'} with {counted(len(cloud.x), 'point')}: {', '.join(shown)}")
    return f"{block.ylabel or block.title} against {block.xlabel}: " + "; ".join(parts) + "."
