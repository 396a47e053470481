"""A fitted predictor on raw columns: prepare the inputs equivariantly, predict, restore the units of the targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.reps import Rep, Standardiser
from isotropy.study._compression import Compression
from isotropy.study._problem import Problem


@dataclass(frozen=True, eq=False)
class Preparation:
    """Columns in comparable units, chosen so that preparing commutes with every candidate.

    Where a candidate translates, Points are read from one common origin, the mean of all of them: numerically kinder,
    and no symmetry is imposed by it. (Reading each row from its own centroid would make every model blind to
    translations, and the symmetry under test would be found wherever it was looked for.) All targets have one
    scale, or each part of the target one, so that the learner minimises the error that is reported.
    """

    inputs: Standardiser
    targets: Standardiser
    compression: Compression | None = None

    @classmethod
    def fit(
        cls,
        problem: Problem,
        x: Float[Tensor, "n p"],
        y: Float[Tensor, "n q"],
        compression: Compression | None = None,
        *,
        by_part: bool = False,
    ) -> Preparation:
        """Statistics of the rows given, for the types and candidates of the problem; by default nothing compressed.

        ``by_part`` gives each part of the target a scale of its own, so that none is learned at another's cost.
        """
        if compression is not None:
            x = compression.apply(x)
        inputs = Standardiser.fit(problem.rep_in, x, dims=problem.dims)
        targets = Standardiser.fit(problem.rep_out, y, dims=problem.dims)
        shift = problem.centre(y)
        if problem.translated:
            where_in, where_out = (_point_columns(rep, problem.dims) for rep in (problem.rep_in, problem.rep_out))
            d = problem.dims["space"]
            origin = _origin(x, where_in, d) if where_in else torch.zeros(d, dtype=x.dtype)
            inputs = replace(inputs, shift=_placed(inputs.shift, where_in, origin))
            shift = _placed(shift, where_out, origin)
        scale = torch.ones_like(shift)
        for columns in [part.columns for part in problem.parts] if by_part else [slice(None)]:
            size = (y - shift)[:, columns].square().mean().sqrt()
            scale[columns] = size if size > 0 else 1.0
        return cls(inputs, replace(targets, shift=shift, scale=scale), compression)

    def read(self, x: Float[Tensor, "... p"]) -> Float[Tensor, "... p"]:
        """Raw inputs as the learner sees them."""
        return self.inputs.apply(x if self.compression is None else self.compression.apply(x))

    def state(self) -> dict[str, Any]:
        """Arrays from which ``from_state`` rebuilds the preparation."""
        compressed = None if self.compression is None else self.compression.state()
        return {"inputs": _arrays(self.inputs), "targets": _arrays(self.targets), "compression": compressed}

    @classmethod
    def from_state(cls, problem: Problem, state: Mapping[str, Any]) -> Preparation:
        compressed = state.get("compression")
        return cls(
            _standardiser(problem.rep_in, state["inputs"]),
            _standardiser(problem.rep_out, state["targets"]),
            None if compressed is None else Compression.from_state(compressed),
        )


def _point_columns(rep: Rep, dims: Mapping[str, int]) -> list[slice]:
    columns = rep.columns(dims)
    return [where for part, where in zip(rep.parts(), columns, strict=True) if part.term.affine]


def _origin(x: Tensor, where: Sequence[slice], d: int) -> Tensor:
    """The mean of all Points, ``(d,)``."""
    return torch.cat([x[:, columns] for columns in where], 1).reshape(-1, d).mean(0)


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
        return self.preparation.targets.restore(self.core(self.preparation.read(x)))


def _arrays(standardiser: Standardiser) -> dict[str, Any]:
    return {"shift": standardiser.shift.numpy(), "scale": standardiser.scale.numpy()}


def _standardiser(rep: Rep, state: Mapping[str, Any]) -> Standardiser:
    return Standardiser(rep, torch.from_numpy(state["shift"]), torch.from_numpy(state["scale"]))
