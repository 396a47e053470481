"""The answer of the experiment, and its report: clouds recognised, tours found, distances embedded."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from isotropy.experiments.transformation_invariant._cities import MOVES
from isotropy.experiments.transformation_invariant._config import METHODS, VIEWS, Config
from isotropy.experiments.transformation_invariant._records import Embedding, RealTour, Recognition, Routing
from isotropy.experiments.transformation_invariant._trials import REAL
from isotropy.report import Block, Column, Curve, Curves, Table
from isotropy.study import Done, Outcome, Published, Reproduction, Score, bars, grid, merged

_REAL = dict(zip(REAL, ("greedy", "best of 20", "greedy + 2-opt", "best + 2-opt"), strict=True))


def _instances(result: TransformationInvariance) -> Iterator[Block]:
    heads = [Column("instance"), Column("cities", "number"), Column("method")]
    rows = [(one.instance, one.cities, one.method, *(getattr(one, name) for name in REAL)) for one in result.real]
    if rows:
        columns = [*heads, *(Column(label, "percent") for label in _REAL.values())]
        yield Table(columns, rows, section="TSPLIB", title="Every instance", name="tsplib-instances")


def _dimensions(result: TransformationInvariance) -> Iterator[Block]:
    embedded = [one for one in result.embeddings if one.dimension]
    dimensions = [one.dimension for one in embedded]
    drawn = [
        Curve(label, dimensions, [statistics.fmean(getattr(one, name)) for one in embedded])
        for name, label in (("stress", "stress"), ("gap", "gap of the tour"))
    ]
    if embedded:
        yield Curves(
            drawn,
            section="Distances",
            title="Stress and gap by dimension",
            xlabel="dimension of the embedding",
            ylabel="share",
            percent=True,
            name="distances-by-dimension",
        )


@dataclass(frozen=True, kw_only=True)
class TransformationInvariance(Reproduction):
    """Networks behind transformation-invariant coordinates against the same networks without them (§4)."""

    kind: ClassVar[str] = "transformation_invariance"
    heading = "Transformation-invariant representations by modified MDS, reproduced"
    number = "percent"
    shown = (
        grid(
            "clouds",
            "Test accuracy in this run",
            number="percent",
            section="Clouds",
            caption="Points on 40 kinds of meshes; test clouds come from the other mesh of their class. X/Y: trained "
            "on clouds in poses X, tried in poses Y; I as they stand, SO3 each turned, I/SO3 by the network of I/I.",
            name="clouds",
        ),
        bars(
            "clouds",
            "Standing and turned",
            {"I/I": "standing", "I/SO3": "turned"},
            section="Clouds",
            caption="Networks trained on standing clouds; the whisker runs from the lowest seed to the highest.",
            xlabel="test clouds recognised",
            percent=True,
            name="clouds-turned",
        ),
        grid(
            "tours",
            "Gap to the optimum, moved instances",
            settings={setting: setting for setting in (*MOVES, "same, best of 20 starts")},
            number="percent",
            section="Tours",
            caption="Greedy tours of the attention model; every instance under a similarity of its own; proven optima.",
            name="tours",
        ),
        grid(
            "tours",
            "Gap to the optimum, real instances",
            settings={f"TSPLIB, {name}": label for name, label in _REAL.items()},
            cost=False,
            number="percent",
            section="TSPLIB",
            caption="Mean over the instances; coordinates as they are in the files, distances rounded as TSPLIB does.",
            name="tsplib",
        ),
        _instances,
        grid(
            "distances",
            "Tours on roads, found elsewhere",
            first="the search sees",
            cost=False,
            number="percent",
            section="Distances",
            caption="Shortest paths of random geometric graphs, embedded by classical MDS; mean over graphs. The gap "
            "is what the tour costs on the roads, over the proven optimum there.",
            name="distances",
        ),
        _dimensions,
        grid(
            "clouds",
            "ModelNet40, accuracy in % (not run here)",
            of="published",
            section="Published",
            caption="Turned about z or all rotations, in training / test; as collected by Deng et al., ICCV 2021 "
            "(recalled). Tables of Zhang et al. are not among them; our clouds come from other, smaller meshes.",
            name="published-clouds",
        ),
        grid(
            "tours",
            "Mean tour length, uniform unit square (not run here)",
            of="published",
            section="Published",
            caption="3 layers of 128 features, 128 million instances, by reinforcement; Kool, van Hoof, Welling, ICLR "
            "2019 (recalled).",
            name="published-tours",
        ),
    )
    published = Published.read(__name__)
    clouds: tuple[Recognition, ...] = ()
    tours: tuple[Routing, ...] = ()
    real: tuple[RealTour, ...] = ()
    embeddings: tuple[Embedding, ...] = ()

    def measures(self) -> tuple[Score, ...]:
        return tuple(one for record in (*self.clouds, *self.tours, *self.embeddings) for one in record.scores())

    def cloud(self, method: str) -> Recognition:
        """The classifier of that name; raises ``KeyError`` where there is none."""
        return _named(self.clouds, method)

    def tour(self, method: str) -> Routing:
        """The attention model of that name; raises ``KeyError`` where there is none."""
        return _named(self.tours, method)

    @classmethod
    def told(cls, config: Config, done: Sequence[Done]) -> dict[str, Any]:
        found = {(score.task, score.setting, score.method): score for score in merged(done)}

        def values(task: str, method: str, settings: dict[str, str]) -> dict[str, Any]:
            lines = {name: found.get((task, setting, method)) for name, setting in settings.items()}
            return {name: line.values if line else () for name, line in lines.items()}

        def cost(score: Score) -> dict[str, Any]:
            return {"parameters": score.parameters, "seconds": score.seconds}

        poses = {"standing": "I/I", "turned": "I/SO3", "augmented": "SO3/SO3"}
        parts = {
            "greedy": {move: move for move in MOVES},
            "best": {move: f"{move}, best of 20 starts" for move in MOVES},
            "real": {name: f"TSPLIB, {name}" for name in REAL},
        }
        roads = [graph for _, outcome in done for graph in outcome.get("graphs", ())]
        return {
            "clouds": tuple(
                Recognition(name, **values("clouds", name, poses), **cost(found["clouds", "I/I", name]))
                for name in METHODS.values()
                if ("clouds", "I/I", name) in found
            ),
            "tours": tuple(
                Routing(
                    name,
                    **{part: values("tours", name, settings) for part, settings in parts.items()},
                    **cost(found["tours", "training", name]),
                )
                for name in VIEWS.values()
                if ("tours", "training", name) in found
            ),
            "real": tuple(_real(done)),
            "embeddings": tuple(_embeddings(config, roads)) if roads else (),
        }


def _real(done: Sequence[Done]) -> Iterator[RealTour]:
    for view in VIEWS.values():
        seeds = [outcome["real"] for trial, outcome in done if trial.method == view and "real" in outcome]
        for same in zip(*seeds, strict=True):
            gaps = {key: statistics.fmean(one[key] for one in same) for key in REAL}
            yield RealTour(same[0]["name"], same[0]["cities"], view, **gaps)


def _embeddings(config: Config, graphs: Sequence[Outcome]) -> Iterator[Embedding]:
    """The searches among true distances and straight lines, then those in each dimension."""
    yield Embedding("road distances", 0, (0.0,) * len(graphs), tuple(one["on_roads"] for one in graphs))
    stress, gap = (tuple(one[name] for one in graphs) for name in ("straight_stress", "straight"))
    yield Embedding("straight lines", 0, stress, gap)
    for number, k in enumerate(config.graphs.dimensions):
        stress, gap = (tuple(one[name][number] for one in graphs) for name in ("stress", "gap"))
        yield Embedding(f"MDS, k={k}", k, stress, gap)


def _named(records: Sequence[Any], method: str) -> Any:
    for record in records:
        if record.method == method:
            return record
    raise KeyError(f"no {method!r} among {', '.join(record.method for record in records) or 'no methods'}")
