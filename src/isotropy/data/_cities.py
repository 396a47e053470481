"""Real instances of the travelling salesman problem, from TSPLIB."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.data._mirror import File, locate

TSPLIB = File(
    "08-transformation-invariant-mds/tsplib_euc2d.npz",
    "8e258c90192d715352950f9ac4751353a08f88198c6f480d792b93d6c5d26dd0",
    "TSPLIB95 (Reinelt 1991): its EUC_2D instances with proven optima, as arrays names, optimal and xy_<name>",
)


@dataclass(frozen=True, eq=False)
class Instance:
    """One real instance: cities ``x (n, 2)`` and the length of an optimal tour in rounded distances."""

    name: str
    x: Float[Tensor, "n 2"]
    optimum: float


def load_tours(largest: int) -> list[Instance]:
    """The EUC_2D instances of TSPLIB with at most ``largest`` cities; raises ``DataNotFoundError`` without the file."""
    with np.load(locate(TSPLIB, of="the real tours"), allow_pickle=False) as file:
        arrays: Mapping[str, Any] = dict(file)
    found = [
        Instance(str(name), torch.from_numpy(arrays[f"xy_{name}"]), float(optimum))
        for name, optimum in zip(arrays["names"], arrays["optimal"], strict=True)
    ]
    return [instance for instance in found if len(instance.x) <= largest]


def rounded(D: Tensor) -> Tensor:
    """Distances as TSPLIB counts them: to the nearest whole number, halves upwards.

    >>> rounded(torch.tensor([1.5, 2.4])).tolist()
    [2.0, 2.0]
    """
    return (D + 0.5).floor()
