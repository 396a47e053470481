"""Who can tell left from right? Products of functions alone cannot, exactly; with brackets they can (§4.6)."""

from typing import Any

import torch
from torch import nn

from isotropy.experiments.gaunt._config import ChiralityPlan
from isotropy.experiments.gaunt._mirrors import Method, ShapeNetwork
from isotropy.experiments.gaunt._shapes import Shapes, Task, mirrored, shapes
from isotropy.random import derive, spawn
from isotropy.runs import Run
from isotropy.study import cross_entropy, job, part, size, train
from isotropy.train import Batches

MEASURED = {
    "all classes": "accuracy",
    "mirror images": "accuracy",
    "logits of mirror images": "largest difference",
    "logits when turned": "largest difference",
}


@job
def chirality_job(run: Run, *, seed: int, method: Method, task: Task, plan: ChiralityPlan) -> dict[str, Any]:
    """Trains ``method`` on shapes in random poses and tests it, in float64, in others.

    What is in `MEASURED`: the accuracy on all classes, and on the two that are mirror images of each other; the largest
    difference of a logit between a shape and its mirror image, and between two poses of one.
    """
    found, test = (
        shapes(task, copies, float(plan.jitter), spawn(seed, task, name))
        for name, copies in (("train", plan.copies), ("test", plan.test_copies))
    )
    network = ShapeNetwork(
        method,
        found.x.shape[-1] - 3,
        int(found.y.max()) + 1,
        width=plan.width,
        degree=plan.degree,
        generator=spawn(seed, "weights"),
    ).to(plan.device)
    batches = Batches(found.x, found.y, plan.batch, seed=derive(seed, "batches"))
    place = part(run, plan, "chirality", task, method, seed)
    train(network, cross_entropy, batches, plan, place, seed)
    exact = Shapes(test.x.double(), test.y)
    return {**judged(network.cpu().double(), exact, derive(seed, "poses")), "parameters": size(network)}


@torch.no_grad()
def judged(network: nn.Module, test: Shapes, seed: int) -> dict[str, float]:
    """Accuracies, and what mirrors and rotations change, on the shapes ``test``."""
    logits = network(test.x)
    right = (logits.argmax(-1) == test.y).double()
    turned = test.turned(spawn(seed, "turned"))
    return {
        "all classes": right.mean().item(),
        "mirror images": right[test.y <= 1].mean().item(),
        "logits of mirror images": (network(mirrored(test.x)) - logits).abs().max().item(),
        "logits when turned": (network(turned.x) - logits).abs().max().item(),
    }
