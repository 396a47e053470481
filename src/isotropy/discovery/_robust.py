"""A robust loss: far residuals pull like near ones (Huber), so that a few wrong rows decide nothing.

Huber's estimate is what least squares gives on pseudo-observations, targets whose residuals are drawn in (Huber,
Robust Statistics, 1981, section 7.8). They are drawn in by their length, about a point that no candidate moves, so that
the data keep the symmetries that they have.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import DomainError
from isotropy.study import Problem

_REACH = 4.5  # times the median length: 3 standard deviations of a normal residual


def drawn_in(problem: Problem, residual: Float[Tensor, "n q"]) -> Float[Tensor, "n q"]:
    """Residuals no longer than 4.5 times their median length, part by part."""
    shorter = residual.clone()
    for part in problem.parts:
        length = torch.linalg.vector_norm(residual[:, part.columns], dim=1, keepdim=True)
        reach = _REACH * length.median()
        shorter[:, part.columns] *= (reach / length.clamp_min(1e-300)).clamp_max(1.0)
    return shorter


def made_robust(problem: Problem) -> Problem:
    """The problem with its targets drawn in towards a constant that no candidate moves, and to be judged likewise.

    Raises DomainError where over half of the targets are that constant, so that all others would count as far.
    """
    middle = problem.centre(problem.y.median(0).values[None])
    for part in problem.parts:
        same = ((problem.y - middle)[:, part.columns] == 0).all(1).double().mean().item()
        if same > 0.5:
            raise DomainError(
                f"robust=True with {part.name} equal in {same:.0%} of the rows",
                "targets of which fewer than half are equal",
                "leave robust out: all rows beside the equal ones would count as wrong",
            )
    return replace(problem, y=middle + drawn_in(problem, problem.y - middle), robust=True)


def targets_to_judge(problem: Problem, y: Float[Tensor, "n q"], fitted: Float[Tensor, "n q"]) -> Float[Tensor, "n q"]:
    """What a model is judged by: the targets, under a robust loss drawn in towards its predictions."""
    return fitted + drawn_in(problem, y - fitted) if problem.robust else y
