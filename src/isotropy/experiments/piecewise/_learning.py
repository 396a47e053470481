"""One training and its trials, shared by the three tasks: clouds in the unit of networks, scores by set."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from isotropy.data import PartClouds
from isotropy.experiments.piecewise._config import Learning
from isotropy.experiments.piecewise._networks import UNIT, losses
from isotropy.groups import SO
from isotropy.random import derive, spawn
from isotropy.runs import Run
from isotropy.study import part, train
from isotropy.train import Batches, Moved

_AT_ONCE = 8


def points_of(clouds: PartClouds) -> Float[Tensor, "rows n 3"]:
    """Clouds of equal sizes about their means, in the unit of networks."""
    x = clouds.x.view(len(clouds), -1, 3)
    return ((x - x.mean(1, keepdim=True)) / UNIT).float()


def learn(
    network: nn.Module,
    method: str,
    clouds: PartClouds,
    label: Int[Tensor, ...],
    plan: Learning,
    run: Run,
    seed: int,
    *keys: str,
) -> None:
    """Trains in place on jittered clouds."""
    rows = len(clouds)
    batches = Batches(
        points_of(clouds), label, clouds.part.view(rows, -1), batch_size=plan.batch, seed=derive(seed, "batches")
    )

    def jittered(x: Tensor, label: Tensor, part: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        return x + float(plan.noise) / UNIT * torch.randn(x.shape, generator=generator), label, part

    place = part(run, asdict(plan), *keys, method, seed)
    train(network, losses(method), Moved(batches, jittered, seed, "noise"), plan, place, seed)


def turned(x: Float[Tensor, "rows n 3"], seed: int) -> Float[Tensor, "rows n 3"]:
    """Each cloud by a rotation of its own."""
    R: Any = SO(3).sample(len(x), generator=spawn(seed, "turned"), dtype=x.dtype)
    return x @ R.mT


@torch.no_grad()
def told(network: nn.Module, x: Float[Tensor, "rows n 3"]) -> Tensor:
    """Likeliest labels."""
    return torch.cat([network(some).argmax(-1) for some in x.split(_AT_ONCE)])


def overlap(said: Int[Tensor, ...], label: Int[Tensor, ...], classes: int) -> float:
    """The mean over classes that there are of points in common over points in either, in percent.

    >>> overlap(torch.tensor([0, 0, 1]), torch.tensor([0, 1, 1]), 3)
    50.0
    """
    both = torch.bincount((classes * label + said).flatten(), minlength=classes**2).view(classes, classes).double()
    common, either = both.diagonal(), both.sum(0) + both.sum(1) - both.diagonal()
    there = both.sum(1) > 0
    return 100 * float((common[there] / either[there]).mean())
