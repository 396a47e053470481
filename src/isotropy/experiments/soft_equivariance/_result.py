"""The answer of the experiment: errors of every method on every setting, floors, and what ``discover`` found."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from isotropy.experiments._claims import Verdict, claim_blocks
from isotropy.experiments.soft_equivariance._blocks import (
    level_blocks,
    published_blocks,
    score_blocks,
    strength_blocks,
)
from isotropy.experiments.soft_equivariance._published import ROWS
from isotropy.experiments.soft_equivariance._records import Level, Score, Strengths
from isotropy.report import Block, Column, Result, Table


@dataclass(frozen=True, kw_only=True)
class SoftEquivariance(Result):
    """Soft against exact equivariance on inertia (§5), with closed-form floors and the levels that ``discover`` finds.

    ``truth`` maps a setting to the exact breaking of each candidate, ``floors`` to the test error per
    entry that obeying the candidate exactly costs.
    """

    kind: ClassVar[str] = "soft_equivariance"
    scores: tuple[Score, ...] = ()
    levels: tuple[Level, ...] = ()
    strengths: tuple[Strengths, ...] = ()
    truth: Mapping[str, Mapping[str, float]] = field(default_factory=dict[str, Mapping[str, float]])
    floors: Mapping[str, Mapping[str, float]] = field(default_factory=dict[str, Mapping[str, float]])
    claims: tuple[Verdict, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def score(self, setting: str, method: str) -> Score:
        """The line of that setting and method; raises ``KeyError`` where there is none."""
        for score in self.scores:
            if (score.setting, score.method) == (setting, method):
                return score
        raise KeyError(f"no {method!r} on {setting!r}")

    def oracle(self, setting: str) -> Score:
        """The exact network of an unbroken candidate, the best of several; raises ``KeyError`` for none."""
        found = [score for score in self.scores if score.setting == setting and score.oracle]
        if not found:
            raise KeyError(f"no oracle on {setting!r}")
        return min(found, key=lambda score: score.mean)

    def rows(self) -> Sequence[Mapping[str, float | int | str | None]]:
        return [
            {
                "setting": score.setting,
                "method": score.method,
                "test_mse": score.mean,
                "sd": score.sd,
                "floor": score.floor,
                "train_mse": statistics.fmean(score.train),
                "seeds": len(score.test),
                "parameters": score.parameters,
                "seconds": score.seconds,
            }
            for score in self.scores
        ]

    def title(self) -> str:
        return "Soft equivariance under mixed symmetries, reproduced"

    def provenance(self) -> Mapping[str, object]:
        return {"seed": self.config.get("seed"), "seconds": f"{self.seconds:.1f}"}

    def summary(self) -> Table:
        columns = (
            Column("setting"),
            Column("method"),
            Column("test MSE", "number", explain="mean squared error per entry of y on 1/3 of the rows, mean of seeds"),
            Column("sd", "number", explain="standard deviation over seeds"),
            Column("floor", "number", explain="B_G / 9: the least error of any network with this symmetry"),
            Column("seeds", "number"),
            Column("CPU s", "number", explain="processor seconds of one training, one core"),
        )
        rows = [(s.setting, s.method, s.mean, s.sd, s.floor, len(s.test), s.seconds) for s in self.scores]
        published = [
            f"published, {problem}, {rows} rows: {method} {error:g} ({source})"
            for problem, method, rows, error, source in ROWS
            if rows == 1000
        ]
        return Table(columns, rows, notes=published)

    def blocks(self) -> Sequence[Block]:
        return [
            *claim_blocks(self.claims),
            *score_blocks(self.summary(), self.scores, self.floors),
            *published_blocks(),
            *level_blocks(self.levels),
            *strength_blocks(self.strengths),
        ]
