"""The network that every method has inside: residual layers with gates, on a plain row of numbers."""

from __future__ import annotations

import math

from jaxtyping import Float
from torch import Generator, Tensor, nn


class GatedNetwork(nn.Module):
    """``(..., n_in) -> (..., n_out)``: a linear map to ``width``, ``depth`` gated residual layers, a linear map.

    A layer is ``z + O(silu(a) * b)`` with ``(a, b) = L z``. Products of features, which most laws contain, are learnt
    from far fewer rows than by a perceptron, and go on growing beyond the data; normalised features would not. It knows
    of no group. Source: Shazeer, arXiv:2002.05202 (gates); He et al., CVPR 2016 (residual layers).

    >>> from isotropy.random import spawn
    >>> import torch
    >>> GatedNetwork(20, 9, width=32, depth=2, generator=spawn(0, "net"))(torch.ones(7, 20)).shape
    torch.Size([7, 9])
    """

    def __init__(self, n_in: int, n_out: int, *, width: int = 128, depth: int = 1, generator: Generator) -> None:
        super().__init__()
        self.enter = nn.Linear(n_in, width)
        self.gates = nn.ModuleList(nn.Linear(width, 2 * width) for _ in range(depth))
        self.mixes = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.head = nn.Linear(width, n_out)
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                # The start of torch's own linear layers, drawn from our stream.
                nn.init.kaiming_uniform_(layer.weight, a=math.sqrt(5), generator=generator)
                bound = 1 / math.sqrt(layer.in_features)
                nn.init.uniform_(layer.bias, -bound, bound, generator=generator)

    def forward(self, x: Float[Tensor, "... n_in"]) -> Float[Tensor, "... n_out"]:
        z = self.enter(x)
        for gate, mix in zip(self.gates, self.mixes, strict=True):
            a, b = gate(z).chunk(2, -1)
            z = z + mix(nn.functional.silu(a) * b)
        return self.head(z)
