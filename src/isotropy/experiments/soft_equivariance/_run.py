"""From settings to the result: jobs (setting, method, seed) mapped in the run directory, then rows, floors, claims."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, cast

from isotropy.data import load
from isotropy.experiments.soft_equivariance._claims import CLAIMS
from isotropy.experiments.soft_equivariance._config import Config, Question, Setting
from isotropy.experiments.soft_equivariance._methods import VALIDATED, Method, methods, oracles
from isotropy.experiments.soft_equivariance._records import Level, Score, Strengths
from isotropy.experiments.soft_equivariance._result import SoftEquivariance
from isotropy.report import jsonable
from isotropy.runs import Job, Run, map_jobs

_ROOM = "isotropy.experiments.soft_equivariance"
Outcome = Mapping[str, Any]


def run_experiment(config: Config, run: Run) -> SoftEquivariance:
    """Trains and questions whatever ``run`` does not hold yet, and says which claims held.

    ``seconds`` of the result is the sum of the jobs' processor seconds, whatever the engine.
    Source: Kim et al., ICML 2023; §5.1-5.4.
    """
    truth = {setting.name: _truth(setting) for setting in config.settings}
    trainings = [
        (setting, method, number, _training(config, setting, method, number))
        for setting in config.settings
        for method in methods(truth[setting.name][0], config.plan)
        for number in range(setting.seeds)
    ]
    trained = map_jobs([job for *_, job in trainings], run, engine=config.engine, description="networks")
    questions = [
        (question, number, _question(config, question, number))
        for question in config.questions
        for number in range(question.seeds)
    ]
    answers = map_jobs([job for *_, job in questions], run, engine=config.engine, description="discover")

    floors = {name: floor for name, (_, floor) in truth.items()}
    outcomes: dict[tuple[str, Method], list[Outcome]] = {}
    for (setting, method, _, _), outcome in zip(trainings, trained, strict=True):
        outcomes.setdefault((setting.name, method), []).append(outcome)
    result = SoftEquivariance(
        scores=tuple(_scores(outcomes, truth)),
        levels=tuple(
            Level(problem=question.name, seed=config.seed + number, **row)
            for (question, number, _), answer in zip(questions, answers, strict=True)
            for row in answer["groups"]
        ),
        strengths=tuple(_strengths(outcomes)),
        truth={name: shares for name, (shares, _) in truth.items()},
        floors=floors,
        config=cast(dict[str, Any], jsonable(asdict(config))),
        seconds=sum(outcome["seconds"] for outcome in [*trained, *answers]),
    )
    return replace(result, claims=tuple(claim.judge(result) for claim in CLAIMS))


def _truth(setting: Setting) -> tuple[dict[str, float], dict[str, float]]:
    """The exact breaking of each candidate, and its floor B_G / 9 per entry (§5.2)."""
    data = load("inertia", nu=setting.nu, axis=setting.axis, n=1)
    shares = dict(data.truth or {})
    energy = data.energy or 0.0
    return shares, {group: share * energy / data.y.shape[1] for group, share in shares.items()}


def _training(config: Config, setting: Setting, method: Method, number: int) -> Job:
    arguments = {
        "nu": setting.nu,
        "axis": setting.axis,
        "method": method.key,
        "argument": method.argument,
        "plan": asdict(config.plan),
    }
    return Job(f"{_ROOM}:train_job", arguments, seed=config.seed + number)


def _question(config: Config, question: Question, number: int) -> Job:
    arguments = {
        "problem": question.problem,
        "settings": dict(question.settings),
        "rows": config.question_rows,
        "quick": config.quick,
    }
    return Job(f"{_ROOM}:discover_job", arguments, seed=config.seed + number)


def _scores(
    outcomes: Mapping[tuple[str, Method], Sequence[Outcome]],
    truth: Mapping[str, tuple[Mapping[str, float], Mapping[str, float]]],
) -> list[Score]:
    scores: list[Score] = []
    for setting, (shares, floors) in truth.items():
        starts: dict[str, Sequence[Outcome]] = {}
        for (where, method), found in outcomes.items():
            if where != setting:
                continue
            floor = None if method.group is None else floors[method.group]
            score = _score(setting, method.name, found, method.group, floor)
            scores.append(replace(score, oracle=method.group in oracles(shares)))
            if method.key == "ratio":
                starts[method.argument] = found
        if starts:
            scores.append(_validated(setting, starts))
    return scores


def _validated(setting: str, starts: Mapping[str, Sequence[Outcome]]) -> Score:
    """For each seed the start whose network has the lowest validation error, at the price of training them all."""
    seeds = range(len(next(iter(starts.values()))))
    chosen = [min(starts, key=lambda start: starts[start][seed]["validation"]) for seed in seeds]
    best = [starts[start][seed] for seed, start in zip(seeds, chosen, strict=True)]
    score = _score(setting, VALIDATED, best, None, None)
    seconds = sum(statistics.fmean(outcome["seconds"] for outcome in found) for found in starts.values())
    return replace(score, chosen=tuple(chosen), seconds=seconds)


def _score(setting: str, name: str, found: Sequence[Outcome], group: str | None, floor: float | None) -> Score:
    return Score(
        setting=setting,
        method=name,
        test=tuple(outcome["test"] for outcome in found),
        validation=tuple(outcome["validation"] for outcome in found),
        train=tuple(outcome["train"] for outcome in found),
        seconds=statistics.fmean(outcome["seconds"] for outcome in found),
        parameters=found[0]["parameters"],
        group=group,
        floor=floor,
    )


def _strengths(outcomes: Mapping[tuple[str, Method], Sequence[Outcome]]) -> list[Strengths]:
    """The curves of the first seed of every tuned method."""
    return [
        Strengths(
            setting,
            method.name,
            tuple(found[0]["strengths"]["epochs"]),
            {group: tuple(values) for group, values in found[0]["strengths"]["groups"].items()},
        )
        for (setting, method), found in outcomes.items()
        if found[0]["strengths"]
    ]
