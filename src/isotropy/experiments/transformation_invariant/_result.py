"""The answer of the experiment, and its report: clouds recognised, tours found, distances embedded."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from isotropy.experiments.transformation_invariant._cities import MOVES, VIEWS
from isotropy.experiments.transformation_invariant._routing import TRIED
from isotropy.report import Block, Column, Table
from isotropy.study import Done, Published, Scored, bars, curves, grid


def _instances(result: TransformationInvariance) -> Iterator[Block]:
    if result.real:
        heads = [Column("instance"), Column("cities", "number"), Column("method")]
        columns = [*heads, *(Column(label, "percent") for label in TRIED.values())]
        rows = [[one[name] for name in ("instance", "cities", "method", *TRIED)] for one in result.real]
        yield Table(columns, rows, section="TSPLIB", title="Every instance", name="tsplib-instances")


@dataclass(frozen=True, kw_only=True)
class TransformationInvariance(Scored):
    """Networks behind transformation-invariant coordinates against the same networks without them (§4).

    ``real`` are the gaps of each method on each instance of TSPLIB, means over seeds: from the first city ("greedy"),
    the "best" of twenty starts, and both after 2-opt ("improved", "best_improved"). ``graphs`` are the embedded ones:
    stress and gap by what the search saw.
    """

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
            settings={f"TSPLIB, {name}": label for name, label in TRIED.items()},
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
        curves(
            "distances",
            r"MDS, k=(?P<x>\d+)",
            lambda _: "Stress of embeddings and gap of tours by dimension",
            over="method",
            section="Distances",
            xlabel="dimension of the embedding",
            ylabel="share",
            percent=True,
            name="distances-by-dimension",
        ),
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
    real: tuple[Mapping[str, Any], ...] = ()
    graphs: tuple[Mapping[str, Any], ...] = ()

    @classmethod
    def told(cls, config: Any, done: Sequence[Done]) -> dict[str, Any]:
        graphs = tuple(graph for _, outcome in done for graph in outcome.get("graphs", ()))
        return {**super().told(config, done), "real": tuple(_real(done)), "graphs": graphs}


def _real(done: Sequence[Done]) -> Iterator[Mapping[str, Any]]:
    for view in VIEWS.values():
        seeds = [outcome["real"] for trial, outcome in done if trial.method == view and "real" in outcome]
        for first, *more in zip(*seeds, strict=True):
            gaps = {key: statistics.fmean(one[key] for one in (first, *more)) for key in TRIED}
            yield {**first, "method": view, **gaps}
