"""The two-dimensional Fourier form: functions on the sphere as trigonometric polynomials on the torus."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.nn.gaunt._constants import Constants, table
from isotropy.nn.gaunt._harmonic_grid import orders, packing, places, theta_modes
from isotropy.nn.gaunt._transform import as_rows, by_orders
from isotropy.reps import Normalization, rescaling


class TorusSynthesis(Constants):
    """Coefficients to values ``(..., n_theta, n_phi)`` on the torus theta, phi in [0, 2 pi): the zero-padded FFT.

    f_kv, v >= 0, is real for each part of z_v = x_v - i x_-v: theta modes are real for even orders and imaginary for
    odd ones, and a real function needs no v < 0. Source: Luo, Chen, Krishnapriyan 2024, with exact modes.
    """

    def __init__(self, L: int, n_theta: int, n_phi: int, normalization: Normalization, gradient: bool) -> None:
        super().__init__()
        self.L, self.n_theta, self.n_phi = L, n_theta, n_phi
        k, v = torch.arange(-L, L + 1), torch.arange(L + 1)
        even = (v % 2 == 0)[:, None, None]
        scale = rescaling(L, normalization)[torch.arange(L + 1) ** 2][:, None]
        half = torch.where(v == 0, 1.0, 0.5).to(torch.float64)[:, None, None]
        t = torch.zeros(L + 1, L + 1, n_theta, dtype=torch.float64)
        t[..., k % n_theta] = theta_modes(L) * scale * half
        # Even orders: f = (x_v - i x_-v) t. Odd orders, whose modes are i t: f = (x_-v + i x_v) t.
        modes = torch.cat([t, torch.where(even, -t, t)])
        modes[L + 1] = 0  # f_k0 is real
        index = places(L)
        sine, cosine = index.flip(0)[L:], index[L:]
        real = torch.where(even[..., 0], cosine, sine)
        imaginary = torch.where(even[..., 0], sine, cosine)
        self.constant("modes", modes.mT.contiguous())
        self.constant("places", torch.cat([real, imaginary]).flatten())
        if gradient:
            # d/dtheta and d/dphi multiply by ik and iv.
            padded_k = torch.zeros(n_theta, dtype=torch.float64)
            padded_k[k % n_theta] = k.to(torch.float64)
            self.constant("k", padded_k[:, None])
            self.constant("v", v.to(torch.float64)[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        """The values of the function."""
        real, imaginary = by_orders(x, self.places, self.modes).chunk(2)
        return self._values(real, imaginary, x)

    def gradient(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """d/dtheta and d/dphi of the function: no sine is divided by."""
        real, imaginary = by_orders(x, self.places, self.modes).chunk(2)
        theta = self._values(-self.k * imaginary, self.k * real, x)
        return theta, self._values(-self.v * imaginary, self.v * real, x)

    def _values(self, real: Tensor, imaginary: Tensor, x: Tensor) -> Tensor:
        if not x.numel():  # some FFTs refuse an empty batch
            return x.sum() * x.new_zeros(*x.shape[:-1], self.n_theta, self.n_phi)
        f = torch.complex(real, imaginary)
        F = torch.fft.irfft2(f, s=(self.n_theta, self.n_phi), dim=(1, 0), norm="forward")
        return F.reshape(self.n_phi, self.n_theta, *x.shape[:-1]).movedim((0, 1), (-1, -2))


class TorusAnalysis(Constants):
    """Values on the torus to the coefficients of their projection to degrees 0..L, by the closed forms of S(n).

    The integrals over theta of e^(ik theta) Pbar_lm sin(theta) dtheta = sum_j T_lm,j S(k + j) are exact; products of
    gradients, which still lack 1 / sin(theta), take the same without the sine. Both obey F(2pi - theta, phi + pi) =
    F(theta, phi), up to a sign for gradients, so that k >= 0 is enough. Source: specification 05 §2.3.
    """

    def __init__(self, L: int, n_theta: int, n_phi: int, normalization: Normalization, odd: bool) -> None:
        super().__init__()
        self.L, self.n_theta, self.n_phi, self.odd = L, n_theta, n_phi, odd
        self.modes = n_theta // 2 + 1
        integrals = closed_integrals(L, n_theta // 2, sine=not odd)
        m = orders(L)
        # Where the integral over k and -k is real (even orders; odd ones for gradients) cosines take the real part.
        straight = (m.abs() % 2 == 0) != odd
        sign = torch.where(straight, torch.where(m < 0, -1.0, 1.0), -1.0).to(torch.float64)
        twice = torch.where(torch.arange(self.modes) == 0, 1.0, 2.0).to(torch.float64)
        scale = 1 / rescaling(L, normalization)[torch.arange(L + 1) ** 2][:, None]
        self.constant("I", integrals[m.abs()] * scale * (2 * math.pi * twice) * sign[:, None, None])
        # Rows 0..L hold real parts, the next L + 1 imaginary ones.
        real = straight == (m >= 0)
        self.constant("part", m.abs() + torch.where(real, 0, L + 1))
        self.constant("packing", packing(L))

    def forward(self, F: Tensor) -> Tensor:
        """The coefficients."""
        lead = F.shape[:-2]
        if not F.numel():
            return F.sum() * F.new_zeros(*lead, (self.L + 1) ** 2)
        columns = F.movedim((-1, -2), (0, 1)).reshape(self.n_phi, self.n_theta, math.prod(lead))
        f = torch.fft.rfft2(columns, dim=(1, 0), norm="forward")[: self.L + 1, : self.modes]
        parts = torch.cat([f.real, f.imag]).index_select(0, self.part)
        return as_rows((self.I @ parts).flatten(0, 1).index_select(0, self.packing), lead)


@table
def closed_integrals(L: int, highest: int, sine: bool) -> Float[Tensor, "order degree k"]:
    """The part that counts of the integrals over [0, pi] of e^(ik theta) Pbar_lm (sin theta) dtheta, k = 0..highest.

    The real part for even orders and the imaginary one for odd ones; without the sine the other way round. With the
    sine S(n) = 2 / (1 - n^2) for even n, i pi / 2 for n = 1, -i pi / 2 for n = -1 and 0 for other odd n; without,
    S(n) = pi for n = 0, 2i / n for odd n and 0 for other even n.
    """
    t = theta_modes(L)
    n = torch.arange(highest + 1)[:, None] + torch.arange(-L, L + 1)
    even, number = n % 2 == 0, n.to(torch.float64)
    if sine:
        # Modes of odd orders are i t: their imaginary part takes the same real part of S as the real one of even ones.
        return t @ torch.where(even, 2 / torch.where(even, 1 - number**2, 1.0), 0.0).T
    found = t @ torch.where(even, 0.0, 2 / torch.where(even, 1.0, number)).T
    return torch.where((torch.arange(L + 1) % 2 == 0)[:, None, None], found, -found)
