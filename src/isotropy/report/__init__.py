"""What people read: blocks that rooms make, and the one writer that draws them (HTML, PNG, SVG, terminal)."""

from isotropy.report._blocks import (
    Bar,
    Bars,
    Block,
    Cell,
    Column,
    Curve,
    Curves,
    Images,
    Interval,
    Lattice,
    Meter,
    Node,
    Picture,
    Points,
    Scatter,
    Table,
    Text,
)
from isotropy.report._format import cell_text, number_text
from isotropy.report._html import write_html
from isotropy.report._page import BlockError
from isotropy.report._palette import Tone
from isotropy.report._result import Result
from isotropy.report._rows import flatten
from isotropy.report._terminal import rich_table, table_text
from isotropy.report._verdicts import VERDICTS, Chip

__all__ = [
    "VERDICTS",
    "Bar",
    "Bars",
    "Block",
    "BlockError",
    "Cell",
    "Chip",
    "Column",
    "Curve",
    "Curves",
    "Images",
    "Interval",
    "Lattice",
    "Meter",
    "Node",
    "Picture",
    "Points",
    "Result",
    "Scatter",
    "Table",
    "Text",
    "Tone",
    "cell_text",
    "flatten",
    "number_text",
    "rich_table",
    "table_text",
    "write_html",
]
