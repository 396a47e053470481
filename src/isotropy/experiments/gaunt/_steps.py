"""How long a step of training takes, timed by itself: trainings run side by side and may be interrupted."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from isotropy.data import load_molecules, load_particles
from isotropy.experiments._charged import squared_error
from isotropy.experiments._training import Loss, recorded
from isotropy.experiments.gaunt._clock import clock
from isotropy.experiments.gaunt._forcefield import batches_of, built, optimizer_of
from isotropy.experiments.gaunt._plans import ForceFieldPlan, NBodyPlan
from isotropy.experiments.gaunt._steered import Product, SteeredNetwork
from isotropy.nn import EnergyForceLoss, Scales
from isotropy.random import derive
from isotropy.runs import Run
from isotropy.train import Batches, fit

_WARM = 5  # steps before those that are timed
_TIMED = 40


def forcefield_step_job(
    run: Run, *, seed: int, molecule: str, products: str, order: int, plan: Mapping[str, Any]
) -> dict[str, Any]:
    """``step_ms`` of a force field in training, for batches of the plan."""
    began = time.process_time()
    settings = ForceFieldPlan(**plan)
    train = load_molecules(molecule)[: 4 * settings.batch]
    batches = batches_of(train, settings.batch, isolated=train.isolated, r_max=settings.r_max)
    model = built(settings, products, order, Scales.of(batches), train.isolated, seed)
    loss = EnergyForceLoss(float(settings.energy), float(settings.forces))
    found = median_step(model, loss, batches, optimizer_of(model, replace(settings, rate=0.0)), settings.device)
    return {**recorded(model, began), "step_ms": found}


def nbody_step_job(run: Run, *, seed: int, method: Product, degree: int, plan: Mapping[str, Any]) -> dict[str, Any]:
    """``step_ms`` of a network of charged particles in training, for batches of the plan."""
    began = time.process_time()
    settings = NBodyPlan(**plan)
    torch.manual_seed(derive(seed, "weights"))
    network = SteeredNetwork(method, degree, degree, settings.width, settings.layers).to(settings.device)
    data = load_particles()["train"][: settings.batch].to(settings.device)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.0, weight_decay=float(settings.decay))
    found = median_step(network, squared_error, Batches(data.x, data.y, settings.batch), optimizer, settings.device)
    return {**recorded(network, began), "step_ms": found}


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
