"""Universes in closed form: power laws of time, with the speed of light a power of the scale factor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from isotropy.physics.cosmology._model import Cosmology, Values


@dataclass(frozen=True)
class EinsteinDeSitter(Cosmology):
    """Matter at the critical density: ``2 (1 + z) (1 - (1 + z)^-1/2)``.

    >>> EinsteinDeSitter().dl_hat(3.0)
    tensor([[4.]], dtype=torch.float64)
    """

    def _proper(self, z: Float[Tensor, " N"], values: Values) -> Float[Tensor, "P N"]:
        return (-2 * (-z.log1p() / 2).expm1())[None]

    def _age(self, values: Values) -> Float[Tensor, "P one"]:
        return torch.full((1, 1), 2 / 3, dtype=torch.float64)


@dataclass(frozen=True)
class Milne(Cosmology):
    """An empty universe, of negative curvature: ``(1 + z) sinh ln(1 + z)``.

    >>> Milne().dl_hat(1.0)
    tensor([[1.5000]], dtype=torch.float64)
    """

    def _proper(self, z: Float[Tensor, " N"], values: Values) -> Float[Tensor, "P N"]:
        return z.log1p().sinh()[None]

    def _age(self, values: Values) -> Float[Tensor, "P one"]:
        return torch.ones(1, 1, dtype=torch.float64)


@dataclass(frozen=True)
class RhCt(Cosmology):
    """A flat universe that expands at constant rate: ``(1 + z) ln(1 + z)``.

    >>> RhCt().age(70.0)
    tensor([13.9685], dtype=torch.float64)
    """

    def _proper(self, z: Float[Tensor, " N"], values: Values) -> Float[Tensor, "P N"]:
        return z.log1p()[None]

    def _age(self, values: Values) -> Float[Tensor, "P one"]:
        return torch.ones(1, 1, dtype=torch.float64)


@dataclass(frozen=True)
class PowerLaw(Cosmology):
    """``a = (t/t0)^mu`` and ``c = c0 a^-zeta``, clocks fixed: ``1 + z = a^-(1 + zeta)`` (Barrow 1999).

    With H0 = mu / t0 distances are ``c0/H0 (1 + z) (1 - (1 + z)^-k) / (k (1 + zeta))``, k = 1/(mu (1 + zeta)) - 1: up
    to a constant factor they know only the product ``mu (1 + zeta)``.

    >>> PowerLaw(2 / 3, 0.5).dl_hat(1.0), RhCt().dl_hat(1.0) * 2 / 3
    (tensor([[0.9242]], dtype=torch.float64), tensor([[0.9242]], dtype=torch.float64))
    """

    priors: ClassVar[Mapping[str, tuple[float, float]]] = {"mu": (0.1, 3.0), "zeta": (-0.9, 3.0)}
    mu: float | None = None
    zeta: float | None = None

    def _problems(self, z: Float[Tensor, " N"], values: Values) -> list[tuple[Bool[Tensor, "P M"], str]]:
        expected = "1 + zeta > 0: light that came from a larger scale factor would be blue"
        return [(values["mu"].detach() <= 0, "mu > 0"), (values["zeta"].detach() <= -1, expected)]

    def _proper(self, z: Float[Tensor, " N"], values: Values) -> Float[Tensor, "P N"]:
        stretch = 1 + values["zeta"]
        k = 1 / (values["mu"] * stretch) - 1
        return z.log1p() * shrink(k * z.log1p()) / stretch

    def _scale(self, z: Float[Tensor, " N"], values: Values) -> Float[Tensor, "P N"]:
        return (-z.log1p() / (1 + values["zeta"])).exp()

    def _age(self, values: Values) -> Float[Tensor, "P one"]:
        return values["mu"]


def shrink(x: Tensor) -> Tensor:
    """``(1 - exp(-x)) / x``, smooth at 0 with all its derivatives.

    >>> shrink(torch.tensor([0.0, 1.0]))
    tensor([1.0000, 0.6321])
    """
    near = x.abs() < 1e-3  # the next term of the series, x^5/720, is then below 2e-18
    far = torch.where(near, 1.0, x)
    series = 1 - x / 2 * (1 - x / 3 * (1 - x / 4 * (1 - x / 5)))
    return torch.where(near, series, -(-far).expm1() / far)
