"""The answer: accuracies and multipliers side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from isotropy.experiments.invariance_constrained._config import BEYOND, DATA, FEASIBLE, HARMFUL, KNOWN, MOTIONS
from isotropy.study import Published, Scored, grid, quoted

_COLUMNS = {
    "accuracy": "accuracy",
    **{f"multiplier of {motion}": f"multiplier, {motion}" for motion in MOTIONS},
    **{f"acceptance of {motion}": f"accepted, {motion}" for motion in MOTIONS},
}


@dataclass(frozen=True, kw_only=True)
class InvarianceConstrained(Scored):
    """What invariances cost on digits whose symmetries are known, and where they are harmful."""

    kind: ClassVar[str] = "invariance_constrained"
    heading = "Augmentation as invariance-constrained learning"
    shown = (
        *(
            grid(
                KNOWN,
                f"Digits, {data}: what each constraint took, beside the accuracy",
                settings={f"{data}, {what}": head for what, head in _COLUMNS.items()},
                section="Known symmetries",
            )
            for data in DATA
        ),
        grid(FEASIBLE, "A bound within reach: the multiplier settles", section="A feasible bound"),
        grid(HARMFUL, "Half turns as a constraint", section="A harmful transformation"),
        grid(BEYOND, "Points, series and sets by the same call", section="Beyond pictures"),
        quoted,
    )
    published = Published.read(
        __name__,
        "Measured by a prototype with one seed (bound 0.5 for each constraint, 15 epochs): compare shapes, not digits.",
    )

    def values(self, task: str, setting: str, method: str) -> tuple[float, ...]:
        """The number of every seed in one line."""
        return tuple(float(v) for v in self.score(task, setting, method).values)
