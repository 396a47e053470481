"""Results on a terminal, with its colours and its width; as plain text elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text


def show(result: Any, sentence: str = "", notes: Sequence[str] = ()) -> None:
    """Prints the table of a result, what has to be known to read it, and the sentence that follows from it."""
    from isotropy.report import rich_table

    console = Console(highlight=False)
    if console.is_terminal:
        table = result.summary()
        console.print(rich_table(table, width=console.width))
        for note in table.notes:
            console.print(Text(note, style="dim"))
    else:
        print(result.table())
    for note in notes:
        console.print(Text(note, style="dim"), soft_wrap=not console.is_terminal)
    if sentence:
        console.print()
        console.print(Text(sentence, style="bold"), soft_wrap=not console.is_terminal)


def point(out: Path | None) -> None:
    """Prints where the report is, or how to get one."""
    print(f"\nreport: {out / 'report.html'}" if out else "\nWith --out DIR the report is written there.")


def print_table(table: Table) -> None:
    """Prints a table; away from a terminal lines are for other programs, which want them whole."""
    console = Console(highlight=False)
    console = console if console.is_terminal else Console(highlight=False, width=400)
    console.print(table)
