"""The answer of the experiment, and its report: what is exact, what generalises, what was learned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from isotropy.errors import counted
from isotropy.experiments.subequivariant._config import BEARING, EXACT, PHYSICS, RETURNS, SECTOR, SIMULATED
from isotropy.report import Block, Points, Scatter
from isotropy.study import Published, Trace, Traced, bars, grid, quoted, traces

_E3 = "Changes of velocity of all limbs over a step of control, learned where all look east."
_E5 = "A puck with three thrusters, trained with targets in a sector. The optimum is known."
_WALK = (
    "Returns of the last evaluations, without noise, with the lower end of their bootstrap interval, and of random "
    "actions and of none; margin: by how much that lower end is above twice the random return. What is claimed is that "
    "every direction is worth the same; a gait is not."
)


_LEARNING = "Every look at every training, without noise; none is smoothed away."


def falling(result: Traced) -> Iterator[Block]:
    """What was predicted over what was simulated, from the side: a picture for each method and frame."""
    places = {trace.name: trace.columns for trace in result.traced(PHYSICS)}
    for name, told in places.items():
        method, ahead = name.rsplit(", ", 1)
        if method != SIMULATED:
            clouds = [
                Points(label, columns["metres"], columns["height"])
                for label, columns in ((SIMULATED, places[f"{SIMULATED}, {ahead}"]), (method, told))
            ]
            title = f"{method}, {counted(int(ahead), 'frame')} ahead"
            yield Scatter(clouds, plane=True, title=title, half=True, section="E6: what falls")


@dataclass(frozen=True, kw_only=True)
class Subequivariant(Traced):
    """Acting and predicting where gravity leaves the turns about it (specification 11 §4)."""

    kind: ClassVar[str] = "subequivariant"
    heading = "Subequivariant control and physics, reproduced"
    shown = (
        grid(EXACT, "Relative change of torques", section="E2: exact", caption="The largest over states, float64."),
        grid(SECTOR, "Mean squared errors over the variance", section="E3: a sector, learned", caption=_E3),
        bars(SECTOR, "Turned scenes", "turned", section="E3: a sector, learned", xlabel="MSE / variance"),
        grid(BEARING, "Share of the optimum", section="E5: a sector, trained in", caption=_E5),
        bars(BEARING, "Worst bearing over the best", "worst / best bearing", section="E5: a sector, trained in"),
        grid(RETURNS, "Returns", section="E1, E4: bodies", caption=_WALK),
        *(
            traces(RETURNS, x, f"Learning by {x}", {"return": "return"}, section="E1, E4: bodies", caption=_LEARNING)
            for x in ("transitions", "updates", "s of the processor")
        ),
        grid(PHYSICS, "Errors of rollouts", section="E6: what falls", caption="Squared centimetres, 20 frames ahead."),
        falling,
        quoted,
    )
    published = Published.read(
        __name__,
        "The reference runs of the specification of this experiment, one seed each; returns of the paper are curves "
        "that were not read, and no number is claimed for it.",
    )

    @classmethod
    def told(cls, config: Any, done: Sequence[tuple[Any, Mapping[str, Any]]]) -> dict[str, Any]:
        """Learning curves of all seeds; random actions, which are the same for all methods, once."""
        every = [Trace(**trace) for _, outcome in done for trace in outcome.get("traces", ())]
        return {**super().told(config, done), "traces": tuple({trace.name: trace for trace in every}.values())}
