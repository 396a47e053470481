"""Distances as features: Bessel functions that fade out at the cutoff with their first two derivatives."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import DomainError
from isotropy.nn.gaunt._constants import Constants


def polynomial_cutoff(u: Float[Tensor, "..."], p: int = 5) -> Float[Tensor, "..."]:
    """1 at u = 0 and 0 from u = 1 on, where value and first two derivatives vanish; u = r / r_max.

    1 - (p+1)(p+2)/2 u^p + p(p+2) u^(p+1) - p(p+1)/2 u^(p+2). Source: Gasteiger, Gross, Guennemann, ICLR 2020, eq. 8.

    >>> polynomial_cutoff(torch.tensor([0.0, 0.5, 1.0, 1.5]))
    tensor([1.0000, 0.7734, 0.0000, 0.0000])
    """
    inner = u.clamp(max=1.0)
    power = inner**p
    series = (p + 1) * (p + 2) / 2 - inner * (p * (p + 2) - inner * (p * (p + 1) / 2))
    return torch.where(u < 1, 1 - power * series, 0.0)


class RadialBasis(Constants):
    """sqrt(2 / r_max) sin(n pi r / r_max) / r for n = 1..n_basis, times the polynomial cutoff.

    Distances r ``(E, 1)`` in Angstrom, above zero -> ``(E, n_basis)``. Raises DomainError for sizes that are not
    positive. Source: Gasteiger, Gross, Guennemann, ICLR 2020, eq. 7.

    >>> RadialBasis(5.0, 8)(torch.tensor([[1.0], [5.0]])).shape
    torch.Size([2, 8])
    """

    frequencies: Tensor

    def __init__(self, r_max: float, n_basis: int = 8, p: int = 5) -> None:
        super().__init__()
        if not r_max > 0 or n_basis < 1 or p < 3:
            raise DomainError(f"r_max={r_max}, n_basis={n_basis}, p={p}", "r_max > 0, one function or more, p >= 3")
        self.r_max, self.p = r_max, p
        self.constant("frequencies", torch.arange(1, n_basis + 1, dtype=torch.float64) * (math.pi / r_max))

    def forward(self, r: Float[Tensor, "E 1"]) -> Float[Tensor, "E n"]:
        fading = polynomial_cutoff(r / self.r_max, self.p) * math.sqrt(2 / self.r_max) / r
        return (r * self.frequencies).sin() * fading
