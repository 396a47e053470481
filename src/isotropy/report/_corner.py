"""Draws of several quantities, all pairs at once: the description that rooms make of such a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from isotropy.errors import ShapeError, counted
from isotropy.report._blocks import Block, Number
from isotropy.report._verdicts import Tone


@dataclass(frozen=True)
class Marked:
    """A point of the space of draws: a ``value`` of each quantity, drawn in every panel under one ``label``."""

    label: str
    values: Sequence[Number]
    tone: Tone = "plain"


@dataclass(frozen=True)
class Corner(Block):
    """``draws`` of each of ``names``: histograms on the diagonal, clouds of pairs below it, ``marked`` points in all.

    Raises ShapeError unless all have a column, or a value, for each name.

    >>> Corner(("a", "b"), ([0.0, 1.0], [2.0, 2.5]), (Marked("best", (0.5, 2.2)),)).names
    ('a', 'b')
    """

    names: Sequence[str]
    draws: Sequence[Sequence[Number]]
    marked: Sequence[Marked] = ()

    def __post_init__(self) -> None:
        n = len(self.names)
        for told, values in (("draws", self.draws), *((one.label, one.values) for one in self.marked)):
            if len(values) != n:
                raise ShapeError(f"{counted(len(values), 'column')} of {told}", f"{n}, one for each name")
        if len({len(column) for column in self.draws}) > 1:
            raise ShapeError(f"columns of {[len(column) for column in self.draws]} draws", "columns of one length")
