"""Finite groups: a potential with four equal valleys, and a sum over items whose weights differ."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.data.synthetic._made import Made, Truth
from isotropy.errors import DomainError
from isotropy.reps import Schema


@dataclass(frozen=True, kw_only=True)
class Cyclic(Made):
    """f = r^2 + eps cos(4 theta) at a point of the plane with r uniform in [1/2, 3/2] and theta uniform.

    >>> {name: round(b, 4) for name, b in Cyclic(eps=0.5).truth().shares.items()}
    {'O(2)': 0.2695, 'SO(2)': 0.2695, 'D(4)': 0.0, 'C(4)': 0.0, 'C(8)': 0.2695}
    """

    eps: float = 0.5

    name = "cyclic"
    title = "A potential with four valleys"
    story = (
        "The energy of an atom on a square lattice of neighbours: the same after a quarter turn or in a mirror, and "
        "not after any smaller turn."
    )
    groups = ("O(2)", "SO(2)", "D(4)", "C(4)", "C(8)")
    types = Schema(x='Vector("position")', y='Scalar("energy")', dims={"space": 2})

    def draw(self, n: int, *, generator: torch.Generator) -> Float[Tensor, "n 2"]:
        z = torch.rand(n, 2, generator=generator, dtype=torch.float64)
        r, theta = 0.5 + z[:, 0], 2 * math.pi * z[:, 1]
        return torch.stack([r * theta.cos(), r * theta.sin()], 1)

    def function(self, x: Float[Tensor, "... 2"]) -> Float[Tensor, "... 1"]:
        a, b = x[..., 0], x[..., 1]
        r2 = a.square() + b.square()
        return (r2 + self.eps * (r2.square() - 8 * (a * b).square()) / r2.square())[..., None]

    def truth(self) -> Truth:
        """E r^2 = 13/12 and E r^4 = 121/80; cos(4 theta) averages to 0 over any group with another turn."""
        V = 121 / 80 - (13 / 12) ** 2 + self.eps**2 / 2
        broken = dict.fromkeys(self.groups, self.eps**2 / 2) | {"D(4)": 0.0, "C(4)": 0.0}
        return Truth(V, V + (13 / 12) ** 2, broken)


@dataclass(frozen=True, kw_only=True)
class Permutation(Made):
    """f = sum_i w_i x_i^2 with w_i = 1 + eps * l_i, l_i equally spaced from -1 to 1; x_i ~ N(0, 1), i = 1..k.

    b = sum (w_i - mean w)^2 / sum w_i^2, whatever the function of one item.

    >>> Permutation(eps=0.5, k=5).truth().shares
    {'S(5)': 0.1111111111111111}
    """

    eps: float = 0.5
    k: int = 5

    name = "permutation"
    title = "A weighted sum over items"
    story = (
        "A total over items that should not depend on their order, and does, because the scale that weighs them "
        "gives later items more."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.k < 2:
            raise DomainError(f"k = {self.k}", "at least two items")

    @property
    def groups(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        return (f"S({self.k})",)

    @property
    def types(self) -> Schema:  # pyright: ignore[reportIncompatibleVariableOverride]
        return Schema(x="Nodes", y='Scalar("total")', dims={"nodes": self.k})

    @property
    def weights(self) -> Float[Tensor, " k"]:
        """The weight of each item."""
        return 1 + self.eps * torch.linspace(-1, 1, self.k, dtype=torch.float64)

    def align(self, x: Float[Tensor, "n k"]) -> Float[Tensor, "n k"]:
        return x.sort(1).values

    def function(self, x: Float[Tensor, "... k"]) -> Float[Tensor, "... 1"]:
        return (x.square() @ self.weights.to(x))[..., None]

    def truth(self) -> Truth:
        """Var x_i^2 = 2, and R_G replaces every weight by their mean."""
        w = self.weights
        V = 2 * float(w.square().sum())
        return Truth(V, V + float(w.sum()) ** 2, {self.groups[0]: 2 * float((w - w.mean()).square().sum())})
