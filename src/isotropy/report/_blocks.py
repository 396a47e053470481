"""What a report is made of: plain frozen descriptions. Rooms make them; only this room draws them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from isotropy.errors import ShapeError, counted
from isotropy.estimate import Estimate
from isotropy.report._verdicts import Chip, Tone

# Written out because the run-time checker takes ``float`` to exclude integers.
Number = float | int
Format = Literal["text", "number", "percent", "signed percent", "share", "p"]


@dataclass(frozen=True, kw_only=True)
class Block:
    """What all blocks share: the ``section`` they stand in, a ``title``, a ``caption``; ``explain`` folds away.

    ``name`` is the stem of the figure's files (made from the title when empty); ``alt`` replaces the automatic
    description for readers who cannot see the figure; ``half`` figures stand two in a row on a wide screen.
    """

    section: str = ""
    title: str = ""
    caption: str = ""
    explain: str = ""
    name: str = ""
    alt: str = ""
    half: bool = False


def section(title: str, *blocks: Block) -> list[Block]:
    """The blocks under one heading."""
    return [replace(block, section=title) for block in blocks]


@dataclass(frozen=True)
class Text(Block):
    """Paragraphs (an empty line between them), lists (lines that begin with ``- ``), `` `code` ``; the rest is literal.

    These are the ``body``; ``style`` is "body", "headline", "note", "warning" or "details".

    >>> Text("Build in `O(2)@z`.", style="headline").style
    'headline'
    """

    body: str
    style: Literal["body", "headline", "note", "warning", "details"] = "body"

    @classmethod
    def advice(cls, recommendation: str, caption: str) -> Text:
        """The head of a report: what to do, and on what grounds."""
        body = recommendation[:1].upper() + recommendation[1:] + "."
        return cls(body, style="headline", title="Recommendation", caption=caption)

    @classmethod
    def with_care(cls, notes: Sequence[str]) -> list[Text]:
        """The notes as one list; nothing where there are none."""
        body = "\n".join(f"- {note}" for note in notes)
        return [cls(body, title="Read with care", style="note")] if notes else []


@dataclass(frozen=True)
class Interval:
    """A value with its interval.

    >>> Interval.of(Estimate(0.1, 0.0, 0.2, n=9)).high
    0.2
    """

    value: Number | None
    low: Number | None = None
    high: Number | None = None

    @classmethod
    def of(cls, estimate: Estimate) -> Interval:
        return cls(estimate.mean, estimate.low, estimate.high)


@dataclass(frozen=True)
class Meter:
    """A share between 0 and 1 as a small bar inside a table, with the ends of its interval."""

    value: Number
    low: Number | None = None
    high: Number | None = None
    tone: Tone = "plain"


_MATHML = re.compile(r"</?(?:math|m[a-z]+)(?: [a-z]+=\"[^\"<>&]*\")*/?>|[^<>]")


@dataclass(frozen=True)
class Formula:
    """A formula three ways: ``mathml`` for the page, ``latex`` one click away, ``text`` for terminals.

    Raises ShapeError for ``mathml`` with anything but elements of MathML in it: it is shown as it is.

    >>> Formula("<math><mi>u</mi></math>", "u", "u").text
    'u'
    """

    mathml: str
    latex: str
    text: str

    def __post_init__(self) -> None:
        rest = _MATHML.sub("", self.mathml)
        if rest:
            raise ShapeError(f"{rest[:40]!r} in a formula", "MathML, such as <math><mi>u</mi></math>")


Cell = str | float | int | bool | None | Estimate | Interval | Chip | Meter | Formula


@dataclass(frozen=True)
class Column:
    """The head of a column, and how its numbers are written (``share``: per cent, exact where it nears 100 %).

    ``explain`` says what it holds, ``terminal=False`` keeps it out of terminals.
    """

    label: str
    format: Format = "text"
    unit: str = ""
    explain: str = ""
    terminal: bool = True


@dataclass(frozen=True)
class Table(Block):
    """``rows`` of cells under ``columns``; the first column names the row; ``notes`` stand below.

    ``grey`` lists rows that must not be relied on.

    Raises ShapeError when a row has another length than the columns.

    >>> table = Table((Column("group"), Column("share", "percent")), (("O(3)", 0.047),))
    >>> print(table.columns[1].label)
    share
    """

    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    grey: Sequence[int] = ()
    notes: Sequence[str] = ()

    def __post_init__(self) -> None:
        for number, row in enumerate(self.rows):
            if len(row) != len(self.columns):
                raise ShapeError(
                    f"row {number} with {counted(len(row), 'cell')}",
                    f"{counted(len(self.columns), 'cell')}, one a column",
                )


@dataclass(frozen=True)
class Matrix(Block):
    """A square of short texts, ``cells``, with ``labels`` on both sides; ``hues`` (0 ... 5, or None) colour them.

    Raises ShapeError unless all are as many as the labels.

    >>> Matrix(("e1", "e2"), (("0", "e1"), ("-e1", "0")), ((None, 0), (0, None))).labels
    ('e1', 'e2')
    """

    labels: Sequence[str]
    cells: Sequence[Sequence[str]]
    hues: Sequence[Sequence[int | None]]

    def __post_init__(self) -> None:
        n = len(self.labels)
        for rows in (self.cells, self.hues):
            if len(rows) != n or any(len(row) != n for row in rows):
                raise ShapeError(f"rows of {[len(row) for row in rows]} cells", f"{n} rows of {n}, one for each label")


@dataclass(frozen=True)
class Bar:
    """One horizontal bar: ``label``, ``value`` in ``[low, high]``, ``worst``-case upper end, ``truth`` where known.

    ``tone`` is its colour by meaning; a ``grey`` one must not be relied on.
    """

    label: str
    value: Number | None
    low: Number | None = None
    high: Number | None = None
    worst: Number | None = None
    truth: Number | None = None
    tone: Tone = "plain"
    grey: bool = False


@dataclass(frozen=True)
class Bars(Block):
    """Horizontal ``bars`` on one axis, ``xlabel``; ``tolerance`` is a vertical line, ``band`` a shaded stretch.

    ``scale="root"`` stretches small values (the axis follows the square root); ``percent`` writes shares as per cent.
    The legend calls the band ``band_label``, intervals ``interval_label``, the line ``tolerance_label``, what is known
    of each bar ``truth_label``.

    >>> Bars((Bar("O(3)", 0.047, 0.031, 0.066),), xlabel="share of the signal").percent
    False
    """

    bars: Sequence[Bar]
    xlabel: str = ""
    percent: bool = False
    scale: Literal["linear", "root"] = "linear"
    tolerance: Number | None = None
    band: tuple[Number, Number] | None = None
    band_label: str = "null band"
    interval_label: str = "interval"
    tolerance_label: str = "tolerance"
    truth_label: str = "known truth"


@dataclass(frozen=True)
class _Series:
    """What lines and points share: values ``y`` at ``x``, and the ends of their intervals."""

    label: str
    x: Sequence[Number]
    y: Sequence[Number]
    low: Sequence[Number] | None = None
    high: Sequence[Number] | None = None

    def __post_init__(self) -> None:
        for name in ("y", "low", "high", "labels"):
            values: Sequence[object] | None = getattr(self, name, None)
            if values is not None and len(values) != len(self.x):
                raise ShapeError(
                    f"{counted(len(values), 'value')} of {name}", f"{counted(len(self.x), 'value')}, one for each x"
                )


@dataclass(frozen=True)
class Curve(_Series):
    """A line through ``(x, y)`` with an optional band ``[low, high]`` around it; all sequences of one length.

    ``label`` stands in the legend, ``tone`` is the colour by meaning. ``look`` are the numbers of its colour and of its
    dashes, for curves that belong together; by default both are its own place. Raises ShapeError when lengths differ.
    """

    tone: Tone | None = None
    look: tuple[int, int] | None = None


@dataclass(frozen=True, eq=False)
class Picture:
    """One image: ``pixels`` (h, w) grey or (h, w, 3) colour, scaled from ``[low, high]`` (default: their range)."""

    pixels: NDArray[np.float64] | NDArray[np.float32] | NDArray[np.uint8]
    label: str = ""
    low: Number | None = None
    high: Number | None = None

    def __post_init__(self) -> None:
        shape = self.pixels.shape
        if not (len(shape) == 2 or (len(shape) == 3 and shape[2] == 3)) or 0 in shape:
            raise ShapeError(f"pixels of shape {shape}", "(h, w) for grey or (h, w, 3) for colour")


@dataclass(frozen=True)
class Curves(Block):
    """Lines, ``curves``, on common axes; ``marks`` are labelled vertical lines.

    ``xlabel``, ``ylabel`` name the axes; ``xlog``, ``ylog`` make them logarithmic; ``percent`` writes y as per cent;
    ``angle`` says that x is in radians, and writes it in degrees. ``shade`` is a stretch of x, ``levels`` are labelled
    dashed lines at values of y, ``strip`` are pictures that stand under their x, ``points`` are measurements with their
    intervals, drawn over the lines. ``above`` is a second panel over the same x, such as the values whose residuals
    these are, with the same labels in the same order. Raises ShapeError for a strip beside a panel above.

    >>> Curves((Curve("about z", [0.0, 1.0], [0.0, 0.2]),), xlabel="angle", ylabel="error", angle=True).angle
    True
    """

    curves: Sequence[Curve]
    xlabel: str = ""
    ylabel: str = ""
    xlog: bool = False
    ylog: bool = False
    angle: bool = False
    percent: bool = False
    marks: Sequence[tuple[str, Number]] = ()
    shade: tuple[Number, Number] | None = None
    levels: Sequence[tuple[str, Number]] = ()
    strip: Sequence[tuple[Number, Picture]] = ()
    points: Sequence[Points] = ()
    above: Curves | None = None

    def __post_init__(self) -> None:
        if self.above is not None and self.strip:
            raise ShapeError("a panel above curves with a strip of pictures", "one of them", "draw two blocks")


@dataclass(frozen=True)
class Points(_Series):
    """Points ``(x, y)``, with vertical intervals ``[low, high]`` and ``labels`` if given; all sequences of one length.

    ``label`` stands in the legend, ``tone`` is the colour by meaning. ``look`` are the numbers of its colour and of its
    marker, for clouds that belong together; by default both are its own place. Raises ShapeError when lengths differ.
    """

    labels: Sequence[str] | None = None
    tone: Tone | None = None
    look: tuple[int, int] | None = None


@dataclass(frozen=True)
class Scatter(Block):
    """``clouds`` of points on common axes; ``diagonal`` draws y = x (found against true), ``ticks`` name x = 0, 1, ...

    ``xlabel``, ``ylabel`` name the axes; ``percent`` writes shares as per cent, ``ylog`` y by powers of ten. ``plane``
    shows a picture of bodies: equal scales, no axes, fine points, a colour for each of many clouds. ``arrows`` are each
    (x, y, to x, to y).

    >>> Scatter((Points("found", [0.1], [0.12]),), xlabel="true", ylabel="found", diagonal=True).diagonal
    True
    """

    clouds: Sequence[Points]
    xlabel: str = ""
    ylabel: str = ""
    diagonal: bool = False
    percent: bool = False
    ticks: Sequence[str] = ()
    ylog: bool = False
    plane: bool = False
    arrows: Sequence[tuple[float, float, float, float]] = ()


@dataclass(frozen=True)
class Images(Block):
    """A row of small ``pictures``, such as sample patches and what the group makes of them.

    >>> Images((Picture(np.zeros((3, 3)), "patch"),), title="Patches").pictures[0].label
    'patch'
    """

    pictures: Sequence[Picture]


@dataclass(frozen=True)
class Node:
    """A group in the lattice: ``level`` in [0, 1] is the share of the signal that keeps it, None where unknown."""

    name: str
    level: Number | None
    verdict: str = ""


@dataclass(frozen=True)
class Lattice(Block):
    """Candidates (``nodes``) ordered by inclusion; of ``edges``, ``(H, G)`` says that H is a subgroup of G, by name.

    Edges that follow from others are not drawn. Raises ShapeError for an edge to a name that is no node.

    >>> Lattice((Node("O(3)", 0.95), Node("O(2)@z", 1.0)), (("O(2)@z", "O(3)"),)).edges[0][1]
    'O(3)'
    """

    nodes: Sequence[Node]
    edges: Sequence[tuple[str, str]] = ()

    def __post_init__(self) -> None:
        names = {node.name for node in self.nodes}
        for edge in self.edges:
            if not names.issuperset(edge):
                raise ShapeError(f"the edge {edge}", f"names of nodes: {sorted(names)}")


@dataclass(frozen=True)
class Span:
    """Something that lasts, in the row of a layer: a value or a residual that is alive, or a layer at work."""

    row: int
    start: float
    end: float
    kind: Literal["kept", "value", "forward", "again", "backward", "inverted"]


@dataclass(frozen=True)
class Memory(Block):
    """A plan of what to keep: ``layers`` upward, time to the right, ``spans`` of what is alive and of what runs.

    ``times`` (n + 1) are the ends of the steps in seconds, ``predicted`` the bytes during each of them, ``measured``
    the same counted, where they were; ``budget`` is a line. Raises ShapeError where these are not of n steps.

    >>> Memory(("a",), (Span(0, 0.0, 2.0, "kept"),), (0.0, 1.0, 2.0), (8.0, 16.0), budget=16.0).layers
    ('a',)
    """

    layers: tuple[str, ...]
    spans: tuple[Span, ...]
    times: tuple[float, ...]
    predicted: tuple[float, ...]
    measured: tuple[float, ...] = ()
    budget: float | None = None

    def __post_init__(self) -> None:
        for name in ("predicted", "measured"):
            values: tuple[float, ...] = getattr(self, name)
            if values and len(values) != len(self.times) - 1:
                raise ShapeError(
                    f"{counted(len(values), 'value')} of {name}", f"{len(self.times) - 1}, one for each step"
                )
