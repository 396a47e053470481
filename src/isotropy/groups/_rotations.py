"""Rotations and reflections: SO and O."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from isotropy.groups._algebra import Element, LieAlgebra
from isotropy.groups._axes import AXES, axis_name
from isotropy.groups._exponential import angle2, rotation2, rotation3, rotation_vector
from isotropy.groups._linear import NamedGroup, check_log, close, matrix


class SO(NamedGroup, symbol="SO", orthogonal=True):
    """Rotations of R^n; coordinates are true radians, for n = 3 the rotation vector.

    >>> SO(3).exp(SO(3).algebra.hat(torch.tensor([0., 0., torch.pi / 2]))).round().int().tolist()
    [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    """

    @property
    def order(self) -> int | None:
        return 1 if self.n == 1 else None

    @property
    def generator_names(self) -> tuple[str, ...]:
        return rotation_names(self.n)

    def _algebra(self) -> LieAlgebra:
        return LieAlgebra.of(rotation_basis(self.n))

    def _contains(self, g: Tensor, tol: float) -> Bool[Tensor, ...]:
        return is_orthogonal(g, tol) & (torch.linalg.det(g) > 0)

    def exp(self, A: Element) -> Tensor:
        if self.n in (2, 3):
            v = self.algebra.vee(A)
            return rotation2(v[..., 0]) if self.n == 2 else rotation3(v)
        return super().exp(A)

    def log(self, g: Element) -> Tensor:
        if self.n not in (2, 3):
            return super().log(g)
        v = self.coords(g)
        angle = torch.linalg.vector_norm(v.detach(), dim=-1)
        check_log(self, self.contains(g) & (math.pi - angle > 16 * torch.finfo(v.dtype).eps))
        return matrix(self.algebra.hat(v))

    def coords(self, g: Element) -> Float[Tensor, "... k"]:
        if self.n not in (2, 3):
            return super().coords(g)
        v = angle2(matrix(g).double())[..., None] if self.n == 2 else rotation_vector(matrix(g).double())
        return v.to(matrix(g).dtype)

    def haar_log_density(self, v: Float[Tensor, "... k"]) -> Float[Tensor, ...]:
        """The log density of the Haar probability in the rotation vector: for SO(3) ``(1 - cos a) / (4 pi^2 a^2)``."""
        # Skew matrices: i A is Hermitian, and |(1 - e^-ir) / ir| = |sin(r/2) / (r/2)| for the roots r.
        turns = torch.linalg.eigvalsh(1j * matrix(self.algebra.hat(v.double())))
        roots = torch.linalg.eigvalsh(1j * self.algebra.ad(v.double())) if self.dim else turns
        density = torch.sinc(roots / (2 * math.pi)).abs().log().sum(-1) - rotation_log_volume(self.n)
        return torch.where(turns.abs().amax(-1) > math.pi, -math.inf, density).to(v.dtype)

    def _haar(self, count: int, generator: torch.Generator) -> Tensor:
        q = haar_orthogonal(self.n, count, generator)
        flip = torch.where(torch.linalg.det(q) < 0, -1.0, 1.0)
        return torch.cat([q[..., :-1], q[..., -1:] * flip[:, None, None]], dim=-1)

    def _enumerate(self) -> Tensor:
        return torch.ones(1, 1, 1, dtype=torch.float64)


class Mirrored(NamedGroup):
    """Two components: a group, and its product with the reflection of the last coordinate."""

    def _discrete(self) -> Tensor:
        return self._components()[1:]

    def _components(self) -> Tensor:
        components = torch.eye(self.size, dtype=torch.float64).repeat(2, 1, 1)
        components[1, self.n - 1, self.n - 1] = -1.0
        return components


class O(Mirrored, SO, symbol="O"):  # noqa: E742
    """Rotations and reflections of R^n; O(1) = {1, -1}.

    >>> O(2).discrete[0].tolist()
    [[1.0, 0.0], [0.0, -1.0]]
    """

    @property
    def order(self) -> int | None:
        return 2 if self.n == 1 else None

    def _enumerate(self) -> Tensor:
        return self._components()

    def _contains(self, g: Tensor, tol: float) -> Bool[Tensor, ...]:
        return is_orthogonal(g, tol)

    def coords(self, g: Element) -> Float[Tensor, "... k"]:
        check_log(self, torch.linalg.det(matrix(g).double()) > 0)
        return super().coords(g)

    def haar_log_density(self, v: Float[Tensor, "... k"]) -> Float[Tensor, ...]:
        return super().haar_log_density(v) - math.log(2)

    def _haar(self, count: int, generator: torch.Generator) -> Tensor:
        return haar_orthogonal(self.n, count, generator)


def rotation_planes(n: int) -> list[tuple[int, int]]:
    """The planes (i, j) of the generators, turning i towards j; for n = 3 in the order of their axes x, y, z."""
    return [(1, 2), (2, 0), (0, 1)] if n == 3 else [(i, j) for i in range(n) for j in range(i + 1, n)]


def rotation_basis(n: int) -> Float[Tensor, "k n n"]:
    """The generators of SO(n), each of unit angular speed."""
    planes = rotation_planes(n)
    basis = torch.zeros(len(planes), n, n, dtype=torch.float64)
    for k, (i, j) in enumerate(planes):
        basis[k, j, i], basis[k, i, j] = 1.0, -1.0
    return basis


def rotation_names(n: int) -> tuple[str, ...]:
    if n == 2:
        return ("rotation",)
    if n == 3:
        return tuple(f"rotation about {axis}" for axis in AXES)
    return tuple(f"rotation of {axis_name(i, n)} towards {axis_name(j, n)}" for i, j in rotation_planes(n))


def rotation_log_volume(n: int) -> float:
    """The log volume of SO(n) in coordinates of unit angular speed: the product of the spheres S^1 ... S^(n-1)."""
    return sum(math.log(2) + k / 2 * math.log(math.pi) - math.lgamma(k / 2) for k in range(2, n + 1))


def reflection(n: int) -> Float[Tensor, "n n"]:
    """The reflection of the last coordinate."""
    return torch.diag(torch.tensor([1.0] * (n - 1) + [-1.0], dtype=torch.float64))


def is_orthogonal(g: Tensor, tol: float) -> Bool[Tensor, ...]:
    return close(g.mT @ g, torch.eye(g.shape[-1], dtype=g.dtype, device=g.device), tol)


def haar_orthogonal(n: int, count: int, generator: torch.Generator) -> Float[Tensor, "count n n"]:
    """Haar draws from O(n): QR of a Gaussian with the signs of R made positive (Mezzadri 2007)."""
    z = torch.randn(count, n, n, generator=generator, dtype=torch.float64, device=generator.device)
    q, r = torch.linalg.qr(z)
    return q * r.diagonal(dim1=-2, dim2=-1).sign()[..., None, :]
