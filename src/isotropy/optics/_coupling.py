"""Blocks with an exact inverse: what they were given can be rebuilt from what they gave."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Coupling(nn.Module):
    """y1 = x1 + f(x2), y2 = x2 + g(y1), where x1 and x2 are the halves of x along ``dim``.

    ``f`` and ``g`` map halves to halves and draw nothing (no dropout), so that ``inverse`` undoes it up to rounding.
    Source: Gomez et al. 2017, "The reversible residual network".

    >>> block = Coupling(nn.Linear(2, 2), nn.Tanh())
    >>> x = torch.randn(3, 4, dtype=torch.float32)
    >>> bool((block.inverse(block(x)) - x).abs().max() < 1e-5)
    True
    """

    def __init__(self, f: nn.Module, g: nn.Module, dim: int = -1) -> None:
        super().__init__()
        self.f, self.g, self.dim = f, g, dim

    def forward(self, x: Tensor) -> Tensor:
        one, two = x.chunk(2, self.dim)
        one = one + self.f(two)
        return torch.cat([one, two + self.g(one)], self.dim)

    def inverse(self, y: Tensor) -> Tensor:
        """The x with forward(x) = y."""
        one, two = y.chunk(2, self.dim)
        two = two - self.g(one)
        return torch.cat([one - self.f(two), two], self.dim)
