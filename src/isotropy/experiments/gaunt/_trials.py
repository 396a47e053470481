"""The trials of the experiment: timings one after another, then force fields, particles and shapes, side by side."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any

from isotropy.experiments.gaunt._chirality import MEASURED, chirality_job
from isotropy.experiments.gaunt._config import Config
from isotropy.experiments.gaunt._dynamics import CONSERVED
from isotropy.experiments.gaunt._efficiency import efficiency_job
from isotropy.experiments.gaunt._forcefield import ERRORS, TESTS, forcefield_job
from isotropy.experiments.gaunt._mirrors import METHODS
from isotropy.experiments.gaunt._nbody import nbody_job
from isotropy.experiments.gaunt._shapes import TASKS
from isotropy.experiments.gaunt._steps import forcefield_step_job, nbody_step_job
from isotropy.experiments.peers import PRODUCTS
from isotropy.study import Trial


def trials(config: Config) -> Iterator[Trial]:
    """Timings are taken before anything trains. Source: Luo, Chen, Krishnapriyan, ICLR 2024; specification 05 §4."""
    given: dict[str, Any]
    timed, trained = partial(config.trials, stage="timings", alone=True), partial(config.trials, stage="trainings")
    for operation, L in ((operation, L) for operation, degrees in config.sizes.items() for L in degrees):
        where = f"{operation}, L = {L}"
        numbers = {(where, "ms"): "milliseconds", (f"{where}, with gradients", "ms"): "backward"}
        yield from timed(efficiency_job, "efficiency", "", numbers, operation=operation, L=L, plan=config.efficiency)
    for one in dict.fromkeys(replace(one, steps=0, dynamics=0, seeds=1) for one in config.force_fields):
        numbers = {(f"{one.molecule}: step of training", "ms"): "step_ms"}
        yield from timed(forcefield_step_job, "forcefield", one.method, numbers, field=one, plan=config.force_field)
    for one in config.force_fields:
        numbers = {
            (f"{one.at}, {test}: {what}", unit): f"errors.{test}.{name}"
            for test, (what, (name, unit)) in product(sorted(TESTS[one.molecule]), ERRORS.items())
            if test.endswith("K") or what == "energies"
        }
        for when, what in product(("after", "before"), ("energy", "forces")):
            numbers[f"{one.at}: O(3) error of {what} {when}", "relative rms"] = f"invariance.{when}.{what}"
        for what, unit in CONSERVED.items() if one.dynamics else ():
            numbers[f"{one.at}: dynamics, {what}", unit] = f"dynamics.{what}"
        given = {"field": replace(one, seeds=1), "plan": config.force_field, "seeds": max(config.seeds, one.seeds)}
        yield from trained(forcefield_job, "forcefield", one.method, numbers, **given)
    for degree, method in product(config.degrees, PRODUCTS):
        where, given = f"degree {degree}", {"method": method, "degree": degree, "plan": config.nbody}
        numbers = {(where, "MSE per coordinate"): "test", (f"{where}: E(3) error", "relative rms"): "symmetry"}
        yield from timed(nbody_step_job, "nbody", method, {(f"{where}: step", "ms"): "step_ms"}, **given)
        yield from trained(nbody_job, "nbody", method, numbers, seeds=config.seeds, **given)
    for task, method in product(TASKS, METHODS):
        numbers = {(f"{task}: {what}", unit): what for what, unit in MEASURED.items()}
        given = {"method": method, "task": task, "plan": config.chirality, "seeds": config.seeds}
        yield from trained(chirality_job, "chirality", method, numbers, **given)
