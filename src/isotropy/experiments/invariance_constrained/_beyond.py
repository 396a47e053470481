"""The same call on what is no picture: points in the plane, series, sets (specification 09 §4.4)."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from isotropy.data import Batches
from isotropy.errors import InfeasibleWarning
from isotropy.experiments.invariance_constrained._config import Beyond
from isotropy.groups import SO, parse
from isotropy.random import spawn
from isotropy.reps import parse_type
from isotropy.runs import Run
from isotropy.soft import Ascent, GroupTransforms, InvarianceConstraint, TransformSet
from isotropy.study import Outcome, accuracy, cross_entropy, job, size
from isotropy.train import fit

POINTS, STEPS, MEMBERS = 8, 24, 6
KINDS = ("points, SO(2)", "series, shifts", "sets, permutations")


@dataclass(frozen=True)
class By:
    """By how many steps each series is shifted."""

    steps: Int[Tensor, " n"]


class Shifts(TransformSet):
    """Circular shifts of series: a set of one's own needs no more."""

    def __init__(self, name: str) -> None:
        self.name = name

    def sample(self, n: int, generator: torch.Generator) -> By:
        return By(torch.randint(STEPS, (n,), generator=generator))

    def apply(self, t: By, x: Tensor) -> Tensor:
        return x.gather(1, (torch.arange(x.shape[1]) - t.steps[:, None]) % x.shape[1])

    def log_density(self, t: By) -> Float[Tensor, " n"]:
        return torch.full((len(t.steps),), -math.log(STEPS))


def rows_of(kind: str, rows: int, generator: torch.Generator) -> tuple[Tensor, Tensor, TransformSet]:
    """Rows, their two classes, and the transformations that leave the class alone but that rows hardly show."""
    noise = torch.randn(rows, max(2 * POINTS, STEPS, MEMBERS), generator=generator)
    y = torch.randint(2, (rows,), generator=generator)
    if kind == KINDS[0]:
        # Ellipses, long or round, that all lie along x: their direction says nothing.
        t = 2 * math.pi * torch.rand(rows, POINTS, generator=generator)
        across = torch.where(y == 1, 1.0, 0.45)[:, None]
        x = torch.stack([t.cos(), across * t.sin()], -1).flatten(1) + 0.08 * noise[:, : 2 * POINTS]
        return x, y, GroupTransforms(SO(2), parse_type(f"{POINTS}*Vector"), name=kind)
    if kind == KINDS[1]:
        # One wave or two in a period, always from the same phase.
        t = torch.arange(STEPS) / STEPS * 2 * math.pi
        x = torch.sin((1 + y)[:, None] * t + 0.2 * noise[:, :1]) + 0.2 * noise[:, :STEPS]
        return x, y, Shifts(kind)
    # Numbers in order; their spread is the class.
    x = (torch.where(y == 1, 1.5, 0.6)[:, None] * noise[:, :MEMBERS]).sort(1).values
    return x, y, GroupTransforms(parse(f"S({MEMBERS})"), parse_type("Nodes"), name=kind)


@job
def beyond_job(run: Run, *, seed: int, kind: str, constrained: bool, plan: Beyond) -> Outcome:
    """Accuracy on moved rows of a dense network, trained with the constraint or without."""
    x, y, transforms = rows_of(kind, plan.rows, spawn(seed, "rows", kind))
    cut = plan.rows * 2 // 3
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = nn.Sequential(nn.Linear(x.shape[1], 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))
    keep = InvarianceConstraint(transforms, plan.bound, multiplier=Ascent(lr=plan.dual))
    optimizer = torch.optim.Adam(network.parameters(), lr=plan.rate)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InfeasibleWarning)
        fit(network, cross_entropy, Batches((x[:cut], y[:cut]), plan.batch, seed=seed), optimizer=optimizer,
            constraints=[keep] if constrained else [], max_epochs=plan.epochs, seed=seed, progress=False)  # fmt: skip
    moved = transforms.apply(transforms.sample(len(x) - cut, spawn(seed, "test", kind)), x[cut:])
    shares = [accuracy(network, each, y[cut:]) for each in (x[cut:], moved)]
    return {
        "accuracy": shares[0],
        "moved": shares[1],
        "multiplier": float(keep.multiplier),
        "parameters": size(network),
    }
