"""Level bars: the value, its interval, a worst case that is drawn differently, the truth where it is known."""

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MaxNLocator

from isotropy.report._blocks import Bar, Bars, Interval, Number
from isotropy.report._figure import FONT, PIXELS, SMALL, Width, canvas, note, numbers, quiet, shorten, text_width, wrap
from isotropy.report._format import interval_text, number_text
from isotropy.report._verdicts import light

_ROW: Final = 36.0
_NARROW_ROW: Final = 52.0
_LEGEND_LINE: Final = 20.0
_KEY: Final = 50.0  # of a legend: the line before its label, and the space behind


def draw_bars(block: Bars, width: Width) -> Figure:
    """Rows of bars: names on the left, figures on the right; on narrow screens both stand above their bar."""
    pixels, count = PIXELS[width], max(len(block.bars), 1)
    row = _ROW if width == "wide" else _NARROW_ROW
    keys = _legend(block)
    per_line = _per_line([str(key.get_label()) for key in keys], pixels)
    legend = _LEGEND_LINE * math.ceil(len(keys) / per_line) + 8 if keys else 0.0
    xlabel = wrap(block.xlabel, pixels - 40)
    bottom = 28.0 + 20 * bool(xlabel) + 16 * xlabel.count("\n")
    height = row * count + bottom + legend + 10
    figure = canvas(pixels, height)
    left = right = 14.0
    if width == "wide":
        left = 14 + min(max((text_width(bar.label) for bar in block.bars), default=40), 200)
        right = 20 + max((text_width(_figures(bar, block), SMALL) for bar in block.bars), default=40)
    axes = figure.add_axes(
        (left / pixels, (bottom + legend) / height, 1 - (left + right) / pixels, row * count / height)
    )
    _axis(axes, block, count, ticks=6 if width == "wide" else 4, xlabel=xlabel)
    _references(axes, block)
    for position, bar in enumerate(block.bars):
        _bar(axes, bar, position, thick=0.20 if width == "wide" else 0.13, lift=0.0 if width == "wide" else 0.14)
        _labels(axes, bar, block, position, width, left)
    if keys:
        figure.legend(
            handles=keys,
            loc="lower left",
            bbox_to_anchor=((left - 6) / pixels, 0.0),
            ncols=min(per_line, len(keys)),
            labelcolor=light("muted"),
            handlelength=1.7,
            columnspacing=1.4,
            borderpad=0.2,
        )
    return figure


def _per_line(labels: Sequence[str], pixels: float) -> int:
    """How many keys of a legend stand side by side without being cut."""
    widths = sorted((text_width(label, SMALL) + _KEY for label in labels), reverse=True)
    return next((n for n in range(len(widths), 1, -1) if sum(widths[:n]) <= pixels - 20), 1)


def _figures(bar: Bar, block: Bars) -> str:
    form = "percent" if block.percent else "number"
    return " ".join(part for part in interval_text(Interval(bar.value, bar.low, bar.high), form) if part)


def _known(*values: Number | None) -> list[float]:
    return [float(v) for v in values if v is not None and math.isfinite(v)]


def _axis(axes: Axes, block: Bars, count: int, ticks: int, xlabel: str) -> None:
    values = [v for bar in block.bars for v in _known(bar.value, bar.low, bar.high, bar.worst, bar.truth)]
    values += _known(block.tolerance, *(block.band or ()))
    low, high = min([*values, 0.0]), max([*values, 0.0])
    if low == high:
        high = low + 1.0
    if block.scale == "root":
        # Signed, because an interval may reach below zero.
        axes.set_xscale("function", functions=(lambda v: np.sign(v) * np.sqrt(abs(v)), lambda v: np.sign(v) * v**2))
        axes.set_xticks(_root_ticks(low, high, ticks))
        axes.set_xticks([], minor=True)
        reach = (math.sqrt(high) * 1.03) ** 2
        axes.set_xlim(low, reach)
    else:
        pad = 0.03 * (high - low)
        axes.set_xlim(low - (pad if low < 0 else 0), high + pad)
        axes.xaxis.set_major_locator(MaxNLocator(ticks, steps=[1, 2, 2.5, 5, 10]))
    axes.set_ylim(count - 0.5, -0.5)
    axes.set_yticks([])
    axes.xaxis.set_major_formatter(numbers(block.percent))
    axes.spines["bottom"].set_visible(False)
    if low < 0:
        axes.spines["left"].set_position(("data", 0.0))
    if xlabel:
        axes.set_xlabel(xlabel, labelpad=6)
    quiet(axes, "x")


