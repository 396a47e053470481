"""A network trained with one soft constraint per candidate, their strengths chosen by the evidence."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from isotropy.groups import parse
from isotropy.random import derive, spawn
from isotropy.soft import Constraint, Evidence, ProjectionPenalty, SoftMLP
from isotropy.study import Problem, penalised
from isotropy.train import Batches, Cosine, fit

_WIDTH, _DEPTH = 128, 3
_STEPS, _BATCH, _RATE = 2000, 256, 2e-3
_UPDATES = 15  # of the strengths, over the whole training
_VALIDATION = 0.15
_POINTS_SHOWN = 120


@dataclass(frozen=True)
class NetworkLearner:
    """``SoftMLP`` of width 128 and three hidden layers, stopped at its best error on held-out units."""

    def learn(
        self, problem: Problem, z: Tensor, t: Tensor, unit: Tensor, seed: int, like: Mapping[str, Any] | None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        units = torch.unique(unit)
        shuffled = units[torch.randperm(len(units), generator=spawn(seed, "validation units"))]
        held_out = torch.isin(unit, shuffled[: max(1, round(_VALIDATION * len(units)))])
        z, t = z.float(), t.float()
        model = _network(problem, seed)
        batches = Batches(z[~held_out], t[~held_out], batch_size=_BATCH, seed=derive(seed, "batches"))
        epochs = max(1, _STEPS // len(batches))
        constraints = _constraints(problem, model, every=max(1, epochs // _UPDATES))
        history = fit(
            model,
            _squared_error,
            batches,
            optimizer=torch.optim.Adam(model.parameters(), lr=_RATE),
            constraints=constraints,
            schedule=Cosine(),
            max_steps=_STEPS,
            validation=Batches(z[held_out], t[held_out], batch_size=4096, shuffle=False),
            validate_every=max(1, epochs // _POINTS_SHOWN),
            seed=seed,
            progress=False,
        )
        state = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
        return state, _curves(history.rows, constraints)

    def revive(self, problem: Problem, state: Mapping[str, Any]) -> nn.Module:
        model = _network(problem, 0)
        model.load_state_dict({name: torch.from_numpy(array) for name, array in state.items()})
        return model.double().eval().requires_grad_(False)


def _network(problem: Problem, seed: int) -> SoftMLP:
    # Without any such candidate the groups only choose the shape of the hidden features; nothing is penalised.
    groups = penalised(problem) or [parse(f"SO({max(problem.dims.values(), default=1)})")]
    return SoftMLP(
        problem.rep_in, problem.rep_out, groups, ch=_WIDTH, depth=_DEPTH, generator=spawn(seed, "network")
    )  # fmt: skip


def _constraints(problem: Problem, model: SoftMLP, every: int) -> list[Constraint]:
    return [Constraint(ProjectionPenalty(model), multiplier=Evidence(every=every))] if penalised(problem) else []


def _squared_error(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    x, y = batch
    return (model(x) - y).square().mean(-1)


def _curves(rows: list[dict[str, Any]], constraints: list[Constraint]) -> dict[str, Any]:
    """The history thinned to what a figure can show."""
    shown = sorted({round(i * (len(rows) - 1) / (_POINTS_SHOWN - 1)) for i in range(_POINTS_SHOWN)})
    validation = [rows[i].get("validation") for i in shown]
    curves: dict[str, Any] = {
        "epochs": [int(rows[i]["epoch"]) for i in shown],
        "loss": [float(rows[i]["loss"]) for i in shown],
        "validation": _last_known(validation),
        "strengths": {},
        "penalties": {},
    }
    for constraint in constraints:
        for j, name in enumerate(constraint.names):
            curves["strengths"][name] = [float(constraint.history[i]["multiplier"][j]) for i in shown]
            curves["penalties"][name] = [float(constraint.history[i]["penalty"][j]) for i in shown]
    return curves


def _last_known(values: list[float | None]) -> list[float]:
    """Epochs that were not validated repeat the last validation."""
    known = next(value for value in values if value is not None)
    filled: list[float] = []
    for value in values:
        known = known if value is None else value
        filled.append(float(known))
    return filled
