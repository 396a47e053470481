"""Flat universes of matter and dark energy: an integral over redshift, by Gauss-Legendre with 32 nodes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from isotropy.errors import DomainError
from isotropy.physics.cosmology._model import Cosmology, Values

NODES = 32
"""Nodes of the rule: 1e-13 relative for z up to 3, where the nearest singularity of 1/E is half an interval away."""

_TOGETHER = 100_000  # numbers of a step of the sum over nodes


@lru_cache
def legendre(n: int = NODES) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Nodes and weights of Gauss-Legendre on [0, 1].

    >>> nodes, weights = legendre()
    >>> round(sum(w * x**4 for x, w in zip(nodes, weights)), 12)
    0.2
    """
    x, w = np.polynomial.legendre.leggauss(n)
    return tuple(((x + 1) / 2).tolist()), tuple((w / 2).tolist())


@dataclass(frozen=True)
class FlatwCDM(Cosmology):
    """Matter ``Om`` and dark energy with pressure ``w`` times its density; radiation is left out.

    >>> FlatwCDM(w=-1.0).parameters, FlatwCDM(0.3, -1.0).dl_hat(1e-3)
    (('Om',), tensor([[0.0010]], dtype=torch.float64))
    """

    priors: ClassVar[Mapping[str, tuple[float, float]]] = {"Om": (0.0, 1.0), "w": (-2.0, 0.0)}
    Om: float | None = None
    w: float | None = None

    def _slope(self, values: Values) -> Tensor:
        return values["w"]

    def _problems(self, z: Float[Tensor, " N"], values: Values) -> list[tuple[Bool[Tensor, "P M"], str]]:
        Om, w = values["Om"].detach(), self._slope(values).detach()
        far = z.max()[None] if len(z) else z.new_zeros(1)  # at z = 0 it is 1
        square = _squared(far.log1p(), Om, w)
        return [(Om < 0, "Om >= 0"), (square <= 0, "a density that is positive up to the largest redshift")]

    def _proper(self, z: Float[Tensor, " N"], values: Values) -> Float[Tensor, "P N"]:
        x = z.log1p()
        points = self._points(x.detach(), values)
        if points is None:
            return z * self._mean(z, values)
        return z * (self._mean(points.expm1(), values) @ interpolation(points, x))

    def _points(self, x: Float[Tensor, " N"], values: Values) -> Float[Tensor, " M"] | None:
        """Chebyshev points of ln(1 + z) whose polynomial is the mean of 1/E to rounding; None where they save nothing.

        For Om in [0, 1] the singularities of 1/E have an imaginary part of at least pi / (3 max(1, |w|)). The largest
        ellipse without one has the sum ``rho`` of its half axes, and the error falls as ``rho^-M``.
        Source: Trefethen, Approximation Theory and Approximation Practice, theorem 8.2.
        """
        Om, w = values["Om"].detach(), self._slope(values).detach()
        if not len(x) or not bool((Om <= 1).all()):
            return None
        half = float(x.max() - x.min()) / 2
        apart = math.pi / (3 * max(1.0, float(w.abs().max())))
        needed = (
            max(2, math.ceil(36 / math.asinh(apart / half))) if half > 0 else len(x)
        )  # over ln rho: e^-36 is rounding
        if 2 * needed > len(x):
            return None
        angles = (torch.arange(needed, dtype=torch.float64) + 0.5) * (math.pi / needed)
        return x.min() + half * (1 + angles.cos())

    def _mean(self, z: Float[Tensor, " N"], values: Values) -> Float[Tensor, "P N"]:
        """The mean of 1/E over [0, z], nodes (c, 1, 1) at a time: as many as stay in the cache."""
        square, size = self._square(values), max(len(Om) for Om in values.values()) * len(z)
        nodes, weights = (torch.tensor(one, dtype=torch.float64)[:, None, None] for one in legendre())
        several = max(1, min(NODES, _TOGETHER // max(size, 1)))
        total = torch.zeros(1, dtype=torch.float64)
        for node, weight in zip(nodes.split(several), weights.split(several), strict=True):
            total = total + (weight / square(node * z).sqrt()).sum(0)
        return total

    def _square(self, values: Values) -> Callable[[Tensor], Tensor]:
        """E^2 as a function of redshift."""
        Om, w = values["Om"], self._slope(values)
        return lambda z: _squared(z.log1p(), Om, w)

    def _age(self, values: Values) -> Float[Tensor, "P one"]:
        # With u = a^(3/2) the integrand is smooth at the beginning where there is matter: t H0 = 2/3 int du / sqrt(.).
        Om, w = values["Om"], self._slope(values)
        total = torch.zeros_like(Om)
        for node, weight in zip(*legendre(128), strict=True):
            total = total + weight * (Om + (1 - Om) * node ** (-2 * w)).rsqrt()
        # Without matter a power law is left: the integral of u^w, infinite where w <= -1.
        alone = torch.where(w > -1, 1 / (1 + w).clamp_min(1e-300), torch.inf)
        age = torch.where(Om == 0, alone, total) * 2 / 3
        if not bool((age == age).all()):
            raise DomainError(f"{self.name}, whose density was negative in the past", "Om <= 1, or w <= 0")
        return age


@dataclass(frozen=True)
class FlatLambdaCDM(FlatwCDM):
    """Matter ``Om`` and a cosmological constant.

    >>> FlatLambdaCDM(0.3).age(70.0)
    tensor([13.4670], dtype=torch.float64)
    """

    priors: ClassVar[Mapping[str, tuple[float, float]]] = {"Om": (0.0, 1.0)}
    w: float | None = -1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "w", -1.0)

    @property
    def _settings(self) -> dict[str, float | None]:
        return {"Om": self.Om}

    def _slope(self, values: Values) -> Tensor:
        return torch.full_like(values["Om"], -1.0)

    def _square(self, values: Values) -> Callable[[Tensor], Tensor]:
        Om = values["Om"]  # 1 + Om ((1 + z)^3 - 1): no power for each parameter
        return lambda z: 1 + Om * (z * (3 + z * (3 + z)))


def interpolation(points: Float[Tensor, " M"], x: Float[Tensor, " N"]) -> Float[Tensor, "M N"]:
    """What takes values at Chebyshev ``points`` (from high to low) to values at ``x`` of the polynomial through them.

    >>> points = ((torch.arange(3).double() + 0.5) * math.pi / 3).cos()
    >>> round(float(points.square() @ interpolation(points, torch.tensor([0.5]).double())), 12)
    0.25
    """
    degree = len(points)
    end = math.cos(math.pi / (2 * degree))  # of the outermost point, on [-1, 1]
    centre, half = (points[0] + points[-1]) / 2, (points[0] - points[-1]) / (2 * end)
    at_points, at_x = chebyshev((points - centre) / half, degree), chebyshev((x - centre) / half, degree)
    at_points[0] /= 2
    return 2 / degree * at_points.mT @ at_x


def chebyshev(x: Float[Tensor, " N"], degree: int) -> Float[Tensor, "degree N"]:
    """The Chebyshev polynomials below a ``degree`` at ``x``, a row each.

    >>> chebyshev(torch.tensor([0.5]), 3)[:, 0]
    tensor([ 1.0000,  0.5000, -0.5000])
    """
    rows = [torch.ones_like(x), x]
    while len(rows) < degree:
        rows.append(2 * x * rows[-1] - rows[-2])
    return torch.stack(rows[:degree])


def _squared(log: Tensor, Om: Tensor, w: Tensor) -> Tensor:
    """E^2 at ln(1 + z)."""
    return Om * (3 * log).exp() + (1 - Om) * (3 * (1 + w) * log).exp()
