"""The answer of the experiment, and its report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from isotropy.experiments.split_representation._config import (
    ABLATIONS,
    CEILINGS,
    CONTROL,
    LATENT,
    METHODS,
    PARTS,
    SWEEPS,
)
from isotropy.experiments.split_representation._pictures import halves, objects, scores, simulator
from isotropy.represent import GroupLaw
from isotropy.study import Published, Traced, grid, quoted

_READ = {f"{what}, {part}": f"{what}, {part}" for what in ("top-1", "rotation R2") for part in PARTS}
_SIMULATED = {
    name: name
    for name in (
        "MRR", "chance MRR", "H@1", "H@5", "PRE", "turn", "MRR beyond, without itself", "PRE beyond the box",
        "turn beyond the box", "parameters of the predictor",
    )
}  # fmt: skip
_LAW = {f"group law, {name}": name for name in GroupLaw._fields} | {
    f"copies of degree {l}": f"copies of degree {l}" for l in range(3)
}
_FOUND = {
    name: name
    for name in (
        "effective rank", "directions", "directions that stay",
        *(f"degree {l} in the equivariant half" for l in range(3)),
    )
}  # fmt: skip
_SHORT = {name: name for name in ("top-1, inv", "rotation R2, all", "rotation R2, inv", "rotation R2, equi", "MRR")}


@dataclass(frozen=True, kw_only=True)
class SplitRepresentation(Traced):
    """Encoders of which one half recognises and the other tells poses, with a latent simulator (14 §4.2)."""

    kind: ClassVar[str] = "split_representation"
    heading = "Representations that keep what moved"
    shown = (
        objects,
        scores,
        grid(
            METHODS, "Classes and poses, on objects that no training saw", settings=_READ, section="Scores",
            name="methods",
            caption="R2 by component: a constant answer has 0. A pass over the data has one pair of each object.",
        ),
        grid(
            METHODS, "Hues", settings={f"colour R2, {part}": part for part in PARTS}, section="Scores", cost=False,
            name="hues", caption="R2 of the changes of both hues, where they vary (level 2).",
        ),
        simulator,
        grid(
            METHODS, "The simulator by numbers", settings=_SIMULATED, section="The simulator", cost=False,
            name="simulator",
            caption="Beyond: all views but the first have c, the angle about the vertical, in (90, 180) on either "
            "side. turn: mean degrees "
            "between the view found and the true one, of 40 views around the vertical (chance 90).",
        ),
        grid(
            METHODS, "Group law of W(g), on Haar rotations", settings=_LAW, section="The simulator", cost=False,
            name="group-law",
            caption="Frobenius norms over sqrt(D): 0 is exact. At level 0 turns about one axis alone were seen. Copies "
            "of each degree are those of the exact predictor, by default as in functions on the group.",
        ),
        halves,
        grid(
            METHODS, "The split, as it is found", settings=_FOUND, section="The two halves", cost=False, name="found",
            caption="Directions of the whole representation that move by less than half of their variance stay. Shares "
            "of degrees are of the equivariant half, found by characters over pairs of views.",
        ),
        grid(ABLATIONS, "Ablations of the linear split", settings=_SHORT, section="Ablations", name="ablations"),
        grid(
            SWEEPS, "Weights of the equivariant term, widths of the halves", settings=_SHORT, section="Ablations",
            name="sweeps", first="changed",
        ),
        grid(CONTROL, "Negative control", settings=_SHORT | {"chance MRR": "chance MRR"}, section="Ablations",
             name="control", caption="Poses of each object in another order in training; judged on true ones."),
        grid(LATENT, "Latents alone: relative errors of predictors", section="Beyond the box", first="predictor",
             name="latents",
             caption="Fitted by a few steps of Adam to a hidden representation of degrees 0, 1, 2, seen within the box "
             "of poses; Haar rotations are not."),
        grid(CEILINGS, "Ceilings of symmetric families", section="Ceilings", first="family", name="ceilings",
             cost=False,
             caption="Turns, of 352 tried, that leave an object's pictures as they are; and the R2, by component, of "
             "the best that can be told of two pictures: the mean over all poses that look the same."),
        quoted,
    )  # fmt: skip
    published = Published.read(
        __name__,
        "Recalled from the paper, not read again: 3DIEBench, ResNet-18, 82 000 steps of 1024 pairs. Other pictures, "
        "other sizes; for orientation only. R2 is pooled: a constant answer has 0.23.",
    )
