"""Determinants: the area of a triangle, kept by area-preserving maps, and a handed function of three vectors.

A length that is added breaks all but rotations of the first; mirrors break the second.
"""

import itertools
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.data.synthetic._made import Made, Truth
from isotropy.groups import parse
from isotropy.reps import Schema


@dataclass(frozen=True, kw_only=True)
class Area(Made):
    """f = [x_1 x_2] + [x_2 x_3] + [x_3 x_1] + eps |s|^2 with [a b] = det(a, b) and s = (x_1 + x_2 + x_3) / sqrt 3.

    All x_i ~ N(0, I) in the plane; the sum of brackets is twice the signed area of the triangle. ``width`` is that of
    the window on sl(2).

    >>> Area(eps=0.0).truth().shares
    {'SL(2)': 0.0, 'O(2)': 1.0, 'SO(2)': 0.0}
    """

    eps: float = 0.5
    width: float = 0.3

    name = "area"
    title = "The signed area of a triangle"
    story = (
        "The area between three vectors, which squeezing the plane without changing areas leaves as it is, mirrors "
        "turn negative, and an added squared length makes feel all but rotations."
    )
    groups = ("SL(2)", "O(2)", "SO(2)")
    types = Schema(x="3*Vector", y='Scalar("area")', dims={"space": 2})
    windowed = ("SL(2)",)
    unit = "on the algebra's coordinates"

    def function(self, x: Float[Tensor, "... 6"]) -> Float[Tensor, "... 1"]:
        v = x.unflatten(-1, (3, 2))
        w = v.roll(-1, -2)
        area = (v[..., 0] * w[..., 1] - v[..., 1] * w[..., 0]).sum(-1)
        return (area + self.eps * v.sum(-2).square().sum(-1) / 3)[..., None]

    def truth(self) -> Truth:
        """E area^2 = 6, odd under mirrors; E(s^T M s)^2 = 2 tr M^2 + (tr M)^2 with M = g^T g - I over the window."""
        V = 6 + 4 * self.eps**2
        squeezed = self.eps**2 * squeeze_defect(self.width) / 2
        return Truth(V, V + 4 * self.eps**2, {"SL(2)": squeezed, "O(2)": 6.0, "SO(2)": 0.0})


@lru_cache(maxsize=16)
def squeeze_defect(width: float) -> float:
    """E(|g s|^2 - |s|^2)^2 for s ~ N(0, I) and g with coordinates z ~ N(0, width^2 I) in SL(2), by quadrature.

    >>> squeeze_defect(1e-9) < 1e-12
    True
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(20)
    z = torch.tensor(list(itertools.product(nodes, repeat=3)), dtype=torch.float64)
    w = torch.tensor([np.prod(triple) for triple in itertools.product(weights / weights.sum(), repeat=3)])
    g = parse("SL(2)").from_coords(width * z)
    assert isinstance(g, Tensor)
    M = g.mT @ g - torch.eye(2, dtype=g.dtype)
    trace = M.diagonal(dim1=-2, dim2=-1).sum(-1)
    return float(w @ (2 * M.square().sum((-1, -2)) + trace.square()))


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
