"""Charged particles predicted a thousand steps ahead: one network trained, its error and its symmetry (§4.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from isotropy.data import Clouds, load_particles
from isotropy.experiments.frame_averaging._config import ParticlesPlan
from isotropy.experiments.peers import (
    STATE,
    CanonicalGraphNetwork,
    EquivariantGraphNetwork,
    FrameGraphNetwork,
    GraphNetwork,
    PosedTransformer,
    RadialField,
    squared_error,
    unpack,
)
from isotropy.groups import E, Window
from isotropy.measure import equivariance_error
from isotropy.optics import Mode
from isotropy.random import derive
from isotropy.reps import Cloud, Point
from isotropy.runs import Run
from isotropy.study import job, part, size, train
from isotropy.train import Batches

_AT_ONCE = 500
_ROWS = 200  # states on which the symmetry is measured


@job
def particles_job(run: Run, *, seed: int, method: str, plan: ParticlesPlan) -> dict[str, Any]:
    """Trains ``method``: mean squared error per coordinate on test states, and the relative E(3) error in float32."""
    data = {name: found[: plan.rows] for name, found in load_particles().items()}
    if method == "Linear":
        network: nn.Module = Straight.fitted(data["train"])
    else:
        torch.manual_seed(derive(seed, "weights"))
        network = BUILDERS[method](plan, derive(seed, "frames") % 2**31)
        batches = Batches(data["train"].x, data["train"].y, plan.batch, seed=derive(seed, "batches"))
        validation = Batches(data["valid"].x, data["valid"].y, _AT_ONCE, shuffle=False)
        place = part(run, plan, "particles", method, seed)
        train(network, squared_error, batches, plan, place, seed, validation, plan.decay, plan.clip)
    with torch.no_grad():
        test = data["test"]
        errors = [squared_error(network, both) for both in Batches(test.x, test.y, _AT_ONCE, shuffle=False)]
    symmetry = equivariance_error(
        network, Window(E(3), width=1.0), test.x[:_ROWS], STATE, Cloud(Point), n=4, seed=derive(seed, "symmetry")
    )
    return {"test": float(torch.cat(errors).double().mean()), "symmetry": symmetry.mean, "parameters": size(network)}


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


Builder = Callable[[ParticlesPlan, int], nn.Module]


def _frames(plan: ParticlesPlan, seed: int) -> nn.Module:
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
