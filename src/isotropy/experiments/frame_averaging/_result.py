"""The answer of the experiment, and its report: every method in every setting, and which claims held."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from isotropy.experiments.frame_averaging._config import GRAPHS, LEARNED, NORMALS, PARTICLES
from isotropy.study import Done, Published, Scored, bars, numbers, quoted

_bars = partial(bars, scale="root")


@dataclass(frozen=True, kw_only=True)
class FrameAveraging(Scored):
    """Exact symmetry around plain networks: normals of CAD parts, graphs told apart, charged particles (§4).

    ``held_out`` are the parts on which normals were tested, for each seed.
    """

    kind: ClassVar[str] = "frame_averaging"
    heading = "Frame averaging, reproduced"
    shown = (
        numbers(
            "X/Y means trained on clouds in poses X, tested in poses Y: I as parts lie, SO(3) turned at random. "
            "Copies are the largest L1 distance between the embeddings of a graph and of the same graph relabelled."
        ),
        _bars(NORMALS, "Normals, trained and tested as the parts lie", "I/I", xlabel="mean of 1 - <n, p>^2"),
        _bars(NORMALS, "Normals, tested on turned parts", "I/SO(3)", xlabel="mean of 1 - <n, p>^2"),
        _bars(GRAPHS, "Pairs of graph8c left together", "graph8c", xlabel="pairs of 61.8 million"),
        _bars(LEARNED, "EXP learned", LEARNED, xlabel="accuracy"),
        _bars(PARTICLES, "Charged particles, 1000 steps ahead", "test", xlabel="test MSE per coordinate"),
        quoted,
    )
    published = Published.read(
        __name__,
        "As recalled from the papers, for orientation only: their meshes are ABC's, their networks wider, their "
        "trainings longer, and their random networks differ in activation and pooling. Numbers are the error of lines, "
        "pairs left together, accuracy, mean squared error.",
    )
    held_out: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def told(cls, config: Any, done: Sequence[Done]) -> dict[str, Any]:
        held_out = tuple(tuple(outcome["held_out"]) for _, outcome in done if "held_out" in outcome)
        return {**super().told(config, done), "held_out": held_out}
