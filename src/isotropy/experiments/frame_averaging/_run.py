"""From plans to the result: clouds, networks, graphs and particles as jobs of one run, then claims."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, cast

from isotropy.experiments._scores import Score
from isotropy.experiments.frame_averaging._claims import CLAIMS, SETS
from isotropy.experiments.frame_averaging._config import Config, Training
from isotropy.experiments.frame_averaging._records import GRAPHS, LEARNED, NORMALS, PARTICLES
from isotropy.experiments.frame_averaging._result import FrameAveraging
from isotropy.experiments.frame_averaging._separation import METHODS
from isotropy.report import jsonable
from isotropy.runs import Job, Run, map_jobs

_ROOM = "isotropy.experiments.frame_averaging"
Outcome = Mapping[str, Any]
Work = tuple[Training, Job]


def run_experiment(config: Config, run: Run) -> FrameAveraging:
    """Trains and measures whatever ``run`` does not hold yet, and says which claims held.

    ``seconds`` of the result is the sum of the jobs' processor seconds, whatever the engine. Source: Puny et al., ICLR
    2022; specification 03 §4.
    """
    drawn = {seed: _clouds(config, seed) for seed in _seeds(config, config.point_networks)}
    clouds = dict(zip(drawn, map_jobs(list(drawn.values()), run, config.engine, description="clouds"), strict=True))
    work: dict[str, list[Work]] = {
        NORMALS: [
            (one, _normals(config, one, seed, clouds[seed]["file"]))
            for one in config.point_networks
            for seed in _seeds(config, (one,))
        ],
        GRAPHS: [(Training(f"{method}|{name}"), _apart(config, method, name)) for name in SETS for method in METHODS],
        LEARNED: _each(config, config.learners, "learning_job", asdict(config.graphs)),
        PARTICLES: _each(config, config.particle_networks, "particles_job", asdict(config.particles)),
    }
    jobs = [job for works in work.values() for _, job in works]
    outcomes = dict(zip(jobs, map_jobs(jobs, run, config.engine, description="networks"), strict=True))
    result = FrameAveraging(
        scores=tuple(score for task, works in work.items() for score in _scores(task, works, outcomes)),
        held_out=tuple(tuple(found["held_out"]) for found in clouds.values()),
        config=cast(dict[str, Any], jsonable(asdict(config))),
        seconds=sum(outcome["seconds"] for outcome in [*clouds.values(), *outcomes.values()]),
    )
    return replace(result, claims=tuple(claim.judge(result) for claim in CLAIMS))


def _seeds(config: Config, trainings: Sequence[Training]) -> range:
    return range(config.seed, config.seed + max((one.seeds for one in trainings), default=0))


def _clouds(config: Config, seed: int) -> Job:
    return Job(f"{_ROOM}:clouds_job", {"abc": config.abc, "plan": asdict(config.normals)}, seed=seed)


def _normals(config: Config, one: Training, seed: int, file: str) -> Job:
    arguments = {"method": one.method, "pose": one.pose, "file": file, "plan": asdict(config.normals)}
    return Job(f"{_ROOM}:normals_job", arguments, seed=seed)


def _apart(config: Config, method: str, graphs: str) -> Job:
    arguments = {"method": method, "graphs": graphs, "plan": asdict(config.graphs)}
    return Job(f"{_ROOM}:separation_job", arguments, seed=config.seed)


def _each(config: Config, trainings: Sequence[Training], job: str, plan: Mapping[str, Any]) -> list[Work]:
    return [
        (one, Job(f"{_ROOM}:{job}", {"method": one.method, "plan": plan}, seed=seed))
        for one in trainings
        for seed in _seeds(config, (one,))
    ]


def _scores(task: str, works: Sequence[Work], outcomes: Mapping[Job, Outcome]) -> list[Score]:
    found: dict[Training, list[Outcome]] = {}
    for one, job in works:
        found.setdefault(one, []).append(outcomes[job])
    return [score for one, seeds in found.items() for score in _lines(task, one, seeds)]


def _lines(task: str, one: Training, seeds: Sequence[Outcome]) -> list[Score]:
    """The lines that one training fills, each with a number for every seed."""
    if task == NORMALS:
        poses = ("I", "SO(3)") if one.pose == "I" else ("SO(3)",)
        numbers = {(f"{one.pose}/{pose}", "1 - <n, p>^2"): [s["errors"][pose] for s in seeds] for pose in poses}
        method = one.method
    elif task == GRAPHS:
        method, _, name = one.method.partition("|")
        numbers = {
            (name, "pairs left together"): [s["together"] for s in seeds],
            (f"{name}, copies", "largest L1 distance"): [s["change"] for s in seeds],
        }
    elif task == LEARNED:
        method, numbers = one.method, {(LEARNED, "accuracy"): [s["accuracy"] for s in seeds]}
    else:
        method = one.method
        numbers = {
            ("test", "MSE per coordinate"): [s["test"] for s in seeds],
            ("E(3) error", "relative rms"): [s["symmetry"] for s in seeds],
        }
    seconds = statistics.fmean(s["seconds"] for s in seeds)
    return [
        Score(task, setting, method, unit, tuple(values), seeds[0]["parameters"], seconds)
        for (setting, unit), values in numbers.items()
    ]
