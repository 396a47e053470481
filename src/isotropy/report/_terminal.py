"""The same tables for people at a terminal."""

import io

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text as RichText

from isotropy.estimate import Estimate
from isotropy.report._blocks import Cell, Column, Interval, Table
from isotropy.report._format import cell_text, printable
from isotropy.report._verdicts import Chip, Tone

_STYLE: dict[Tone, str] = {
    "holds": "bold cyan",
    "small": "cyan",
    "partial": "yellow",
    "broken": "red",
    "open": "magenta",
    "blind": "dim",
    "silent": "dim",
    "plain": "",
}


def rich_table(table: Table, *, width: int | None = None) -> RichTable:
    """The table for a rich console: chips in colour, grey rows dimmed, nothing read as markup.

    Where it is wider than ``width`` columns, intervals go below their values.
    """
    drawn, console = _drawn(table), Console(width=10_000, file=io.StringIO())
    if width is not None and console.measure(drawn).maximum > width:
        drawn = _drawn(table, stacked=True)
        if console.measure(drawn).minimum > width:
            # rich would cut what it cannot place; broken words are ugly, but a number without its end is wrong.
            drawn = _drawn(table, stacked=True, whole=False)
    return drawn


def _drawn(table: Table, *, stacked: bool = False, whole: bool = True) -> RichTable:
    shown = [number for number, column in enumerate(table.columns) if column.terminal]
    drawn = RichTable(
        box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=stacked, title=RichText(printable(table.title)) or None
    )
    for number in shown:
        column = table.columns[number]
        head = f"{column.label} ({column.unit})" if column.unit else column.label
        cells = [_cell(row[number], column, stacked) for row in table.rows]
        # No word and no number is broken while another column can still give way.
        least = max((len(word) for cell in cells for word in _pieces(cell.plain, column)), default=1) if whole else 1
        justify = "left" if column.format == "text" else "right"
        drawn.add_column(RichText(printable(head)), justify=justify, overflow="fold", min_width=min(least, 24))
    for number, row in enumerate(table.rows):
        cells = [_cell(row[i], table.columns[i], stacked) for i in shown]
        drawn.add_row(*cells, style="dim" if number in table.grey else None)
    return drawn


def _pieces(text: str, column: Column) -> list[str]:
    return text.split() if column.format == "text" else text.splitlines()


def table_text(table: Table, *, width: int = 120) -> str:
    """The table as plain text of at most ``width`` columns, without colours.

    >>> print(table_text(Table((Column("group"), Column("share", "percent")), (("O(3)", 0.047),))))
     group   share
     ─────────────
     O(3)    4.7 %
    """
    console = Console(file=io.StringIO(), width=width, color_system=None, force_terminal=False, legacy_windows=False)
    with console.capture() as capture:
        console.print(rich_table(table, width=width))
        for note in table.notes:
            console.print(RichText(printable(note)))
    lines = capture.get().replace("\N{NARROW NO-BREAK SPACE}", " ").splitlines()
    return "\n".join(line.rstrip() for line in lines).strip("\n")


def _cell(cell: Cell, column: Column, stacked: bool) -> RichText:
    line = printable(cell_text(cell, column.format))
    if stacked and isinstance(cell, Estimate | Interval):
        line = line.replace(" [", "\n[")
    text = RichText(line)
    if isinstance(cell, Chip):
        text.stylize(_STYLE[cell.tone])
    return text
