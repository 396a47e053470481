"""A fitted predictor on raw columns: prepare the inputs equivariantly, predict, restore the units of the targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.discover._problem import Problem, has_points
from isotropy.reps import Rep, Standardiser


@dataclass(frozen=True, eq=False)
class Preparation:
    """Columns in comparable units, chosen so that preparing commutes with every candidate.

    Where a candidate translates, Points are read from the centroid of the inputs, which the targets share. All
    targets have one scale, so that the learner minimises the error that is reported.
    """

    inputs: Standardiser
    targets: Standardiser

    @classmethod
    def fit(cls, problem: Problem, x: Float[Tensor, "n p"], y: Float[Tensor, "n q"]) -> Preparation:
        """Statistics of the rows given, for the types and candidates of the problem."""
        dims, translated = problem.dims, problem.translated
        centre_in, centre_out = (translated and has_points(rep) for rep in (problem.rep_in, problem.rep_out))
        inputs = Standardiser.fit(problem.rep_in, x, centre=centre_in, dims=dims)
        targets = Standardiser.fit(problem.rep_out, y, centre=centre_out and centre_in, dims=dims)
        origin = inputs.centroid(x) if targets.points is not None else None
        shift = torch.zeros_like(targets.shift) if origin is not None else problem.centre(y)
        moved = replace(targets, shift=shift, scale=torch.ones_like(targets.scale)).apply(y, origin)
        size = moved.square().mean().sqrt()
        scale = size if size > 0 else torch.ones_like(size)
        return cls(inputs, replace(targets, shift=shift, scale=scale.expand_as(targets.scale).clone()))

    def origin(self, x: Tensor) -> Tensor | None:
        return self.inputs.centroid(x) if self.targets.points is not None else None

    def state(self) -> dict[str, Any]:
        """Arrays from which ``from_state`` rebuilds the preparation."""
        return {"inputs": _arrays(self.inputs), "targets": _arrays(self.targets)}

    @classmethod
    def from_state(cls, problem: Problem, state: Mapping[str, Any]) -> Preparation:
        return cls(_standardiser(problem.rep_in, state["inputs"]), _standardiser(problem.rep_out, state["targets"]))


@dataclass(frozen=True, eq=False)
class Model:
    """``f(x)`` for raw inputs ``(..., p)``; ``core`` maps standardised inputs to standardised targets."""

    preparation: Preparation
    core: Callable[[Tensor], Tensor]

    def __call__(self, x: Float[Tensor, "... p"]) -> Float[Tensor, "... q"]:
        prepared = self.preparation
        return prepared.targets.restore(self.core(prepared.inputs.apply(x)), prepared.origin(x))


def _arrays(standardiser: Standardiser) -> dict[str, Any]:
    points = standardiser.points
    return {
        "shift": standardiser.shift.numpy(),
        "scale": standardiser.scale.numpy(),
        "points": None if points is None else points.numpy(),
    }


def _standardiser(rep: Rep, state: Mapping[str, Any]) -> Standardiser:
    points = state["points"]
    return Standardiser(
        rep,
        torch.from_numpy(state["shift"]),
        torch.from_numpy(state["scale"]),
        None if points is None else torch.from_numpy(points),
    )
