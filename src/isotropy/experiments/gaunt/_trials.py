"""The trials of the experiment: timings one after another, then force fields, particles and shapes, side by side."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from isotropy.experiments.gaunt._chirality import chirality_job
from isotropy.experiments.gaunt._config import CHIRALITY, EFFICIENCY, FORCEFIELD, NBODY, Config, ForceField
from isotropy.experiments.gaunt._efficiency import efficiency_job
from isotropy.experiments.gaunt._forcefield import forcefield_job
from isotropy.experiments.gaunt._mirrors import METHODS
from isotropy.experiments.gaunt._nbody import nbody_job
from isotropy.experiments.gaunt._shapes import TASKS
from isotropy.experiments.gaunt._steps import forcefield_step_job, nbody_step_job
from isotropy.experiments.peers import PRODUCTS
from isotropy.study import Outcome, Trial


def trials(config: Config) -> Iterator[Trial]:
    """Timings are taken before anything trains. Source: Luo, Chen, Krishnapriyan, ICLR 2024; specification 05 §4."""
    timing = partial(Trial, stage="timings", alone=True)
    for operation, degrees in config.sizes.items():
        for L in degrees:
            where = f"{operation}, L = {L}"
            numbers = {(where, "ms"): "milliseconds", (f"{where}, with gradients", "ms"): "backward"}
            job = config.job(efficiency_job, operation=operation, L=L, plan=config.efficiency)
            yield timing(job, EFFICIENCY, "", numbers)
    for one in {tuple(one.built.values()): one for one in config.force_fields}.values():
        numbers = {(f"{one.molecule}: step of training", "ms"): "step_ms"}
        job = config.job(forcefield_step_job, **one.built, plan=config.force_field)
        yield timing(job, FORCEFIELD, one.method, numbers)
    for degree in config.degrees:
        for method in PRODUCTS:
            job = config.job(nbody_step_job, method=method, degree=degree, plan=config.nbody)
            yield timing(job, NBODY, method, {(f"degree {degree}: step", "ms"): "step_ms"})
    training = partial(Trial, stage="trainings")
    for one in config.force_fields:
        given = {**one.built, "steps": one.steps, "dynamics": one.dynamics}
        for seed in config.seeds_of(max(config.seeds, one.seeds)):
            job = config.job(forcefield_job, seed, **given, plan=config.force_field)
            yield training(job, FORCEFIELD, one.method, partial(_learned, one))
    for degree in config.degrees:
        where = f"degree {degree}"
        numbers = {(where, "MSE per coordinate"): "test", (f"{where}: E(3) error", "relative rms"): "symmetry"}
        for method in PRODUCTS:
            for seed in config.seeds_of(config.seeds):
                job = config.job(nbody_job, seed, method=method, degree=degree, plan=config.nbody)
                yield training(job, NBODY, method, numbers)
    for task in TASKS:
        numbers = {
            (f"{task}: all classes", "accuracy"): "accuracy",
            (f"{task}: mirror images", "accuracy"): "mirror_accuracy",
            (f"{task}: logits of mirror images", "largest difference"): "gap",
            (f"{task}: logits when turned", "largest difference"): "rotation",
        }
        for method in METHODS:
            for seed in config.seeds_of(config.seeds):
                job = config.job(chirality_job, seed, method=method, task=task, plan=config.chirality)
                yield training(job, CHIRALITY, method, numbers)


def _learned(one: ForceField, outcome: Outcome) -> Mapping[tuple[str, str], Any]:
    """Errors on every test set, invariance before and after, and what dynamics conserve."""
    numbers: dict[tuple[str, str], Any] = {}
    for test, errors in outcome["errors"].items():
        numbers[f"{one.at}, {test}: energies", "RMSE, meV"] = errors["energy_rmse"]
        if "force_rmse" in errors:
            numbers[f"{one.at}, {test}: forces", "RMSE, meV/A"] = errors["force_rmse"]
    for when, errors in outcome["invariance"].items():
        for what, error in errors.items():
            numbers[f"{one.at}: O(3) error of {what} {when}", "relative rms"] = error
    if outcome["dynamics"]:
        for what, unit in (("drift", "meV per atom and ps"), ("rms", "meV per atom"), ("kinetic", "meV per atom")):
            numbers[f"{one.at}: dynamics, {what}", unit] = outcome["dynamics"][what]
    return numbers
