"""Shapes that must hold in the result of an experiment, whether they did, and how a report shows it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from isotropy.report import Block, Chip, Column, Result, Table, Text

R = TypeVar("R", bound=Result, contravariant=True)  # whoever judges all results judges one kind


@dataclass(frozen=True)
class Verdict:
    """A claim in words, whether it held, and the numbers that decided, where it names them."""

    text: str
    held: bool
    numbers: str = ""


@dataclass(frozen=True)
class Claim(Generic[R]):
    """A shape that must hold in the result, in words and as a test; ``numbers`` says what the test looked at.

    >>> Claim("the result has rows", lambda result: len(result.rows()) > 0).text
    'the result has rows'
    """

    text: str
    holds: Callable[[R], bool]
    numbers: Callable[[R], str] | None = None

    def judge(self, result: R) -> Verdict:
        """Whether it held in a result."""
        return Verdict(self.text, self.holds(result), self.numbers(result) if self.numbers else "")


def claim_blocks(verdicts: Sequence[Verdict]) -> list[Block]:
    """How many claims held, and each of them."""
    held = sum(verdict.held for verdict in verdicts)
    told = any(verdict.numbers for verdict in verdicts)
    columns = [Column("claim"), *([Column("found")] if told else []), Column("")]
    rows = [(v.text, *([v.numbers] if told else []), _chip(v.held)) for v in verdicts]
    return [
        Text(f"{held} of {len(verdicts)} claims held in this run.", style="headline"),
        Table(tuple(columns), rows, section="Claims", title="Shapes that must hold", name="claims"),
    ]


def _chip(held: bool) -> Chip:
    return Chip("held", "holds", "●") if held else Chip("not held", "broken", "○")
