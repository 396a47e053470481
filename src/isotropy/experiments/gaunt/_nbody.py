"""Charged particles predicted by steered messages: one network trained, its error and its symmetry (§4.5)."""

from typing import Any

import torch

from isotropy.data import load_particles
from isotropy.experiments.peers import ParticlesPlan, Product, SteeredNetwork, learn_particles, try_particles
from isotropy.random import derive
from isotropy.runs import Run
from isotropy.study import job, part


@job
def nbody_job(run: Run, *, seed: int, method: Product, degree: int, plan: ParticlesPlan) -> dict[str, Any]:
    """Trains the network with features and attributes of degrees 0..``degree``, ``width`` channels of each.

    ``test`` is the mean squared error per coordinate, ``symmetry`` the relative E(3) error in float32.
    """
    data = {name: found[: plan.rows].to(plan.device) for name, found in load_particles().items()}
    torch.manual_seed(derive(seed, "weights"))
    network = SteeredNetwork(method, degree, degree, plan.width, plan.layers).to(plan.device)
    learn_particles(network, data, plan, part(run, plan, "nbody", method, degree, seed), seed)
    return try_particles(network, data["test"], seed)
