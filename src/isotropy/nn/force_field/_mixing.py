"""Maps between channels that commute with rotations: one matrix for each degree, or for each degree and element."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn

from isotropy.nn.gaunt._constants import Constants
from isotropy.reps import degrees

# The second moment of silu(x) for standard normal x is 0.3556; the next weights take it up, so that layers keep
# unit variance.
_SILU = 0.35557


class Dense(nn.Module):
    """Layers without biases, x sigmoid(x) between them: zero input gives zero output.

    Weights start standard normal and are divided by the root of their fan-in at each call, so that one learning rate
    suits layers of all widths.
    """

    def __init__(self, widths: Sequence[int], generator: Generator | None) -> None:
        super().__init__()
        self.weights = nn.ParameterList(
            nn.Parameter(torch.randn(inner, outer, generator=generator)) for inner, outer in pairwise(widths)
        )

    def forward(self, x: Float[Tensor, "... n"]) -> Float[Tensor, "... m"]:
        for number, w in enumerate(self.weights):
            fan_in = len(w) * (_SILU if number else 1.0)
            x = (nn.functional.silu(x) if number else x) @ (w * fan_in**-0.5)
        return x


class DegreeLinear(Constants):
    """``y[d, lm] = sum_c W_l[c, d] x[c, lm]``: x ``(N, C, (L+1)^2)`` of degrees 0..L, one matrix for each degree.

    >>> DegreeLinear(2, 4, torch.Generator())(torch.ones(3, 4, 9)).shape
    torch.Size([3, 4, 9])
    """

    l: Tensor

    def __init__(self, L: int, channels: int, generator: Generator | None) -> None:
        super().__init__()
        self.W = nn.Parameter(torch.randn(L + 1, channels, channels, generator=generator))
        self.constant("l", degrees(L))

    def forward(self, x: Float[Tensor, "N C k"]) -> Float[Tensor, "N C k"]:
        W = self.W * self.W.shape[-1] ** -0.5
        return (x.permute(2, 0, 1) @ W.index_select(0, self.l)).permute(1, 2, 0)


class ElementLinear(Constants):
    """The same with matrices of each element: ``types (N,)`` chooses; degrees above L are left out."""

    l: Tensor

    def __init__(self, L: int, channels: int, n_types: int, generator: Generator | None) -> None:
        super().__init__()
        self.W = nn.Parameter(torch.randn(n_types, L + 1, channels, channels, generator=generator))
        self.constant("l", degrees(L))

    def forward(self, x: Float[Tensor, "N C k"], types: Int[Tensor, " N"]) -> Float[Tensor, "N C m"]:
        W = (self.W * self.W.shape[-1] ** -0.5).index_select(0, types).index_select(1, self.l)
        size = len(self.l)
        return torch.einsum("nck,nkcd->ndk", x[..., :size], W)
