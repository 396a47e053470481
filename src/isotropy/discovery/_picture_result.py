"""The answer of ``discover`` on pictures: what the data say, what the task tolerates, what insisting costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from isotropy.discovery._picture_findings import PictureFinding, Shown
from isotropy.discovery._picture_report import (
    card,
    contradiction,
    grounds,
    multipliers,
    said,
    selected,
    small_print,
    tolerated,
)
from isotropy.report import Block, Table, Text, section
from isotropy.study import Answer


@dataclass(frozen=True, kw_only=True, repr=False)
class PictureDiscovery(Answer[PictureFinding]):
    """What may be done to labelled pictures: ``found["SO(2)"]`` is one finding, of three columns.

    ``groups`` are the findings, ``recommendation`` is what follows from them at this ``tolerance``; ``error`` is the
    held-out error of the plain networks, ``chance`` that of guessing the most frequent class, ``shown`` what the report
    shows of pictures. As every answer it tells its ``data``, ``settings``, ``notes``, ``seconds``, ``date`` and
    ``command``.
    """

    kind: ClassVar[str] = "picture_discovery"
    groups: tuple[PictureFinding, ...] = ()
    recommendation: str = ""
    tolerance: float = 0.01
    error: float = 0.0
    chance: float = 0.0
    shown: Mapping[str, Shown] = field(
        default_factory=dict[str, Shown], compare=False, repr=False, metadata={"json": False}
    )

    def title(self) -> str:
        return f"What may be done to the pictures of {self.about}"

    def blocks(self) -> Sequence[Block]:
        head = Text.advice(self.recommendation, grounds(self.data, self.error, self.chance))
        asked = [
            block for f in self.groups for block in tolerated(f, self.shown.get(f.name), self.tolerance, self.chance)
        ]
        pairs = [block for f in self.groups for block in contradiction(f, self.shown.get(f.name))]
        return [
            head,
            *Text.with_care(self.notes),
            *section("Three questions", self.summary(), said(self.groups, self.tolerance)),
            *section("What the task tolerates", *asked),
            *section("What insisting costs", multipliers(self.groups), *(b for f in self.groups for b in selected(f))),
            *section("Pictures that contradict each other", *pairs),
            *section("How to read this", small_print(self.tolerance)),
        ]

    def summary(self) -> Table:
        """The card: three columns for each candidate."""
        return card(self.groups)
