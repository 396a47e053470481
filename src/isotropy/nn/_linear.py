"""The general linear layer that commutes with a group: coordinates in the basis of all equivariant maps."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from isotropy.groups import Group, parse
from isotropy.nn._copies import copies
from isotropy.reps import Rep, Scalar, equivariant_basis, parse_rep
from isotropy.settings import Settled


class EquivariantLinear(Settled):
    """``y = W x + b`` with ``W = sum_r theta_r Q_r`` over the equivariant maps Q_r: exact for any weights.

    x ``(..., n_in)`` -> y ``(..., n_out)``. Starts from random coordinates that keep the size of the features: each
    type of copy in y is as large as x, however few maps lead to it. (An orthogonal matrix projected on the basis, the
    start of the paper's code, loses nearly all of every tensor of rank two or more; networks then learn no matrices.)
    Raises ``ShapeError`` from the basis when a type and the group do not fit.
    Source: Finzi, Welling, Wilson, ICML 2021.

    Parameters: ``rep_in, rep_out``, types or their text; ``group``; ``bias``, whether an invariant one is added;
    ``generator`` of the start, by default torch's global one.

    >>> layer = EquivariantLinear("2*Vector", "Vector", "O(3)")
    >>> layer.theta.shape, layer.weight.shape
    (torch.Size([2]), torch.Size([3, 6]))
    """

    def __init__(
        self,
        rep_in: Rep | str,
        rep_out: Rep | str,
        group: Group | str,
        *,
        bias: bool = True,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.rep_in, self.rep_out = rep_in, rep_out = parse_rep(rep_in), parse_rep(rep_out)
        self.group = parse(group)
        self.basis = equivariant_basis(rep_in, rep_out, self.group)
        self.bias_basis = equivariant_basis(Scalar, rep_out, self.group) if bias else None
        start = self.basis.expand(torch.randn(self.basis.dim, generator=generator))
        self.theta = nn.Parameter(self.basis.coords(balanced(start, rep_out, [self.group])))
        if self.bias_basis is not None:
            n_out = rep_out.dim(self.group)
            start = torch.rand(n_out, 1, generator=generator) / math.sqrt(n_out)
            self.phi = nn.Parameter(self.bias_basis.coords(start))

    def settings(self) -> dict[str, Any]:
        return {"rep_in": str(self.rep_in), "rep_out": str(self.rep_out), "group": str(self.group)}

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


def balanced(weight: Float[Tensor, "n_out n_in"], rep_out: Rep, groups: Sequence[Group]) -> Float[Tensor, "n_out n_in"]:
    """The weight with the rows to each type of copy scaled to a mean square length of one; equivariance is kept.

    >>> from isotropy.groups import parse
    >>> from isotropy.reps import Vector
    >>> balanced(torch.tensor([[2.0], [4.0], [4.0], [4.0]]), Scalar + Vector, [parse("O(3)")])[:, 0]
    tensor([1., 1., 1., 1.])
    """
    weight = weight.clone()
    for places in copies(rep_out, groups).values():
        rows = weight[places.flatten()]
        length = rows.square().sum(1).mean().sqrt()
        if length > 0:
            weight[places.flatten()] = rows / length
    return weight


def orthogonal(n_out: int, n_in: int, generator: Generator | None = None) -> Float[Tensor, "n_out n_in"]:
    """A uniformly random matrix with orthonormal rows or columns, in torch's default dtype."""
    weight = torch.empty(n_out, n_in)
    return nn.init.orthogonal_(weight, generator=generator)
