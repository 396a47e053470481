"""A layer that does not see the directions of axes."""

from __future__ import annotations

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor, nn


class SignInvariant(nn.Module):
    """``h(y) = rho(sum_k [phi(y_k) + phi(-y_k)])``: no sign of a column of ``y (..., d)`` changes it.

    ``phi`` takes single coordinates (..., 1) to (..., c), ``rho`` (..., c) to anything; with ``axes`` the columns are
    not summed but laid side by side, so that ``rho`` takes (..., d * c) and knows which is which. Source: Lim et al.,
    SignNet, arXiv 2202.13013, equation 2; specification 08 §2.3, strategy 4.

    >>> import torch
    >>> layer = SignInvariant(torch.exp, torch.log)
    >>> y = torch.tensor([[0.3, -0.2]])
    >>> torch.equal(layer(y), layer(-y))
    True
    """

    def __init__(self, phi: Callable[[Tensor], Tensor], rho: Callable[[Tensor], Tensor], *, axes: bool = False) -> None:
        super().__init__()
        self.phi, self.rho, self.axes = phi, rho, axes

    def forward(self, y: Float[Tensor, "*points d"]) -> Tensor:
        column = y[..., None]
        both = self.phi(column) + self.phi(-column)
        return self.rho(both.flatten(-2) if self.axes else both.sum(-2))
