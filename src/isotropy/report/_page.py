"""The report as one file: no script, no external resource, nothing that is not escaped."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

from markupsafe import Markup, escape

from isotropy.errors import IsotropyError
from isotropy.estimate import Estimate
from isotropy.report._blocks import (
    Bars,
    Block,
    Cell,
    Curves,
    Format,
    Formula,
    Images,
    Interval,
    Lattice,
    Matrix,
    Memory,
    Meter,
    Scatter,
    Table,
    Text,
)
from isotropy.report._corner import Corner
from isotropy.report._format import cell_text, interval_text, number_text
from isotropy.report._node_links import NodeLinks
from isotropy.report._verdicts import PALETTE, Chip
from isotropy.storage import write_whole

if TYPE_CHECKING:
    from jinja2 import Environment

    from isotropy.report._figure import Drawing


class BlockError(IsotropyError, TypeError):
    """Something among the blocks of a report that is not a block."""


def write_html(
    title: str,
    blocks: Sequence[Block],
    path: str | Path,
    *,
    subtitle: str = "",
    kicker: str = "Isotropy",
    provenance: Mapping[str, object] | None = None,
) -> Path:
    """Write blocks as one self-contained HTML page; figures also as PNG and SVG in ``figures/`` beside it.

    ``path`` ends in ``.html``, or names a folder that receives ``report.html``. ``provenance`` (command, seed,
    versions, seconds) becomes the footer. Files appear whole or not at all. Equal blocks give equal bytes.
    Raises BlockError for something that is no block. Returns the path of the page.

    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> page = write_html("Inertia", [Text("Build in `O(2)@z`.", style="headline")], folder)
    >>> page.name, "<code>O(2)@z</code>" in page.read_text()
    ('report.html', True)
    """
    target = Path(path)
    if target.suffix.lower() not in (".html", ".htm"):
        target = target / "report.html"
    shown = _views(blocks)
    template = _environment().get_template("report.html.j2")
    page = template.render(
        title=title,
        subtitle=subtitle,
        kicker=kicker,
        lead=[view for view in shown if view.style == "headline"],
        sections=_sections([view for view in shown if view.style != "headline"]),
        provenance=[(str(key), _told(value)) for key, value in (provenance or {}).items()],
        palette=PALETTE,
        figures=any(view.drawing is not None for view in shown),
    )
    for view in shown:
        if view.drawing is not None:
            folder = target.parent / "figures"
            write_whole(folder / f"{view.name}.svg", view.drawing.svg)
            write_whole(folder / f"{view.name}.png", view.drawing.png)
    write_whole(target, page.encode("utf-8", "replace"))
    return target


def _told(value: object) -> str:
    """A value of the footer without the punctuation of Python.

    >>> _told({"nu": 0.3, "groups": ["O(3)", "SO(3)"]})
    'nu=0.3, groups=O(3), SO(3)'
    """
    if isinstance(value, Mapping):
        pairs = cast(Mapping[object, object], value).items()
        return ", ".join(f"{key}={_told(item)}" for key, item in pairs) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(_told(item) for item in cast(Sequence[object], value)) or "none"
    return "none" if value is None else str(value)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("isotropy.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    cast(dict[str, object], environment.filters).update(prose=_prose, shown=_shown, words=_words)
    return environment


def slug(text: str) -> str:
    """A stem for files and anchors.

    >>> slug("Error against angle: O(2)@z")
    'error-against-angle-o-2-z'
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60]


def _prose(text: str) -> Markup:
    """Paragraphs, ``- `` lists and `` `code` `` as HTML; everything else is escaped."""
    parts: list[Markup] = []
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        lines = paragraph.splitlines()
        items = [line.strip() for line in lines if line.strip()]
        if items and all(item.startswith("- ") for item in items):
            listed = Markup("").join(Markup("<li>{}</li>").format(_inline(item[2:])) for item in items)
            parts.append(Markup("<ul>{}</ul>").format(listed))
        elif items:
            parts.append(Markup("<p>{}</p>").format(_inline(" ".join(items))))
    return Markup("\n").join(parts)


