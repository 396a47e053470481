"""An answer where people hold it: in a session, a notebook, a data frame, axes of their own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup, escape

from isotropy.errors import MissingExtraError
from isotropy.report._blocks import Bars, Table
from isotropy.report._format import cell_text, printable
from isotropy.report._verdicts import light


def notebook_html(title: str, table: Table, sentences: Sequence[str]) -> str:
    """A table with its heading and what follows from it, as HTML without style sheets; everything is escaped.

    >>> from isotropy.report import Column
    >>> notebook_html("<b>", Table((Column("group"),), (("O(3)",),)), ["Build it in."])
    '<h4>&lt;b&gt;</h4><table><tr><th>group</th></tr><tr><td>O(3)</td></tr></table><p>Build it in.</p>'
    """
    shown = [i for i, column in enumerate(table.columns) if column.terminal]
    head = Markup("").join(Markup("<th>{}</th>").format(table.columns[i].label) for i in shown)
    rows = [
        Markup("").join(
            Markup("<td>{}</td>").format(printable(cell_text(row[i], table.columns[i].format))) for i in shown
        )
        for row in table.rows
    ]
    body = Markup("").join(Markup("<tr>{}</tr>").format(row) for row in (head, *rows))
    told = Markup("").join(Markup("<p>{}</p>").format(sentence) for sentence in sentences)
    return str(Markup("<h4>{}</h4><table>{}</table>{}").format(escape(title), body, told))


def frame_of(rows: Sequence[Mapping[str, Any]], library: str | None = None) -> Any:
    """Records as a DataFrame of pandas, polars or a table of pyarrow, the first of them that is installed.

    Raises MissingExtraError where none is, or where the one that was asked for is not.

    >>> frame_of([{"group": "O(3)", "breaking": 0.1}], "pyarrow").column_names
    ['group', 'breaking']
    """
    asked = [library] if library else ["pandas", "polars", "pyarrow"]
    rows = [{key: _plain(value) for key, value in row.items()} for row in rows]
    for name in asked:
        try:
            if name == "pandas":
                import pandas

                return pandas.DataFrame(rows)
            if name == "polars":
                import polars

                return polars.DataFrame(rows, strict=False)
            if name == "pyarrow":
                import pyarrow

                return pyarrow.Table.from_pylist(rows)
        except ImportError:
            continue
    raise MissingExtraError(f"no package {' or '.join(asked)}", "pandas, polars or pyarrow", "pip install pandas")


def _plain(value: Any) -> Any:
    """What a cell can hold: lists and dictionaries as JSON."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | tuple | dict) else value


def plot_bars(block: Bars, axes: Any = None) -> Any:
    """The values of bars with their intervals on matplotlib axes, new ones by default; returns the axes."""
    if axes is None:
        from matplotlib import pyplot

        axes = pyplot.subplots(figsize=(6.4, 1.2 + 0.4 * len(block.bars)), layout="constrained")[1]
    scale = 100.0 if block.percent else 1.0
    for place, bar in enumerate(block.bars):
        if bar.value is None:
            continue
        colour = light(bar.tone)
        ends = [bar.value if end is None else end for end in (bar.low, bar.high)]
        axes.plot([scale * end for end in ends], [place, place], color=colour, linewidth=3, alpha=0.5)
        axes.plot([scale * bar.value], [place], "o", color=colour)
    if block.tolerance is not None:
        axes.axvline(scale * block.tolerance, linestyle=":", color="grey")
    axes.set_yticks(range(len(block.bars)), [bar.label for bar in block.bars])
    axes.set_ylim(len(block.bars) - 0.5, -0.5)
    axes.set_xlabel((block.xlabel or block.title) + (" (%)" if block.percent else ""))
    axes.set_title(block.title)
    return axes
