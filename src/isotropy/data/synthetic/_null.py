"""Nothing to find: a function that follows no axis, and targets that follow nothing at all."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.data.synthetic._made import Made, Truth
from isotropy.errors import DomainError
from isotropy.random import spawn
from isotropy.reps import Schema

_AXES = {"O(2)@z": 2, "O(2)@x": 0, "O(2)@y": 1}


@dataclass(frozen=True, kw_only=True)
class Null(Made):
    """``kind="function"``: a fixed random function in which all candidates are broken; ``"labels"``: noise alone.

    The function is f = sum_k cos(omega_k.x + phi_k) / sqrt(waves / 2), omega ~ N(0, frequency^2 I), drawn once for
    each ``number``; x ~ N(0, I) in R^3. Labels are N(0, noise^2) whatever x, and N(0, 1) where no noise is set.

    >>> min(Null().truth().shares.values()) > 0.5
    True
    >>> Null(kind="labels").dataset().truth is None
    True
    """

    kind: Literal["function", "labels"] = "function"
    waves: int = 8
    frequency: float = 1.0
    number: int = 0

    name = "null"
    title = "A function without symmetry, or no function"
    story = (
        "A control: a random mixture of waves in which every candidate symmetry is broken, or targets drawn without "
        "looking at the inputs, about which nothing can be said."
    )
    groups = ("O(3)", *_AXES)
    types = Schema(x="Vector", y="Scalar", dims={"space": 3})

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.waves < 1 or self.frequency <= 0:
            raise DomainError(f"waves = {self.waves}, frequency = {self.frequency}", "positive numbers")

    @property
    def spread_of_noise(self) -> float:
        return self.noise or float(self.kind == "labels")

    def _waves(self) -> tuple[Tensor, Tensor]:
        generator = spawn(self.number, self.name, "waves")
        omega = self.frequency * torch.randn(self.waves, 3, generator=generator, dtype=torch.float64)
        return omega, 2 * math.pi * torch.rand(self.waves, generator=generator, dtype=torch.float64)

    def function(self, x: Float[Tensor, "... 3"]) -> Float[Tensor, "... 1"]:
        if self.kind == "labels":
            return torch.zeros_like(x[..., :1])
        omega, phase = (value.to(x) for value in self._waves())
        return torch.cos(x @ omega.mT + phase).sum(-1, keepdim=True) * math.sqrt(2 / self.waves)

    def truth(self) -> Truth | None:
        """E f(x) f(g x) is a sum of Gaussians in omega_k +- g^T omega_l, with means over g in sinh and Bessel's I_0."""
        if self.kind == "labels":
            return None
        omega, phase = self._waves()
        length2 = omega.square().sum(1)
        mean = math.sqrt(2 / self.waves) * float((phase.cos() * torch.exp(-length2 / 2)).sum())
        e = self._correlation(omega @ omega.mT, torch.zeros_like(omega @ omega.mT))
        kappa = torch.sqrt(torch.outer(length2, length2))
        # ln(sinh k / k) and ln I_0(k), written so that large arguments do not overflow.
        kept = {
            "O(3)": self._correlation(
                torch.zeros_like(kappa), kappa + torch.log(-torch.expm1(-2 * kappa) / (2 * kappa))
            )
        }
        for name, axis in _AXES.items():
            along = torch.outer(omega[:, axis], omega[:, axis])
            across2 = length2 - omega[:, axis].square()
            across = torch.sqrt(torch.outer(across2, across2))
            kept[name] = self._correlation(along, across + torch.log(torch.special.i0e(across)))
        return Truth(e - mean**2, e, {name: e - value for name, value in kept.items()})

    def _correlation(self, along: Tensor, log_mean: Tensor) -> float:
        """E f R f from the part of omega_k.omega_l that stays and the logarithm of the mean of exp(-+ the rest)."""
        omega, phase = self._waves()
        length2 = omega.square().sum(1)
        base = log_mean - (length2[:, None] + length2) / 2
        plus, minus = torch.cos(phase[:, None] + phase), torch.cos(phase[:, None] - phase)
        return float((plus * torch.exp(base - along) + minus * torch.exp(base + along)).sum()) / self.waves