def _inline(text: str) -> Markup:
    pieces = text.split("`")
    if len(pieces) % 2 == 0:
        return escape(text)  # A lone backtick is a backtick.
    return Markup("").join(
        Markup("<code>{}</code>").format(piece) if number % 2 else escape(piece) for number, piece in enumerate(pieces)
    )


@dataclass(frozen=True)
class _Shown:
    """A cell as the template shows it: a main text, a smaller second line, or a chip or a meter."""

    kind: str
    main: str = ""
    sub: str = ""
    tone: str = "plain"
    glyph: str = ""
    fill: float = 0.0
    low: float | None = None
    high: float | None = None
    mathml: Markup = Markup("")


def _shown(cell: Cell, form: Format) -> _Shown:
    if isinstance(cell, Chip):
        return _Shown("chip", cell.word, tone=cell.tone, glyph=cell.glyph)
    if isinstance(cell, Meter):
        low, high = (
            None if v is None or not math.isfinite(v) else min(max(v, 0.0), 1.0) for v in (cell.low, cell.high)
        )
        fill = min(max(cell.value, 0.0), 1.0) if math.isfinite(cell.value) else 0.0
        return _Shown("meter", number_text(cell.value, "share"), tone=cell.tone, fill=fill, low=low, high=high)
    if isinstance(cell, Formula):
        return _Shown("formula", cell.text, cell.latex, mathml=Markup(cell.mathml))  # its elements were checked
    if isinstance(cell, Estimate | Interval):
        interval = Interval.of(cell) if isinstance(cell, Estimate) else cell
        return _Shown("interval", *interval_text(interval, "number" if form == "text" else form))
    kind = "text" if isinstance(cell, str | bool) or cell is None else "number"
    return _Shown(kind, cell_text(cell, form))


def _words(table: Table) -> list[Chip]:
    """Each word with an explanation once, in the order in which the words appear."""
    chips = {cell.word: cell for row in table.rows for cell in row if isinstance(cell, Chip) and cell.note}
    return list(chips.values())


@dataclass(frozen=True)
class _View:
    """One block as the template shows it, under the name of its files; ``style`` is that of a text."""

    kind: str
    block: Block
    name: str
    style: str = ""
    drawing: Drawing | None = None
    pictures: Sequence[tuple[str, str]] = ()


def _views(blocks: Sequence[Block]) -> list[_View]:
    """Every block drawn, its file name unique."""
    taken: set[str] = set()
    result: list[_View] = []
    for block in blocks:
        name = stem = slug(block.name or block.title or block.section) or type(block).__name__.lower()
        number = 2
        while name in taken:
            name, number = f"{stem}-{number}", number + 1
        taken.add(name)
        result.append(_view(block, name))
    return result


def _view(block: Block, name: str) -> _View:
    if isinstance(block, Text):
        return _View("text", block, name, block.style)
    if isinstance(block, Table):
        return _View("table", block, name)
    if isinstance(block, Matrix):
        return _View("matrix", block, name)
    if not isinstance(block, Bars | Curves | Scatter | Lattice | Images | Memory | NodeLinks | Corner):
        known = "Text, Table, Matrix, Bars, Curves, Scatter, Images, Lattice, Memory, NodeLinks or Corner"
        raise BlockError(type(block).__name__, known)
    # matplotlib is a second of imports, and most reports are read at a terminal.
    from isotropy.report._drawn import data_uri, drawn

    drawing = drawn(block, name)
    if not isinstance(block, Images):
        return _View("figure", block, name, drawing=drawing)
    pictures = [(data_uri(picture), picture.label) for picture in block.pictures]
    return _View("images", block, name, drawing=drawing, pictures=pictures)


def _sections(shown: Sequence[_View]) -> list[tuple[str, list[_View]]]:
    """Blocks gathered under their headings; a block without a section stays in the one before it."""
    result: list[tuple[str, list[_View]]] = []
    for view in shown:
        title = view.block.section
        if not result or (title and title != result[-1][0]):
            result.append((title, []))
        result[-1][1].append(view)
    return result
