"""Universes in closed form: power laws of time, with the speed of light a power of the scale factor; and Nguyen's
model, in which bound regions keep a scale besides."""

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

    hubble_times: ClassVar[float] = 2 / 3

    def _proper(self, z: Float[Tensor, " N"], values: Values) -> Float[Tensor, "P N"]:
        return (-2 * (-z.log1p() / 2).expm1())[None]


@dataclass(frozen=True)
class Milne(Cosmology):
    """An empty universe, of negative curvature: ``(1 + z) sinh ln(1 + z)``.

    >>> Milne().dl_hat(1.0)
    tensor([[1.5000]], dtype=torch.float64)
    """

    def _proper(self, z: Float[Tensor, " N"], values: Values) -> Float[Tensor, "P N"]:
        return z.log1p().sinh()[None]


@dataclass(frozen=True)
class RhCt(Cosmology):
    """A flat universe that expands at constant rate: ``(1 + z) ln(1 + z)``.

    >>> RhCt().age(70.0)
    tensor([13.9685], dtype=torch.float64)
    """

    def _proper(self, z: Float[Tensor, " N"], values: Values) -> Float[Tensor, "P N"]:
        return z.log1p()[None]


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


@dataclass(frozen=True)
class DilatonVSL(Cosmology):
    """Einstein-de Sitter expansion with ``c = c0 a^-1/2`` and a scale ``F(z)`` of bound regions, relative to ours.

    ``F = 1 - (1 - F_inf) (1 - (1 + z)^-b1)^b2``; redshifts are ``1 + z = a^-3/2 F^3/2``, distances
    ``(1 + z)/F c0/H0 ln((1 + z)^2/3 / F)``. The paper fits F_inf with b1 = b2 = 2, which were set by hand.
    With F_inf = 1 distances are those of R_h = ct up to a constant factor.

    Source: Nguyen, arXiv 2408.02583 and 2412.05262; specification 07 §2.2 (the exponent 3/2 of F).

    >>> DilatonVSL().parameters, DilatonVSL().fixed
    (('F_inf',), {'b1': 2.0, 'b2': 2.0})
    >>> DilatonVSL(1.0).age(47.2)
    tensor([13.8106], dtype=torch.float64)
    """

    hubble_times: ClassVar[float] = 2 / 3
    priors: ClassVar[Mapping[str, tuple[float, float]]] = {"F_inf": (0.8, 1.1), "b1": (0.0, 6.0), "b2": (0.0, 6.0)}
    F_inf: float | None = None
    b1: float | None = 2.0
    b2: float | None = 2.0

    def F(self, z: Tensor, params: Tensor | None = None) -> Float[Tensor, "P N"]:
        """The scale of bound regions at redshift ``z``, relative to ours."""
        return self._log_f(z.double(), self.values(params)).exp()

    def _log_f(self, z: Float[Tensor, " N"], values: Values) -> Float[Tensor, "P N"]:
        return self._grown(z, values).log1p()

    def _grown(self, z: Float[Tensor, " N"], values: Values) -> Float[Tensor, "P N"]:
        """F - 1."""
        grown = -(-values["b1"] * z.log1p()).expm1()
        # 0^b2 has no derivative in b2, but F does not depend on it there: b1 = 0, or z = 0.
        power = torch.where(grown > 0, torch.where(grown > 0, grown, 1.0) ** values["b2"], 0.0)
        return (values["F_inf"] - 1) * power

    def _problems(self, z: Float[Tensor, " N"], values: Values) -> list[tuple[Bool[Tensor, "P M"], str]]:
        held = {name: value.detach() for name, value in values.items()}
        bad = [(held[name] < 0, f"{name} >= 0") for name in ("b1", "b2")]
        if any(bool(mask.any()) for mask, _ in bad):
            held = {name: value.clamp(min=0) if name != "F_inf" else value for name, value in held.items()}
        positive, F_inf = "F(z) > 0", held["F_inf"]
        # F lies between F_inf and 1, so that 0 < F <= 1 < (1 + z)^(2/3) where F_inf <= 1; below rounding F - 1 is -1.
        if not len(z) or bool(((torch.finfo(F_inf.dtype).eps < F_inf) & (F_inf <= 1)).all()):
            return [*bad, (F_inf <= 0, positive)]
        log = self._log_f(z, held)
        distance = z.log1p() * 2 / 3 - log
        below = "(1 + z)^(2/3) / F > 1: the distance would be negative"
        return [*bad, (~log.isfinite(), positive), (log.isfinite() & ~(distance > 0), below)]

    def _proper(self, z: Float[Tensor, " N"], values: Values) -> Float[Tensor, "P N"]:
        grown = self._grown(z, values)
        return (z.log1p() * 2 / 3 - grown.log1p()) / (1 + grown)

    def _scale(self, z: Float[Tensor, " N"], values: Values) -> Float[Tensor, "P N"]:
        return (self._log_f(z, values) - z.log1p() * 2 / 3).exp()


def shrink(x: Tensor) -> Tensor:
    """``(1 - exp(-x)) / x``, smooth at 0 with all its derivatives.

    >>> shrink(torch.tensor([0.0, 1.0]))
    tensor([1.0000, 0.6321])
    """
    near = x.abs() < 1e-3  # the next term of the series, x^5/720, is then below 2e-18
    far = torch.where(near, 1.0, x)
    series = 1 - x / 2 * (1 - x / 3 * (1 - x / 4 * (1 - x / 5)))
    return torch.where(near, series, -(-far).expm1() / far)
