"""The answer of the experiment: clouds recognised, tours found, distances embedded, and which claims held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from isotropy.experiments._claims import Verdict, claim_blocks
from isotropy.experiments.transformation_invariant._blocks import (
    cloud_blocks,
    embedding_blocks,
    tour_blocks,
)
from isotropy.experiments.transformation_invariant._published import NOTES, PUBLISHED
from isotropy.experiments.transformation_invariant._records import (
    Embedding,
    Measured,
    RealTour,
    Recognition,
    Routing,
)
from isotropy.report import Block, Column, Result, Table


@dataclass(frozen=True, kw_only=True)
class TransformationInvariance(Result):
    """Networks behind transformation-invariant coordinates against the same networks without them (§4)."""

    kind: ClassVar[str] = "transformation_invariance"
    clouds: tuple[Recognition, ...] = ()
    tours: tuple[Routing, ...] = ()
    real: tuple[RealTour, ...] = ()
    embeddings: tuple[Embedding, ...] = ()
    claims: tuple[Verdict, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def cloud(self, method: str) -> Recognition:
        """The classifier of that name; raises ``KeyError`` where there is none."""
        return _named(self.clouds, method)

    def tour(self, method: str) -> Routing:
        """The attention model of that name; raises ``KeyError`` where there is none."""
        return _named(self.tours, method)

    def measures(self) -> tuple[Measured, ...]:
        """Every number of the result, with its values over seeds."""
        return tuple(one for record in (*self.clouds, *self.tours, *self.embeddings) for one in record.measures())

    def rows(self) -> Sequence[Mapping[str, float | int | str | None]]:
        return [
            {
                "part": one.part,
                "method": one.method,
                "measure": one.measure,
                "value": one.mean,
                "sd": one.sd,
                "seeds": len(one.values),
            }
            for one in self.measures()
        ]

    def title(self) -> str:
        return "Transformation-invariant representations by modified MDS, reproduced"

    def provenance(self) -> Mapping[str, object]:
        return {"seed": self.config.get("seed"), "seconds": f"{self.seconds:.1f}"}

    def summary(self) -> Table:
        columns = (
            Column("part"),
            Column("method"),
            Column("measure", explain="clouds: poses in training / test; tours: how the instances were moved"),
            Column("value", "percent", explain="share recognised; gap to the optimum; stress"),
            Column("sd", "percent", explain="standard deviation over seeds"),
            Column("seeds", "number"),
        )
        return Table(columns, [tuple(row.values()) for row in self.rows()], notes=NOTES)

    def blocks(self) -> Sequence[Block]:
        return [
            *claim_blocks(self.claims),
            *cloud_blocks(self.clouds),
            *tour_blocks(self.tours, self.real),
            *embedding_blocks(self.embeddings),
            *PUBLISHED,
        ]


def _named(records: Sequence[Any], method: str) -> Any:
    for record in records:
        if record.method == method:
            return record
    raise KeyError(f"no {method!r} among {', '.join(record.method for record in records) or 'no methods'}")
