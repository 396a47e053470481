"""A homogeneous map with a ripple in the logarithm of the length: scale symmetry, kept or broken."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.data.synthetic._made import Made, Truth
from isotropy.errors import DomainError
from isotropy.reps import Schema


@dataclass(frozen=True, kw_only=True)
class Scaling(Made):
    """f = |x| (m(x / |x|) + eps cos(omega ln|x|) e_z), m(u) = sqrt(5) (u_y u_z, u_z u_x, u_x u_y), in R^3.

    Directions are uniform and ln|x| ~ N(0, spread^2); ``width`` is that of the window on log scale. Both x and f are
    vectors of weight 1 under scaling. The law of the inputs is never scale invariant, the map is for eps = 0.

    >>> Scaling(eps=0.0).truth().shares
    {'Scale(3)': 0.0}
    """

    eps: float = 0.5
    omega: float = 3.0
    spread: float = 0.5
    width: float = 0.5

    name = "scaling"
    title = "A homogeneous map with a log-periodic ripple"
    story = (
        "A response that doubles when its cause doubles, but for a ripple that repeats with every fixed factor of "
        "size, as in hierarchies and near critical points."
    )
    groups = ("Scale(3)",)
    types = Schema(x='Vector("cause")', y='Vector("response")', dims={"space": 3})
    windowed = ("Scale(3)",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.spread <= 0:
            raise DomainError(f"spread = {self.spread}", "a positive width on log scale")

    def draw(self, n: int, *, generator: torch.Generator) -> Float[Tensor, "n 3"]:
        z = torch.randn(n, 4, generator=generator, dtype=torch.float64)
        return z[:, :3] / z[:, :3].norm(dim=1, keepdim=True) * torch.exp(self.spread * z[:, 3:])

    def align(self, x: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
        return x / x.norm(dim=1, keepdim=True)

    def function(self, x: Float[Tensor, "... 3"]) -> Float[Tensor, "... 3"]:
        length = x.norm(dim=-1, keepdim=True)
        u = x / length
        m = math.sqrt(5) * u.roll(-1, -1) * u.roll(-2, -1)
        up = torch.tensor([0.0, 0.0, self.eps], dtype=x.dtype, device=x.device)
        return length * (m + torch.cos(self.omega * length.log()) * up)

    def truth(self) -> Truth:
        """From E exp((2 + 2 i omega) L) of a Gaussian L = ln|x|, and E cos(omega t) over the window."""
        s2, w2 = self.spread**2, (self.omega * self.width) ** 2
        plain = math.exp(2 * s2)
        ripple = plain * math.exp(-2 * s2 * self.omega**2) * math.cos(4 * s2 * self.omega)
        V = plain + self.eps**2 * (plain + ripple) / 2
        once, twice = math.exp(-w2 / 2), math.exp(-2 * w2)
        change = plain * (1 - once) + ripple * (1 - 2 * once + twice) / 2
        return Truth(V, V, {"Scale(3)": self.eps**2 * change / 2})
