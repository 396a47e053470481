"""What a plan keeps, rebuilds and inverts over time, and the bytes that this takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from isotropy.errors import counted
from isotropy.report._blocks import Memory
from isotropy.report._figure import PIXELS, SMALL, Width, canvas, note, quiet, shorten
from isotropy.report._format import number_text
from isotropy.report._verdicts import SERIES, light

_BYTES: Final = 190.0
_ROWS: Final = {"least": 90.0, "most": 460.0}
_NAMES: Final = 17.0  # pixels that the name of a layer needs
# The kind: what it is called, colour, hatch, where in its row it begins and how much of it it fills.
_KINDS: Final[dict[str, tuple[str, str, str, float, float]]] = {
    "kept": ("all that its backward needs, alive", light("plain-tint"), "", 0.04, 0.92),
    "value": ("its output alone, alive", light("faint"), "", 0.78, 0.18),
    "forward": ("forward", SERIES[0], "", 0.2, 0.5),
    "again": ("forward, run again", light("paper"), "//////", 0.2, 0.5),
    "inverted": ("input rebuilt by the inverse", light("paper"), "xxxxxx", 0.2, 0.5),
    "backward": ("backward", SERIES[1], "", 0.2, 0.5),
}
_EDGES: Final = {"again": SERIES[0], "inverted": SERIES[2]}


def draw_memory(block: Memory, width: Width) -> Figure:
    """Layers upward and what is alive of them above, bytes below, over one time."""
    row = 22.0 if len(block.layers) <= 20 else _ROWS["most"] / len(block.layers)
    rows = min(max(row * len(block.layers), _ROWS["least"]), _ROWS["most"])
    kinds = [kind for kind in _KINDS if any(span.kind == kind for span in block.spans)]
    keys = -(-(len(kinds) + 2 + bool(block.measured)) // (3 if width == "wide" else 1)) * 21.0
    figure = canvas(PIXELS[width], rows + _BYTES + keys + 40)
    figure.set_layout_engine("constrained", h_pad=0.06, w_pad=0.06)
    above, below = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": [rows, _BYTES]})
    _layers(above, block, kinds, rows, width)
    lines = _bytes(below, block)
    handles: list[Artist] = [_key(kind) for kind in kinds]
    figure.legend(
        [*handles, *lines], [*(_KINDS[kind][0] for kind in kinds), *(str(line.get_label()) for line in lines)],
        loc="outside lower left", ncols=3 if width == "wide" else 1, labelcolor=light("muted"), handlelength=2.4,
    )  # fmt: skip
    return figure


def _layers(axes: Axes, block: Memory, kinds: Sequence[str], pixels: float, width: Width) -> None:
    for kind in kinds:
        _, colour, hatch, low, share = _KINDS[kind]
        for row in range(len(block.layers)):
            spans = [(one.start, one.end - one.start) for one in block.spans if (one.kind, one.row) == (kind, row)]
            if spans:
                edge = _EDGES.get(kind, colour)
                axes.broken_barh(
                    spans, (row + low, share), facecolor=colour, edgecolor=edge, hatch=hatch,
                    linewidth=0.6 if hatch else 0,
                )  # fmt: skip
    every = max(1, round(_NAMES * len(block.layers) / pixels))
    shown = range(0, len(block.layers), every)
    room = 150 if width == "wide" else 90
    axes.set_yticks([row + 0.5 for row in shown], [shorten(block.layers[row], room, SMALL) for row in shown])
    axes.set_ylim(0, max(1, len(block.layers)))
    axes.tick_params(length=0)
    axes.spines["left"].set_visible(False)
    axes.set_title("layers, the first one below", loc="left", fontsize=SMALL + 0.5, color=light("muted"), pad=8)


def _bytes(axes: Axes, block: Memory) -> list[Artist]:
    scale, unit = _unit(max([*block.predicted, *block.measured, block.budget or 0.0], default=0.0))
    times = np.asarray(block.times)
    lasting = np.diff(times) > 0  # what is kept or dropped takes no time, and would be a hair in the picture
    ends = np.append(times[:-1][lasting], times[-1])
    drawn: list[Artist] = []
    if block.predicted:
        height = np.asarray(block.predicted)[lasting] / scale
        axes.stairs(height, ends, fill=True, color=light("plain-tint"))
        drawn.append(axes.stairs(height, ends, color=SERIES[0], linewidth=1.4, label="predicted"))
    if block.measured:
        height = np.asarray(block.measured)[lasting] / scale
        drawn.append(axes.stairs(height, ends, color=SERIES[1], linewidth=1.4, linestyle="--", label="measured"))
    if block.budget is not None:
        line = axes.axhline(block.budget / scale, color=light("broken"), linewidth=1.2, linestyle=(0, (2, 2)))
        line.set_label("budget")
        drawn.append(line)
        words = f"budget {number_text(block.budget / scale, 'number')} {unit}"
        note(axes, words, (float(times[-1]), block.budget / scale), (-2, 4), ha="right", va="bottom")
    quiet(axes)
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{1e3 * value:.4g}"))
    top = max([*block.predicted, *block.measured, block.budget or 0.0], default=0.0) / scale
    axes.set_ylim(0, 1.18 * top or 1.0)
    axes.set_xlim(0, float(times[-1]) or 1.0)
    axes.set_title(f"{unit} alive", loc="left", fontsize=SMALL + 0.5, color=light("muted"), pad=8)
    axes.set_xlabel("milliseconds of a step, predicted", labelpad=6)
    return drawn


def _key(kind: str) -> Patch:
    _, colour, hatch, _, _ = _KINDS[kind]
    return Patch(facecolor=colour, edgecolor=_EDGES.get(kind, colour), hatch=hatch, linewidth=0.6 if hatch else 0)


def _unit(size: float) -> tuple[float, str]:
    return next(((scale, unit) for scale, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")) if size >= scale), (1.0, "B"))


def describe_memory(block: Memory) -> str:
    """The plan in words: how many layers are kept, run again and inverted, and the peaks."""

    def rows(*kinds: str) -> int:
        return len({span.row for span in block.spans if span.kind in kinds})

    def peak(values: Sequence[float]) -> str:
        scale, unit = _unit(max(values))
        return f"{number_text(max(values) / scale, 'number')} {unit}"

    runs = sum(span.kind == "again" for span in block.spans)
    parts = [
        counted(len(block.layers), "layer"),
        f"forwards run again {counted(runs, 'time')} in {rows('again')} of them",
    ]
    parts += [f"inputs of {rows('inverted')} rebuilt by inverses"] if rows("inverted") else []
    parts += [f"predicted peak {peak(block.predicted)}"] if block.predicted else []
    parts += [f"measured peak {peak(block.measured)}"] if block.measured else []
    parts += [f"budget {peak([block.budget])}"] if block.budget is not None else []
    return "A plan of memory over the time of a step: " + "; ".join(parts) + "."
