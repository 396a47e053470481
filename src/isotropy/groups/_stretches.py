"""Linear maps that change lengths or orientation: Scale and Inversion; boosts of space-time: Lorentz."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from isotropy.groups._algebra import Element, LieAlgebra
from isotropy.groups._linear import NamedGroup, Turns, check_log, close, matrix
from isotropy.groups._rotations import SO, axis_name, rotation_basis, rotation_names


class Scale(NamedGroup, symbol="Scale", compact=False):
    """Multiplications of R^n by a positive number.

    >>> Scale(3).coords(torch.eye(3))
    tensor([0.])
    """

    @property
    def generator_names(self) -> tuple[str, ...]:
        return ("scale",)

    def _algebra(self) -> LieAlgebra:
        return LieAlgebra.of(torch.eye(self.n, dtype=torch.float64)[None])

    def _contains(self, g: Tensor, tol: float) -> Bool[Tensor, "..."]:
        s = g[..., :1, :1]
        one = torch.eye(self.n, dtype=g.dtype, device=g.device)
        return close((g - s * one) / s.abs().clamp_min(1.0), 0.0, tol) & (s > 0)[..., 0, 0]

    def exp(self, A: Element) -> Tensor:
        one = torch.eye(self.n, dtype=matrix(A).dtype, device=matrix(A).device)
        return self.algebra.vee(A).exp()[..., None] * one

    def log(self, g: Element) -> Tensor:
        check_log(self, self.contains(g))
        return matrix(self.algebra.hat(matrix(g)[..., 0, :1].log()))


class Inversion(NamedGroup, symbol="Inversion", orthogonal=True):
    """The group {1, -1} of R^n.

    >>> Inversion(2).elements().tolist()
    [[[1.0, 0.0], [0.0, 1.0]], [[-1.0, 0.0], [0.0, -1.0]]]
    """

    @property
    def order(self) -> int:
        return 2

    def _discrete(self) -> Tensor:
        return -torch.eye(self.n, dtype=torch.float64)[None]

    def _contains(self, g: Tensor, tol: float) -> Bool[Tensor, "..."]:
        one = torch.eye(self.n, dtype=g.dtype, device=g.device)
        return close(g, one, tol) | close(g, -one, tol)


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

    def _contains(self, g: Tensor, tol: float) -> Bool[Tensor, "..."]:
        eta = self.metric.to(g)
        size = g.square().sum((-2, -1), keepdim=True).clamp_min(1.0)
        return close((g.mT @ eta @ g - eta) / size, 0.0, tol) & (g[..., 0, 0] > 0) & (torch.linalg.det(g) > 0)

    @property
    def turns(self) -> Turns:
        return Turns(SO(self.n - 1), slice(self.n - 1, self.dim), 1, self.n)

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

    def haar_log_density(self, v: Float[Tensor, "... k"]) -> Float[Tensor, "..."]:
        """The log density of Haar measure: hyperbolic volume of the rapidities, the rotations having mass 1."""
        r = torch.linalg.vector_norm(v[..., : self.n - 1].double(), dim=-1)
        rotations = SO(self.n - 1).haar_log_density(v[..., self.n - 1 :].double())
        return ((self.n - 2) * log_sinhc(r) + rotations).to(v.dtype)

    def _boost(self, w: Tensor) -> Tensor:
        padding = torch.zeros(*w.shape[:-1], self.dim - self.n + 1, dtype=w.dtype, device=w.device)
        return torch.linalg.matrix_exp(matrix(self.algebra.hat(torch.cat([w, padding], dim=-1))))


def log_sinhc(t: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """``log(sinh(t)/t)``, without overflow and smooth at 0."""
    t = t.abs()
    small = t < 1e-3
    safe = torch.where(small, 1.0, t)
    return torch.where(small, t.square() / 6, safe - math.log(2) + torch.log1p(-(-2 * safe).exp()) - safe.log())
