"""What no picture is drawn for in training: predictors on latents alone, and the ceilings of symmetric families."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from isotropy.data.render import Family
from isotropy.data.render import latents as views
from isotropy.experiments.split_representation._config import VARY, Latent
from isotropy.groups import SO, matrix_to_angles
from isotropy.groups.parts import matrix
from isotropy.random import spawn
from isotropy.represent import HyperPredictor, best_predictor, own_symmetries, pose_ceiling
from isotropy.runs import Run
from isotropy.study import Outcome, job, size
from isotropy.train import Task, fit

FOUND = "exact, from few pairs"
RIDGE = "linear in irreps, by ridge"
RIDGE_PENALTY = 1e-9  # of pairs without noise
PREDICTORS: dict[str, dict[str, Any]] = {
    FOUND: {"kind": "homomorphism"},
    "exact, from few pairs, then descent": {"kind": "homomorphism"},
    "exact, right multiplicities": {"kind": "homomorphism"},
    "exact, no degree 2": {"kind": "homomorphism"},
    RIDGE: {"kind": "linear"},
    "linear in irreps": {"kind": "linear"},
    "linear in quaternions": {"kind": "linear", "group_input": "quat"},
    "linear in quaternions, w >= 0": {"kind": "linear", "group_input": "quat_canonical"},
    "MLP": {"kind": "mlp"},
}


@job
def latent_job(run: Run, *, seed: int, predictor: str, plan: Latent) -> Outcome:
    """Relative errors of a predictor that is fitted to a hidden representation, within the box and on Haar rotations.

    y2 = Q D(g) Q^T y1 of hidden Q and standard normal y1; pairs of the box of poses are seen, pairs of all of SO(3) are
    not. Adam, mean squared error; "from few pairs", averages and Procrustes of ``plan.few`` of them; "by ridge", linear
    regression of ``plan.pairs``, each taken both ways.
    """
    degrees = {0: plan.copies, 1: plan.copies, 2: plan.copies}
    dim = sum(m * (2 * l + 1) for l, m in degrees.items())
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        hidden = HyperPredictor(dim, kind="homomorphism", multiplicities=degrees).requires_grad_(False)
        given: dict[str, Any] = {"group_input": "irreps", **PREDICTORS[predictor]}
        if given["kind"] == "homomorphism":
            wrong = {0: 3 * plan.copies, 1: 2 * plan.copies}  # as many columns
            given["multiplicities"] = wrong if predictor == "exact, no degree 2" else degrees
        fitted = HyperPredictor(dim, **given)
    draw = spawn(seed, "latents")

    def between(model: HyperPredictor, first: Tensor, second: Tensor) -> Tensor:
        return views.relative(first, second, model.group_input, warn=False).float()

    def error(first: Tensor, second: Tensor, y: Tensor) -> Tensor:
        one, other = (model(y, between(model, first, second)) for model in (hidden, fitted))
        return (one - other).square().sum() / one.square().sum()

    def pairs(box: bool) -> tuple[Tensor, Tensor, Tensor]:
        if box:
            poses = views.sample(2 * plan.pairs, generator=draw)
        else:
            R = matrix(SO(3).sample((2 * plan.pairs,), generator=draw, dtype=torch.float64))
            poses = torch.cat([matrix_to_angles(R), torch.zeros(len(R), 4, dtype=R.dtype)], 1)
        return poses[: plan.pairs], poses[plan.pairs :], torch.randn(plan.pairs, dim, generator=draw)

    if predictor.startswith(FOUND):
        first, second, y = (part[: plan.few] for part in pairs(box=True))
        g = between(hidden, first, second)
        fitted.initialize_from_pairs(y, g, hidden(y, g), seed)
    if predictor == RIDGE:
        first, second, y = pairs(box=True)
        both = torch.stack([y, hidden(y, between(hidden, first, second))], 1)
        fitted = best_predictor(both, torch.stack([first, second], 1), penalty=RIDGE_PENALTY).float()
    elif predictor != FOUND:
        fit(
            fitted, Task(lambda _, batch: error(*batch), per="batch"), (pairs(box=True) for _ in range(plan.steps)),
            optimizer=torch.optim.Adam(fitted.parameters(), plan.rate), max_epochs=1, seed=seed, progress=False,
        )  # fmt: skip
    with torch.no_grad():
        box, haar = (math.sqrt(float(error(*pairs(box=where)))) for where in (True, False))
    return {"box": box, "haar": haar, "parameters": size(fitted)}


@job
def ceiling_job(run: Run, *, seed: int, level: int, symmetric: bool, families: int, objects: int) -> Outcome:
    """Of each family the turns that leave its first object as it is, and the best R2 that anybody can have."""
    found: dict[str, Any] = {"turns": {}, "r2": {}}
    for family, own in enumerate(own_symmetries(seed, range(families), symmetric)):
        draw = spawn(seed, "ceiling", family)
        seen = views.sample(objects * 16, generator=draw, vary=VARY[level]).reshape(objects, 16, len(views.NAMES))
        name = Family(seed, family, symmetric).name
        found["turns"][name] = len(own)
        found["r2"][name] = pose_ceiling(seen, [own] * objects).component
    return found
