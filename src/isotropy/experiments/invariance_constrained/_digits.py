"""Ten thousand real digits, moved by known laws: training with constraints, and with what else is done."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from isotropy.data import Batches, Moved, Pictures, load_pictures
from isotropy.errors import InfeasibleWarning
from isotropy.experiments.invariance_constrained._config import (
    DATA,
    EITHER_WAY,
    HALF_ALONE,
    MOTIONS,
    OTHERS,
    Harm,
    Plan,
)
from isotropy.groups import SO, T, Window, parse
from isotropy.random import spawn
from isotropy.reps import Field, Scalar
from isotropy.runs import Run
from isotropy.soft import (
    Ascent,
    Fixed,
    GroupTransforms,
    ImageOps,
    InvarianceConstraint,
    TransformSet,
    suggest_bound,
)
from isotropy.study import Outcome, accuracy, cross_entropy, job, picture_network, size
from isotropy.train import fit

FIELD = Field(Scalar)


def motion(name: str) -> TransformSet:
    """Turns by any angle, shifts by up to half of the half-width along each axis, sizes from one half to two."""
    laws = {
        "rotation": GroupTransforms(SO(2), FIELD, name="rotation"),
        "translation": GroupTransforms(Window(T(2), 0.5, "uniform"), FIELD, name="translation"),
        "scale": GroupTransforms(Window(parse("Scale(2)"), math.log(2), "uniform"), FIELD, name="scale"),
    }
    return laws[name]


@lru_cache(maxsize=1)
def _all_digits() -> Pictures:
    return load_pictures("mnist-10k")


def digits(
    train: int, test: int, law: str, seed: int, leave: tuple[int, ...] = ()
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Pictures and labels to train on and to test on, every picture moved once by the ``law`` ("" for none)."""
    pictures = _all_digits()
    order = torch.randperm(len(pictures), generator=spawn(seed, "digits"))
    kept = order[~torch.isin(pictures.y[order], torch.tensor(leave))]
    rows = torch.cat([kept[:train], kept[len(kept) - test :]]) if train + test < len(kept) else kept
    x, y = pictures.x[rows].float() / 255, pictures.y[rows]
    if law:
        transforms, generator = motion(law), spawn(seed, "moved", law)
        parts = [transforms.apply(transforms.sample(len(part), generator), part) for part in x.split(500)]
        x = torch.cat(parts).clamp(0, 1)
    cut = len(x) - test
    return x[:cut], y[:cut], x[cut:], y[cut:]


def trained(
    data: tuple[Tensor, Tensor],
    plan: Plan | Harm,
    seed: int,
    constraints: list[Any],
    augment: TransformSet | None = None,
) -> nn.Module:
    """A network after training, with constraints, or with rows that are moved before each step."""
    x, y = data
    network = picture_network(x.shape[1], (x.shape[2], x.shape[3]), 10, seed)
    batches: Any = Batches((x, y), plan.batch, seed=seed)
    if augment is not None:
        law = augment

        def move(x: Tensor, y: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
            return law.apply(law.sample(len(x), generator), x).clamp(0, 1), y

        batches = Moved(batches, move, seed)
    optimizer = torch.optim.Adam(network.parameters(), lr=plan.rate)
    fit(network, cross_entropy, batches, optimizer=optimizer, constraints=constraints, max_epochs=plan.epochs,
        seed=seed, progress=False)  # fmt: skip
    return network.eval()


@job
def known_job(run: Run, *, seed: int, data: str, method: str, plan: Plan) -> Outcome:
    """One way to train on one set of digits: its accuracy, and what the multipliers came to."""
    law = DATA[data]
    x, y, test_x, test_y = digits(plan.train, plan.test, law, seed)
    matching = [motion(law)] if law else []
    constraints: list[InvarianceConstraint] = []
    augment: TransformSet | None = None
    if method == "uniform":
        augment = matching[0] if matching else None
    elif method == "trivial":
        augment = ImageOps("standard", include_identity=True)
    elif method == "worst":
        constraints = [
            InvarianceConstraint(m, plan.bound, steps=8, sampler="worst", multiplier=Fixed(1.0)) for m in matching
        ]
    elif method == "fixed":
        constraints = [InvarianceConstraint(m, plan.bound, multiplier=Fixed(1.0)) for m in matching]
    elif method in ("matching", "all"):
        asked = matching if method == "matching" else [motion(name) for name in MOTIONS]
        constraints = [InvarianceConstraint(m, plan.bound, multiplier=Ascent(lr=plan.dual)) for m in asked]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InfeasibleWarning)
        network = trained((x, y), plan, seed, constraints, augment)
    told: dict[str, Any] = {"accuracy": accuracy(network, test_x, test_y), "parameters": size(network)}
    for keep in constraints:
        told[f"multiplier {keep.names[0]}"] = float(keep.multiplier)
        told[f"acceptance {keep.names[0]}"] = sum(row["acceptance"] for row in keep.history) / len(keep.history)
    return told


