"""The answer, and its report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from isotropy.experiments.asymptotic_symmetries._pictures import atlas, before_and_after, scattering
from isotropy.study import Published, Scored, numbers, quoted


@dataclass(frozen=True, kw_only=True)
class AsymptoticSymmetries(Scored):
    """Symmetries of equations, BMS3 on the solutions of 2+1 gravity, energy on orbits, matching, planets, a
    learned Lagrangian (04 §4)."""

    kind: ClassVar[str] = "asymptotic_symmetries"
    heading = "Symmetries at infinity"
    shown = (
        atlas,
        before_and_after,
        scattering,
        numbers("Theorems of the thesis in their executable form; errors are the largest of all that was drawn."),
        quoted,
    )
    published = Published.read(__name__, "Theorems and dimensions, which our numbers have to equal.")
