"""Penalties with other priors on the same weights: residual pathways, and the leak of the gates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from isotropy.errors import DomainError
from isotropy.groups import Group
from isotropy.nn import GatedNonlinearity
from isotropy.reps import Rep
from isotropy.soft._projection import ProjectionPenalty


class ResidualPathwayPenalty(ProjectionPenalty):
    """``penalty(model, batch, generator) -> (J,)``: the prior of a residual pathway on the merged weights.

    A residual pathway is ``W = P_j w_e + w_b`` with the cost ``a |w_e|^2 + b |w_b|^2``; the cheapest split of a given W
    costs ``a b / (a + b) |P_j W|^2 + b |W - P_j W|^2``, which is this penalty, with ``a = equivariant`` and
    ``b = residual``: two precisions on one weight instead of two weights (§2.8).
    Source: Finzi, Benton, Wilson, NeurIPS 2021; their ``equiv_wd`` and ``basic_wd``.

    >>> from isotropy.random import spawn
    >>> from isotropy.reps import Vector
    >>> from isotropy.soft import SoftLinear
    >>> layer = SoftLinear(Vector, Vector, ["O(3)"], generator=spawn(0, "layer"))
    >>> whole = ResidualPathwayPenalty(layer, equivariant=1e30, residual=1.0)  # one price for all
    >>> torch.allclose(whole(layer), layer.weight.square().sum() + layer.bias.square().sum())
    True
    """

    def __init__(
        self,
        model: nn.Module,
        layers: Mapping[str, tuple[Rep, Rep]] | None = None,
        groups: Sequence[Group | str] | None = None,
        *,
        equivariant: float = 1e-5,
        residual: float = 1.0,
    ) -> None:
        super().__init__(model, layers, groups, normalised=False)
        if not (equivariant > 0 and residual > 0):
            raise DomainError(f"equivariant={equivariant}, residual={residual}", "two positive precisions")
        self.inside = equivariant * residual / (equivariant + residual)
        self.outside = residual

    def __call__(self, model: nn.Module, batch: Any = None, generator: Generator | None = None) -> Float[Tensor, " J"]:
        weights = self.weights(model)
        whole = torch.stack([weight.square().sum() for weight in weights]).sum()
        return self.inside * whole + (self.outside - self.inside) * self.complement.squares(weights)

    def weighted(self, model: nn.Module, multiplier: Float[Tensor, " J"]) -> Float[Tensor, ""]:
        values = self(model)
        return (multiplier.to(values) * values).sum()

    @torch.no_grad()
    def decay(self, model: nn.Module, amounts: Float[Tensor, " J"]) -> None:
        """The decoupled step of this prior: both parts shrink, each by its own precision, never past zero."""
        weights = self.weights(model)
        inside = float((2 * self.inside * amounts.sum()).clamp(max=1.0))
        steps = (2 * (self.outside - self.inside) * amounts).clamp(max=1.0 - inside)
        for weight, residual in zip(weights, self.complement.residuals(weights, steps), strict=True):
            weight.sub_(residual + inside * weight)


class GateLeakPenalty:
    """``penalty(model, batch, generator) -> (1,)``: ``sum |w|^2`` of the elementwise leak of all gates (§2.2, §2.3).

    >>> from isotropy.reps import Vector
    >>> gate = GatedNonlinearity(Vector, "O(3)", leak=0.1)
    >>> [round(value, 6) for value in GateLeakPenalty()(gate).tolist()]
    [0.03]
    """

    names = ("gate leak",)

    def __call__(self, model: nn.Module, batch: Any = None, generator: Generator | None = None) -> Float[Tensor, " 1"]:
        leaks = [module.leak for module in model.modules() if isinstance(module, GatedNonlinearity)]
        squares = [leak.square().sum() for leak in leaks if leak is not None]
        if not squares:
            raise DomainError("a model without leaking gates", "gates with leak=", "leave this penalty out")
        return torch.stack(squares).sum().reshape(1)