@job
def feasible_job(run: Run, *, seed: int, plan: Plan) -> Outcome:
    """A bound of ``suggest_bound`` on turned digits, whose multiplier settles; the rule climbs five times as fast."""
    x, y, test_x, test_y = digits(plan.train, plan.test, "rotation", seed)
    bound = suggest_bound(plan.bound / 2, 10)
    keep = InvarianceConstraint(motion("rotation"), bound, multiplier=Ascent(lr=5 * plan.dual))
    network = trained((x, y), plan, seed, [keep])
    last = keep.history[-max(len(keep.history) // 4, 1) :]
    return {
        "settled": float(keep.settled),
        "multiplier": float(keep.multiplier),
        "bound": bound,
        "violation": sum(row["penalty"][0] for row in last) / len(last) - bound,
        "accuracy": accuracy(network, test_x, test_y),
        "parameters": size(network),
    }


@dataclass(frozen=True)
class Nothing:
    """What a transformation without a choice is drawn with: a zero for each row."""

    zero: Int[Tensor, " n"]


class HalfTurn(TransformSet):
    """The half turn, always; a draw from C(2) is in half of all cases the identity."""

    name = "the half turn"

    def sample(self, n: int, generator: torch.Generator) -> Nothing:
        return Nothing(torch.zeros(n, dtype=torch.int64))

    def apply(self, t: Nothing, x: Tensor) -> Tensor:
        return x.flip(-2, -1)

    def log_density(self, t: Nothing) -> Float[Tensor, " n"]:
        return torch.zeros(len(t.zero))


@job
def harmful_job(run: Run, *, seed: int, digits_kept: str, plan: Harm) -> Outcome:
    """Half turns as a constraint: the multiplier of {6, 9} grows without end, that of the other digits settles.

    Where each picture is also there upside down, under the other name, p at one of them and 1 - p at its twin give
    draws from {0, 180 degrees} a mean loss of -ln(p (1 - p)) / 2 or more, which is never below ln 2: no network meets
    less. The half turn alone has no such floor: a network may call each digit by the other's name, p = 1 - exp(-bound),
    and ends with the multiplier 1 / (exp(bound) - 1). Nor have digits as they were written, by hands that tell.
    """
    harmed = digits_kept != OTHERS
    leave = (0, 1, 2, 3, 4, 5, 7, 8) if harmed else (6, 9)
    # Of 6 and 9 there are fewer than two thousand in all.
    x, y, test_x, test_y = digits(plan.train, 400 if harmed else 1000, "", seed, leave)
    if harmed:
        y, test_y = (y == 9).long(), (test_y == 9).long()
    if digits_kept in (EITHER_WAY, HALF_ALONE):
        x, y = torch.cat([x, x.flip(-2, -1)]), torch.cat([y, 1 - y])
    turns = HalfTurn() if digits_kept == HALF_ALONE else GroupTransforms("C(2)", FIELD, name="half turns")
    keep = InvarianceConstraint(turns, plan.bound, multiplier=Ascent(lr=plan.dual))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        network = trained((x, y), plan, seed, [keep])
    growth = [row["multiplier"][0] for row in keep.history]
    half = len(growth) // 2
    return {
        "multiplier": float(keep.multiplier),
        "growth": (growth[-1] - growth[half]) / max(len(growth) - 1 - half, 1),
        "warned": float(any(issubclass(one.category, InfeasibleWarning) for one in caught)),
        "settled": float(keep.settled),
        "hard_loss": keep.history[-1]["penalty"][0],
        "accuracy": accuracy(network, test_x, test_y),
        "parameters": size(network),
    }
