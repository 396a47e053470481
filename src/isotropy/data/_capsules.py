"""Capsules and balls: points on their surfaces, uniform by area, with normals, and how deep others lie within."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def capsule_surface(
    end: Float[Tensor, "n 3"], radius: Float[Tensor, " n"], generator: torch.Generator
) -> tuple[Float[Tensor, "n 3"], Float[Tensor, "n 3"]]:
    """One point on each capsule from the origin to ``end``, uniform by area, and its outward normal; no length: a ball.

    >>> x, normal = capsule_surface(torch.zeros(4, 3).double(), torch.full((4,), 2.0).double(), torch.Generator())
    >>> bool(torch.allclose(x, 2 * normal))
    True
    """
    n, length = len(end), end.norm(dim=1)
    u = torch.nn.functional.normalize(torch.randn(n, 3, generator=generator, dtype=torch.float64), dim=1)
    along = end / torch.where(length > 0, length, 1.0)[:, None]
    up = (u * along).sum(1)
    across = torch.nn.functional.normalize(u - up[:, None] * along, dim=1)
    chance, height = torch.rand(2, n, generator=generator, dtype=torch.float64)
    side = (height * length)[:, None] * along + radius[:, None] * across
    cap = radius[:, None] * u + torch.where((up > 0)[:, None], end, 0.0)
    flank = (chance < length / (length + 2 * radius))[:, None]
    return torch.where(flank, side, cap), torch.where(flank, across, u)


def depth(y: Float[Tensor, "n 3"], end: Float[Tensor, 3], radius: float) -> Float[Tensor, " n"]:
    """How deep each point lies within the capsule from the origin to ``end``; outside it is negative."""
    share = (y @ end / end.square().sum().clamp_min(torch.finfo(end.dtype).tiny)).clamp(0, 1)
    return radius - (y - share[:, None] * end).norm(dim=1)
