"""Charged particles: where five of them are and how they move, and where they are a thousand steps later."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from isotropy.data._mirror import File, locate
from isotropy.reps import Cloud, Point, Scalar, Vector

CHARGED = File(
    "03-frame-averaging/nbody_charged5_small.npz",
    "7112d4bb7054cd7b634c8d243bec7afe23ec881bb4b2ed91dab3a5d0ec7fd493",
    "a simulation of five charged particles with the settings of Satorras et al., ICML 2021 (seed 43)",
)
STATE = Cloud(Point + Vector + Scalar)  # position, velocity, charge of each particle: (rows, 5, 7)


@dataclass(frozen=True)
class Particles:
    """States ``x (rows, 5, 7)`` (position, velocity, charge) and later positions ``y (rows, 5, 3)``."""

    x: Float[Tensor, "rows 5 7"]
    y: Float[Tensor, "rows 5 3"]

    def first(self, rows: int) -> Particles:
        return Particles(self.x[:rows], self.y[:rows])

    def to(self, device: str) -> Particles:
        return Particles(self.x.to(device), self.y.to(device))


def read_particles() -> dict[str, Particles]:
    """The parts ``train``, ``valid`` and ``test``: 3000, 2000 and 2000 simulations, 1000 steps of 0.001 each.

    Raises ``SchemaError`` where the file is missing or is not the known one. Source: Satorras et al., ICML 2021, §5.1.
    """
    with np.load(locate(CHARGED, of="charged particles")) as file:
        arrays = {name: torch.from_numpy(file[name]).float() for name in file.files}

    def part(name: str) -> Particles:
        loc, vel, charge = (arrays[f"{name}_{key}"] for key in ("loc0", "vel0", "charges"))
        return Particles(torch.cat([loc, vel, charge[..., None]], -1), arrays[f"{name}_locT"])

    return {name: part(name) for name in ("train", "valid", "test")}


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
