"""Charged particles: where five of them are and how they move, and where they are a thousand steps later."""

from __future__ import annotations

import numpy as np
import torch

from isotropy.data._mirror import File, locate
from isotropy.data._rows import Clouds

CHARGED = File(
    "03-frame-averaging/nbody_charged5_small.npz",
    "7112d4bb7054cd7b634c8d243bec7afe23ec881bb4b2ed91dab3a5d0ec7fd493",
    "a simulation of five charged particles with the settings of Satorras et al., ICML 2021 (seed 43)",
)


def load_particles() -> dict[str, Clouds]:
    """The parts ``train``, ``valid`` and ``test``: 3000, 2000 and 2000 simulations, 1000 steps of 0.001 each.

    States ``x (rows, 5, 7)`` (position, velocity, charge of each particle) and later positions ``y (rows, 5, 3)``.
    Raises ``SchemaError`` where the file is missing or is not the known one. Source: Satorras et al., ICML 2021, §5.1.
    """
    with np.load(locate(CHARGED, of="charged particles")) as file:
        arrays = {name: torch.from_numpy(file[name]).float() for name in file.files}

    def part(name: str) -> Clouds:
        loc, vel, charge = (arrays[f"{name}_{key}"] for key in ("loc0", "vel0", "charges"))
        return Clouds(torch.cat([loc, vel, charge[..., None]], -1), arrays[f"{name}_locT"])

    return {name: part(name) for name in ("train", "valid", "test")}
