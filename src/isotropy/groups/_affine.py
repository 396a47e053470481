"""Groups with translations: T, SE and E, as homogeneous matrices."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from isotropy.groups._algebra import Element, LieAlgebra
from isotropy.groups._axes import axis_name
from isotropy.groups._linear import check_log, close, matrix
from isotropy.groups._named import NamedGroup
from isotropy.groups._rotations import SO, is_orthogonal, reflection, rotation_basis, rotation_names


def linear(g: Float[Tensor, "... m m"]) -> Float[Tensor, "... d d"]:
    """The linear part ``(..., d, d)`` of homogeneous matrices ``(..., d+1, d+1)``.

    >>> linear(torch.eye(4)).shape
    torch.Size([3, 3])
    """
    return g[..., :-1, :-1]


def translation(g: Float[Tensor, "... m m"]) -> Float[Tensor, "... d"]:
    """The translation ``(..., d)`` of homogeneous matrices ``(..., d+1, d+1)``.

    >>> translation(torch.eye(4))
    tensor([0., 0., 0.])
    """
    return g[..., :-1, -1]


def homogeneous(A: Float[Tensor, "... d d"], t: Float[Tensor, "... d"] | None = None) -> Float[Tensor, "... m m"]:
    """The homogeneous matrix of ``x -> A x + t``.

    >>> homogeneous(torch.eye(1), torch.tensor([5.])).tolist()
    [[1.0, 5.0], [0.0, 1.0]]
    """
    if t is None:
        t = torch.zeros(A.shape[-1], dtype=A.dtype, device=A.device)
    batch = torch.broadcast_shapes(A.shape[:-2], t.shape[:-1])
    top = torch.cat([A.expand(*batch, -1, -1), t.expand(*batch, -1)[..., None]], dim=-1)
    bottom = torch.zeros_like(top[..., :1, :])
    bottom[..., -1] = 1
    return torch.cat([top, bottom], dim=-2)


class T(NamedGroup):
    """Translations of R^n.

    >>> T(2).from_coords(torch.tensor([3., 4.]))[:, -1]
    tensor([3., 4., 1.])
    """

    symbol = "T"

    @property
    def compact(self) -> bool:
        return False

    @property
    def affine(self) -> bool:
        return True

    @property
    def generator_names(self) -> tuple[str, ...]:
        return tuple(f"translation along {axis_name(i, self.n)}" for i in range(self.n))

    def _algebra(self) -> LieAlgebra:
        return LieAlgebra.of(translation_basis(self.n))

    def _contains(self, g: Tensor, tol: float) -> Bool[Tensor, ...]:
        one = torch.eye(self.n, dtype=g.dtype, device=g.device)
        return is_affine(g, tol) & close(linear(g), one, tol)

    def inverse(self, g: Element) -> Tensor:
        return homogeneous(linear(matrix(g)), -translation(matrix(g)))

    def exp(self, A: Element) -> Tensor:
        return matrix(A) + torch.eye(self.size, dtype=matrix(A).dtype, device=matrix(A).device)

    def log(self, g: Element) -> Tensor:
        check_log(self, self.contains(g))
        return matrix(self.algebra.hat(translation(matrix(g))))


class SE(NamedGroup):
    """Rotations and translations of R^n; coordinates are the rotation vector, then the translation.

    >>> SE(3).dim, SE(3).algebra.basis.shape
    (6, torch.Size([6, 4, 4]))
    """

    symbol = "SE"

    @property
    def compact(self) -> bool:
        return False

    @property
    def affine(self) -> bool:
        return True

    @property
    def generator_names(self) -> tuple[str, ...]:
        return rotation_names(self.n) + T(self.n).generator_names

    def _algebra(self) -> LieAlgebra:
        rotations = torch.nn.functional.pad(rotation_basis(self.n), (0, 1, 0, 1))
        return LieAlgebra.of(torch.cat([rotations, translation_basis(self.n)]))

    def _contains(self, g: Tensor, tol: float) -> Bool[Tensor, ...]:
        return is_affine(g, tol) & SO(self.n)._contains(linear(g), tol)

    def inverse(self, g: Element) -> Tensor:
        R = linear(matrix(g)).mT
        return homogeneous(R, -(R @ translation(matrix(g))[..., None])[..., 0])

    def log(self, g: Element) -> Tensor:
        g = matrix(g)
        check_log(self, self.contains(g))
        # The half turn has to be found on the rotation: as a homogeneous matrix it may look further from one.
        SO(self.n).log(linear(g))
        return super().log(g)

    def coords(self, g: Element) -> Float[Tensor, "... k"]:
        g = matrix(g)
        check_log(self, torch.linalg.det(linear(g).double()) > 0)
        return torch.cat([SO(self.n).coords(linear(g)), translation(g)], dim=-1)

    def from_coords(self, v: Float[Tensor, "... k"]) -> Tensor:
        k = SO(self.n).dim
        return homogeneous(matrix(SO(self.n).from_coords(v[..., :k])), v[..., k:])

    def haar_log_density(self, v: Float[Tensor, "... k"]) -> Float[Tensor, ...]:
        """The log density of Haar measure: Lebesgue on translations, the rotations having mass 1."""
        return SO(self.n).haar_log_density(v[..., : SO(self.n).dim])


class E(SE):
    """Rotations, reflections and translations of R^n.

    >>> E(2) >= SE(2), SE(2) >= E(2)
    (True, False)
    """

    symbol = "E"

    def _discrete(self) -> Tensor:
        return homogeneous(reflection(self.n))[None]

    def _components(self) -> Tensor:
        return torch.stack([torch.eye(self.size, dtype=torch.float64), homogeneous(reflection(self.n))])

    def _contains(self, g: Tensor, tol: float) -> Bool[Tensor, ...]:
        return is_affine(g, tol) & is_orthogonal(linear(g), tol)

    def haar_log_density(self, v: Float[Tensor, "... k"]) -> Float[Tensor, ...]:
        return super().haar_log_density(v) - math.log(2)


def translation_basis(n: int) -> Float[Tensor, "n m m"]:
    basis = torch.zeros(n, n + 1, n + 1, dtype=torch.float64)
    basis[torch.arange(n), torch.arange(n), n] = 1.0
    return basis


def is_affine(g: Tensor, tol: float) -> Bool[Tensor, ...]:
    bottom = torch.zeros(g.shape[-1], dtype=g.dtype, device=g.device)
    bottom[-1] = 1
    return ((g[..., -1, :] - bottom).abs() <= tol).all(-1)
