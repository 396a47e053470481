"""What must hold of the numbers: theorems exactly, or to the accuracy of float64."""

from __future__ import annotations

from isotropy.experiments.asymptotic_symmetries._config import (
    CATALOGUE,
    CONES,
    ENERGY,
    LEVELS,
    MATCHING,
    ORBITS,
    SOLUTION,
)
from isotropy.experiments.asymptotic_symmetries._trials import LEFT
from isotropy.study import Claim, Scored, Value, at_least, at_most, each, of


def _dimensions(result: Scored) -> bool:
    lines = [line for line in result.scores if line.task == CATALOGUE and line.setting == "dimension"]
    return all(line.mean == result.score(CATALOGUE, "literature", line.method).mean for line in lines)


def _deflections(result: Scored) -> bool:
    lines = [line for line in result.scores if line.task == CONES and line.setting.startswith("deflection")]
    return all(
        abs(line.mean - result.score(CONES, "pi / sqrt(-Theta) - pi", line.method).mean) < 1e-4 for line in lines
    )


def _cones(result: Scored) -> bool:
    """The antipode is reached without a cone and missed the more, the smaller -Theta is, up to a quarter turn."""
    lines = [line for line in result.scores if line.task == CONES and line.setting.startswith("aspects")]
    values = [line.mean for line in lines]
    return values[0] < 1e-4 and all(0.05 < value <= 2.0 for value in values[1:])


def _c2(G: str) -> Value[Scored]:
    value = of(SOLUTION, "c2 G", f"finite action, G = {G}")
    return Value(lambda result: abs(value(result) - 3), value.tasks)


_DESCENT = "descent from Theta = {}"

CLAIMS: tuple[Claim[Scored], ...] = (
    Claim("E1: every dimension is that of the literature", _dimensions, tasks=frozenset({CATALOGUE})),
    at_most("E2: every identity holds, at all r and without simplification",
            [of(SOLUTION, f"{what}, parts that are not 0", "formulas") for what in LEFT], 0),
    at_most("E2: c2 = 3 / G from differences of the finite action, at two G", [_c2("0.5"), _c2("2")], 1e-6),
    at_most("E3: tr M is an invariant, to 1e-9",
            each(ORBITS, "trace of the monodromy, change", [f"Theta = {x:g}" for x in LEVELS]), 1e-9),
    at_most("E3: so is its dual part, to 1e-8",
            each(ORBITS, "its dual part, change", [f"Theta = {x:g}" for x in LEVELS]), 1e-8),
    at_most("E3: class, constants and the element that reaches them are found again, to 1e-6",
            each(ORBITS, ("constants found, error", "reached by the element, error"),
                 [f"Theta = {x:g}" for x in LEVELS]), 1e-6),
    at_most("E4: second variations are n^2 (n^2 + Theta) / (16 G), to 1e-4",
            of(ENERGY, "second variation, error", "second variation"), 1e-4),
    at_most("E4: from the orbit of Theta = -1 the energy descends to Minkowski space, F in PSL(2, R)",
            of(ENERGY, "Theta less its constant at the end", _DESCENT.format("-1")), 1e-4),
    at_most("E4: from Theta = -4 it runs down", of(ENERGY, "8 G E at the end", _DESCENT.format("-4")), -4.5),
    at_most("E5: Q+ = Q- for every (T, Y), to 1e-12", of(MATCHING, "Q+ - Q-", "antipodal"), 1e-12),
    at_least("E5: without the antipode charges differ",
             of(MATCHING, "Q+ - Q- without the antipode", "antipodal"), 0.01),
    at_most("E5: matching commutes with BMS3, to 1e-6",
            of(MATCHING, "matching after the group, or before", "antipodal"), 1e-6),
    Claim("E5: a cone deflects null lines by pi / sqrt(-Theta) - pi, to 1e-4", _deflections, tasks=frozenset({CONES})),
    Claim("E5: lines end at the antipode without a cone, and miss it with one", _cones, tasks=frozenset({CONES})),
)  # fmt: skip
