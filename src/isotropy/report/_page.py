"""From blocks to what the template shows: sections, escaped prose, table cells, figures drawn and described."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from isotropy.errors import IsotropyError
from isotropy.estimate import Estimate
from isotropy.report._blocks import (
    Bars,
    Block,
    Cell,
    Column,
    Curves,
    Format,
    Images,
    Interval,
    Lattice,
    Meter,
    Scatter,
    Table,
    Text,
)
from isotropy.report._format import cell_text, interval_text, number_text
from isotropy.report._verdicts import Chip

if TYPE_CHECKING:
    from isotropy.report._figure import Drawing


class BlockError(IsotropyError, TypeError):
    """Something among the blocks of a report that is not a block."""


def slug(text: str) -> str:
    """A stem for files and anchors.

    >>> slug("Error against angle: O(2)@z")
    'error-against-angle-o-2-z'
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60]


def prose(text: str) -> Markup:
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
class CellView:
    """A cell as the template shows it: a main text, a smaller second line, or a chip or a meter."""

    kind: str
    main: str = ""
    sub: str = ""
    tone: str = "plain"
    glyph: str = ""
    fill: float = 0.0
    low: float | None = None
    high: float | None = None


def cell_view(cell: Cell, form: Format) -> CellView:
    """What the template needs to know of one cell."""
    if isinstance(cell, Chip):
        return CellView("chip", cell.word, tone=cell.tone, glyph=cell.glyph)
    if isinstance(cell, Meter):
        main, sub = number_text(cell.value, "share"), ""
        low, high = (
            None if v is None or not math.isfinite(v) else min(max(v, 0.0), 1.0) for v in (cell.low, cell.high)
        )
        fill = min(max(cell.value, 0.0), 1.0) if math.isfinite(cell.value) else 0.0
        return CellView("meter", main, sub, cell.tone, fill=fill, low=low, high=high)
    if isinstance(cell, Estimate | Interval):
        main, sub = interval_text(
            Interval.of(cell) if isinstance(cell, Estimate) else cell, "number" if form == "text" else form
        )
        return CellView("interval", main, sub)
    kind = "text" if isinstance(cell, str | bool) or cell is None else "number"
    return CellView(kind, cell_text(cell, form))


@dataclass(frozen=True)
class TableView:
    columns: Sequence[Column]
    rows: list[tuple[bool, list[CellView]]]
    words: list[Chip]
    notes: Sequence[str]


def table_view(table: Table) -> TableView:
    """The cells, and each word with an explanation once, in the order in which the words appear."""
    rows = [
        (
            number in table.grey,
            [cell_view(cell, column.format) for cell, column in zip(row, table.columns, strict=True)],
        )
        for number, row in enumerate(table.rows)
    ]
    chips = {cell.word: cell for row in table.rows for cell in row if isinstance(cell, Chip) and cell.note}
    return TableView(table.columns, rows, list(chips.values()), table.notes)


@dataclass(frozen=True)
class BlockView:
    """One block as the template shows it; ``drawing`` is there for figures, ``table`` for tables."""

    kind: str
    block: Block
    caption: Markup
    explain: Markup
    body: Markup = Markup("")
    style: str = ""
    table: TableView | None = None
    drawing: Drawing | None = None
    pictures: Sequence[tuple[str, str]] = ()
    alt: str = ""
    name: str = ""


@dataclass(frozen=True)
class Section:
    title: str
    anchor: str
    blocks: list[BlockView]


def views(blocks: Sequence[Block]) -> list[BlockView]:
    """Every block drawn, its file name unique."""
    taken: set[str] = set()
    result: list[BlockView] = []
    for block in blocks:
        name = stem = slug(block.name or block.title or block.section) or type(block).__name__.lower()
        number = 2
        while name in taken:
            name, number = f"{stem}-{number}", number + 1
        taken.add(name)
        result.append(_view(block, name))
    return result


def _view(block: Block, name: str) -> BlockView:
    caption, explain = prose(block.caption), prose(block.explain)
    if isinstance(block, Text):
        return BlockView("text", block, caption, explain, body=prose(block.body), style=block.style, name=name)
    if isinstance(block, Table):
        return BlockView("table", block, caption, explain, table=table_view(block), name=name)
    if not isinstance(block, Bars | Curves | Scatter | Lattice | Images):
        raise BlockError(type(block).__name__, "Text, Table, Bars, Curves, Scatter, Images or Lattice")
    # matplotlib is a second of imports, and most reports are read at a terminal.
    from isotropy.report._drawn import data_uri, drawn

    words, drawing = drawn(block, name)
    if isinstance(block, Images):
        pictures = [(data_uri(picture), picture.label) for picture in block.pictures]
        return BlockView("images", block, caption, explain, drawing=drawing, pictures=pictures, alt=words, name=name)
    return BlockView("figure", block, caption, explain, drawing=drawing, alt=words, name=name)


def sections(shown: Sequence[BlockView]) -> list[Section]:
    """Blocks gathered under their headings; a block without a section stays in the one before it."""
    result: list[Section] = []
    for view in shown:
        title = view.block.section
        if not result or (title and title != result[-1].title):
            anchor = f"section-{len(result) + 1}"
            result.append(Section(title, anchor, []))
        result[-1].blocks.append(view)
    return result
