"""How long a step of training takes, timed by itself: trainings run side by side and may be interrupted."""

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.benchmark import timer

from isotropy.data import load_molecules, load_particles
from isotropy.experiments.gaunt._config import ForceField, ForceFieldPlan
from isotropy.experiments.gaunt._forcefield import batches_of, built, optimizer_of
from isotropy.experiments.peers import ParticlesPlan, Product, SteeredNetwork, squared_error
from isotropy.nn import EnergyForceLoss, Scales
from isotropy.random import derive
from isotropy.runs import Run
from isotropy.study import Loss, job, size
from isotropy.train import Batches, fit

_WARM = 5  # steps before those that are timed
_TIMED = 40


@job
def forcefield_step_job(run: Run, *, seed: int, field: ForceField, plan: ForceFieldPlan) -> dict[str, Any]:
    """``step_ms`` of a force field in training, for batches of the plan."""
    train = load_molecules(field.molecule)[: 4 * plan.batch]
    batches = batches_of(train, plan.batch, isolated=train.isolated, r_max=plan.r_max)
    model = built(plan, field, Scales.of(batches), train.isolated, seed)
    loss = EnergyForceLoss(float(plan.energy), float(plan.forces))
    found = median_step(model, loss, batches, optimizer_of(model, replace(plan, rate=0.0)), plan.device)
    return {"step_ms": found, "parameters": size(model)}


@job
def nbody_step_job(run: Run, *, seed: int, method: Product, degree: int, plan: ParticlesPlan) -> dict[str, Any]:
    """``step_ms`` of a network of charged particles in training, for batches of the plan."""
    torch.manual_seed(derive(seed, "weights"))
    network = SteeredNetwork(method, degree, degree, plan.width, plan.layers).to(plan.device)
    data = load_particles()["train"][: plan.batch].to(plan.device)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.0, weight_decay=float(plan.decay))
    found = median_step(network, squared_error, Batches(data.x, data.y, plan.batch), optimizer, plan.device)
    return {"step_ms": found, "parameters": size(network)}


def median_step(
    network: nn.Module, loss: Loss, batches: Iterable[Any], optimizer: torch.optim.Optimizer, device: str
) -> float:
    """Milliseconds of a step of the training loop, the median over steps.

    With an optimizer of rate 0 the weights stay where they are. Source of the seconds: `clock`.
    """
    begun: list[float] = []
    now = clock(device)

    def noted(model: nn.Module, batch: Any) -> Tensor:
        begun.append(now())  # from one loss to the next is a step
        return loss(model, batch)

    fit(network, noted, batches, optimizer=optimizer, max_steps=_WARM + _TIMED + 1, progress=False)
    return 1e3 * statistics.median(after - before for before, after in pairwise(begun[_WARM:]))


def clock(device: str) -> Callable[[], float]:
    """On the CPU the seconds of this process, which other programs disturb less than those of the wall.

    On accelerators those of the wall, once all work there is done.

    >>> clock("cpu") is time.process_time
    True
    """
    return time.process_time if torch.device(device).type == "cpu" else timer
