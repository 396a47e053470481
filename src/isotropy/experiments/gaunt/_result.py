"""The answer of the experiment: every method in every setting, and which claims held."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from isotropy.experiments._scores import Scored
from isotropy.experiments.gaunt._blocks import blocks_of
from isotropy.experiments.gaunt._published import ROWS
from isotropy.experiments.gaunt._records import FORCEFIELD, NBODY, Line
from isotropy.report import Block


@dataclass(frozen=True, kw_only=True)
class GauntProducts(Scored):
    """Products of functions on the sphere: how fast, and how good in molecules, particles, mirror images (§4)."""

    kind: ClassVar[str] = "gaunt_products"
    lines: tuple[Line, ...] = ()

    def title(self) -> str:
        return "Gaunt tensor products, reproduced"

    def published(self) -> Iterator[str]:
        shown = {score.task for score in self.scores}
        for task, setting, method, number, unit, source in ROWS:
            if task in shown and (task, method) in _SHOWN:
                yield f"published, {setting}: {method} {number:g} {unit} ({source})"

    def blocks(self) -> Sequence[Block]:
        return blocks_of(self.summary(), self.scores, self.lines, self.claims)


# The lines of the papers that a terminal has room for; the report shows them all. Times of a GPU are no neighbours of
# ours.
_SHOWN = {(FORCEFIELD, "ACE"), (FORCEFIELD, "MACE"), (NBODY, "SEGNN, Gaunt"), (NBODY, "SEGNN, Clebsch-Gordan")}
