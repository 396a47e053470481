"""Gauss-Legendre grids on the sphere, and harmonics and their gradients on them, in float64; series of one angle."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from isotropy.errors import DomainError
from isotropy.nn.gaunt._constants import table
from isotropy.reps import Normalization, degrees, rescaling
from isotropy.reps.parts import legendre_factors


@dataclass(frozen=True)
class SphereGrid:
    """``n_theta`` Gauss-Legendre nodes in cos(theta) about the axis y, times ``n_phi`` equispaced angles atan2(x, z).

    Integrates every polynomial of degree ``2 n_theta - 1`` in cos(theta) with orders ``|m| < n_phi`` exactly; no node
    is a pole. Raises DomainError for a grid without points. Source: Xie, Daigavane, Kotak, Smidt 2025.

    >>> SphereGrid.minimal(12)
    SphereGrid(n_theta=7, n_phi=13)
    """

    n_theta: int
    n_phi: int

    def __post_init__(self) -> None:
        if min(self.n_theta, self.n_phi) < 1:
            raise DomainError(f"a grid of {self.n_theta} x {self.n_phi} points", "one point or more each way")

    @classmethod
    def minimal(cls, degree: int) -> "SphereGrid":
        """The smallest grid that integrates all polynomials up to ``degree`` exactly.

        For a product of functions of degree L1 and L2 projected to degree L3, that is L1 + L2 + L3.

        >>> SphereGrid.minimal(4)
        SphereGrid(n_theta=3, n_phi=5)
        """
        if degree < 0:
            raise DomainError(f"total degree {degree}", "a degree of 0 or more")
        return cls(degree // 2 + 1, degree + 1)

    @property
    def cosines(self) -> Float[Tensor, " n_theta"]:
        """cos(theta) of the circles, ascending, in float64."""
        return _gauss(self.n_theta)[0]

    @property
    def sines(self) -> Float[Tensor, " n_theta"]:
        """sin(theta) of the circles, in float64; no node is a pole, so none is zero."""
        return ((1 - self.cosines) * (1 + self.cosines)).sqrt()

    @property
    def phi(self) -> Float[Tensor, " n_phi"]:
        """The angles on each circle, from 0, in float64."""
        return torch.arange(self.n_phi, dtype=torch.float64) * (2 * math.pi / self.n_phi)

    @property
    def weights(self) -> Float[Tensor, " n_theta"]:
        """What each point of a circle weighs; over all points they sum to 4 pi.

        >>> torch.round(SphereGrid(2, 3).weights * 3 / math.pi, decimals=12)
        tensor([2., 2.], dtype=torch.float64)
        """
        return _gauss(self.n_theta)[1] * (2 * math.pi / self.n_phi)

    @property
    def directions(self) -> Float[Tensor, "n_theta n_phi 3"]:
        """The unit vectors (sin theta sin phi, cos theta, sin theta cos phi), in float64.

        >>> SphereGrid(1, 4).directions[0, 1].round(decimals=12)
        tensor([1., 0., 0.], dtype=torch.float64)
        """
        s, c = self.sines[:, None], self.cosines[:, None].expand(-1, self.n_phi)
        return torch.stack([s * self.phi.sin(), c, s * self.phi.cos()], dim=-1)


@lru_cache(maxsize=256)
def _gauss(n: int) -> tuple[Tensor, Tensor]:
    nodes, weights = np.polynomial.legendre.leggauss(n)
    return torch.from_numpy(nodes), torch.from_numpy(weights)


def legendre(L: int, c: Float[Tensor, " n"], s: Float[Tensor, " n"]) -> Float[Tensor, "order degree n"]:
    """Pbar_l|m| at (cos theta, sin theta) = (c, s) by order and degree, zero for l < m; s may be negative.

    Y_lm = Pbar_l|m|(theta) times sin |m|phi, 1 or cos m phi has unit norm on the sphere: sqrt(2) stands inside.
    """
    found = torch.zeros(L + 1, L + 1, len(c), dtype=torch.float64)
    found[0, 0] = 0.5 / math.sqrt(math.pi)
    for l in range(1, L + 1):
        a, b, last = legendre_factors(l)
        found[l, l] = last * s * found[l - 1, l - 1]
        found[:l, l] = a[:, None] * c * found[:l, l - 1]
        if l > 1:
            found[: l - 1, l] -= (a[:-1] * b)[:, None] * found[: l - 1, l - 2]
    found[1:] *= math.sqrt(2.0)
    return found


@table
def theta_modes(L: int) -> Float[Tensor, "order degree k"]:
    """t with Pbar_lm(theta) = sum_k t e^(ik theta) for even m and i times it for odd m, k = -L..L; t is real.

    Even orders are sums of cosines, odd ones of sines, on the whole circle with sin(theta) signed. Sampled at 2L + 2
    angles the transform is exact: no quadrature, and no loss with the degree.
    """
    n = 2 * L + 2
    theta = torch.arange(n, dtype=torch.float64) * (2 * math.pi / n)
    spectrum = torch.fft.fft(legendre(L, theta.cos(), theta.sin()), dim=-1) / n
    k = torch.arange(-L, L + 1)
    t = torch.where(torch.arange(L + 1)[:, None, None] % 2 == 0, spectrum.real, spectrum.imag)[..., k % n]
    # Only k = l (mod 2), |k| <= l occur; the rest is rounding.
    l = torch.arange(L + 1)[:, None]
    return t * ((k.abs() <= l) & ((k - l) % 2 == 0))


@table
def by_order(L: int, grid: SphereGrid) -> Float[Tensor, "m degree n_theta"]:
    """Pbar_l|m| on the circles of the grid for m = -L..L."""
    return legendre(L, grid.cosines, grid.sines)[orders(L).abs()]


@table
def slopes(L: int, grid: SphereGrid) -> Float[Tensor, "m degree n_theta"]:
    """d Pbar_l|m| / d theta on the circles of the grid for m = -L..L, from the modes: multiply by ik."""
    theta, k = torch.atan2(grid.sines, grid.cosines), torch.arange(-L, L + 1, dtype=torch.float64)
    angle = k[:, None] * theta
    t = theta_modes(L) * k
    even, odd = t @ -angle.sin(), t @ -angle.cos()
    m = orders(L).abs()
    return torch.where(m[:, None, None] % 2 == 0, even[m], odd[m])


@table
def turns(L: int, n_phi: int) -> Float[Tensor, "m n_phi"]:
    """sin |m|phi, 1 and cos m phi at ``n_phi`` equispaced angles, for m = -L..L."""
    m = orders(L)[:, None]
    # m * j modulo n_phi before the sine: the angle stays small and exact.
    angle = (m.abs() * torch.arange(n_phi) % n_phi).to(torch.float64) * (2 * math.pi / n_phi)
    return torch.where(m < 0, angle.sin(), angle.cos())


@table
def values(L: int, grid: SphereGrid) -> Float[Tensor, "k points"]:
    """Y_lm on the grid: packed entries by points, circle after circle."""
    return _packed(by_order(L, grid), turns(L, grid.n_phi), L)


@table
def gradients(L: int, grid: SphereGrid) -> tuple[Float[Tensor, "k points"], Float[Tensor, "k points"]]:
    """dY/dtheta and (1 / sin theta) dY/dphi on the grid: the two components of the surface gradient."""
    around = (by_order(L, grid) * -orders(L)[:, None, None]) / grid.sines
    # d/dphi turns cos into -m sin and sin into m cos: order m takes the angles of order -m.
    return _packed(slopes(L, grid), turns(L, grid.n_phi), L), _packed(around, turns(L, grid.n_phi).flip(0), L)


@table
def projection(L: int, grid: SphereGrid) -> Float[Tensor, "points k"]:
    """Z = Y times the weights of the grid: from values to coefficients."""
    return (values(L, grid) * grid.weights.repeat_interleave(grid.n_phi)).T.contiguous()


@table
def orders(L: int) -> Int[Tensor, " m"]:
    """-L..L."""
    return torch.arange(-L, L + 1)


@table
def places(L: int) -> Int[Tensor, "m degree"]:
    """Where (m, l) stands in the packed vector; entries with l < |m|, which meet only zeros, point at the first."""
    l, m = torch.arange(L + 1), orders(L)[:, None]
    return torch.where(l >= m.abs(), l * l + l + m, 0)


@table
def packing(L: int) -> Int[Tensor, " k"]:
    """Where each packed entry stands in the table (m, l), flattened: the inverse of ``places``."""
    l = degrees(L)
    m = torch.arange((L + 1) ** 2) - l * l - l
    return (m + L) * (L + 1) + l


def _packed(by_theta: Tensor, by_phi: Tensor, L: int) -> Tensor:
    """(m, degree, n_theta) and (m, n_phi) to (k, points)."""
    l = degrees(L)
    m = torch.arange((L + 1) ** 2) - l * l - l + L
    return (by_theta[m, l][:, :, None] * by_phi[m][:, None, :]).flatten(1)


def legendre_series(L: int, t: Float[Tensor, "... n"]) -> Float[Tensor, "... degrees n"]:
    """P_l(t) for l = 0..L, by l P_l = (2l - 1) t P_{l-1} - (l - 1) P_{l-2}: all channels share them.

    >>> legendre_series(2, torch.tensor([1.0, 0.0]))
    tensor([[ 1.0000,  1.0000],
            [ 1.0000,  0.0000],
            [ 1.0000, -0.5000]])
    """
    found = [torch.ones_like(t), t]
    for l in range(2, L + 1):
        found.append(((2 * l - 1) / l) * t * found[-1] - ((l - 1) / l) * found[-2])
    return torch.stack(found[: L + 1], dim=-2)


def legendre_slopes(L: int, t: Float[Tensor, " n"]) -> Float[Tensor, "degrees n"]:
    """dP_l / dt for l = 0..L, by P'_l = P'_{l-2} + (2l - 1) P_{l-1}."""
    P = legendre_series(L, t)
    found = [torch.zeros_like(t), torch.ones_like(t)]
    for l in range(2, L + 1):
        found.append(found[-2] + (2 * l - 1) * P[l - 1])
    return torch.stack(found[: L + 1])


def addition(L: int, normalization: Normalization) -> Float[Tensor, " degrees"]:
    """c_l with sum_m Y_lm(a) Y_lm(b) = c_l P_l(a . b): (2l + 1) / 4pi for harmonics of unit norm on the sphere."""
    l = torch.arange(L + 1)
    return (2 * l + 1).to(torch.float64) / (4 * math.pi) * rescaling(L, normalization)[l * l] ** 2
