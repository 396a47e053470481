"""A grid on the sphere that integrates polynomials exactly: Gauss-Legendre circles of equispaced points."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import DomainError


@dataclass(frozen=True)
class SphereGrid:
    """``n_theta`` Gauss-Legendre nodes in cos(theta) about the axis y, times ``n_phi`` equispaced angles atan2(x, z).

    Integrates every polynomial of degree ``2 n_theta - 1`` in cos(theta) with orders ``|m| < n_phi`` exactly; no node
    is a pole. Raises DomainError for a grid without points. Source: Xie, Daigavane, Kotak, Smidt 2025.

    >>> SphereGrid.minimal(12)
    SphereGrid(n_theta=7, n_phi=13)
    """

    n_theta: int
    n_phi: int

    def __post_init__(self) -> None:
        if min(self.n_theta, self.n_phi) < 1:
            raise DomainError(f"a grid of {self.n_theta} x {self.n_phi} points", "one point or more each way")

    @classmethod
    def minimal(cls, degree: int) -> SphereGrid:
        """The smallest grid that integrates all polynomials up to ``degree`` exactly.

        For a product of functions of degree L1 and L2 projected to degree L3, that is L1 + L2 + L3.

        >>> SphereGrid.minimal(4)
        SphereGrid(n_theta=3, n_phi=5)
        """
        if degree < 0:
            raise DomainError(f"total degree {degree}", "a degree of 0 or more")
        return cls(degree // 2 + 1, degree + 1)

    @property
    def cosines(self) -> Float[Tensor, " n_theta"]:
        """cos(theta) of the circles, ascending, in float64."""
        return _gauss(self.n_theta)[0]

    @property
    def sines(self) -> Float[Tensor, " n_theta"]:
        """sin(theta) of the circles, in float64; no node is a pole, so none is zero."""
        return ((1 - self.cosines) * (1 + self.cosines)).sqrt()

    @property
    def phi(self) -> Float[Tensor, " n_phi"]:
        """The angles on each circle, from 0, in float64."""
        return torch.arange(self.n_phi, dtype=torch.float64) * (2 * math.pi / self.n_phi)

    @property
    def weights(self) -> Float[Tensor, " n_theta"]:
        """What each point of a circle weighs; over all points they sum to 4 pi.

        >>> torch.round(SphereGrid(2, 3).weights * 3 / math.pi, decimals=12)
        tensor([2., 2.], dtype=torch.float64)
        """
        return _gauss(self.n_theta)[1] * (2 * math.pi / self.n_phi)

    @property
    def directions(self) -> Float[Tensor, "n_theta n_phi 3"]:
        """The unit vectors (sin theta sin phi, cos theta, sin theta cos phi), in float64.

        >>> SphereGrid(1, 4).directions[0, 1].round(decimals=12)
        tensor([1., 0., 0.], dtype=torch.float64)
        """
        s, c = self.sines[:, None], self.cosines[:, None].expand(-1, self.n_phi)
        return torch.stack([s * self.phi.sin(), c, s * self.phi.cos()], dim=-1)


@lru_cache(maxsize=256)
def _gauss(n: int) -> tuple[Tensor, Tensor]:
    nodes, weights = np.polynomial.legendre.leggauss(n)
    return torch.from_numpy(nodes), torch.from_numpy(weights)
