"""Boosts and rotations of space-time."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from isotropy.groups._algebra import Element, LieAlgebra
from isotropy.groups._axes import axis_name
from isotropy.groups._linear import NamedGroup, close, matrix
from isotropy.groups._rotations import SO, rotation_basis, rotation_names
from isotropy.groups._stretches import log_sinhc


class Lorentz(NamedGroup, symbol="Lorentz", compact=False):
    """SO+(1, n-1): linear maps that keep ``t^2 - |x|^2`` and the directions of time and space; time comes first.

    Coordinates are those of ``g = boost(w) rotation(r)``: rapidity w, then rotation r.

    >>> Lorentz(2).exp(Lorentz(2).algebra.hat(torch.tensor([0.5])))
    tensor([[1.1276, 0.5211],
            [0.5211, 1.1276]])
    """

    least = 2

    @property
    def metric(self) -> Float[Tensor, "n n"]:
        """The invariant form diag(1, -1, ..., -1)."""
        return torch.diag(torch.tensor([1.0] + [-1.0] * (self.n - 1), dtype=torch.float64))

    @property
    def generator_names(self) -> tuple[str, ...]:
        m = self.n - 1
        return tuple(f"boost along {axis_name(i, m)}" for i in range(m)) + rotation_names(m)

    def _algebra(self) -> LieAlgebra:
        boosts = torch.zeros(self.n - 1, self.n, self.n, dtype=torch.float64)
        for i in range(self.n - 1):
            boosts[i, 0, i + 1] = boosts[i, i + 1, 0] = 1.0
        return LieAlgebra.of(torch.cat([boosts, torch.nn.functional.pad(rotation_basis(self.n - 1), (1, 0, 1, 0))]))

    def _contains(self, g: Tensor, tol: float) -> Bool[Tensor, ...]:
        eta = self.metric.to(g)
        size = g.square().sum((-2, -1), keepdim=True).clamp_min(1.0)
        return close((g.mT @ eta @ g - eta) / size, 0.0, tol) & (g[..., 0, 0] > 0) & (torch.linalg.det(g) > 0)

    def inverse(self, g: Element) -> Tensor:
        eta = self.metric.to(matrix(g))
        return eta @ matrix(g).mT @ eta

    def coords(self, g: Element) -> Float[Tensor, "... k"]:
        G = matrix(g).double()
        s = G[..., 1:, 0]
        length = torch.linalg.vector_norm(s, dim=-1, keepdim=True)
        w = torch.where(length < 1e-8, s, length.asinh() / length.clamp_min(1e-8) * s)
        rotation = (self._boost(-w) @ G)[..., 1:, 1:]
        return torch.cat([w, SO(self.n - 1).coords(rotation)], dim=-1).to(matrix(g).dtype)

    def from_coords(self, v: Float[Tensor, "... k"]) -> Tensor:
        R = SO(self.n - 1).from_coords(v[..., self.n - 1 :])
        corner = torch.nn.functional.pad(matrix(R), (1, 0, 1, 0))
        corner = corner + torch.diag(torch.tensor([1.0] + [0.0] * (self.n - 1))).to(corner)
        return self._boost(v[..., : self.n - 1]) @ corner

    def haar_log_density(self, v: Float[Tensor, "... k"]) -> Float[Tensor, ...]:
        """The log density of Haar measure: hyperbolic volume of the rapidities, the rotations having mass 1."""
        r = torch.linalg.vector_norm(v[..., : self.n - 1].double(), dim=-1)
        rotations = SO(self.n - 1).haar_log_density(v[..., self.n - 1 :].double())
        return ((self.n - 2) * log_sinhc(r) + rotations).to(v.dtype)

    def _boost(self, w: Tensor) -> Tensor:
        padding = torch.zeros(*w.shape[:-1], self.dim - self.n + 1, dtype=w.dtype, device=w.device)
        return torch.linalg.matrix_exp(matrix(self.algebra.hat(torch.cat([w, padding], dim=-1))))
