"""Digits learned as they were written and read as they were not: turned, sheared, stretched, anywhere in the frame."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from isotropy.data import framed, load_handwriting, read_idx, warped
from isotropy.errors import DomainError
from isotropy.experiments.lie_decomposition._config import (
    BOTH,
    CONVOLUTION,
    GLOBAL,
    MOMENTS,
    PLAIN,
    DigitsPlan,
    NetworkPlan,
)
from isotropy.frames import MomentFrame
from isotropy.nn import GroupResNet
from isotropy.random import derive, spawn
from isotropy.runs import Run
from isotropy.study import accuracy, cross_entropy, job, part, size, train
from isotropy.train import Batches

SETS = ("clean", "affine", "wide")
AT_ONCE = 250


@job
def digits_job(run: Run, *, seed: int, network: NetworkPlan, plan: DigitsPlan) -> dict[str, Any]:
    """Trains one network: the share of test digits named rightly, as they are, warped, and warped widely.

    The seed parts the digits, makes the weights, the order of batches and the warps.
    """
    (x, y), (x_test, y_test) = digits(plan, seed)
    tests = {"clean": x_test, **{kind: warped(x_test, kind, seed=seed) for kind in SETS[1:]}}
    if network.method in (MOMENTS, BOTH):
        x, tests = canonical(x), {name: canonical(one) for name, one in tests.items()}
    torch.manual_seed(derive(seed, "weights"))
    model = built(network, plan).to(plan.device)
    where = part(run, {"plan": plan.__dict__, "network": network.__dict__}, "digits", network.label, seed)
    rows = (x.to(plan.device), y.to(plan.device))
    train(model, cross_entropy, Batches(rows, plan.batch, seed=derive(seed, "batches")), plan, where, seed)
    right = {
        name: accuracy(model, one.to(plan.device), y_test.to(plan.device), at_once=AT_ONCE)
        for name, one in tests.items()
    }
    return {"parameters": size(model), "right": right}


def digits(plan: DigitsPlan, seed: int) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Framed digits and their classes, to train on and to test."""
    kept = load_handwriting()
    order = torch.randperm(len(kept), generator=spawn(seed, "split"))
    if plan.images:
        more = read_idx(plan.images, plan.labels)
        learned = more.take(torch.randperm(len(more), generator=spawn(seed, "train"))[: plan.train])
        held_out = kept.take(order[: plan.test])
    else:
        if plan.train + plan.test > len(kept):
            hint = "--set digits.images=... --set digits.labels=... name idx files of more"
            raise DomainError(f"{plan.train} digits to train on and {plan.test} to test", f"{len(kept)} in all", hint)
        learned, held_out = kept.take(order[: plan.train]), kept.take(order[len(order) - plan.test :])
    return (framed(learned.floats(), plan.side), learned.y), (framed(held_out.floats(), plan.side), held_out.y)


def canonical(x: Float[Tensor, "n 1 s s"]) -> Float[Tensor, "n 1 s s"]:
    """Pictures without their position, size and stretch, by second moments."""
    frame = MomentFrame("GL+(2)")
    return torch.cat([frame.canonicalise(some)[0] for some in x.split(AT_ONCE)])


def built(network: NetworkPlan, plan: DigitsPlan) -> nn.Module:
    """The network of a method, with new weights."""
    if network.method in (PLAIN, GLOBAL, MOMENTS):
        return plain(plan.channels, plan.head, 1 if network.method == GLOBAL else 3)
    assert network.method in (CONVOLUTION, BOTH)
    group = network.group if network.method == CONVOLUTION else "SO(2)"
    return GroupResNet(
        group, plan.dims, network.samples, kernel_size=plan.kernel, lift_size=plan.lift, stem=plan.stem, pool=plan.pool,
        separable=plan.separable, head=plan.head, dropout=0.1, weights=network.weights, rule=network.rule,
        angle=network.angle, resample=network.resample,
    )  # fmt: skip


def plain(channels: tuple[int, ...], head: int, grid: int) -> nn.Module:
    """conv5, pool, conv5, pool, conv3, the maxima of a ``grid`` of equal parts, and an MLP (specification 02 §5.10).

    >>> plain((4, 6, 6), 8, 3)(torch.zeros(2, 1, 40, 40)).shape
    torch.Size([2, 10])
    """
    a, b, c = channels
    return nn.Sequential(
        nn.Conv2d(1, a, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(a, b, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(b, c, 3, padding=1), nn.ReLU(), nn.AdaptiveMaxPool2d(grid), nn.Flatten(),
        nn.Linear(c * grid * grid, head), nn.ReLU(), nn.Linear(head, 10),
    )  # fmt: skip
