"""The answer of the experiment: every method in every setting, and which claims held."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from isotropy.experiments._scores import Scored
from isotropy.experiments.frame_averaging._blocks import blocks_of
from isotropy.experiments.frame_averaging._published import ROWS
from isotropy.report import Block


@dataclass(frozen=True, kw_only=True)
class FrameAveraging(Scored):
    """Exact symmetry around plain networks: normals of CAD parts, graphs told apart, charged particles (§4).

    ``held_out`` are the parts on which normals were tested, for each seed.
    """

    kind: ClassVar[str] = "frame_averaging"
    held_out: tuple[tuple[str, ...], ...] = ()

    def title(self) -> str:
        return "Frame averaging, reproduced"

    def published(self) -> Iterator[str]:
        ours = {(score.task, score.setting) for score in self.scores}
        for task, setting, method, number, source in ROWS:
            if (task, setting) in ours and method in _SHOWN:
                yield f"published, {task}, {setting}: {method} {number:g} ({source})"

    def blocks(self) -> Sequence[Block]:
        return blocks_of(self.summary(), self.scores, self.claims)


# The lines of the papers that a terminal has room for; the report shows them all.
_SHOWN = ("PointNet", "FA-PointNet", "GIN", "FA-GIN+ID", "GNN", "EGNN", "FA-GNN")
