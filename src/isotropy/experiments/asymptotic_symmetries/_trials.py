"""The trials: each job, and where its numbers stand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

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
    SYSTEMS,
    Config,
)
from isotropy.experiments.asymptotic_symmetries._matching import cone_job, matching_job
from isotropy.experiments.asymptotic_symmetries._motions import laws_told, learned_job, planets_job, planets_told
from isotropy.experiments.asymptotic_symmetries._orbits import energy_job, orbits_job, variation_job
from isotropy.experiments.asymptotic_symmetries._symbolic import catalogue_job, central_job, solution_job
from isotropy.study import Outcome, Trial

LEFT = {
    "Ricci tensor, future": "future",
    "Ricci tensor, past": "past",
    "Lie derivative less change of the solution": "lie",
    "difference of both surface charges": "variants",
    "surface charge less its formula": "charge",
    "charge from scri less its formula": "scri",
    "modified bracket less its formula": "bracket",
}
"""What has to vanish identically, by the name of its count."""


def trials(config: Config) -> Iterator[Trial]:
    """E1 to E7 of specification 04 §4."""
    N = config.samples
    for system in SYSTEMS:
        told = {("dimension", "number"): "dimension", ("literature", "number"): "known"}
        yield from config.trials(catalogue_job, CATALOGUE, system, told, system=system)
    zeros = {(f"{what}, parts that are not 0", "number"): name for what, name in LEFT.items()}
    yield from config.trials(solution_job, SOLUTION, "formulas", zeros)
    for G in (0.5, 2.0):
        told = {("c2 G", "number"): "c2", ("imaginary part", "number"): "rest"}
        yield from config.trials(central_job, SOLUTION, f"finite action, G = {G:g}", told, samples=N, G=G)
    for level in LEVELS:
        told = {
            ("trace of the monodromy, change", "absolute"): "trace",
            ("its dual part, change", "absolute"): "dual",
            ("constants found, error", "absolute"): "representative",
            ("reached by the element, error", "absolute"): "reached",
        }
        given: dict[str, Any] = {"samples": N, "count": config.elements, "level": level}
        yield from config.trials(orbits_job, ORBITS, f"Theta = {level:g}", told, **given)
    for level in (-1.0, -4.0):
        told = {
            ("8 G E at the start", "number"): "start",
            ("8 G E at the end", "number"): "end",
            ("steps", "number"): "steps",
            ("Theta less its constant at the end", "absolute"): "from constant",
        }
        given = {"samples": N, "steps": config.steps, "level": level}
        yield from config.trials(energy_job, ENERGY, f"descent from Theta = {level:g}", told, **given)
    told = {("second variation, error", "relative"): "error"}
    yield from config.trials(variation_job, ENERGY, "second variation", told, samples=N)
    told = {
        ("Q+ - Q-", "absolute"): "charges",
        ("Q+ - Q- without the antipode", "absolute"): "without the antipode",
        ("matching after the group, or before", "absolute"): "equivariance",
    }
    yield from config.trials(matching_job, MATCHING, "antipodal", told, samples=N, count=config.functions)
    for theta in (-1.0, *config.cones):
        told = {
            ("deflection of a null line", "radians"): "deflection",
            ("pi / sqrt(-Theta) - pi", "radians"): "formula",
            ("aspects along lines less antipodal ones", "absolute"): "from antipodal",
        }
        given = {"theta": theta, "reach": config.reach, "samples": N}
        yield from config.trials(cone_job, CONES, f"Theta = {theta:g}", told, **given)
    yield from config.trials(planets_job, PLANETS, "", planets_told, steps=config.moments)
    yield from config.trials(learned_job, LEARNED, "", _learned, tracks=config.orbits, steps=config.training)


def _learned(outcome: Outcome) -> dict[tuple[str, str], Any]:
    told = {
        ("accelerations held out, unexplained", "share"): "left",
        ("rotation among the symmetries of the network", "number"): "found",
        ("rank correlation with the angular momentum", "rank"): "rank",
        ("rank correlation with the energy", "rank"): "rank of energy",
        ("drift", "deviations"): "drift",
        ("drift of a wrong generator", "deviations"): "floor",
        ("wrong generator over rotation", "times"): "times",
        ("orbits that the bound covers", "share"): "covered",
        ("time by length of the dilation", "exponent"): "exponent",
    }
    return {key: {"network": outcome[name]} for key, name in told.items()} | laws_told(outcome)
