"""Charged particles predicted a thousand steps ahead: one network trained, its error and its symmetry (§4.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from isotropy.data import Clouds, load_particles
from isotropy.experiments.frame_averaging._config import FramesPlan
from isotropy.experiments.peers import (
    CanonicalGraphNetwork,
    EquivariantGraphNetwork,
    FrameGraphNetwork,
    GraphNetwork,
    PosedTransformer,
    RadialField,
    learn_particles,
    try_particles,
    unpack,
)
from isotropy.optics import Mode
from isotropy.random import derive
from isotropy.runs import Run
from isotropy.study import job, part


@job
def particles_job(run: Run, *, seed: int, method: str, plan: FramesPlan) -> dict[str, Any]:
    """Trains ``method``: mean squared error per coordinate on test states, and the relative E(3) error in float32."""
    data = {name: found[: plan.rows] for name, found in load_particles().items()}
    if method == "Linear":
        network: nn.Module = Straight.fitted(data["train"])
    else:
        torch.manual_seed(derive(seed, "weights"))
        network = BUILDERS[method](plan, derive(seed, "frames") % 2**31)
        learn_particles(network, data, plan, part(run, plan, "particles", method, seed), seed)
    return try_particles(network, data["test"], seed)


class Straight(nn.Module):
    """x + a v: everybody walks on."""

    def __init__(self, a: Tensor) -> None:
        super().__init__()
        self.a = nn.Parameter(a)

    @classmethod
    def fitted(cls, train: Clouds) -> Straight:
        """The best ``a`` in the sense of least squares.

        >>> still = torch.cat([torch.zeros(1, 5, 3), torch.ones(1, 5, 4)], -1)
        >>> Straight.fitted(Clouds(still, torch.full((1, 5, 3), 2.0))).a.item()
        2.0
        """
        loc, vel, _ = (part.double() for part in unpack(train.x))
        return cls(((train.y - loc) * vel).sum().div(vel.square().sum()).to(train.x))

    def forward(self, x: Float[Tensor, "rows n 7"]) -> Float[Tensor, "rows n 3"]:
        loc, vel, _ = unpack(x)
        return loc + self.a * vel


Builder = Callable[[FramesPlan, int], nn.Module]


def _frames(plan: FramesPlan, seed: int) -> nn.Module:
    mode: Mode = "stochastic" if plan.frames == "one" else "average"
    return FrameGraphNetwork(plan.width, plan.layers, mode, seed)


BUILDERS: dict[str, Builder] = {
    "GNN": lambda plan, seed: GraphNetwork(plan.width, plan.layers),
    "FA-GNN": _frames,
    "CN-GNN": lambda plan, seed: CanonicalGraphNetwork(plan.width, plan.layers),
    "Transformer-PS": lambda plan, seed: PosedTransformer(plan.width, plan.layers, seed),
    "Radial field": lambda plan, seed: RadialField(plan.width, plan.layers),
    "EGNN": lambda plan, seed: EquivariantGraphNetwork(plan.width, plan.layers),
}
