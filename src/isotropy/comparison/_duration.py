"""About how long a comparison takes, said before it begins: a few steps of each method are timed."""

import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import cast

import torch

from isotropy.comparison._methods import Budget, Kind, Method
from isotropy.comparison._own import Own
from isotropy.comparison._trainees import trainee_of
from isotropy.comparison._training import single_precision, steps_of
from isotropy.errors import counted
from isotropy.runs import cores, spoken, threads_limited
from isotropy.study import Problem

_STEPS = 4  # timed of each method, after one that warms up
_BESIDE = 1.2  # validation, predictions and the asymmetry, as a share of the steps
_SAID = 10.0  # shorter ones are over before one has read it
_START = 6.0  # seconds until a process has imported what it needs


def announce(
    problem: Problem, left: Sequence[Method], budget: Budget, own: Own, engine: str, workers: int | None,
    progress: bool | None,
) -> None:  # fmt: skip
    """A line on standard error about the trainings that are ``left``, a method for each, unless progress is not wanted
    or it is over at once."""
    if progress is False or not left:
        return
    several = 1 if engine == "serial" else workers or cores()
    seconds = estimated(problem, left, budget, own) / several + (0 if engine == "serial" else _START)
    if seconds >= _SAID:
        where = "one core" if several == 1 else f"{several} cores"
        methods = counted(len({one.name for one in left}), "method")
        trainings = f"{counted(len(left), 'training')} of {counted(budget.steps, 'step')}, {methods}"
        print(f"about {spoken(seconds)} for {trainings}, on {where}", file=sys.stderr, flush=True)


def estimated(problem: Problem, left: Sequence[Method], budget: Budget, own: Own) -> float:
    """Processor seconds of these trainings, from some steps of each method on a batch of rows."""
    with single_precision(), threads_limited(1), torch.random.fork_rng(devices=[]):
        return sum(count * _of_one(problem, method, budget, own) for method, count in Counter(left).items())


def _of_one(problem: Problem, method: Method, budget: Budget, own: Own) -> float:
    rows = torch.arange(min(budget.batch, len(problem.x)))
    candidate = next((c for c in problem.candidates if c.name == method.group), None)
    few = problem.few(rows)
    began = time.process_time()
    trainee = trainee_of(cast(Kind, method.kind), few, candidate, rows, budget, 0, own)
    made = time.process_time()
    table = trainee.table(rows)
    steps_of(trainee, table, 1)
    warm = time.process_time()
    steps_of(trainee, table, _STEPS)
    each = (time.process_time() - warm) / _STEPS
    # Poses are found for each row; networks are made once, which a few rows show as well as many.
    return each * budget.steps * _BESIDE + (made - began) * len(problem.x) / len(rows)
