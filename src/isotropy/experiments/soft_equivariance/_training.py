"""One network of one method on one setting: a pure job, trained by the one loop of ``isotropy.train``."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor, nn

from isotropy.data import Dataset, load
from isotropy.experiments.soft_equivariance._config import Plan, Setting
from isotropy.experiments.soft_equivariance._methods import Method
from isotropy.groups import parse
from isotropy.nn import EMLP, EquivariantLinear
from isotropy.random import derive, spawn
from isotropy.runs import Run
from isotropy.soft import (
    Constraint,
    Evidence,
    Fixed,
    GateLeakPenalty,
    ProjectionPenalty,
    Ratio,
    ResidualPathwayPenalty,
    SoftEMLP,
    SoftLinear,
    SoftMLP,
)
from isotropy.study import Trace, job, part, size, train
from isotropy.train import Batches, Moved

_SHOWN = 60  # points of a curve that a figure can show


@job
def train_job(
    run: Run, *, seed: int, nu: float | int, axis: int, method: str, argument: str, plan: Plan
) -> dict[str, Any]:
    """Trains ``method`` (a key of `methods`) on a third of the rows; mean squared errors per entry of the others.

    The seed makes the rows, the first weights and the order of the batches; the test rows choose nothing. ``seconds``
    are those of the processor, so that a machine with other work to do reports the same cost.
    """
    where = Setting(nu, axis).name
    data = load("inertia", nu=nu, axis=axis, n=3 * plan.rows, seed=seed)
    parts = [(x, y) for x, y in zip(data.x.float().chunk(3), data.y.float().chunk(3), strict=True)]
    (x, y), held_out, test = parts
    model, constraints = built(method, argument, data, plan, spawn(seed, "network"))
    batches = Batches(x, y, batch_size=plan.batch, seed=derive(seed, "batches"))
    history = train(
        model,
        squared_error,
        Moved(batches, _turning(data, argument), seed, "augmentation") if method == "augmented" else batches,
        plan,
        part(run, plan, method, argument or "plain", nu, axis, seed),
        seed,
        optimizer=torch.optim.Adam(decayed(model, 0.0 if method == "rpp" else plan.decay), lr=plan.rate),
        constraints=constraints,
        validation=Batches(*held_out, batch_size=4096, shuffle=False),
        best_from=2 * plan.adjust_at if method == "ratio" else 0,
    )
    with torch.no_grad():
        error = float(squared_error(model, test).double().mean())
    return {
        "test": error,
        "validation": history.best,
        "train": history.rows[-1]["loss"],
        "parameters": size(model),
        "traces": _strengths(constraints, f"{Method(method, argument).name}, {where}"),
    }


def squared_error(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """The mean over outputs of the squared error, one number for each row."""
    x, y = batch
    return (model(x) - y).square().mean(-1)


def decayed(model: nn.Module, amount: float | int) -> list[dict[str, Any]]:
    """The parameters in two groups: weights and biases of linear maps decay, coefficients of products and gates not.

    >>> from isotropy.reps import Vector
    >>> net = EMLP(Vector, Vector, "O(3)", ch=8, depth=1, generator=spawn(0, "net"))
    >>> [group["weight_decay"] for group in decayed(net, 0.1)]
    [0.1, 0.0]
    """
    linear = [module for module in model.modules() if isinstance(module, (SoftLinear, EquivariantLinear))]
    first = {id(parameter): parameter for module in linear for parameter in module.parameters()}
    rest = [parameter for parameter in model.parameters() if id(parameter) not in first]
    groups = [{"params": list(first.values()), "weight_decay": float(amount)}, {"params": rest, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]


def _turning(data: Dataset, name: str) -> Callable[[Tensor, Tensor, Generator], tuple[Tensor, Tensor]]:
    """Each row moved by its own Haar element of the group of that name."""
    group, rep_in, rep_out = parse(name), data.types.x, data.types.y

    def turned(x: Tensor, y: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
        g = group.sample((len(x),), generator=generator, dtype=x.dtype, device=x.device)
        return rep_in.act(group, g, x), rep_out.act(group, g, y)

    return turned


def built(
    method: str, argument: str, data: Dataset, plan: Plan, generator: Generator
) -> tuple[nn.Module, list[Constraint]]:
    """The network of a key of `methods`, and what is added to its loss."""
    types = data.types.x, data.types.y
    given: dict[str, Any] = {"depth": plan.depth, "generator": generator}
    if method in ("mlp", "augmented"):
        # Soft layers under no constraint are linear layers; the groups only name the type of the hidden features.
        return SoftMLP(*types, data.groups[:1], ch=plan.width, **given), []
    given["rule"] = "paper"
    if method == "emlp":
        return EMLP(*types, argument, ch=plan.ch_exact, **given), []
    leak = Constraint(GateLeakPenalty(), multiplier=Fixed(1.0))
    if method == "rpp":
        model = SoftEMLP(*types, [argument], ch=plan.ch_exact, **given)
        equivariant, residual = float(plan.rpp_equivariant), float(plan.rpp_residual)
        prior = ResidualPathwayPenalty(model, equivariant=equivariant, residual=residual)
        return model, [Constraint(prior, multiplier=Fixed(1.0)), leak]
    model = SoftEMLP(*types, data.groups, ch=plan.ch, **given)
    if method == "free":
        return model, [leak]
    if method == "evidence":
        return model, [Constraint(ProjectionPenalty(model), multiplier=Evidence(every=plan.every)), leak]
    # The first, largest group has no penalty of its own: it only shapes the gates and products (§2.2).
    start = (0.0, *[float(argument)] * (len(data.groups) - 1))
    rule = Ratio(at=plan.adjust_at, power=float(plan.power), start=start, window=plan.window, skip=plan.skip)
    return model, [Constraint(ProjectionPenalty(model, normalised=False), multiplier=rule), leak]


def _strengths(constraints: list[Constraint], name: str) -> list[Trace]:
    """The strengths of the tuned constraint by epoch, thinned; nothing where nothing is tuned."""
    tuned = [constraint for constraint in constraints if isinstance(constraint.rule, (Ratio, Evidence))]
    if not tuned:
        return []
    history = tuned[0].history
    shown = sorted({round(i * (len(history) - 1) / (_SHOWN - 1)) for i in range(_SHOWN)})
    strengths = {name: [float(history[i]["multiplier"][j]) for i in shown] for j, name in enumerate(tuned[0].names)}
    return [Trace("strengths", name, {"epoch": shown, **strengths})]
