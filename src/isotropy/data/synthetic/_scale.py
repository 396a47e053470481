"""Scale symmetry, kept or broken: mean cosine similarity of three vectors, a homogeneous map with a ripple."""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np
import scipy
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from isotropy.data.synthetic._made import Made, Truth
from isotropy.data.synthetic._points import mean_absolute_product, mean_length_product, scale_defect
from isotropy.errors import DomainError
from isotropy.reps import Schema

_POWER = 16  # 2^16 points give the integrals without closed form to about 1e-4


@dataclass(frozen=True, kw_only=True)
class CosineSimilarity(Made):
    """s = mean over cyclic pairs of cos(x_i, x_j), x_i ~ N(0, I) in R^3, less what the variant adds.

    ``variant`` says what still holds: "so3-scale" is s; "so3" is s - nu * mean radius; "scale" is s - nu * frac with
    frac = |x_1|_1 / |(x_2, x_3)|_1; "none" is s - nu * radius + nu * frac. ``width`` is that of the windows, on
    log scale and in radians of the rotation vector. ``generator="paper"`` seeds as the paper does (n + 3 + 9 + seed,
    float32).

    Kim et al., ICML 2023 (arXiv 2306.00356).

    >>> CosineSimilarity(variant="so3").truth().shares["SO(3)"]
    0.0
    """

    variant: Literal["so3-scale", "so3", "scale", "none"] = "so3-scale"
    nu: float = 1.0
    width: float = 0.25
    generator: Literal["own", "paper"] = "own"

    name = "cossim"
    title = "Mean cosine similarity of three vectors"
    story = (
        "How parallel three vectors are, which neither turning nor stretching all of them changes; the variants add "
        "a term that feels their length, a term that feels the axes, or both."
    )
    groups = ("SO(3) x Scale(3)", "SO(3)", "Scale(3)")
    types = Schema(x="3*Vector", y='Scalar("similarity")', dims={"space": 3})
    windowed = ("SO(3) x Scale(3)", "Scale(3)")

    def draw(self, n: int, *, generator: torch.Generator) -> Float[Tensor, "n 9"]:
        if self.generator == "paper":
            return torch.randn(n, 9, generator=torch.Generator().manual_seed(n + 3 + 9 + self.seed)).double()
        return torch.randn(n, 9, generator=generator, dtype=torch.float64)

    def function(self, x: Float[Tensor, "... 9"]) -> Float[Tensor, "... 1"]:
        v = x.unflatten(-1, (3, 3))
        following = v.roll(-1, -2)
        lengths = v.norm(dim=-1)
        y = ((v * following).sum(-1) / (lengths * lengths.roll(-1, -1))).mean(-1)
        if self.variant in ("so3", "none"):
            y = y - self.nu * lengths.mean(-1)
        if self.variant in ("scale", "none"):
            frac = v[..., 0, :].abs().sum(-1) / v[..., 1:, :].abs().sum((-1, -2))
            y = y + self.nu * frac * (1 if self.variant == "none" else -1)
        return y[..., None]

    def truth(self) -> Truth:
        """Closed forms, but for three integrals over spheres and rotations (quasi-Monte Carlo to about 1e-4)."""
        moments = fraction_moments()
        radius, radius2 = math.sqrt(8 / math.pi), (3 * 3 + 6 * mean_length_product(0, 3)) / 9
        has_radius, has_fraction = self.variant in ("so3", "none"), self.variant in ("scale", "none")
        nu2 = self.nu**2
        sign = 1 if self.variant == "none" else -1
        mean = self.nu * (sign * moments.mean * has_fraction - radius * has_radius)
        square = 1 / 9 + nu2 * (radius2 * has_radius + moments.square * has_fraction)
        if self.variant == "none":
            square -= 2 * nu2 * moments.with_radius
        # Lengths feel scale alone and frac rotations alone, and their changes are uncorrelated.
        scale = nu2 * radius2 * scale_defect(self.width) / 2 * has_radius
        turned = nu2 * (moments.square - turned_square(self.width)) if has_fraction else 0.0
        rotation = nu2 * (moments.square - turned_square(None)) if has_fraction else 0.0
        return Truth(
            square - mean**2, square, {"SO(3) x Scale(3)": scale + turned, "SO(3)": rotation, "Scale(3)": scale}
        )


class FractionMoments(NamedTuple):
    """E frac, E frac^2 and E frac * mean radius."""

    mean: float
    square: float
    with_radius: float


@lru_cache(maxsize=1)
def fraction_moments() -> FractionMoments:
    """By one-dimensional integrals: with L(y) = |y|_1 on R^6, E 1/L^k follows from E exp(-t L) = erfcx(t / sqrt 2)^6.

    E |x_2|/L, of degree 0, is a mean over directions u on S^5.

    >>> m = fraction_moments()
    >>> m.mean**2 < turned_square(None) < turned_square(0.25) < m.square
    True
    """

    def inverse(k: int) -> float:
        value, _ = scipy.integrate.quad(
            lambda t: t ** (k - 1) * float(scipy.special.erfcx(t / math.sqrt(2))) ** 6, 0, math.inf
        )
        return float(value)

    pair, _ = _points()
    share = float(np.mean(np.linalg.norm(pair, axis=2).mean(1) / np.abs(pair).sum((1, 2))))
    first = 3 * math.sqrt(2 / math.pi)  # E|x_1|_1
    return FractionMoments(
        mean=first * inverse(1),
        square=(3 + 12 / math.pi) * inverse(2),
        with_radius=(4.5 * inverse(1) + 2 * first * share) / 3,
    )


@lru_cache(maxsize=16)
def turned_square(width: float | None) -> float:
    """E frac(x) frac(R x) for a uniform rotation R (width None), or one with rotation vector N(0, width^2 I).

    The first is the mean square of R_G frac over SO(3). It splits into E|x_1|_1|R x_1|_1, elementary, and
    E 1/(L(y) L(R y)) = E 1/(L(u) L(R u)) / 4 with u uniform on S^5.
    """
    from scipy.spatial.transform import Rotation

    pair, z = _points()
    g = Rotation.from_quat(z) if width is None else Rotation.from_rotvec(width * z[:, :3])
    matrix = g.as_matrix()
    turned = np.einsum("nij,nkj->nki", matrix, pair)
    products = mean_absolute_product(matrix).sum((1, 2))
    return float(np.mean(products / (np.abs(pair).sum((1, 2)) * np.abs(turned).sum((1, 2))))) / 4


@lru_cache(maxsize=1)
def _points() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sobol points: directions in R^6 as pairs ``(n, 2, 3)``, and four normal numbers ``(n, 4)`` for a rotation."""
    from scipy.stats import qmc

    uniform = qmc.Sobol(10, scramble=True, rng=0).random_base2(_POWER)
    z = scipy.special.ndtri(np.clip(uniform, 1e-12, 1 - 1e-12))
    return (z[:, :6] / np.linalg.norm(z[:, :6], axis=1, keepdims=True)).reshape(-1, 2, 3), z[:, 6:]


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
