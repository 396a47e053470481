"""Orbits of BMS3 on aspects: class, winding, the constant representative and the element that reaches it."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import DomainError, ShapeError
from isotropy.groups import Diff, tangent
from isotropy.groups.parts import circle
from isotropy.physics.bms3._hill import monodromy, solutions


class Orbit(NamedTuple):
    """Where aspects lie.

    ``kind`` is "elliptic" (cones and excesses, |tr M| < 2), "hyperbolic" (|tr M| > 2; cosmologies where ``winding`` is
    0), "parabolic" (|tr M| = 2) or "exceptional" (M = +1 or -1; ``winding`` 1 is Minkowski space). ``winding`` counts
    half turns of solutions of Hill's equation in a period: zeros in a period, the least of a solution.
    ``representative`` are the constants on the orbit, and ``act(element, aspects) = representative``, that is
    ``representative.pullback(element)`` are the aspects; both None where the orbit has no constants, the element alone
    where the samples do not resolve its F.
    """

    kind: str
    winding: int
    representative: Any
    element: Float[Tensor, "2 N"] | None


def orbit(aspects: Any, tol: float) -> Orbit:
    """The orbit of one pair of `Aspects`. Source: Kirillov (1982); Balog, Feher, Palla, hep-th/9702045, 2.2."""
    if aspects.theta.ndim != 1:
        raise ShapeError(
            f"aspects of shape {tuple(aspects.theta.shape)}", "(N,)", "[x[i].classify() for i in range(n)]"
        )
    theta, xi = aspects.theta.detach(), aspects.xi.detach()
    forward: Any = torch.func.jvp
    M, dM = forward(monodromy, (theta,), (2 * xi,))
    psi = solutions(theta)
    trace, dual = float(M.trace()), float(dM.trace())
    sign = 1.0 if trace > 0 else -1.0
    if float((M - sign * torch.eye(2).to(M)).abs().max()) < math.sqrt(tol):  # tr M is 2 to the square of this
        return _exceptional(aspects, psi, sign * dM)
    if abs(abs(trace) - 2) <= tol:
        return _parabolic(aspects, psi, sign * M, dual)
    if abs(trace) < 2:
        return _elliptic(aspects, psi, M, trace, dual)
    return _hyperbolic(aspects, psi, M, trace, dual)


def _elliptic(aspects: Any, psi: Tensor, M: Tensor, trace: float, dual: float) -> Orbit:
    nu = math.acos(trace / 2) / math.pi
    winding = math.floor(_turns(psi, torch.tensor([1.0, 0.0]).to(M)))
    mu = winding + nu if winding % 2 == 0 else winding + 1 - nu
    p = _phase(psi, _forward(M), mu)
    return _reached(aspects, "elliptic", winding, -(mu**2), dual * mu / (2 * math.pi * math.sin(math.pi * mu)), p)


def _exceptional(aspects: Any, psi: Tensor, X: Tensor) -> Orbit:
    winding = round(_turns(psi, torch.tensor([1.0, 0.0]).to(X)))
    if winding == 0:
        raise DomainError("M = 1 without a zero", "a solution of Hill's equation", "take more samples")
    v = torch.complex(torch.tensor([1.0, 0.0]).to(X), torch.tensor([0.0, winding / 2]).to(X))
    p = _phase(psi, v, winding)
    # X generates what is left of Xi: a rotation (det > 0) stands for a constant, 0 for none, a boost for no constant.
    size, det = float(X.abs().max()), float(torch.linalg.det(X))
    if size > 1e-6 and det <= 1e-6 * size**2:
        return Orbit("exceptional", winding, None, None)
    spin = winding * math.sqrt(max(det, 0.0)) / math.pi * (1.0 if float(X[1, 0] - X[0, 1]) > 0 else -1.0)
    if size > 1e-6:  # the frame in which X is that rotation
        p = _phase(psi, _forward(X), winding)
    return _reached(aspects, "exceptional", winding, -float(winding**2), spin if size > 1e-6 else 0.0, p)


def _hyperbolic(aspects: Any, psi: Tensor, M: Tensor, trace: float, dual: float) -> Orbit:
    root = math.acosh(abs(trace) / 2) / math.pi
    values, vectors = torch.linalg.eig(M)
    vectors = vectors.real[:, values.real.abs().argsort(descending=True)]
    winding = round(_turns(psi, vectors[:, 0]))
    if winding:
        return Orbit("hyperbolic", winding, None, None)
    grow, fall = (psi[:-1] @ vectors)[:, 0].unbind(-1)
    p = (grow / fall).abs().log() / root - circle(aspects.N, grow)
    return _reached(aspects, "hyperbolic", 0, root**2, dual * root / (2 * math.pi * math.sinh(math.pi * root)), p)


def _parabolic(aspects: Any, psi: Tensor, M: Tensor, dual: float) -> Orbit:
    """M - 1 is nilpotent: its image is the eigenvector."""
    part = M - torch.eye(2).to(M)
    fixed = part[:, part.square().sum(0).argmax()]
    winding = round(_turns(psi, fixed))
    other = torch.stack([-fixed[1], fixed[0]]) / fixed.square().sum()
    still, grow = (psi @ torch.stack([fixed, other], 1))[:, 0].unbind(-1)
    F = grow / still
    round_once = float(F[-1] - F[0])
    if winding or round_once <= 0:
        return Orbit("parabolic", winding, None, None)
    p = 2 * math.pi * (F[:-1] - F[0]) / round_once - circle(aspects.N, F)
    return _reached(aspects, "parabolic", 0, 0.0, dual / (2 * math.pi**2), p)


def _forward(M: Float[Tensor, "2 2"]) -> Tensor:
    """The eigenvector whose solution turns forward: its Wronskian with its conjugate is positive."""
    vectors = torch.linalg.eig(M)[1]
    return vectors[:, 0] if float((vectors[0, 0].conj() * vectors[1, 0]).imag) > 0 else vectors[:, 1]


def _turns(psi: Float[Tensor, "n 2 2"], v: Float[Tensor, " 2"]) -> float:
    """By how many half turns the direction (psi, psi') of a solution goes round in a period."""
    path = psi @ v
    angle = np.unwrap(np.arctan2(path[:, 1].numpy(), path[:, 0].numpy()))
    return float(angle[0] - angle[-1]) / math.pi


def _phase(psi: Tensor, v: Tensor, mu: float) -> Float[Tensor, " N"]:
    """F - phi for the solution F'^(-1/2) exp(i mu F / 2)."""
    path = (psi.to(v.dtype) @ v)[:-1, 0]
    F = 2 / mu * np.unwrap(path.angle().numpy())
    return torch.as_tensor(F).to(psi) - circle(len(F), psi)


def _reached(aspects: Any, kind: str, winding: int, theta: float, xi: float, p: Tensor) -> Orbit:
    """With F known, the supertranslation solves ``alpha' Theta - alpha''' = Xi - mean``, mode by mode."""
    G = tangent(Diff(aspects.N))
    kind_of = type(aspects)
    constants = kind_of(torch.full_like(p, theta), torch.full_like(p, xi))
    if not bool(G.base.contains(p)):
        return Orbit(kind, winding, constants, None)
    turned = G.pair(p, torch.zeros_like(p))
    rest = kind_of(aspects.theta.detach(), aspects.xi.detach()).pullback(G.inverse(turned)).xi - xi
    modes = torch.fft.rfft(rest)
    m = torch.arange(modes.shape[-1], dtype=torch.float64, device=p.device)
    symbol = 1j * m * (theta + m**2)
    solvable = symbol.abs() > 1e-6
    modes = torch.where(solvable, modes / torch.where(solvable, symbol, 1.0), 0.0)
    alpha = torch.fft.irfft(modes.to(torch.complex128), aspects.N).to(p)
    return Orbit(kind, winding, constants, G.pair(p, alpha))
