"""Flat universes of matter and dark energy: an integral over redshift, by Gauss-Legendre with 32 nodes."""

from __future__ import annotations

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
        Om, w = values["Om"], self._slope(values)
        return z * self._mean(len(Om) * len(z), lambda node: _squared((node * z).log1p(), Om, w))

    def _mean(self, size: int, square: Callable[[Tensor], Tensor]) -> Float[Tensor, "P N"]:
        """The mean of 1/E over [0, z], from E^2 at nodes (c, 1, 1): as many at a time as stay in the cache."""
        nodes, weights = (torch.tensor(one, dtype=torch.float64)[:, None, None] for one in legendre())
        several = max(1, min(NODES, _TOGETHER // max(size, 1)))
        total = torch.zeros(1, dtype=torch.float64)
        for node, weight in zip(nodes.split(several), weights.split(several), strict=True):
            total = total + (weight / square(node).sqrt()).sum(0)
        return total

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

    def _proper(self, z: Float[Tensor, " N"], values: Values) -> Float[Tensor, "P N"]:
        # E^2 = 1 + Om ((1 + z)^3 - 1): no power for each parameter.
        Om = values["Om"]
        return z * self._mean(len(Om) * len(z), lambda node: 1 + Om * (3 * (node * z).log1p()).expm1())


def _squared(log: Tensor, Om: Tensor, w: Tensor) -> Tensor:
    """E^2 at ln(1 + z)."""
    return Om * (3 * log).exp() + (1 - Om) * (3 * (1 + w) * log).exp()
