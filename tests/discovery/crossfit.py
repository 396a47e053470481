"""The estimator on its own, without runs and reports: for statistical tests that repeat it hundreds of times."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from isotropy.data import Dataset
from isotropy.discovery._analysis import Work, _mean_loss, _refits, _unlearned, _Winner
from isotropy.discovery._analysis import _judge as _judge_all
from isotropy.discovery._compact import with_compact_parts
from isotropy.discovery._continuous import continuous
from isotropy.discovery._findings import Continuous, GroupFinding, TrainingCurves
from isotropy.discovery._jobs import fit_half, gram, judge
from isotropy.discovery._judging import Asked, findings
from isotropy.discovery._kernel import KernelRidge
from isotropy.discovery._learners import learn, revive
from isotropy.discovery._proposing import narrowed
from isotropy.discovery._verdicts import SHARE_TOLERANCE
from isotropy.measure import Breaking, BreakingTerms, combine, noise_of
from isotropy.random import derive, spawn
from isotropy.runs import Job, Run, map_jobs
from isotropy.runs._job import store
from isotropy.study import DependentRowsWarning, Model, Preparation, Problem, candidates, proposed
from isotropy.study import problem_of as door

Fit = Callable[[Problem, Tensor, Tensor, Tensor, int], Callable[[Tensor], Tensor]]


def problem_of(data: Dataset, groups: str | None = None, seed: int = 0) -> Problem:
    found = candidates(groups or list(data.groups), data.types, data.x, data.windows)
    unit = torch.arange(data.rows) if data.cluster is None else data.cluster
    return Problem(data.x, data.y, unit, data.types, found, seed)


def kernel_fit(kernels: Sequence[str] | None = None) -> Fit:
    """Kernel ridge regression, of the kernels named or of all that compete."""

    def fit(problem: Problem, x: Tensor, y: Tensor, unit: Tensor, seed: int) -> Callable[[Tensor], Tensor]:
        prepared = Preparation.fit(problem, x, y)
        z, t = prepared.inputs.apply(x), prepared.targets.apply(y)
        core = KernelRidge.fit(z, t, unit=unit, bodies=problem.bodies, kernels=kernels, generator=spawn(seed, "kernel"))
        return Model(prepared, core)

    return fit


def crossfit(problem: Problem, fit: Fit, splits: int = 5) -> tuple[dict[str, Breaking], dict[str, float]]:
    """Breaking and p-value of every candidate in the first part of the target, as ``discover`` combines them."""
    terms: dict[str, list[BreakingTerms]] = {candidate.name: [] for candidate in problem.candidates}
    p_values: dict[str, float] = {}
    for split in range(splits):
        half = problem.half(split)
        kept = [half != fold for fold in (0, 1)]
        models = [
            fit(problem, problem.x[rows], problem.y[rows], problem.unit[rows], derive(problem.seed, split, fold))
            for fold, rows in enumerate(kept)
        ]
        for candidate in problem.candidates:
            part, p = _judge(problem, candidate.name, models, half, split)
            terms[candidate.name].append(part)
            p_values.setdefault(candidate.name, p)
    outputs = [part.outputs for part in problem.parts]
    return {name: combine(each, problem.unit, outputs)[0] for name, each in terms.items()}, p_values


def _judge(
    problem: Problem, name: str, models: list[Callable[[Tensor], Tensor]], half: Tensor, split: int
) -> tuple[BreakingTerms, float]:
    candidate = next(c for c in problem.candidates if c.name == name)
    generator = spawn(problem.seed, name, split)
    terms, p_values = judge(problem, candidate, models, half, torch.arange(len(problem.x)), generator)
    return terms, p_values[0]


def found_in(
    data: Dataset, groups: str | None, *, seed: int, kernel: str | None = None, invariant: bool = False, splits: int = 5
) -> list[GroupFinding]:
    """What ``discover`` says of each candidate, by its own jobs: without the competition of learners (kernels compete,
    or the one named is taken), curves, spectrum and copies. ``invariant`` inputs are not tested for it. Without groups
    they are proposed from one half of the units and judged on the other."""
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder, Run(folder) as run:
        warnings.simplefilter("ignore", DependentRowsWarning)
        if groups is None:
            plain = proposed(data.types, data.types.known_dims(data.x.shape[1], data.y.shape[1]))
            problem = with_compact_parts(narrowed(door(replace(data, types=plain.types), plain.groups, None, seed)))
        else:
            problem = with_compact_parts(door(data, groups, None, seed))
        problem.save(run)
        halves = [(split, fold) for split in range(splits) for fold in (0, 1)]
        if kernel is not None:
            for split, fold in halves:
                _fix_kernel(run, problem, kernel, split, fold)
        fits = [problem.job(fit_half, learner="kernel", split=split, fold=fold) for split, fold in halves]
        loss = _mean_loss(map_jobs(fits, run, progress=False))

        def outcomes(jobs: Sequence[Job], description: str) -> list[Any]:
            return [_INVARIANT if invariant and job.function == _INPUTS else job.call(run) for job in jobs]

        work, winner = Work(problem, outcomes), _Winner("kernel", splits, loss, {}, TrainingCurves())
        measured, tested = _judge_all(work, winner)
        parts = {part.name: part.columns for part in problem.parts}
        noise = noise_of(problem.x, problem.y, parts, data.noise, unit=problem.unit)
        asked = Asked(problem, noise, data.imposed, dict(data.truth or {}), SHARE_TOLERANCE)
        refits = _refits(work, winner, tested)
        unlearned = _unlearned(work, winner, measured, refits, SHARE_TOLERANCE)
        return findings(asked, measured, tested, refits, unlearned)


def continuous_in(data: Dataset, group: str, *, seed: int, splits: int = 3) -> Continuous:
    """The continuous symmetries that ``discover`` finds inside one group, by its own jobs."""
    with tempfile.TemporaryDirectory() as folder, Run(folder) as run:
        problem = door(data, group, None, seed)
        problem.save(run)
        return continuous(problem.candidates[0], gram(run, seed=seed, learner="kernel", index=0, splits=splits))


_INPUTS = "isotropy.discovery._jobs:inputs"
_INVARIANT = {
    "p_value": 1.0, "shift": 0.0, "overlap": 1.0, "overlap_low": 1.0, "invariant": True, "components": [], "lows": [],
}  # fmt: skip


def _fix_kernel(run: Run, problem: Problem, kernel: str, split: int, fold: int) -> None:
    """Stores the fit of one half with that kernel where jobs look for it; refits take the kernel over."""
    kept = problem.half(split) != fold
    like = {"core": {"kernel": kernel}, "preparation": {"compression": None}}
    x, y, unit = problem.x[kept], problem.y[kept], problem.unit[kept]
    state, _ = learn("kernel", problem, x, y, unit, seed=problem.seed, stream=("fit", split, fold), like=like)
    loss = problem.losses(problem.y[~kept] - revive("kernel", problem, state)(problem.x[~kept]))
    outcome = {"state": state, "curves": {}, "loss": loss.numpy()}
    store(run, problem.job(fit_half, learner="kernel", split=split, fold=fold), outcome)
