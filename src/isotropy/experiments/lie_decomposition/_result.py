"""The answer of the experiment, and its report: digits by warp, errors by draws, and which claims held."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from isotropy.experiments.lie_decomposition._config import DIGITS, SHAPES, SUMS
from isotropy.study import Published, Scored, bars, curves, grid, quoted


@dataclass(frozen=True, kw_only=True)
class LieDecomposition(Scored):
    """Digits under affine warps that nobody trained on, sums over non-compact groups, shapes in space (02 §4)."""

    kind: ClassVar[str] = "lie_decomposition"
    number: ClassVar[Literal["number", "percent"]] = "number"
    heading = "Lie group decompositions, reproduced"
    shown = (
        grid(DIGITS, "Share of test digits named rightly", section="Digits",
             caption="Trained on digits as they were written, without augmentation. Warped ones lie anywhere in the "
                     "frame. plain takes the maxima of a grid of 3 x 3, so that it sees where a digit lies."),
        bars(DIGITS, "Digits, warped as in affNIST", "affine", xlabel="share named rightly"),
        bars(DIGITS, "Digits, warped widely", "wide", xlabel="share named rightly"),
        curves(SUMS, r"(?P<group>.+), (?P<x>\d+) draws", lambda found: f"Two sides of one equation, {found['group']}",
               xlabel="draws", ylabel="relative gap", xlog=True, ylog=True),
        grid(SHAPES, "Share of test shapes named rightly", section="Voxels"),
        quoted,
    )  # fmt: skip
    published = Published.read(
        __name__,
        "affNIST's own test pictures, networks trained on 50 000 digits: for orientation only. Rows that say recalled "
        "were not read again.",
    )
