"""Calibration: the same analysis on copies of the data that are exactly symmetric by construction."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from isotropy.discovery._jobs import judge, on_rows
from isotropy.discovery._learners import learn, revive
from isotropy.groups import Draws, Window
from isotropy.measure import combine
from isotropy.random import spawn
from isotropy.runs import Run
from isotropy.study import Candidate, Problem

CALIBRATED_ROWS = 1000  # calibration redoes the analysis many times, on at most this many rows


def surrogate(run: Run, *, seed: int, learner: str, copy: int) -> dict[str, Any]:
    """The breaking read off one symmetric copy (g_i x_i, g_i y_i), for every compact candidate.

    Turned under the largest compact candidate, the copy is symmetric under all candidates inside it, with the noise
    and the invariants of the data; candidates outside get a copy of their own.
    """
    problem = Problem.load(run)
    order = torch.randperm(len(problem.x), generator=spawn(seed, "surrogate rows", copy))[:CALIBRATED_ROWS]
    problem = on_rows(replace(problem, series=None), order)  # copies are turned block by block, their rows shuffled
    compact = [candidate for candidate in problem.candidates if not isinstance(candidate.measured, Window)]
    breaking: dict[str, float] = {}
    for top in compact:
        if top.name in breaking:
            continue
        inside = [c for c in compact if c.group <= top.group and c.name not in breaking]
        breaking |= _analyse(problem, top, inside, learner, seed, copy)
    return {"breaking": breaking}


def _analyse(
    problem: Problem, top: Candidate, inside: list[Candidate], learner: str, seed: int, copy: int
) -> dict[str, float]:
    generator = spawn(seed, "surrogate", copy, top.name)
    g = Draws.of(top.group, 1).take(int(problem.unit.max()) + 1, generator).rows(problem.unit)
    x = problem.rep_in.act(top.group, g, problem.x[:, None])[:, 0]
    y = problem.rep_out.act(top.group, g, problem.y[:, None])[:, 0]
    turned = replace(problem, x=x, y=y)
    half, models = turned.half(0), []
    for fold in (0, 1):
        kept = half != fold
        state, _ = learn(
            learner, turned, x[kept], y[kept], turned.unit[kept], seed=seed, stream=("surrogate", copy, top.name, fold)
        )
        models.append(revive(learner, turned, state))
    found: dict[str, float] = {}
    rows, outputs = torch.arange(len(x)), [part.outputs for part in turned.parts]
    for candidate in inside:
        terms, _ = judge(turned, candidate, models, half, rows, generator)
        found[candidate.name] = max((part.cross for part in combine([terms], turned.unit, outputs)), key=abs)
    return found
