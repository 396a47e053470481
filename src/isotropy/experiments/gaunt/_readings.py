"""What the jobs of the experiment found, as scores and as lines of figures."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping
from typing import Any

from isotropy.experiments._scores import Score
from isotropy.experiments.gaunt._records import (
    CHIRALITY,
    EFFICIENCY,
    FORCEFIELD,
    NBODY,
    Line,
    energies_of,
    forces_of,
    named,
    step_of,
    training_of,
)
from isotropy.runs import Job

Outcome = Mapping[str, Any]
Read = tuple[str, str, dict[tuple[str, str], Any]]  # task, method, numbers by setting and unit


def scores_of(job: Job, outcome: Outcome) -> Iterator[Score]:
    """The lines that one job fills, each with one number."""
    read = {
        "efficiency_job": _timed,
        "forcefield_step_job": _force_field_step,
        "forcefield_job": _learned,
        "nbody_step_job": _particle_step,
        "nbody_job": _moved,
        "chirality_job": _seen,
    }
    task, method, numbers = read[job.function.partition(":")[2]](job.arguments, outcome)
    for (setting, unit), values in numbers.items():
        for name, value in {method: values}.items() if not isinstance(values, Mapping) else values.items():
            yield Score(task, setting, name, unit, (value,), outcome["parameters"], outcome["seconds"])


def _timed(job: Outcome, found: Outcome) -> Read:
    where = f"{job['operation']}, L = {job['L']}"
    return (
        EFFICIENCY,
        "",
        {(where, "ms"): found["milliseconds"], (f"{where}, with gradients", "ms"): found["backward"]},
    )


def _learned(job: Outcome, found: Outcome) -> Read:
    at = (job["molecule"], job["steps"])
    numbers: dict[tuple[str, str], Any] = {}
    for test, errors in found["errors"].items():
        numbers[energies_of(*at, test), "RMSE, meV"] = errors["energy_rmse"]
        if "force_rmse" in errors:
            numbers[forces_of(*at, test), "RMSE, meV/A"] = errors["force_rmse"]
    for when, errors in found["invariance"].items():
        for what, error in errors.items():
            numbers[training_of(*at, f"O(3) error of {what} {when}"), "relative rms"] = error
    if found["dynamics"]:
        t, total, kinetic = (found["dynamics"][key] for key in ("femtoseconds", "total", "kinetic"))
        drift = 1e3 * abs(statistics.linear_regression(t, total).slope)
        numbers[training_of(*at, "dynamics, drift"), "meV per atom and ps"] = drift
        numbers[training_of(*at, "dynamics, rms"), "meV per atom"] = statistics.pstdev(total)
        numbers[training_of(*at, "dynamics, kinetic"), "meV per atom"] = statistics.fmean(kinetic)
    return FORCEFIELD, named(job["products"], job["order"]), numbers


def _force_field_step(job: Outcome, found: Outcome) -> Read:
    return FORCEFIELD, named(job["products"], job["order"]), {(step_of(job["molecule"]), "ms"): found["step_ms"]}


def _particle_step(job: Outcome, found: Outcome) -> Read:
    return NBODY, job["method"], {(f"degree {job['degree']}: step", "ms"): found["step_ms"]}


def _moved(job: Outcome, found: Outcome) -> Read:
    where = f"degree {job['degree']}"
    numbers = {
        (where, "MSE per coordinate"): found["test"],
        (f"{where}: E(3) error", "relative rms"): found["symmetry"],
    }
    return NBODY, job["method"], numbers


def _seen(job: Outcome, found: Outcome) -> Read:
    numbers = {
        (f"{job['task']}: all classes", "accuracy"): found["accuracy"],
        (f"{job['task']}: mirror images", "accuracy"): found["mirror_accuracy"],
        (f"{job['task']}: logits of mirror images", "largest difference"): found["gap"],
        (f"{job['task']}: logits when turned", "largest difference"): found["rotation"],
    }
    return CHIRALITY, job["method"], numbers


def lines_of(job: Job, outcome: Outcome) -> Iterator[Line]:
    """What the training of a force field leaves for figures, which show those of the first seed."""
    if "curve" not in outcome:
        return
    arguments = job.arguments
    method = named(arguments["products"], arguments["order"])
    name = f"{arguments['molecule']}, {method}, {arguments['steps']} steps, seed {job.seed}"
    rows = outcome["curve"]
    yield Line("learning", name, {key: [row[key] for row in rows] for key in ("step", "energy_rmse", "force_rmse")})
    for test, columns in outcome["parity"].items():
        if columns:
            yield Line("parity", f"{name}, {test}", columns)
    if outcome["dynamics"]:
        yield Line("dynamics", name, outcome["dynamics"])
