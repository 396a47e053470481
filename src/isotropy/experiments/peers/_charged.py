"""Charged particles as networks see them: the type of a state, what pairs of them share, the error."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from isotropy.reps import Cloud, Point, Scalar, Vector

STATE = Cloud(Point + Vector + Scalar)  # position, velocity, charge of each particle: (rows, 5, 7)


def unpack(x: Float[Tensor, "rows n 7"]) -> tuple[Tensor, Tensor, Tensor]:
    """Positions, velocities (rows, n, 3) and charges (rows, n, 1)."""
    loc, vel, charge = x.split((3, 3, 1), -1)
    return loc, vel, charge


def edges(x: Float[Tensor, "rows n 7"]) -> Float[Tensor, "rows n n 2"]:
    """The product of the charges and the squared distance of each pair."""
    loc, _, charge = unpack(x)
    squared = (loc[:, :, None] - loc[:, None]).square().sum(-1, keepdim=True)
    return torch.cat([charge[:, :, None] * charge[:, None], squared], -1)


def squared_error(network: nn.Module, batch: tuple[Tensor, Tensor]) -> Float[Tensor, " rows"]:
    """The mean over coordinates of the squared error."""
    x, y = batch
    return (network(x) - y).square().mean((1, 2))
