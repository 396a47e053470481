"""The general linear layer that commutes with a group: coordinates in the basis of all equivariant maps."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from isotropy.groups import Group, parse
from isotropy.reps import Rep, Scalar, equivariant_basis


class EquivariantLinear(nn.Module):
    """``y = W x + b`` with ``W = sum_r theta_r Q_r`` over the equivariant maps Q_r: exact for any weights.

    x ``(..., n_in)`` -> y ``(..., n_out)``. Starts from an orthogonal matrix projected on the basis (§2.1, §2.3).
    Raises ``ShapeError`` from the basis when a type and the group do not fit.
    Source: Finzi, Welling, Wilson, ICML 2021.

    >>> from isotropy.random import spawn
    >>> from isotropy.reps import Vector
    >>> layer = EquivariantLinear(2 * Vector, Vector, "O(3)", generator=spawn(0, "layer"))
    >>> layer.theta.shape, layer.weight.shape
    (torch.Size([2]), torch.Size([3, 6]))
    """

    def __init__(
        self, rep_in: Rep, rep_out: Rep, group: Group | str, *, bias: bool = True, generator: Generator
    ) -> None:
        super().__init__()
        self.rep_in, self.rep_out = rep_in, rep_out
        self.group = parse(group) if isinstance(group, str) else group
        self.basis = equivariant_basis(rep_in, rep_out, self.group)
        self.bias_basis = equivariant_basis(Scalar, rep_out, self.group) if bias else None
        n_in, n_out = rep_in.dim(self.group), rep_out.dim(self.group)
        self.theta = nn.Parameter(self.basis.coords(orthogonal(n_out, n_in, generator)))
        if self.bias_basis is not None:
            start = torch.rand(n_out, 1, generator=generator) / math.sqrt(n_out)
            self.phi = nn.Parameter(self.bias_basis.coords(start))

    @property
    def weight(self) -> Float[Tensor, "n_out n_in"]:
        """The equivariant matrix that the coordinates stand for."""
        return self.basis.expand(self.theta)

    @property
    def bias(self) -> Float[Tensor, " n_out"] | None:
        """The invariant bias, if there is one."""
        return None if self.bias_basis is None else self.bias_basis.expand(self.phi)[:, 0]

    def forward(self, x: Float[Tensor, "... n_in"]) -> Float[Tensor, "... n_out"]:
        return nn.functional.linear(x, self.weight, self.bias)


def orthogonal(n_out: int, n_in: int, generator: Generator) -> Float[Tensor, "n_out n_in"]:
    """A uniformly random matrix with orthonormal rows or columns, in torch's default dtype."""
    weight = torch.empty(n_out, n_in)
    return nn.init.orthogonal_(weight, generator=generator)
