"""Particles that repel each other in a trap: translations hold for the pairs and not for the trap."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.data.synthetic._made import Made, Truth
from isotropy.errors import DomainError
from isotropy.reps import Schema


@dataclass(frozen=True, kw_only=True)
class Trap(Made):
    """f = sum over pairs of exp(-|x_i - x_j|^2 / 2) + eps |mean x|^2 for three points x_i ~ N(0, I) in the plane.

    ``width`` is that of the window of translations.

    >>> Trap(eps=0.0).truth().shares
    {'SE(2)': 0.0, 'T(2)': 0.0, 'O(2)': 0.0}
    """

    eps: float = 0.5
    width: float = 0.5

    name = "trap"
    title = "Three particles in a trap"
    story = (
        "The energy of three particles that repel each other, wherever they are, and that a bowl holds near the "
        "origin: rotations about the bowl's centre hold, translations only as far as the bowl is flat."
    )
    groups = ("SE(2)", "T(2)", "O(2)")
    types = Schema(x="3*Point", y='Scalar("energy")', dims={"space": 2})
    windowed = ("SE(2)", "T(2)")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width <= 0:
            raise DomainError(f"width = {self.width}", "a positive width, in the unit of the points")

    def align(self, x: Float[Tensor, "n 6"]) -> Float[Tensor, "n 6"]:
        points = x.unflatten(1, (3, 2))
        return (points - points.mean(1, keepdim=True)).flatten(1)

    def function(self, x: Float[Tensor, "... 6"]) -> Float[Tensor, "... 1"]:
        points = x.unflatten(-1, (3, 2))
        sides = points - points.roll(-1, -2)
        pairs = torch.exp(-sides.square().sum(-1) / 2).sum(-1)
        return (pairs + self.eps * points.mean(-2).square().sum(-1))[..., None]

    def truth(self) -> Truth:
        """E prod exp(-|x_i - x_j|^2 / 2) = det(I + Laplacian)^(-d/2), d = 2; the centroid is independent of sides."""
        one, twice, path = 1 / 3, 1 / 5, 1 / 8  # one pair, the same pair twice, two pairs that share a point
        pairs = 3 * (twice - one**2) + 6 * (path - one**2)
        V = pairs + self.eps**2 * 4 / 9
        mean = 3 * one + self.eps * 2 / 3
        # f(x + t) - f(x) = eps (2 c.t + |t|^2) with the centroid c ~ N(0, I / 3) and t ~ N(0, width^2 I).
        moved = self.eps**2 * (8 * self.width**2 / 3 + 8 * self.width**4) / 2
        # A window on SE(2) turns, which f does not feel, and then translates as that on T(2) does.
        return Truth(V, V + mean**2, {"SE(2)": moved, "T(2)": moved, "O(2)": 0.0})
