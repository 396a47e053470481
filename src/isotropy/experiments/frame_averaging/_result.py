"""The answer of the experiment: every method in every setting, and which claims held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from isotropy.experiments._claims import Verdict
from isotropy.experiments.frame_averaging._blocks import blocks_of
from isotropy.experiments.frame_averaging._published import ROWS
from isotropy.experiments.frame_averaging._records import Score
from isotropy.report import Block, Column, Result, Table


@dataclass(frozen=True, kw_only=True)
class FrameAveraging(Result):
    """Exact symmetry around plain networks: normals of CAD parts, graphs told apart, charged particles (§4).

    ``held_out`` are the parts on which normals were tested, for each seed.
    """

    kind: ClassVar[str] = "frame_averaging"
    scores: tuple[Score, ...] = ()
    held_out: tuple[tuple[str, ...], ...] = ()
    claims: tuple[Verdict, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def score(self, task: str, setting: str, method: str) -> Score:
        """The line of that task, setting and method; raises ``KeyError`` where there is none."""
        for score in self.scores:
            if (score.task, score.setting, score.method) == (task, setting, method):
                return score
        raise KeyError(f"no {method!r} in {setting!r} of {task!r}")

    def rows(self) -> Sequence[Mapping[str, float | int | str | None]]:
        return [
            {
                "task": score.task,
                "setting": score.setting,
                "method": score.method,
                "unit": score.unit,
                "mean": score.mean,
                "sd": score.sd,
                "seeds": len(score.values),
                "parameters": score.parameters,
                "seconds": score.seconds,
            }
            for score in self.scores
        ]

    def title(self) -> str:
        return "Frame averaging, reproduced"

    def provenance(self) -> Mapping[str, object]:
        return {"seed": self.config.get("seed"), "seconds": f"{self.seconds:.1f}"}

    def summary(self) -> Table:
        columns = (
            Column("table"),
            Column("setting"),
            Column("method"),
            Column("number", "number", explain="the mean over seeds"),
            Column("sd", "number", explain="standard deviation over seeds"),
            Column("unit"),
            Column("seeds", "number"),
            Column("parameters", "number"),
            Column("CPU s", "number", explain="processor seconds of one seed, one core"),
        )
        rows = [
            (s.task, s.setting, s.method, s.mean, s.sd, s.unit, len(s.values), s.parameters, s.seconds)
            for s in self.scores
        ]
        ours = {(score.task, score.setting) for score in self.scores}
        published = [
            f"published, {task}, {setting}: {method} {number:g} ({source})"
            for task, setting, method, number, source in ROWS
            if (task, setting) in ours and method in _SHOWN
        ]
        return Table(columns, rows, notes=published)

    def blocks(self) -> Sequence[Block]:
        return blocks_of(self.summary(), self.scores, self.claims)


# The lines of the papers that a terminal has room for; the report shows them all.
_SHOWN = ("PointNet", "FA-PointNet", "GIN", "FA-GIN+ID", "GNN", "EGNN", "FA-GNN")
