"""A handed function of three vectors: rotations hold, mirrors do not."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.data.synthetic._made import Made, Truth
from isotropy.reps import Schema


@dataclass(frozen=True, kw_only=True)
class TripleProduct(Made):
    """f = x_1.x_2 + x_2.x_3 + x_3.x_1 + eps det(x_1, x_2, x_3) for x_i ~ N(0, I) in R^3.

    >>> {name: round(b, 4) for name, b in TripleProduct(eps=1.0).truth().shares.items()}
    {'O(3)': 0.4, 'SO(3)': 0.0, 'O(2)@z': 0.4, 'SO(2)@z': 0.0, 'Inversion(3)': 0.4}
    """

    eps: float = 1.0

    name = "triple-product"
    title = "A handed function of three vectors"
    story = (
        "A quantity that tells a left hand from a right one, as the rotation of light by a sugar solution does: all "
        "rotations hold, mirror images do not."
    )
    groups = ("O(3)", "SO(3)", "O(2)@z", "SO(2)@z", "Inversion(3)")
    types = Schema(x="3*Vector", y="Scalar", dims={"space": 3})

    def function(self, x: Float[Tensor, "... 9"]) -> Float[Tensor, "... 1"]:
        v = x.unflatten(-1, (3, 3))
        even = (v * v.roll(-1, -2)).sum((-1, -2))
        odd = (v[..., 0, :] * torch.linalg.cross(v[..., 1, :], v[..., 2, :])).sum(-1)
        return (even + self.eps * odd)[..., None]

    def truth(self) -> Truth:
        """E det^2 = 3! and E(x_i.x_j)^2 = 3; any group with a mirror averages det to 0."""
        odd = 6 * self.eps**2
        return Truth(9 + odd, 9 + odd, dict.fromkeys(self.groups, odd) | {"SO(3)": 0.0, "SO(2)@z": 0.0})
