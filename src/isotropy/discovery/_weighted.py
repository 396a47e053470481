"""A predictor without a discovery: kernel ridge regression on weighted rows, whatever their order."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.discovery._kernel import KernelRidge
from isotropy.groups import SO
from isotropy.random import derive, spawn
from isotropy.reps import Schema
from isotropy.study import Candidate, Model, Preparation, Problem


def fitted(
    x: Float[Tensor, "n p"],
    y: Float[Tensor, "n q"],
    weight: Float[Tensor, " n"] | None,
    seed: int,
    problem: Problem | None = None,
) -> Model:
    """A model of rows that count ``weight`` times: equal rows are one that counts as often, and no order matters.

    So a weight of two is a row that stands twice, and one of zero a row that is left out. Without a ``problem`` all
    columns are Scalars, which no group moves.
    """
    weight = torch.ones(len(x), dtype=torch.float64) if weight is None else weight
    kept = weight > 0
    rows, of = torch.unique(torch.cat([x, y], 1)[kept], dim=0, return_inverse=True)
    counts = torch.zeros(len(rows), dtype=torch.float64).index_add_(0, of, weight[kept])
    x, y = rows[:, : x.shape[1]].contiguous(), rows[:, x.shape[1] :].contiguous()
    unit = torch.arange(len(x))
    if problem is None:
        # Any group moves Scalars alike; one is named because a problem has candidates.
        types = Schema(x=f"{x.shape[1]}*Scalar", y=f"{y.shape[1]}*Scalar")
        problem = Problem(x, y, unit, types, (Candidate("SO(2)", SO(2)),), seed)
    problem = replace(problem, x=x, y=y, unit=unit, series=None)
    preparation = Preparation.fit(problem, x, y, by_part=True)
    equal = bool((counts == counts[0]).all())
    core = KernelRidge.fit(
        preparation.read(x),
        preparation.targets.apply(y),
        bodies=problem.bodies,
        generator=spawn(derive(seed, "weighted"), "kernel"),
        weight=None if equal else counts / counts.mean(),
    )
    return Model(preparation, core)
