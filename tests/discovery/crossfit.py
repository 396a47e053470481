"""The estimator on its own, without runs and reports: for statistical tests that repeat it hundreds of times."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from isotropy.data import Dataset
from isotropy.discovery._kernel import KernelRidge
from isotropy.measure import Breaking, BreakingTerms, breaking_terms, combine, randomisation_test
from isotropy.measure.parts import bonferroni
from isotropy.random import derive, spawn
from isotropy.study import Model, Preparation, Problem, candidates

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
    """Breaking and p-value of every candidate, as ``discover`` combines them."""
    energy = problem.energy
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
    answers = {name: combine(parts, energy, problem.unit) for name, parts in terms.items()}
    return answers, p_values


def _judge(
    problem: Problem, name: str, models: list[Callable[[Tensor], Tensor]], half: Tensor, split: int
) -> tuple[BreakingTerms, float]:
    candidate = next(c for c in problem.candidates if c.name == name)
    whole: dict[str, Tensor] = {}
    p_values: list[float] = []
    for fold in (0, 1):
        at = (half == fold).nonzero()[:, 0]
        generator = spawn(problem.seed, name, split, fold)
        unit = torch.unique(problem.unit[at], return_inverse=True)[1]
        part = breaking_terms(
            models[fold], models[1 - fold], problem.x[at], problem.y[at], candidate.measured, problem.rep_in,
            problem.rep_out, unit=unit, generator=generator,
        )  # fmt: skip
        p_values.append(randomisation_test(part.orbit_loss, unit, permutations=199, generator=generator))
        for key, values in part.tensors().items():
            whole.setdefault(key, torch.empty(len(problem.x), *values.shape[1:], dtype=values.dtype))[at] = values
    return BreakingTerms(**whole), bonferroni(p_values)
