"""A linear layer that is free, and knows how far it stands from equivariance under each of several groups."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from isotropy.errors import DomainError
from isotropy.groups import Group, parse
from isotropy.nn.parts import balanced, orthogonal, size
from isotropy.reps import Rep, parse_rep
from isotropy.soft._complement import Complement, TypedLayer

Init = Literal["orthogonal", "rpp", "halfsoft", "near"]


class SoftLinear(nn.Module):
    """``y = W x + b`` with free W ``(n_out, n_in)``; x ``(..., n_in)`` -> ``(..., n_out)``.

    W starts orthogonal, b uniform on [0, 1) / sqrt(n_out) (§2.3). ``groups`` are J candidates; the first, the largest,
    is the one that the other starts lean to: ``"rpp"`` (``P_0 W + 1e-3 W``), ``"halfsoft"`` (``(P_0 W + W) / 2``), and
    ``"near"``, the first with ``P_0 W`` brought to the size of W (``nn.balanced``): else little of any matrix is left.
    Source: Kim, Lee, Yang, Lee, ICML 2023.

    Parameters: ``rep_in, rep_out``, types or their text; ``groups``, the largest first; ``bias``; ``init``, the start;
    ``generator`` of the start, by default torch's global one.

    >>> layer = SoftLinear("2*Vector", "Vector", ["O(3)", "O(2)@z"])
    >>> residual = layer.residual(1)
    >>> layer.penalty().shape, torch.allclose(layer.project(1) + residual, layer.weight)
    (torch.Size([2]), True)
    """

    def __init__(
        self,
        rep_in: Rep | str,
        rep_out: Rep | str,
        groups: Sequence[Group | str],
        bias: bool = True,
        *,
        init: Init = "orthogonal",
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.rep_in, self.rep_out = rep_in, rep_out = parse_rep(rep_in), parse_rep(rep_out)
        self.groups = parse_groups(groups)
        n_in, n_out = size(rep_in, self.groups), size(rep_out, self.groups)
        self.weight = nn.Parameter(orthogonal(n_out, n_in, generator))
        self.bias = nn.Parameter(torch.rand(n_out, generator=generator) / math.sqrt(n_out)) if bias else None
        if init != "orthogonal":
            inside, rest = {"rpp": (1.0, 1e-3), "halfsoft": (0.5, 0.5), "near": (1.0, 1e-3)}[init]
            with torch.no_grad():
                exact = self.project(0)
                exact = balanced(exact, rep_out, self.groups[:1]) if init == "near" else exact
                self.weight.copy_(inside * exact + rest * self.weight)

    @functools.cached_property
    def complement(self) -> Complement:
        """The complements of the equivariant weights and biases, one for each group."""
        return Complement([TypedLayer(self.rep_in, self.rep_out, self.bias is not None)], self.groups)

    @functools.cached_property
    def _weight_complement(self) -> Complement:
        return Complement([TypedLayer(self.rep_in, self.rep_out, bias=False)], self.groups)

    def penalty(self, normalised: bool = True) -> Float[Tensor, " J"]:
        """Distances from the equivariant weights and biases, one for each group.

        ``|W - P_j W|^2`` over the dimension of the complement; unnormalised the paper's ``1/2 |W - P_j W|^2`` (§2.2).
        """
        weights = [self.weight] if self.bias is None else [self.weight, self.bias]
        squares = self.complement.squares(weights)
        return squares / self.complement.dims.clamp(min=1).to(squares) if normalised else squares / 2

    def residual(self, j: int) -> Float[Tensor, "n_out n_in"]:
        """``W - P_j W``, the part of the weight that group j forbids."""
        amounts = torch.zeros(len(self.groups))
        amounts[j] = 1.0
        return self._weight_complement.residuals([self.weight], amounts)[0]

    def project(self, j: int) -> Float[Tensor, "n_out n_in"]:
        """``P_j W``, the equivariant weight of group j that is closest to W."""
        return self.weight - self.residual(j)

    def forward(self, x: Float[Tensor, "... n_in"]) -> Float[Tensor, "... n_out"]:
        return nn.functional.linear(x, self.weight, self.bias)


def parse_groups(groups: Sequence[Group | str]) -> tuple[Group, ...]:
    """Groups from objects or printed names; raises ``DomainError`` when there are none.

    >>> [str(group) for group in parse_groups(["O(3)", "O(2)@z"])]
    ['O(3)', 'O(2)@z']
    """
    if isinstance(groups, str) or not groups:
        raise DomainError(f"groups = {groups!r}", "a sequence of one or more groups", 'write ["O(3)", "O(2)@z"]')
    return tuple(parse(group) for group in groups)
