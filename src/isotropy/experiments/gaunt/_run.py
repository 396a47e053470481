"""From plans to the result: timings, force fields, particles and shapes as jobs of one run, then claims."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any, cast

from isotropy.experiments._scores import Score
from isotropy.experiments.gaunt._claims import claims_of
from isotropy.experiments.gaunt._config import Config
from isotropy.experiments.gaunt._mirrors import METHODS
from isotropy.experiments.gaunt._readings import lines_of, scores_of
from isotropy.experiments.gaunt._records import CHIRALITY, EFFICIENCY, FORCEFIELD, NBODY
from isotropy.experiments.gaunt._result import GauntProducts
from isotropy.experiments.gaunt._shapes import TASKS
from isotropy.experiments.gaunt._steered import PRODUCTS
from isotropy.report import jsonable
from isotropy.runs import Job, Run, map_jobs

_ROOM = "isotropy.experiments.gaunt"


def run_experiment(config: Config, run: Run) -> GauntProducts:
    """Measures and trains whatever ``run`` does not hold yet, and says which claims held.

    Timings are taken one after another before anything trains. ``seconds`` of the result is the sum of the jobs'
    processor seconds, whatever the engine. Source: Luo, Chen, Krishnapriyan, ICLR 2024; specification 05 §4.
    """
    claims = claims_of(config)
    timed = [
        *(_timings(config) if EFFICIENCY in config.parts else []),
        *(_force_field_steps(config) if FORCEFIELD in config.parts else []),
        *(_particle_steps(config) if NBODY in config.parts else []),
    ]
    trained = [
        *(_force_fields(config) if FORCEFIELD in config.parts else []),
        *(_particles(config) if NBODY in config.parts else []),
        *(_shapes(config) if CHIRALITY in config.parts else []),
    ]
    outcomes = [
        *map_jobs(timed, run, "serial", description="timings"),
        *map_jobs(trained, run, config.engine, description="trainings"),
    ]
    found = list(zip([*timed, *trained], outcomes, strict=True))
    result = GauntProducts(
        scores=tuple(_merged(score for job, outcome in found for score in scores_of(job, outcome))),
        lines=tuple(line for job, outcome in found if job.seed == config.seed for line in lines_of(job, outcome)),
        config=cast(dict[str, Any], jsonable(asdict(config))),
        seconds=sum(outcome["seconds"] for outcome in outcomes),
    )
    return replace(result, claims=tuple(claim.judge(result) for claim in claims))


def _timings(config: Config) -> list[Job]:
    plan = _on(config, config.efficiency)
    return [
        Job(f"{_ROOM}:efficiency_job", {"operation": operation, "L": L, "plan": plan}, seed=config.seed)
        for operation, degrees in config.sizes.items()
        for L in degrees
    ]


def _force_fields(config: Config) -> list[Job]:
    plan, jobs = _on(config, config.force_field), list[Job]()
    for one in config.force_fields:
        arguments = {**asdict(one), "plan": plan}
        del arguments["seeds"]
        jobs += [Job(f"{_ROOM}:forcefield_job", arguments, seed=seed) for seed in config.seeds_of(one)]
    return jobs


def _force_field_steps(config: Config) -> list[Job]:
    kinds = dict.fromkeys((one.molecule, one.products, one.order) for one in config.force_fields)
    plan = _on(config, config.force_field)
    return [
        Job(
            f"{_ROOM}:forcefield_step_job",
            {"molecule": molecule, "products": products, "order": order, "plan": plan},
            seed=config.seed,
        )
        for molecule, products, order in kinds
    ]


def _particle_steps(config: Config) -> list[Job]:
    plan = _on(config, config.nbody)
    return [
        Job(f"{_ROOM}:nbody_step_job", {"method": method, "degree": degree, "plan": plan}, seed=config.seed)
        for degree in config.degrees
        for method in PRODUCTS
    ]


def _particles(config: Config) -> list[Job]:
    plan = _on(config, config.nbody)
    return [
        Job(f"{_ROOM}:nbody_job", {"method": method, "degree": degree, "plan": plan}, seed=seed)
        for degree in config.degrees
        for method in PRODUCTS
        for seed in config.seeds_of()
    ]


def _shapes(config: Config) -> list[Job]:
    plan = _on(config, config.chirality)
    return [
        Job(f"{_ROOM}:chirality_job", {"method": method, "task": task, "plan": plan}, seed=seed)
        for task in TASKS
        for method in METHODS
        for seed in config.seeds_of()
    ]


def _on(config: Config, plan: Any) -> dict[str, Any]:
    return asdict(replace(plan, device=config.device))


def _merged(scores: Iterator[Score]) -> list[Score]:
    """One line for each method in each setting, with a number for every seed."""
    found: dict[tuple[str, str, str], Score] = {}
    for score in scores:
        key = (score.task, score.setting, score.method)
        if key in found:
            earlier = found[key]
            values = (*earlier.values, *score.values)
            seconds = (earlier.seconds * len(earlier.values) + score.seconds) / len(values)
            found[key] = replace(earlier, values=values, seconds=seconds)
        else:
            found[key] = score
    return list(found.values())
