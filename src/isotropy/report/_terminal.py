"""The same tables for people at a terminal."""

from __future__ import annotations

import io

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text as RichText

from isotropy.report._blocks import Cell, Column, Table
from isotropy.report._figure import printable
from isotropy.report._format import cell_text
from isotropy.report._palette import Tone
from isotropy.report._verdicts import Chip

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


def rich_table(table: Table) -> RichTable:
    """The table for a rich console: chips in colour, grey rows dimmed, nothing read as markup."""
    shown = [number for number, column in enumerate(table.columns) if column.terminal]
    drawn = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, title=RichText(table.title) if table.title else None)
    for number in shown:
        column = table.columns[number]
        head = f"{column.label} ({column.unit})" if column.unit else column.label
        numeric = column.format != "text"
        drawn.add_column(RichText(printable(head)), justify="right" if numeric else "left", overflow="fold")
    for number, row in enumerate(table.rows):
        cells = [_cell(row[i], table.columns[i]) for i in shown]
        drawn.add_row(*cells, style="dim" if number in table.grey else None)
    return drawn


def table_text(table: Table, *, width: int = 120) -> str:
    """The table as plain text of at most ``width`` columns, without colours.

    >>> print(table_text(Table((Column("group"), Column("share", "percent")), (("O(3)", 0.047),))))
     group   share
     ─────────────
     O(3)    4.7 %
    """
    console = Console(file=io.StringIO(), width=width, color_system=None, force_terminal=False, legacy_windows=False)
    with console.capture() as capture:
        console.print(rich_table(table))
        for note in table.notes:
            console.print(RichText(printable(note)))
    lines = capture.get().replace("\N{NARROW NO-BREAK SPACE}", " ").splitlines()
    return "\n".join(line.rstrip() for line in lines).strip("\n")


def _cell(cell: Cell, column: Column) -> RichText:
    text = RichText(printable(cell_text(cell, column.format)))
    if isinstance(cell, Chip):
        text.stylize(_STYLE[cell.tone])
    return text
