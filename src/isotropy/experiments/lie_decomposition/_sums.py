"""Both sides of the equivariance of one convolution on a group, by sums over draws: which weights make them agree."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.experiments.lie_decomposition._config import SumsPlan
from isotropy.groups import SL, GLPlus, Window, parse
from isotropy.groups.parts import matrix
from isotropy.random import spawn
from isotropy.runs import Run
from isotropy.study import Outcome, job


@job
def sums_job(run: Run, *, seed: int, group: str, weights: str, rule: str, plan: SumsPlan) -> Outcome:
    """The root mean square gap between both sides, relative to their mean, for each number of draws; its slope."""
    G = parse(group)
    assert isinstance(G, GLPlus)
    window = Window(G, float(plan.width), compact="haar")
    errors: dict[str, float] = {}
    for n in plan.counts:
        both: list[tuple[float, float]] = []
        for k in range(plan.repeats):
            g, log_weight = window.weighted(n, spawn(seed, "sums", n, k), rule)
            weight = log_weight.exp() if weights == "haar" else torch.ones_like(log_weight)
            left, right = sides(G, matrix(g))
            both.append((float((weight * left).mean()), float((weight * right).mean())))
        pairs = np.array(both)
        errors[str(n)] = float(np.sqrt(np.square(pairs[:, 0] - pairs[:, 1]).mean()) / abs(pairs.mean()))
    slope = float(np.polyfit(np.log(plan.counts), np.log(list(errors.values())), 1)[0]) if len(errors) > 1 else math.nan
    return {"errors": errors, "slope": slope}


def sides(G: GLPlus, B: Float[Tensor, "m n n"]) -> tuple[Float[Tensor, " m"], Float[Tensor, " m"]]:
    """``phi(C^-1 B) k(B)`` and ``phi(B) k(C B)``, whose Haar integrals agree (specification 02 §5.4, for every n)."""
    n = G.degree
    C = torch.eye(n, dtype=B.dtype)
    C[:2, :2] = torch.tensor([[1.2, 0.3], [-0.2, 0.9]], dtype=B.dtype)
    if isinstance(G, SL):
        C = C / torch.linalg.det(C) ** (1 / n)
    return signal(torch.linalg.inv(C) @ B) * kernel(B), signal(B) * kernel(C @ B)


def signal(B: Float[Tensor, "m n n"]) -> Float[Tensor, " m"]:
    back = torch.linalg.inv(B)
    traces = B.square().sum((-2, -1)) + back.square().sum((-2, -1))
    return (-(traces - 2 * B.shape[-1]) / 2).exp() * (1 + 0.5 * B[:, 0, 1].sin())


def kernel(D: Float[Tensor, "m n n"]) -> Float[Tensor, " m"]:
    one = torch.eye(D.shape[-1], dtype=D.dtype)
    return (-(D - one).square().sum((-2, -1)) / 0.72).exp() * torch.linalg.det(D).square()
