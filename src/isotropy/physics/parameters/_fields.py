"""Affine vector fields on parameters, in the user's own units or on logarithms, and the curves they draw."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from isotropy.errors import DomainError


@dataclass(frozen=True, eq=False)
class AffineField:
    """``v(theta) = A theta + b``; on ``log`` parameters the coordinate is ln theta_i, and v_i is theta_i times it.

    >>> hyperbola = AffineField(torch.tensor([[-1.0, 0.0], [0.0, 1.0]]), torch.tensor([0.0, 1.0]))
    >>> hyperbola(torch.tensor([2.0, 3.0]))
    tensor([-2.,  4.])
    >>> mu, zeta = hyperbola.flow(torch.tensor([2.0, 3.0]), 0.5)
    >>> round(float(mu * (1 + zeta)), 3)
    8.0
    """

    A: Float[Tensor, "p p"]
    b: Float[Tensor, " p"]
    log: tuple[int, ...] = ()

    def __call__(self, theta: Float[Tensor, "... p"]) -> Float[Tensor, "... p"]:
        """The direction at parameters ``(..., p)``, in their units."""
        u = coordinates(theta, self.log)
        v = u @ self.A.to(u).mT + self.b.to(u)
        return torch.where(listed(theta, self.log), v * theta, v)

    def flow(self, theta: Float[Tensor, "... p"], t: float | Tensor) -> Float[Tensor, "... p"]:
        """Where the field carries parameters in time ``t`` (a number, or one for each of ``...``): the orbit."""
        u = coordinates(theta, self.log)
        time = torch.as_tensor(t, dtype=u.dtype)
        moved = torch.linalg.matrix_exp(time[..., None, None] * self.matrix.to(u))
        end = (moved[..., :-1, :-1] @ u[..., None])[..., 0] + moved[..., :-1, -1]
        return torch.where(listed(theta, self.log), end.exp(), end)

    @property
    def matrix(self) -> Float[Tensor, "q q"]:
        """The field as a matrix on (coordinates, 1)."""
        top = torch.cat([self.A, self.b[:, None]], 1)
        return torch.cat([top, torch.zeros_like(top[:1])])


def coordinates(theta: Tensor, log: tuple[int, ...]) -> Tensor:
    """The parameters, those of ``log`` as logarithms; raises DomainError where one of these is not positive."""
    if not log:
        return theta
    if bool((theta[..., list(log)] <= 0).any()):
        raise DomainError("a parameter <= 0 in logarithmic coordinates", "positive ones", "leave it out of log=")
    mask = listed(theta, log)
    return torch.where(mask, torch.where(mask, theta, 1.0).log(), theta)


def listed(theta: Tensor, log: tuple[int, ...]) -> Bool[Tensor, " p"]:
    """Which of the parameters are those of ``log``."""
    return torch.tensor([i in log for i in range(theta.shape[-1])])
