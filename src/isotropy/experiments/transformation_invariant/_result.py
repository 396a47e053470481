"""The answer of the experiment, and its report: clouds recognised, tours found, distances embedded."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from isotropy.experiments.transformation_invariant._cities import MOVES
from isotropy.experiments.transformation_invariant._config import VIEWS, Config
from isotropy.experiments.transformation_invariant._trials import REAL
from isotropy.report import Block, Column, Curve, Curves, Table
from isotropy.study import Done, Outcome, Published, Reproduction, Score, bars, grid, merged

_REAL = dict(zip(REAL, ("greedy", "best of 20", "greedy + 2-opt", "best + 2-opt"), strict=True))
Values = tuple[float, ...]  # one for each seed
POSES = {"standing": "I/I", "turned": "I/SO3", "augmented": "SO3/SO3"}
TESTS = {
    "greedy": {move: move for move in MOVES},
    "best": {move: f"{move}, best of 20 starts" for move in MOVES},
    "real": {name: f"TSPLIB, {name}" for name in REAL},
}


@dataclass(frozen=True)
class Recognition:
    """One classifier of clouds: shares of test clouds recognised, one for each seed.

    ``standing`` and ``turned`` are those of the network trained on clouds as they stand (I/I and I/SO3), of the same
    points; ``augmented`` is that of a network trained on turned clouds (SO3/SO3), empty where none was trained.
    """

    method: str
    standing: Values
    turned: Values
    augmented: Values
    parameters: int
    seconds: float

    def scores(self) -> Iterator[Score]:
        for name, setting in POSES.items():
            if values := getattr(self, name):
                yield Score("clouds", setting, self.method, "recognised", values, self.parameters, self.seconds)


@dataclass(frozen=True)
class Routing:
    """One attention model: mean gaps to the optimum by test, one for each seed.

    ``greedy`` from the first city and ``best`` of twenty starts on moved uniform instances; ``real`` on TSPLIB, by
    "greedy", "best", "improved" (greedy, then 2-opt) and "best_improved", the mean over instances.
    """

    method: str
    greedy: Mapping[str, Values]
    best: Mapping[str, Values]
    real: Mapping[str, Values]
    parameters: int
    seconds: float

    def scores(self) -> Iterator[Score]:
        for part, settings in TESTS.items():
            for name, values in getattr(self, part).items():
                yield Score("tours", settings[name], self.method, "gap", values, self.parameters, self.seconds)


@dataclass(frozen=True)
class RealTour:
    """Gaps of one method on one instance of TSPLIB, means over seeds."""

    instance: str
    cities: int
    method: str
    greedy: float
    best: float
    improved: float
    best_improved: float


@dataclass(frozen=True)
class Embedding:
    """Embeddings of shortest paths in one dimension (0: none, the search saw ``name``), one value for each graph."""

    name: str
    dimension: int
    stress: Values
    gap: Values

    def scores(self) -> Iterator[Score]:
        for setting, values in (("stress", self.stress), ("gap", self.gap)):
            yield Score("distances", setting, self.name, "share", (statistics.fmean(values),), 0, 0)


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
            section="Tours",
            caption="Greedy tours of the attention model; every instance under a similarity of its own; proven optima.",
            name="tours",
        ),
        grid(
            "tours",
            "Gap to the optimum, real instances",
            settings={f"TSPLIB, {name}": label for name, label in _REAL.items()},
            cost=False,
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

    @classmethod
    def told(cls, config: Config, done: Sequence[Done]) -> dict[str, Any]:
        lines = merged(done)
        found = {(line.task, line.setting, line.method): line.values for line in lines}

        def read(line: Score, settings: Mapping[str, str]) -> dict[str, Values]:
            return {name: found.get((line.task, setting, line.method), ()) for name, setting in settings.items()}

        roads = [graph for _, outcome in done for graph in outcome.get("graphs", ())]
        return {
            "clouds": tuple(
                Recognition(line.method, **read(line, POSES), parameters=line.parameters, seconds=line.seconds)
                for line in lines
                if (line.task, line.setting) == ("clouds", "I/I")
            ),
            "tours": tuple(
                Routing(
                    line.method,
                    **{part: read(line, tests) for part, tests in TESTS.items()},
                    parameters=line.parameters,
                    seconds=line.seconds,
                )
                for line in lines
                if (line.task, line.setting) == ("tours", "training")
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
