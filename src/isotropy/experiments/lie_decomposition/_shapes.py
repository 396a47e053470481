"""Shapes in space, of some bumps each, learned upright and named when they are stretched (n = 3)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from isotropy.experiments.lie_decomposition._config import CONVOLUTION, MOMENTS, ShapesPlan
from isotropy.experiments.lie_decomposition._digits import AT_ONCE
from isotropy.frames import MomentFrame
from isotropy.groups import SL, Window
from isotropy.groups.parts import matrix
from isotropy.nn import GroupResNet
from isotropy.random import derive, spawn
from isotropy.reps import Bumps
from isotropy.runs import Run
from isotropy.study import accuracy, cross_entropy, job, part, size, train
from isotropy.train import Batches

BLURRED = 0.13  # the deviation of a bump, in half sides


@job
def shapes_job(run: Run, *, seed: int, method: str, plan: ShapesPlan) -> dict[str, Any]:
    """Trains on upright shapes: the share named rightly of upright and of stretched ones."""
    x, y = shapes(plan, plan.train, seed, "train", stretched=False)
    sets = {name: shapes(plan, plan.test, seed, name, name == "stretched") for name in ("upright", "stretched")}
    if method == MOMENTS:
        frame = MomentFrame("GL+(3)")
        x = frame.canonicalise(x)[0]
        sets = {name: (frame.canonicalise(one)[0], label) for name, (one, label) in sets.items()}
    torch.manual_seed(derive(seed, "weights"))
    model = built(method, plan).to(plan.device)
    rows = (x.to(plan.device), y.to(plan.device))
    batches = Batches(rows, plan.batch, seed=derive(seed, "batches"))
    train(model, cross_entropy, batches, plan, part(run, plan, "shapes", method, seed), seed)
    right = {
        name: accuracy(model, *(each.to(plan.device) for each in one), at_once=AT_ONCE) for name, one in sets.items()
    }
    return {"parameters": size(model), "right": right}


def shapes(plan: ShapesPlan, count: int, seed: int, name: str, stretched: bool) -> tuple[Tensor, Tensor]:
    """Voxels (count, 1, side, side, side) and their classes; the classes are those of the seed."""
    middle = 0.3 * torch.randn(plan.classes, plan.bumps, 3, generator=spawn(seed, "classes"), dtype=torch.float64)
    middle = middle - middle.mean(1, keepdim=True)
    draw = spawn(seed, "shapes", name)
    y = torch.randint(plan.classes, (count,), generator=draw)
    apart = torch.randn(count, plan.bumps, 3, generator=draw, dtype=torch.float64)
    bumps = Bumps(3)
    height = torch.ones(count, plan.bumps, dtype=torch.float64)
    round_ = (BLURRED**2 * torch.eye(3, dtype=torch.float64)).expand(count, plan.bumps, 3, 3)
    f = bumps.of(height, middle[y] + float(plan.jitter) * apart, round_)
    if stretched:
        # Stretches alone, without turns: what the moments remove, and what the networks must not have learned.
        v = float(plan.stretch) * torch.randn(count, SL(3).dim, generator=draw, dtype=torch.float64)
        v[:, SL(3).turns.coordinates] = 0
        f = bumps.act(SL(3), matrix(SL(3).from_coords(v)), f)
    return bumps.render(f, (plan.side,) * 3).float(), y


def built(method: str, plan: ShapesPlan) -> nn.Module:
    """The convolution over SL(3), or a plain network of as many layers whose maxima are over all of space, too."""
    if method == CONVOLUTION:
        window = Window(SL(3), 0.1, "logistic", compact="haar")
        return GroupResNet(
            "SL(3)", plan.dims, plan.samples, num_classes=plan.classes, kernel_size=3, lift_size=5, pool=2,
            separable=True, head=32, dropout=0.0, measure=window, resample="never",
        )  # fmt: skip
    c = 2 * plan.dims[0]
    return nn.Sequential(
        nn.Conv3d(1, c, 5), nn.GELU(), nn.AvgPool3d(2), nn.Conv3d(c, c, 3, padding=1), nn.GELU(),
        nn.Conv3d(c, c, 3, padding=1), nn.GELU(), nn.AdaptiveMaxPool3d(1), nn.Flatten(),
        nn.Linear(c, 32), nn.GELU(), nn.Linear(32, plan.classes),
    )  # fmt: skip
