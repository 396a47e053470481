"""A central force and a uniform field: O(3) broken down to O(2) about the field."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.data.synthetic._made import Made, Truth, principal_pose
from isotropy.reps import Schema


@dataclass(frozen=True, kw_only=True)
class CentralForce(Made):
    """f = -2 x exp(-|x|^2 / 2) + eps q e_z for a charge q ~ N(0, 1) at x ~ N(0, I) in R^3.

    >>> {name: round(b, 4) for name, b in CentralForce(eps=0.3).truth().shares.items()}
    {'O(3)': 0.1047, 'O(2)@z': 0.0, 'O(2)@x': 0.1047}
    """

    eps: float = 0.3

    name = "central-force"
    title = "A central force and a uniform field"
    story = (
        "The force on a charged particle that a centre attracts from all sides alike, and that a weak field along z "
        "pushes up or down with its charge: only rotations and mirrors about z are left."
    )
    groups = ("O(3)", "O(2)@z", "O(2)@x")
    types = Schema(x='Scalar("charge") + Vector("position")', y='Vector("force")', dims={"space": 3})

    def align(self, x: Float[Tensor, "n 4"]) -> Float[Tensor, "n 4"]:
        return torch.cat([x[:, :1], principal_pose(x[:, None, 1:])[:, 0]], 1)

    def function(self, x: Float[Tensor, "... 4"]) -> Float[Tensor, "... 3"]:
        q, r = x[..., :1], x[..., 1:]
        field = torch.tensor([0.0, 0.0, self.eps], dtype=x.dtype, device=x.device)
        return -2 * r * torch.exp(-r.square().sum(-1, keepdim=True) / 2) + q * field

    def truth(self) -> Truth:
        """E|x|^2 exp(-|x|^2) = 3^(-3/2); the mean of e_z over a group that turns it is 0."""
        V = 4 / math.sqrt(27) + self.eps**2
        return Truth(V, V, {"O(3)": self.eps**2, "O(2)@z": 0.0, "O(2)@x": self.eps**2})
