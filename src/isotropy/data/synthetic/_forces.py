"""Forces with a preferred direction: O(3) broken down to what is left about it.

A centre and a uniform field keep O(2) about the field; a pendulum in a wind, for which gravity leaves rotations about
the vertical, keeps one mirror.
"""

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


@dataclass(frozen=True, kw_only=True)
class Pendulum(Made):
    """Acceleration of a bob on a rod of length 1 at direction q (uniform on the sphere), velocity v tangent to it:

    f = P_q (-gravity e_z + drag (wind e_x - v)) - |v|^2 q, with P_q = I - q q^T and v = P_q N(0, I).

    >>> {name: round(b, 4) for name, b in Pendulum(wind=0.0).truth().shares.items()}
    {'O(3)': 0.0727, 'O(2)@z': 0.0, 'SO(2)@z': 0.0, 'D(1)@z': 0.0}
    """

    gravity: float = 1.0
    drag: float = 0.5
    wind: float = 2.0

    name = "pendulum"
    title = "A spherical pendulum in the wind"
    story = (
        "Direction and velocity of a pendulum, and its acceleration. Gravity singles out the vertical, so only "
        "rotations about it can hold, and a steady wind along x leaves nothing but the mirror image y -> -y."
    )
    groups = ("O(3)", "O(2)@z", "SO(2)@z", "D(1)@z")
    types = Schema(x='Vector("direction") + Vector("velocity")', y='Vector("acceleration")', dims={"space": 3})

    def draw(self, n: int, *, generator: torch.Generator) -> Float[Tensor, "n 6"]:
        z = torch.randn(n, 2, 3, generator=generator, dtype=torch.float64)
        q = z[:, 0] / z[:, 0].norm(dim=1, keepdim=True)
        return torch.cat([q, _tangent(q, z[:, 1])], 1)

    def function(self, x: Float[Tensor, "... 6"]) -> Float[Tensor, "... 3"]:
        q, v = x[..., :3], x[..., 3:]
        outside = torch.tensor([self.drag * self.wind, 0.0, -self.gravity], dtype=x.dtype, device=x.device)
        return _tangent(q, outside - self.drag * v) - v.square().sum(-1, keepdim=True) * q

    def truth(self) -> Truth:
        """E|P_q a|^2 = 2 |a|^2 / 3; the rest, -drag v - |v|^2 q, commutes with O(3)."""
        gravity, wind = 2 / 3 * self.gravity**2, 2 / 3 * (self.drag * self.wind) ** 2
        V = 2 * self.drag**2 + 8 + gravity + wind
        return Truth(V, V, {"O(3)": gravity + wind, "O(2)@z": wind, "SO(2)@z": wind, "D(1)@z": 0.0})


def _tangent(q: Tensor, a: Tensor) -> Tensor:
    return a - (q * a).sum(-1, keepdim=True) * q