def _root_ticks(low: float, high: float, wanted: int) -> list[float]:
    """Round numbers that stand evenly, and never close together, on an axis of (signed) square roots."""
    left, right = math.sqrt(max(-low, 0.0)), math.sqrt(high)
    step = (left + right) / wanted
    ticks = [0.0]
    for side, sign in ((right, 1.0), (left, -1.0)):
        last = 0.0
        for part in range(1, wanted + 1):
            target = (step * part) ** 2
            magnitude = 10 ** math.floor(math.log10(target))
            value = min((1, 2, 3, 5, 7, 10), key=lambda m, t=target / magnitude: abs(m - t)) * magnitude
            root = math.sqrt(value)
            if root <= side and root - last >= 0.6 * step:
                ticks.append(sign * value)
                last = root
    return sorted(ticks)


def _references(axes: Axes, block: Bars) -> None:
    if block.band is not None:
        axes.axvspan(*block.band, color=light("faint"), alpha=0.28, linewidth=0, zorder=0.5)
    if block.tolerance is not None:
        axes.axvline(block.tolerance, color=light("muted"), linewidth=1.1, linestyle=(0, (2, 2.5)), zorder=1.2)


def _bar(axes: Axes, bar: Bar, position: int, thick: float, lift: float) -> None:
    tone = "blind" if bar.grey else bar.tone
    colour, y = light(tone), position + lift
    value, low, high, worst = (_known(v)[0] if _known(v) else None for v in (bar.value, bar.low, bar.high, bar.worst))
    if value is not None:
        axes.add_patch(Rectangle((0, y - thick), value, 2 * thick, color=light(f"{tone}-tint"), linewidth=0, zorder=1))
    end = high if high is not None else value
    if worst is not None and end is not None and worst > end:
        axes.plot([end, worst], [y, y], color=colour, linewidth=1.1, linestyle=(0, (3, 2)), zorder=2)
        axes.plot([worst, worst], [y - thick / 1.6, y + thick / 1.6], color=colour, linewidth=1.1, zorder=2)
    if low is not None and high is not None:
        axes.plot([low, high], [y, y], color=colour, linewidth=3.6, zorder=3, clip_on=False)
    if value is not None:
        face = light("paper") if bar.grey else colour
        axes.plot([value], [y], "o", color=colour, mfc=face, mec=colour, mew=1.6, ms=7.5, zorder=4, clip_on=False)
    if bar.truth is not None:
        # Below the line: on it, a good estimate would hide the truth or be hidden by it.
        axes.plot([bar.truth], [y + thick + 0.10], "^", color=light("ink"), mew=0, ms=6.5, zorder=5, clip_on=False)


def _labels(axes: Axes, bar: Bar, block: Bars, position: int, width: Width, left: float) -> None:
    ink = light("muted") if bar.grey else light("ink")
    figures = _figures(bar, block)
    place = axes.get_yaxis_transform()
    if width == "wide":
        beside: dict[str, Any] = {"xycoords": place, "va": "center"}
        label = shorten(bar.label, left - 14)
        note(axes, label, (0, position), (-10, 0), ha="right", color=ink, fontsize=FONT, **beside)
        note(axes, figures, (1, position), (10, 0), **beside)
        return
    room = PIXELS[width] - 36 - text_width(figures, SMALL)
    y = position - 0.26
    paper = {"facecolor": light("paper"), "linewidth": 0, "pad": 1.5}  # Grid lines stop at the words.
    axes.text(0, y, shorten(bar.label, room), transform=place, va="center", color=ink, fontsize=FONT, bbox=paper)
    figures_ink = light("muted")
    axes.text(1, y, figures, transform=place, va="center", ha="right", color=figures_ink, fontsize=SMALL, bbox=paper)


def _legend(block: Bars) -> list[Line2D | Patch]:
    """Only what is drawn is explained, and a bar with neither interval nor reference needs no legend."""
    ink = light("muted")
    keys: list[Line2D | Patch] = []
    if any(_known(bar.low) and _known(bar.high) for bar in block.bars):
        keys.append(Line2D([], [], color=ink, lw=3.6, marker="o", ms=7.5, label=f"estimate and {block.interval_label}"))
    if any(_known(bar.worst) for bar in block.bars):
        keys.append(Line2D([], [], color=ink, lw=1.1, ls=(0, (3, 2)), label="worst case"))
    if any(bar.truth is not None for bar in block.bars):
        keys.append(Line2D([], [], color=light("ink"), ls="", marker="^", ms=6.5, mew=0, label=block.truth_label))
    if block.tolerance is not None:
        shown = number_text(block.tolerance, "percent" if block.percent else "number")
        keys.append(Line2D([], [], color=ink, lw=1.1, ls=(0, (2, 2.5)), label=f"{block.tolerance_label} {shown}"))
    if block.band is not None:
        keys.append(Patch(color=light("faint"), alpha=0.28, lw=0, label=block.band_label))
    return keys


def describe_bars(block: Bars) -> str:
    """The bars in words, for readers who cannot see them."""
    parts: Sequence[str] = [f"{bar.label} {_figures(bar, block)}" for bar in block.bars]
    return f"Horizontal bars, {block.xlabel or block.title}: " + "; ".join(parts) + "."
