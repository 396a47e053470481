"""The candidates by inclusion, big groups above, each box coloured by the share of the signal that keeps it."""

import math
from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Final

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch, Patch

from isotropy.errors import DomainError
from isotropy.report._blocks import Lattice, Node
from isotropy.report._figure import FONT, PIXELS, SMALL, Width, canvas, shorten, text_width
from isotropy.report._format import number_text
from isotropy.report._verdicts import VERDICTS, Tone, light

# Steps rather than a continuous ramp: the eye cannot read a shade off a scale, and these are where decisions turn.
STEPS: Final[tuple[tuple[float, Tone, str], ...]] = (
    (0.99, "holds", "99 % or more"),
    (0.90, "small", "90 to 99 %"),
    (0.50, "partial", "50 to 90 %"),
    (-math.inf, "broken", "under 50 %"),
)
Edge = tuple[str, str]
_UNKNOWN: Final = ("not identifiable", "no signal")
_BOX: Final = 46.0
_GAP: Final = 16.0


def step_of(node: Node) -> Tone:
    """The tone of a node's box: that of its step, or grey when nothing can be said."""
    if node.level is None or not math.isfinite(node.level) or node.verdict in _UNKNOWN:
        return "blind"
    return next(tone for threshold, tone, _ in STEPS if node.level >= threshold)


