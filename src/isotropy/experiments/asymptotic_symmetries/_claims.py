"""What must hold of the numbers: theorems exactly, or to the accuracy of float64."""

from __future__ import annotations

from collections.abc import Callable

from isotropy.experiments.asymptotic_symmetries._config import (
    CATALOGUE,
    CONES,
    ENERGY,
    LEARNED,
    LEVELS,
    MATCHING,
    ORBITS,
    PLANETS,
    SOLUTION,
)
from isotropy.experiments.asymptotic_symmetries._motions import INNER, VERDICTS
from isotropy.experiments.asymptotic_symmetries._motions import PLANETS as NAMES
from isotropy.experiments.asymptotic_symmetries._trials import LEFT
from isotropy.study import Claim, Scored, Value, at_least, at_most, each, of


def _dimensions(result: Scored) -> bool:
    lines = result.lines(CATALOGUE, "^dimension$")
    return all(line.mean == result.score(CATALOGUE, "literature", line.method).mean for line in lines)


def _deflections(result: Scored) -> bool:
    return all(
        abs(line.mean - result.score(CONES, "pi / sqrt(-Theta) - pi", line.method).mean) < 1e-4
        for line in result.lines(CONES, "^deflection")
    )


def _cones(result: Scored) -> bool:
    """The antipode is reached without a cone and missed the more, the smaller -Theta is, up to a quarter turn."""
    values = [line.mean for line in result.lines(CONES, "^aspects")]
    return values[0] < 1e-4 and all(0.05 < value <= 2.0 for value in values[1:])


def _c2(G: str) -> Value[Scored]:
    return abs(of(SOLUTION, "c2 G", f"finite action, G = {G}") - 3)


def _judged(task: str, word: str, wanted: set[str]) -> Callable[[Scored], bool]:
    """Whether these quantities, and no others, have this verdict."""

    def holds(result: Scored) -> bool:
        lines = [line for line in result.lines(task) if line.unit == "verdict"]
        return {line.method for line in lines if line.mean == VERDICTS[word]} == wanted

    return holds


def _third_law(result: Scored) -> bool:
    return abs(result.score(PLANETS, "period by semi-major axis", "inner five").mean - 1.5) < 1e-3


_ECLIPTIC = {"angular momentum about x", "angular momentum about y"}

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
    at_most("E6: |q x v| of each planet up to Saturn is constant to 6e-4",
            each(PLANETS, "|q x v|, wander", NAMES[:6]), 6e-4),
    at_most("E6: that of Mercury to 1e-5", of(PLANETS, "|q x v|, wander", "Mercury"), 1e-5),
    at_most("E6: the energy of every planet to 2e-3", each(PLANETS, "energy, wander", NAMES), 2e-3),
    at_most("E6: with the ephemeris' own velocities |q x v| up to Saturn is constant to 6e-4",
            each(PLANETS, "|q x v|, wander, velocities of the ephemeris", NAMES[:6]), 6e-4),
    at_most("E6: and the energy of every planet to 2e-3",
            each(PLANETS, "energy, wander, velocities of the ephemeris", NAMES), 2e-3),
    at_most("E6: the Runge-Lenz vector of the inner five to 1e-3",
            each(PLANETS, "Runge-Lenz vector, wander", INNER), 1e-3),
    Claim("E6: period against semi-major axis has exponent 1.500 +- 0.001", _third_law, tasks=frozenset({PLANETS})),
    Claim("E6: energy and the angular momentum across the ecliptic are conserved, nothing else is called so",
          _judged(PLANETS, "conserved", {"energy", "angular momentum about z"}), tasks=frozenset({PLANETS})),
    Claim("E6: eight orbits in nearly one plane leave the other two components undecided",
          _judged(PLANETS, "undecided", _ECLIPTIC), tasks=frozenset({PLANETS})),
    Claim("E6: scaling is a symmetry of the equations only",
          _judged(PLANETS, "symmetry of the equations only", {"dilation"}), tasks=frozenset({PLANETS})),
    at_least("E7: the rotation is found in the network", of(LEARNED, "rotation among the symmetries of the network",
             "network"), 1),
    at_least("E7: its quantity ranks orbits as the angular momentum does, above 0.999",
             of(LEARNED, "rank correlation with the angular momentum", "network"), 0.999),
    at_least("E7: a wrong generator drifts 20 times more", of(LEARNED, "wrong generator over rotation", "network"), 20),
    at_least("E7: the bound covers every orbit", of(LEARNED, "orbits that the bound covers", "network"), 1),
)  # fmt: skip
