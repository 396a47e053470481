"""The aspects of mass and angular momentum at null infinity: what a solution of 2+1 gravity without matter is."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from isotropy.errors import DomainError, DtypeError, ShapeError
from isotropy.groups import Diff, NotADiffeomorphism
from isotropy.groups.parts import circle, slope, values
from isotropy.physics.bms3._hill import monodromy
from isotropy.physics.bms3._orbits import Orbit, orbit

_PERIODIC = 1e-8  # a value at 0 and at 2 pi, of functions of size 1


class PrecisionWarning(UserWarning):
    """Third derivatives of float32 samples, whose errors grow with the cube of the number of points."""


class Charges(NamedTuple):
    """Fourier modes m = 0, 1, ... of the charges; those of -m are their conjugates."""

    P: Complex[Tensor, "... m"]
    J: Complex[Tensor, "... m"]


class Invariants(NamedTuple):
    """What no transformation changes: the trace of the monodromy of Theta, and its part for Theta + 2 e Xi."""

    trace: Float[Tensor, ...]
    dual: Float[Tensor, ...]


class Aspects:
    """Theta and Xi ``(..., N)`` at the angles ``2 pi j / N``: the solution with the metric ``metric(u, r, phi)``.

    Theta = 8 G M and Xi = 4 G J for constants; Theta = -1, Xi = 0 is Minkowski space, -1 < Theta < 0 a cone,
    Theta > 0 a cosmology. Raises ShapeError for samples that do not fit, DtypeError for complex or whole numbers,
    DomainError for NaN. Source: Barnich and Compere, gr-qc/0610130; Barnich and Oblak, 1403.5803.

    >>> vacuum = Aspects(-torch.ones(32, dtype=torch.float64), torch.zeros(32, dtype=torch.float64))
    >>> vacuum.charges(1).P.real.tolist(), round(float(vacuum.invariants().trace), 12)
    ([-0.125, 0.0], -2.0)
    """

    def __init__(self, theta: Tensor, xi: Tensor) -> None:
        if theta.shape != xi.shape or theta.ndim < 1 or theta.shape[-1] < 8:
            given = f"Theta of shape {tuple(theta.shape)}, Xi of shape {tuple(xi.shape)}"
            raise ShapeError(given, "one shape (..., N), N at least 8")
        if not theta.is_floating_point() or theta.dtype != xi.dtype or theta.device != xi.device:
            raise DtypeError(f"{theta.dtype} and {xi.dtype}", "real floating-point samples of one kind", "use float64")
        if not bool(theta.detach().isfinite().all() & xi.detach().isfinite().all()):
            raise DomainError("aspects that are not finite", "finite samples")
        self.theta, self.xi = theta, xi

    @classmethod
    def from_function(cls, theta: Callable[[Tensor], Any], xi: Callable[[Tensor], Any], N: int = 256) -> Aspects:
        """The aspects with these functions of phi, sampled at N angles; constants may be returned as numbers.

        Raises DomainError for a function that is not periodic.

        >>> Aspects.from_function(lambda phi: -1 + 0.1 * (2 * phi).cos(), lambda phi: 0.0, 16).N
        16
        """
        phi = circle(N + 1) * (N + 1) / N  # 2 pi itself comes last
        found: list[Tensor] = []
        for name, function in (("Theta", theta), ("Xi", xi)):
            samples = torch.as_tensor(function(phi), dtype=torch.float64).expand(N + 1)
            jump = float((samples[-1] - samples[0]).abs())
            if jump > _PERIODIC * (1 + float(samples.abs().max())):
                raise DomainError(f"{name} that differs by {jump:.2g} at 0 and 2 pi", "a periodic function")
            found.append(samples[:-1].clone())
        return cls(*found)

    def __repr__(self) -> str:
        return f"Aspects{tuple(self.theta.shape)}"

    def __getitem__(self, index: Any) -> Aspects:
        """Some of a batch."""
        return Aspects(self.theta[index], self.xi[index])

    @property
    def N(self) -> int:
        """The number of samples."""
        return self.theta.shape[-1]

    @property
    def phi(self) -> Float[Tensor, " N"]:
        """The angles of the samples."""
        return circle(self.N, self.theta)

    def pullback(self, g: Float[Tensor, "... 2 N"]) -> Aspects:
        """The aspects moved by the right action of g = (F - phi, alpha).

        ``F'^2 Theta(F) - 2 {F; phi}`` with the Schwarzian derivative, and of Xi what forward differentiation makes of
        it: ``F'^2 (Xi + alpha Theta' / 2 + alpha' Theta - alpha''')(F)``. ``x.pullback(g).pullback(h)`` is
        ``x.pullback(G.compose(g, h))``; the left action is `BMS3.act`. Raises `NotADiffeomorphism` where F' <= 0,
        ShapeError for elements with other samples; warns with PrecisionWarning in float32.
        """
        p, alpha = self._element(g)
        if not bool(Diff(self.N).contains(p).all()):
            raise NotADiffeomorphism("F' <= 0 somewhere", "F' > 0", "an element of BMS3 is increasing in phi")
        moved = values(alpha, circle(self.N, p) + p)
        return Aspects(*self._dual(_pulled, (self.theta, p), (2 * self.xi, moved)))

    def variation(self, T: Float[Tensor, "... N"], Y: Float[Tensor, "... N"]) -> Aspects:
        """The first-order change by the supertranslation T and the superrotation Y.

        ``Y Theta' + 2 Y' Theta - 2 Y'''`` and ``Y Xi' + 2 Y' Xi + T Theta' / 2 + T' Theta - T'''``, both by forward
        differentiation of `pullback`.
        """
        T, Y = torch.broadcast_tensors(T, Y)
        self._element(torch.stack([Y, T], -2))

        def change(theta: Tensor, Y: Tensor) -> Tensor:
            still = torch.zeros_like(Y)
            forward: Any = torch.func.jvp
            return forward(lambda p: _pulled(theta, p), (still,), (Y,))[1]

        return Aspects(*self._dual(change, (self.theta, Y), (2 * self.xi, T)))

    def charges(self, mmax: int = 8, G: float = 1.0, shift: float = 0) -> Charges:
        """The modes m = 0, ..., ``mmax`` of ``P_m = int e^{i m phi} (Theta + shift) / (16 pi G)`` and of
        ``J_m = int e^{i m phi} 2 Xi / (16 pi G)``.

        P_0 is the energy, J_0 the angular momentum; with ``shift=1`` Minkowski space has energy 0. Raises DomainError
        for G <= 0 and for modes beyond the samples.
        """
        check_newton(G)
        if not 0 <= mmax <= self.N // 2:
            raise DomainError(f"mmax={mmax}", f"at most {self.N // 2} with {self.N} samples")
        P, J = (torch.fft.rfft(f)[..., : mmax + 1].conj() / self.N for f in (self.theta + shift, 2 * self.xi))
        return Charges(P / (8 * G), J / (8 * G))

    def charge(
        self, T: Float[Tensor, "... N"], Y: Float[Tensor, "... N"], G: float = 1.0, shift: float = 0
    ) -> Float[Tensor, ...]:
        """``Q = int T (Theta + shift) + 2 Y Xi dphi / (16 pi G)``."""
        check_newton(G)
        return (T * (self.theta + shift) + 2 * Y * self.xi).mean(-1) / (8 * G)

    def invariants(self) -> Invariants:
        """The trace of the monodromy of ``psi'' = Theta psi / 4``, and its derivative as Theta goes to Theta + 2 e Xi.

        For constants they are ``2 cosh(pi sqrt Theta)`` and ``2 pi Xi sinh(pi sqrt Theta) / sqrt Theta``. They have
        gradients.
        """

        def trace(theta: Tensor) -> Tensor:
            return monodromy(theta).diagonal(dim1=-2, dim2=-1).sum(-1)

        forward: Any = torch.func.jvp
        return Invariants(*forward(trace, (self.theta,), (2 * self.xi,)))

    def classify(self, tol: float = 1e-8) -> Orbit:
        """The orbit that these aspects, one pair of functions, lie on; see `Orbit`."""
        return orbit(self, tol)

    def metric(
        self, u: Float[Tensor, ...], r: Float[Tensor, ...], phi: Float[Tensor, ...], past: bool = False
    ) -> Float[Tensor, "*batch 3 3"]:
        """The metric of one solution at points in coordinates (u, r, phi); at past null infinity u is advanced time."""
        u, r, phi = torch.broadcast_tensors(u, r, phi)
        at = phi.reshape(-1)
        theta, dtheta, xi = (
            values(f, at, n).reshape(phi.shape) for f, n in ((self.theta, 0), (self.theta, 1), (self.xi, 0))
        )
        cross, o = xi + u / 2 * dtheta, torch.zeros_like(r)
        one = o + (1 if past else -1)
        rows = [theta, one, cross, one, o, o, cross, o, r**2]
        return torch.stack(rows, -1).unflatten(-1, (3, 3))

    def _element(self, g: Tensor) -> tuple[Tensor, Tensor]:
        if g.ndim < 2 or g.shape[-2:] != (2, self.N):
            raise ShapeError(f"an element of shape {tuple(g.shape)}", f"(..., 2, {self.N}), as the aspects")
        if g.dtype != self.theta.dtype:
            raise DtypeError(f"an element in {g.dtype} for aspects in {self.theta.dtype}", "one dtype", "use float64")
        if g.dtype == torch.float32:
            error = torch.finfo(torch.float32).eps * (self.N / 3) ** 3
            warnings.warn(
                f"third derivatives in float32 are off by about {error:.2g}: use float64", PrecisionWarning, 3
            )
        return g[..., 0, :], g[..., 1, :]

    def _dual(
        self, f: Callable[[Tensor, Tensor], Tensor], at: tuple[Tensor, Tensor], along: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """A formula for Theta, and half of its derivative, which is the one for Xi."""
        shape = torch.broadcast_shapes(*(x.shape for x in (*at, *along)))
        forward: Any = torch.func.jvp
        theta, double = forward(f, tuple(x.expand(shape) for x in at), tuple(x.expand(shape) for x in along))
        return theta, double / 2


def schwarzian(p: Float[Tensor, "... N"]) -> Float[Tensor, "... N"]:
    """The Schwarzian derivative ``F''' / F' - (3/2) (F'' / F')^2`` of F = phi + p."""
    first, second, third = 1 + slope(p), slope(p, 2), slope(p, 3)
    return third / first - 1.5 * (second / first) ** 2


def match_past_future(aspects: Aspects) -> Aspects:
    """The aspects at future null infinity that belong to these at past null infinity: the antipodal ones.

    ``Theta+(phi) = Theta-(phi + pi)``, the same for Xi. Source: Prohazka, Salzer, Schoeller, 1701.06573. It holds
    without a conical defect at the origin, which deflects what passes it (Compere, Fiorucci, 1705.06217).

    >>> past = Aspects.from_function(lambda phi: -1 + 0.1 * phi.cos(), lambda phi: 0.2 * (2 * phi).sin(), 16)
    >>> round(float(match_past_future(past).theta[0]), 12)
    -1.1
    """
    return Aspects(antipodal(aspects.theta), antipodal(aspects.xi))


class Fingerprint(NamedTuple):
    """The modes m = 2, 3, ... of the charges of a vacuum, which no Poincare transformation makes."""

    modes: Charges


def vacuum_fingerprint(aspects: Aspects, mmax: int = 8, G: float = 1.0) -> Fingerprint:
    """What tells a vacuum from Minkowski space: the modes 2, ..., ``mmax`` of its charges.

    Poincare's transformations leave (-1, 0) as it is and, to first order, every mode from 2 on. Raises DomainError for
    aspects that are no vacuum (whose monodromy is not -1, or whose spin is not 0). Source: Schoeller, 1711.02670.

    >>> vacuum = Aspects.from_function(lambda phi: -1.0, lambda phi: 0.0, 32)
    >>> float(vacuum_fingerprint(vacuum).modes.P.abs().max()) < 1e-12
    True
    """
    found = aspects.classify(1e-12)
    if found.kind != "exceptional" or found.winding != 1 or found.representative is None:
        raise DomainError(f"an orbit that is {found.kind}, winding {found.winding}", "that of Minkowski space")
    if bool((found.representative.xi.abs() > 1e-6).any()):
        raise DomainError("an orbit with spin", "that of Minkowski space")
    P, J = aspects.charges(mmax, G)
    return Fingerprint(Charges(P[..., 2:], J[..., 2:]))


def antipodal(f: Float[Tensor, "... N"]) -> Float[Tensor, "... N"]:
    """The function at phi + pi: exactly the same samples for even N, interpolated ones for odd."""
    N = f.shape[-1]
    return f.roll(N // 2, -1) if N % 2 == 0 else values(f, circle(N, f).expand(f.shape) + math.pi)


def _pulled(theta: Tensor, p: Tensor) -> Tensor:
    """The mass aspect pulled back; everything about angular momentum is its derivative."""
    return (1 + slope(p)) ** 2 * values(theta, circle(p.shape[-1], p) + p) - 2 * schwarzian(p)


def check_newton(G: Any) -> None:
    """Raise DomainError unless Newton's constant is positive."""
    if not G > 0 or not math.isfinite(G):
        raise DomainError(f"G={G}", "a positive constant of gravitation")