def draw_lattice(block: Lattice, width: Width) -> Figure:
    """Boxes in layers (longest chain below), joined by the inclusions that do not follow from others."""
    nodes = {node.name: node for node in block.nodes}
    joined = {name for edge in block.edges for name in edge}
    rows = list(reversed(layers([name for name in nodes if name in joined], block.edges)))
    lines = {name: _lines(node, width) for name, node in nodes.items()}
    natural = max((max(text_width(n, FONT), *(text_width(t, SMALL) for t in lines[n])) for n in nodes), default=40)
    box = min(max(natural + 26, 84), 190 if width == "wide" else 150)
    tall = _BOX + 15 * (width == "wide")
    # Groups in no inclusion stand below the rest, as many in a row as fit.
    fit = max(int((PIXELS[width] - _GAP) // (box + _GAP)), 1)
    single = [name for name in nodes if name not in joined]
    apart = [single[start : start + fit] for start in range(0, len(single), fit)]
    most = max((len(row) for row in rows + apart), default=1)
    # A wide lattice keeps legible boxes and scrolls, rather than shrinking them.
    pixels = max(PIXELS[width], math.ceil(most * (box + _GAP) + 2 * _GAP))
    keys = _legend(block)
    per_line = 5 if width == "wide" else 2
    legend = 22.0 * math.ceil(len(keys) / per_line) + 26
    layer = tall + 40
    lead = 26.0 if rows and apart else 0.0
    height = layer * len(rows) + lead + (tall + _GAP) * len(apart) + 12 + legend
    figure = canvas(pixels, height)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, pixels)
    axes.set_ylim(0, height)
    axes.set_axis_off()
    place: dict[str, tuple[float, float]] = {}
    heights = [height - 12 - tall / 2 - layer * level for level in range(len(rows))]
    start = height - 12 - layer * len(rows) - lead
    heights += [start - tall / 2 - (tall + _GAP) * level for level in range(len(apart))]
    if lead:
        words = "neither contained in another candidate nor containing one:"
        axes.text(pixels / 2, start + 14, words, ha="center", va="center", fontsize=SMALL, color=light("muted"))
    for row, y in zip(rows + apart, heights, strict=True):
        # Rows are centred with one distance between boxes, so that a lattice looks like one.
        distance = min((pixels - 2 * _GAP) / max(len(row), 1), box + 64)
        for number, name in enumerate(row):
            x = pixels / 2 + (number - (len(row) - 1) / 2) * distance
            place[name] = (x, y)
    for low, high in covers(block.edges):
        (x0, y0), (x1, y1) = place[low], place[high]
        axes.add_line(Line2D([x0, x1], [y0 + tall / 2, y1 - tall / 2], color=light("faint"), lw=1.3, zorder=1))
    for name, (x, y) in place.items():
        tone = step_of(nodes[name])
        axes.add_patch(
            FancyBboxPatch(
                (x - box / 2, y - tall / 2),
                box,
                tall,
                boxstyle="round,pad=0,rounding_size=8",
                facecolor=light(f"{tone}-tint"),
                edgecolor=light(tone),
                linewidth=1.2,
                linestyle=(0, (3, 2)) if tone == "blind" else "-",
                zorder=2,
            )
        )
        grey = tone == "blind"
        ink = light("muted") if grey else light("ink")
        top = y + 7.5 * len(lines[name]) + 1
        axes.text(x, top, shorten(name, box - 14), ha="center", va="center", color=ink, zorder=3)
        for number, line in enumerate(lines[name], start=1):
            fitted = shorten(line, box - 12, SMALL)
            below = top - 1.5 - 16 * number
            axes.text(x, below, fitted, ha="center", va="center", fontsize=SMALL, color=light("muted"), zorder=3)
    figure.legend(
        handles=keys,
        loc="lower center",
        ncols=per_line,
        labelcolor=light("muted"),
        title="share of the signal that keeps the symmetry",
        title_fontproperties={"size": SMALL},
        handlelength=1.3,
        handleheight=0.9,
        columnspacing=1.4,
        borderpad=0.1,
    ).get_title().set_color(light("muted"))
    return figure


def _lines(node: Node, width: Width) -> list[str]:
    """What stands under the name: the level and the verdict, on narrow screens the verdict's glyph alone."""
    glyph = VERDICTS[node.verdict].glyph + " " if node.verdict in VERDICTS else ""
    if step_of(node) == "blind":
        return [f"{glyph}{node.verdict or 'unknown'}"]
    level = number_text(node.level, "share")
    if width != "wide":
        return [f"{glyph}{level}"]
    return [level, f"{glyph}{node.verdict}"] if node.verdict else [level]


def _legend(block: Lattice) -> list[Patch]:
    keys = [Patch(facecolor=light(f"{t}-tint"), edgecolor=light(t), lw=1.2, label=label) for _, t, label in STEPS]
    if any(step_of(node) == "blind" for node in block.nodes):
        keys.append(
            Patch(
                facecolor=light("blind-tint"), edgecolor=light("blind"), lw=1.2, ls=(0, (3, 2)), label="cannot be told"
            )
        )
    return keys


def describe_lattice(block: Lattice) -> str:
    """The lattice in words: each group with its level, then the inclusions that are drawn."""
    groups = "; ".join(f"{node.name} {', '.join(_lines(node, 'wide'))}" for node in block.nodes)
    inclusions = "; ".join(f"{low} lies in {high}" for low, high in covers(block.edges))
    return f"Lattice of subgroups: {groups}." + (f" Inclusions: {inclusions}." if inclusions else "")


def covers(edges: Sequence[Edge]) -> list[Edge]:
    """The edges that do not follow from others (the transitive reduction), in their order.

    Raises DomainError on a cycle: two groups that contain each other are one group.

    >>> covers([("C(2)", "C(4)"), ("C(4)", "D(4)"), ("C(2)", "D(4)")])
    [('C(2)', 'C(4)'), ('C(4)', 'D(4)')]
    """
    above: dict[str, list[str]] = {}
    for low, high in dict.fromkeys(edges):
        above.setdefault(low, []).append(high)

    try:
        order = list(TopologicalSorter(above).static_order())  # the largest groups first
    except CycleError as error:
        given = f"a cycle of inclusions through {error.args[1][0]!r}"
        raise DomainError(given, "a partial order", "merge equal groups") from None
    reachable: dict[str, set[str]] = {}
    for node in order:
        reachable[node] = set[str]().union(*({high, *reachable[high]} for high in above.get(node, ())))
    return [
        (low, high)
        for low, high in dict.fromkeys(edges)
        if not any(high in reachable[other] for other in above[low] if other != high)
    ]


def layers(names: Sequence[str], edges: Sequence[Edge]) -> list[list[str]]:
    """Nodes by height (longest chain below), the smallest groups first; each layer ordered to shorten its edges.

    >>> layers(["D(4)", "C(4)", "C(2)", "flip"], [("C(2)", "C(4)"), ("C(4)", "D(4)"), ("flip", "D(4)")])
    [['C(2)'], ['C(4)', 'flip'], ['D(4)']]
    """
    kept = covers(edges)
    below: dict[str, list[str]] = {name: [] for name in names}
    above: dict[str, list[str]] = {name: [] for name in names}
    for low, high in kept:
        below[high].append(low)
        above[low].append(high)
    height: dict[str, int] = {}
    # ``covers`` has refused cycles, so each round settles at least one node.
    while len(height) < len(below):
        for name in names:
            if name not in height and all(other in height for other in below[name]):
                height[name] = 1 + max((height[other] for other in below[name]), default=-1)
    # A group that contains no candidate stands right under what contains it, not at the bottom.
    for name in sorted(names, key=lambda n: -height[n]):
        if above[name]:
            height[name] = min(height[other] for other in above[name]) - 1
    rows: list[list[str]] = [[n for n in names if height[n] == h] for h in range(max(height.values(), default=-1) + 1)]
    for _ in range(4):
        for neighbours, order in ((above, reversed(range(len(rows)))), (below, iter(range(len(rows))))):
            place = {name: (i + 0.5) / len(row) for row in rows for i, name in enumerate(row)}
            for level in order:
                row = rows[level]
                row.sort(key=lambda n, near=neighbours, at=place: _mean([at[o] for o in near[n]], at[n]))
                place.update({name: (i + 0.5) / len(row) for i, name in enumerate(row)})
    return [row for row in rows if row]


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
