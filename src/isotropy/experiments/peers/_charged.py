"""Charged particles as networks see them: the type of a state, who sends to whom, how they are learned."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from isotropy.data import Clouds
from isotropy.groups import E, Window
from isotropy.measure import equivariance_error
from isotropy.random import derive
from isotropy.reps import Cloud, Point, Scalar, Vector
from isotropy.runs import Run
from isotropy.study import Number, OnDevice, size, train
from isotropy.train import Batches

_AT_ONCE = 500
_ROWS = 200  # states on which the symmetry is measured
STATE = Cloud(Point + Vector + Scalar)  # position, velocity, charge of each particle: (rows, 5, 7)


@dataclass(frozen=True)
class ParticlesPlan(OnDevice):
    """A network of charged particles: ``layers`` rounds of messages between features of ``width``, Adam.

    ``rate`` falls along a cosine to 0; gradients are clipped at norm ``clip``, without which EGNN and the radial field
    are thrown far off by single batches; the weights kept are the best on validation rows.
    """

    rows: int = 3000
    width: int = 60
    layers: int = 4
    batch: int = 100
    epochs: int = 10_000
    rate: Number = 1e-3
    decay: Number = 1e-12
    clip: Number = 1.0
    validate_every: int = 5


def unpack(x: Float[Tensor, "rows n 7"]) -> tuple[Tensor, Tensor, Tensor]:
    """Positions, velocities (rows, n, 3) and charges (rows, n, 1)."""
    loc, vel, charge = x.split((3, 3, 1), -1)
    return loc, vel, charge


def edges(x: Float[Tensor, "rows n 7"]) -> Float[Tensor, "rows n n 2"]:
    """The product of the charges and the squared distance of each pair."""
    loc, _, charge = unpack(x)
    squared = (loc[:, :, None] - loc[:, None]).square().sum(-1, keepdim=True)
    return torch.cat([charge[:, :, None] * charge[:, None], squared], -1)


def complete_graphs(rows: int, n: int, device: torch.device) -> Int[Tensor, "2 E"]:
    """All ordered pairs of different points of each of ``rows`` shapes of ``n`` points.

    >>> complete_graphs(2, 2, torch.device("cpu"))
    tensor([[0, 1, 2, 3],
            [1, 0, 3, 2]])
    """
    one = (1 - torch.eye(n, dtype=torch.int64, device=device)).nonzero()
    return (one + n * torch.arange(rows, device=device)[:, None, None]).flatten(0, 1).T


def squared_error(network: nn.Module, batch: tuple[Tensor, Tensor]) -> Float[Tensor, " rows"]:
    """The mean over coordinates of the squared error."""
    x, y = batch
    return (network(x) - y).square().mean((1, 2))


def learn_particles(network: nn.Module, data: Mapping[str, Clouds], plan: ParticlesPlan, place: Run, seed: int) -> None:
    """Trains on the states ``data["train"]``; the weights kept are the best on ``data["valid"]``."""
    batches = Batches(data["train"].x, data["train"].y, plan.batch, seed=derive(seed, "batches"))
    validation = Batches(data["valid"].x, data["valid"].y, _AT_ONCE, shuffle=False)
    train(network, squared_error, batches, plan, place, seed, validation=validation)


def try_particles(network: nn.Module, test: Clouds, seed: int) -> dict[str, Any]:
    """``test`` is the mean squared error per coordinate, ``symmetry`` the relative E(3) error in float32."""
    with torch.no_grad():
        errors = [squared_error(network, both) for both in Batches(test.x, test.y, _AT_ONCE, shuffle=False)]
    symmetry = equivariance_error(
        network, Window(E(3), width=1.0), test.x[:_ROWS], STATE, Cloud(Point), n=4, seed=derive(seed, "symmetry")
    )
    return {"test": float(torch.cat(errors).double().mean()), "symmetry": symmetry.mean, "parameters": size(network)}
