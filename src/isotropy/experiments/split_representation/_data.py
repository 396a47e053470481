"""Pictures of a level, the same objects beyond the box of poses, and one of them turned once around."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.data.render import MultiViewDataset, Scene, latents, make_3diebench_small, small_object
from isotropy.experiments.split_representation._config import VARY, Pictures
from isotropy.random import spawn

TURN = 40  # views once around, 9 degrees apart
BEYOND = 250  # objects, whose pictures are held in memory: 2.5 GB at the published size
FIRST, STEP, INSIDE = 11, 2, 10  # ten views of the box, 18 degrees apart from -81, and as many beyond it


@lru_cache(maxsize=1)
def both(seed: int, level: int, plan: Pictures) -> tuple[MultiViewDataset, MultiViewDataset]:
    """Objects to learn from, and those to judge on."""
    given = {f"n_{name}": asdict(plan)[name] for name in ("families", "instances", "views")}
    folder = Path(plan.folder) / f"level-{level}-seed-{seed}" if plan.folder else None
    return make_3diebench_small(
        **given, size=plan.size, seed=seed, vary=VARY[level], symmetric=plan.symmetric, folder=folder
    )


def beyond(seed: int, level: int, plan: Pictures, data: MultiViewDataset) -> MultiViewDataset:
    """The same objects, at most ``BEYOND`` of them: the first view as it is, in all others c lies in (pi/2, pi) on
    either side, and what else varies where it did in training.

    One angle alone: R(a, b, c) = R(a + pi, pi - b, c + pi), so that with all three in (pi/2, pi) on either side, the
    latents of 3DIEBench-OOD (Ghaemi et al. 2025), the *rotations* are those of the box again.
    """
    if len(data) > BEYOND:  # of all families
        data = data[torch.linspace(0, len(data) - 1, BEYOND).round().long()]
    drawn = latents.sample(data.latents[..., 0].numel(), generator=spawn(seed, "beyond"), vary=VARY[level])
    drawn = drawn.reshape(data.latents.shape)
    c = drawn[..., 2]
    drawn[..., 2] = c + torch.where(c < 0, -1.0, 1.0) * math.pi / 2
    drawn[:, 0] = data.latents[:, 0]
    return replace(data, images=_drawn(seed, plan, data, drawn), latents=drawn)


def around(seed: int, plan: Pictures, data: MultiViewDataset) -> MultiViewDataset:
    """The first object of each family, turned once about the vertical, nothing else moving; upright in the middle."""
    firsts = [int((data.labels == family).nonzero()[0]) for family in data.labels.unique()]
    some = data[torch.tensor(firsts)]
    turned = once_around().expand(len(some), -1, -1)
    return MultiViewDataset(_drawn(seed, plan, some, turned), turned, some.labels, some.instances)


def once_around() -> Float[Tensor, "v 7"]:
    """c from -180 degrees on; the view TURN / 2 is upright.

    >>> once_around()[[0, 20, 21], 2].rad2deg().round().tolist()
    [-180.0, 0.0, 9.0]
    """
    views = torch.tensor(latents.STILL, dtype=torch.float64).repeat(TURN, 1)
    views[:, 2] = 2 * math.pi / TURN * (torch.arange(TURN) - TURN // 2)
    return views


def asked() -> tuple[list[int], list[int]]:
    """The views to arrive at: ten steps within the box, ten beyond it.

    >>> [[9 * (view - 20) for view in views] for views in asked()]  # degrees
    [[-81, -63, -45, -27, -9, 9, 27, 45, 63, 81], [99, 117, 135, 153, 171, -171, -153, -135, -117, -99]]
    """
    steps = [(FIRST + STEP * i) % TURN for i in range(2 * INSIDE)]
    return steps[:INSIDE], steps[INSIDE:]


def shuffled(data: MultiViewDataset, seed: int) -> MultiViewDataset:
    """The poses of each object in another order, so that none says anything of its picture."""
    draw = spawn(seed, "shuffled")
    orders = torch.stack([torch.randperm(data.views, generator=draw) for _ in range(len(data))])
    return replace(data, latents=data.latents.gather(1, orders[..., None].expand_as(data.latents)))


def _drawn(seed: int, plan: Pictures, data: MultiViewDataset, poses: Tensor) -> Tensor:
    """These objects of the set in other views."""
    assert data.instances is not None, "sets that are made number their instances"
    numbers = data.instances.tolist()
    meshes = (
        small_object(seed, number // plan.instances, number % plan.instances, plan.symmetric) for number in numbers
    )
    return torch.stack([Scene(mesh, plan.size).render(seen) for mesh, seen in zip(meshes, poses, strict=True)])
