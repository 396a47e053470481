"""Charged particles predicted by steered messages: one network trained, its error and its symmetry (§4.5)."""

from __future__ import annotations

from typing import Any

import torch

from isotropy.data import load_particles
from isotropy.experiments.gaunt._config import NBodyPlan
from isotropy.experiments.peers import STATE, Product, SteeredNetwork, squared_error
from isotropy.groups import E, Window
from isotropy.measure import equivariance_error
from isotropy.random import derive
from isotropy.reps import Cloud, Point
from isotropy.runs import Run
from isotropy.study import job, part, size, train
from isotropy.train import Batches

_AT_ONCE = 500
_ROWS = 200  # states on which the symmetry is measured


@job
def nbody_job(run: Run, *, seed: int, method: Product, degree: int, plan: NBodyPlan) -> dict[str, Any]:
    """Trains the network with features and attributes of degrees 0..``degree``, and the product ``method``.

    ``test`` is the mean squared error per coordinate, ``symmetry`` the relative E(3) error in float32.
    """
    data = {name: found[: plan.rows].to(plan.device) for name, found in load_particles().items()}
    torch.manual_seed(derive(seed, "weights"))
    network = SteeredNetwork(method, degree, degree, plan.width, plan.layers).to(plan.device)
    batches = Batches(data["train"].x, data["train"].y, plan.batch, seed=derive(seed, "batches"))
    validation = Batches(data["valid"].x, data["valid"].y, _AT_ONCE, shuffle=False)
    place = part(run, plan, "nbody", method, degree, seed)
    train(network, squared_error, batches, plan, place, seed, validation, plan.decay, plan.clip)
    test = data["test"]
    with torch.no_grad():
        errors = [squared_error(network, both) for both in Batches(test.x, test.y, _AT_ONCE, shuffle=False)]
    symmetry = equivariance_error(
        network, Window(E(3), width=1.0), test.x[:_ROWS], STATE, Cloud(Point), n=4, seed=derive(seed, "symmetry")
    )
    return {"test": float(torch.cat(errors).double().mean()), "symmetry": symmetry.mean, "parameters": size(network)}
