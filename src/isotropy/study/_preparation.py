"""A fitted predictor on raw columns: prepare the inputs equivariantly, predict, restore the units of the targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.reps import Rep, Standardiser
from isotropy.study._problem import Problem


@dataclass(frozen=True, eq=False)
class Preparation:
    """Columns in comparable units, chosen so that preparing commutes with every candidate.

    Where a candidate translates, Points are read from one common origin, the mean of all of them: numerically kinder,
    and no symmetry is imposed by it. (Reading each row from its own centroid would make every model blind to
    translations, and the symmetry under test would be found wherever it was looked for.) All targets have one scale, so
    that the learner minimises the error that is reported.
    """

    inputs: Standardiser
    targets: Standardiser

    @classmethod
    def fit(cls, problem: Problem, x: Float[Tensor, "n p"], y: Float[Tensor, "n q"]) -> Preparation:
        """Statistics of the rows given, for the types and candidates of the problem."""
        inputs = Standardiser.fit(problem.rep_in, x, dims=problem.dims)
        targets = Standardiser.fit(problem.rep_out, y, dims=problem.dims)
        shift = problem.centre(y)
        if problem.translated:
            where_in, where_out = (_point_columns(rep, problem.dims) for rep in (problem.rep_in, problem.rep_out))
            d = problem.dims["space"]
            places = [x[:, columns] for columns in where_in]
            origin = torch.cat(places, 1).reshape(-1, d).mean(0) if places else torch.zeros(d, dtype=x.dtype)
            inputs = replace(inputs, shift=_placed(inputs.shift, where_in, origin))
            shift = _placed(shift, where_out, origin)
        size = (y - shift).square().mean().sqrt()
        scale = size if size > 0 else torch.ones_like(size)
        return cls(inputs, replace(targets, shift=shift, scale=scale.expand_as(shift).clone()))

    def state(self) -> dict[str, Any]:
        """Arrays from which ``from_state`` rebuilds the preparation."""
        parts = {"inputs": self.inputs, "targets": self.targets}
        return {name: {"shift": part.shift.numpy(), "scale": part.scale.numpy()} for name, part in parts.items()}

    @classmethod
    def from_state(cls, problem: Problem, state: Mapping[str, Any]) -> Preparation:
        parts = (problem.rep_in, state["inputs"]), (problem.rep_out, state["targets"])
        return cls(
            *(Standardiser(rep, *(torch.from_numpy(part[n]) for n in ("shift", "scale"))) for rep, part in parts)
        )


def _point_columns(rep: Rep, dims: Mapping[str, int]) -> list[slice]:
    columns = rep.columns(dims)
    return [where for part, where in zip(rep.parts(), columns, strict=True) if part.term.affine]


def _placed(shift: Tensor, where: Sequence[slice], origin: Tensor) -> Tensor:
    """The shift with the origin in the columns of the Points."""
    placed = shift.clone()
    for columns in where:
        placed[columns] = origin.repeat((columns.stop - columns.start) // len(origin))
    return placed


@dataclass(frozen=True, eq=False)
class Model:
    """``f(x)`` for raw inputs ``(..., p)``; ``core`` maps standardised inputs to standardised targets."""

    preparation: Preparation
    core: Callable[[Tensor], Tensor]

    def __call__(self, x: Float[Tensor, "... p"]) -> Float[Tensor, "... q"]:
        return self.preparation.targets.restore(self.core(self.preparation.inputs.apply(x)))
