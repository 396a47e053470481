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

AT_ONCE = 8  # clouds that a network is asked about together


def points_of(clouds: PartClouds, *, normals: bool) -> Float[Tensor, "rows n d"]:
    """Clouds of equal sizes about their means, in the unit of networks, and with ``normals`` those beside them."""
    x = clouds.x.view(len(clouds), -1, 3)
    x = (x - x.mean(1, keepdim=True)) / UNIT
    return (torch.cat([x, clouds.normals.view(x.shape)], 2) if normals else x).float()


def learn(
    network: nn.Module,
    method: str,
    known: tuple[Float[Tensor, "rows n d"], Int[Tensor, "rows ..."], Int[Tensor, "rows n"]],
    plan: Learning,
    run: Run,
    seed: int,
    *keys: str,
) -> None:
    """Trains in place on jittered clouds: points, labels of points or clouds, parts."""
    batches = Batches(*known, batch_size=plan.batch, seed=derive(seed, "batches"))

    def jittered(x: Tensor, label: Tensor, part: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        noise = float(plan.noise) / UNIT * torch.randn(*x.shape[:2], 3, generator=generator)
        return torch.cat([x[..., :3] + noise, x[..., 3:]], 2), label, part

    place = part(run, asdict(plan), *keys, method, seed)
    train(network, losses(method), Moved(batches, jittered, seed, "noise"), plan, place, seed)


def turned(x: Float[Tensor, "rows n d"], seed: int) -> Float[Tensor, "rows n d"]:
    """Each cloud by a rotation of its own, its normals too."""
    R: Any = SO(3).sample(len(x), generator=spawn(seed, "turned"), dtype=x.dtype)
    return torch.cat([one @ R.mT for one in x.split(3, 2)], 2)


@torch.no_grad()
def told(network: nn.Module, x: Float[Tensor, "rows n d"]) -> Tensor:
    """Likeliest labels."""
    return torch.cat([network(some).argmax(-1) for some in x.split(AT_ONCE)])


def overlap(said: Int[Tensor, ...], label: Int[Tensor, ...], classes: int) -> float:
    """The mean over classes that there are of points in common over points in either, in percent.

    >>> overlap(torch.tensor([0, 0, 1]), torch.tensor([0, 1, 1]), 3)
    50.0
    """
    both = torch.bincount((classes * label + said).flatten(), minlength=classes**2).view(classes, classes).double()
    common, either = both.diagonal(), both.sum(0) + both.sum(1) - both.diagonal()
    there = both.sum(1) > 0
    return 100 * float((common[there] / either[there]).mean())
