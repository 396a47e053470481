"""A scaling that is broken by the exponent alone: the targets scale, with another weight than the one declared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.discovery._jobs import both_fitted
from isotropy.groups import Draws
from isotropy.random import spawn
from isotropy.runs import Run
from isotropy.study import Candidate, Problem

_ROWS, _DRAWS = 1000, 8
_WEIGHTS = torch.arange(-600, 601, dtype=torch.float64) / 100  # exponents that are tried
_REMOVED = 0.1  # another exponent explains a breaking of which it leaves less than this share


def scales(candidate: Candidate) -> bool:
    """Whether a candidate is a uniform scaling and nothing else."""
    return candidate.group.name.startswith("Scale(") and candidate.group.dim == 1


def exponents(run: Run, *, seed: int, learner: str, index: int) -> dict[str, Any]:
    """For each part of the target the exponent with which it scales, and the share of the breaking that this leaves.

    Minimises E <s^-w f_1(s x) - f_1(x), s^-w f_2(s x) - f_2(x)> over w, for two models of disjoint halves.
    """
    problem = Problem.load(run)
    candidate = problem.candidates[index]
    rows = torch.randperm(len(problem.x), generator=spawn(seed, "exponent rows"))[:_ROWS]
    x = problem.x[rows]
    drawn = Draws.of(candidate.measured, _DRAWS).take(len(x), spawn(seed, "exponents", candidate.name), dtype=x.dtype)
    g: Any = drawn.rows(torch.arange(len(x)))
    size = g[..., 0, 0]  # a scaling is its factor times the identity
    moved = problem.rep_in.act(candidate.group, g, x[:, None])
    models = both_fitted(run, problem, learner, 0)
    still = [model(x)[:, None] for model in models]
    there = [model(moved.flatten(0, 1)).unflatten(0, moved.shape[:2]) for model in models]
    found: list[list[float]] = []
    for part, own in zip(problem.parts, _declared(problem), strict=True):
        k = part.columns
        pair = [f[..., k] for f in there], [f[..., k] for f in still]
        left = torch.stack([_left(size, float(w), *pair) for w in _WEIGHTS])
        best, declared = int(left.argmin()), float(_left(size, own, *pair))
        found.append([float(_WEIGHTS[best]), max(float(left[best]), 0.0) / declared if declared > 0 else 1.0, own])
    return {"exponents": found}


def sentence(problem: Problem, found: Sequence[Sequence[float]]) -> str:
    """What to say of a broken scaling: its exponents, where they explain the breaking; else nothing."""
    told = [
        f"{part.name} scales with exponent {weight:.2g}, declared {own:.2g}"
        for part, (weight, left, own) in zip(problem.parts, found, strict=True)
        if left < _REMOVED and abs(weight - own) > 0.02
    ]
    return f"wrong exponent: {'; '.join(told)}" if told else ""


def _declared(problem: Problem) -> list[float]:
    """The weight of each part of the target: of its factors and beyond them."""
    return [
        float(sum(factor.weight for factor in part.term.factors) + sum(power for _, power in part.term.scale))
        for part in problem.rep_out.parts()
    ]


def _left(size: Tensor, weight: float, there: Sequence[Tensor], still: Sequence[Tensor]) -> Float[Tensor, ""]:
    change = [size[..., None] ** -weight * moved - f for moved, f in zip(there, still, strict=True)]
    return (change[0] * change[1]).sum(-1).mean()
