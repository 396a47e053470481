"""Nguyen's model: the speed of light falls as a^-1/2 in a universe of matter, and bound regions keep a scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from isotropy.physics.cosmology._model import Cosmology, Values


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
        # F lies between F_inf and 1, so that 0 < F <= 1 < (1 + z)^(2/3) where F_inf <= 1.
        if not len(z) or bool(((F_inf > 0) & (F_inf <= 1)).all()):
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

    def _age(self, values: Values) -> Float[Tensor, "P one"]:
        return torch.full((1, 1), 2 / 3, dtype=torch.float64)
