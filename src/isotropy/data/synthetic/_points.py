"""Three points and the distances between them, with a term that knows the origin or the axes: parts of SE(d).

And the means of lengths of correlated Gaussian vectors, by which the truth is known.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from isotropy.data.synthetic._made import Made, Truth, principal_pose
from isotropy.reps import Schema


@dataclass(frozen=True, kw_only=True)
class Distances(Made):
    """y = mean of |x_i - x_j| over the three pairs, less nu * err; x_i ~ N(0, I) are points in R^3.

    ``err`` is "none", "ball" (|x_1|, which knows the origin and breaks translations) or "l1distance" (the first
    coordinate of |x_1 - x_2|, which breaks rotations). ``width`` is that of the windows, in the
    points' unit for translations and in radians for the rotation vector.

    Kim et al., ICML 2023 (arXiv 2306.00356).

    >>> Distances(err="l1distance").truth().shares["T(3)"]
    0.0
    """

    err: Literal["none", "ball", "l1distance"] = "ball"
    nu: float = 0.5
    width: float = 1.0

    name = "distances"
    title = "Mean distance of three points"
    story = (
        "Distances between points do not care where the points are or how they are turned; the added term either "
        "measures from a fixed origin or along a fixed axis."
    )
    groups = ("SE(3)", "SO(3)", "T(3)")
    types = Schema(x="3*Point", y='Scalar("distance")', dims={"space": 3})
    windowed = ("SE(3)", "T(3)")
    unit = "in the unit of the points"

    def align(self, x: Float[Tensor, "n 9"]) -> Float[Tensor, "n 9"]:
        points = x.unflatten(1, (3, 3))
        return principal_pose(points - points.mean(1, keepdim=True)).flatten(1)

    def function(self, x: Float[Tensor, "... 9"]) -> Float[Tensor, "... 1"]:
        points = x.unflatten(-1, (3, 3))
        sides = points - points.roll(-1, -2)
        y = sides.norm(dim=-1).mean(-1)
        if self.err == "ball":
            y = y - self.nu * points[..., 0, :].norm(dim=-1)
        elif self.err == "l1distance":
            y = y - self.nu * sides[..., 0, 0].abs()
        return y[..., None]

    def truth(self) -> Truth:
        """Everything from E|a||b| of correlated Gaussian vectors; components along an axis are half as long."""
        sides = 2 * mean_length_product(0.5, 3)  # E|x_1 - x_2||x_2 - x_3|: correlation -1/2, variance 2
        length = math.sqrt(8 / math.pi)  # E|x_1|
        square, mean = (6 + 2 * sides) / 3, math.sqrt(2) * length
        translation = rotation = 0.0
        if self.err == "ball":
            cross = (2 * math.sqrt(2) * mean_length_product(math.sqrt(0.5), 3) + mean * length) / 3
            square, mean = square + self.nu**2 * 3 - 2 * self.nu * cross, mean - self.nu * length
            spread = math.sqrt(1 + self.width**2)
            moved = spread * mean_length_product(1 / spread, 3)
            translation = self.nu**2 * (3 + 3 * spread**2 - 2 * moved) / 2
        elif self.err == "l1distance":
            cross = (3 + 2 * sides / 2) / 3
            square = square + self.nu**2 * 2 - 2 * self.nu * cross
            mean = mean - self.nu * math.sqrt(4 / math.pi)
            rotation = self.nu**2 * (2 - 6 / 4)
        # A window on SE(3) turns by a Gaussian rotation vector, then translates; no term feels both.
        turned = translation if self.err != "l1distance" else self.nu**2 * 2 * (1 - mean_turned_product(self.width))
        return Truth(square - mean**2, square, {"SE(3)": turned, "SO(3)": rotation, "T(3)": translation})


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
    unit = "in the unit of the points"

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


def mean_length_product(rho: float, d: int) -> float:
    """E|a||b| for a, b ~ N(0, I_d) with correlation ``rho`` between equal components, none between others.

    2 (Gamma((d+1)/2) / Gamma(d/2))^2 2F1(-1/2, -1/2; d/2; rho^2).

    >>> round(mean_length_product(1.0, 3), 12), round(mean_length_product(0.0, 3) - 8 / math.pi, 12)
    (3.0, 0.0)
    """
    ratio = math.exp(math.lgamma((d + 1) / 2) - math.lgamma(d / 2))
    return 2 * ratio**2 * float(scipy.special.hyp2f1(-0.5, -0.5, d / 2, rho**2))


def mean_absolute_product(rho: NDArray[np.float64]) -> NDArray[np.float64]:
    """E|a||b| for standard normal numbers a, b with correlation ``rho``: (2/pi)(sqrt(1 - rho^2) + rho asin rho).

    >>> mean_absolute_product(np.array([1.0])).round(12).tolist()
    [1.0]
    """
    rho = np.clip(rho, -1, 1)
    return 2 / math.pi * (np.sqrt(1 - rho**2) + rho * np.arcsin(rho))


def mean_turned_product(width: float) -> float:
    """E|a_1||(R a)_1| for a ~ N(0, I) in R^3 and a rotation vector of R ~ N(0, width^2 I), by quadrature.

    The correlation of a_1 and (R a)_1 is R_11 = cos t + (1 - cos t) u^2, with u uniform on [-1, 1] and t = width chi_3.

    >>> round(mean_turned_product(1e-6), 9)
    1.0
    """
    nodes, weights = np.polynomial.legendre.leggauss(60)
    u, u_weight = (nodes + 1) / 2, weights / 2
    z, z_weight = 6 * (nodes + 1), 6 * weights  # chi_3 beyond 12 has no mass to speak of
    density = math.sqrt(2 / math.pi) * z**2 * np.exp(-(z**2) / 2) * z_weight
    turn = np.cos(width * z)[:, None]
    return float(density @ mean_absolute_product(turn + (1 - turn) * u**2) @ u_weight)


def scale_defect(width: float) -> float:
    """E(1 - s)^2 for s = exp(t), t ~ N(0, width^2): how far a homogeneous length is from invariant.

    >>> scale_defect(0.0)
    0.0
    """
    half = width**2 / 2
    return 1 - 2 * math.exp(half) + math.exp(4 * half)
