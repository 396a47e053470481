"""Groups with translations, as homogeneous matrices: T, SE and E; Similarity, with one scale for all of space."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from isotropy.groups._algebra import Element, LieAlgebra
from isotropy.groups._linear import NamedGroup, Turns, check_log, close, matrix
from isotropy.groups._rotations import SO, Mirrored, axis_name, is_orthogonal, rotation_basis, rotation_names


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


class T(NamedGroup, symbol="T", compact=False, affine=True):
    """Translations of R^n.

    >>> T(2).from_coords(torch.tensor([3., 4.]))[:, -1]
    tensor([3., 4., 1.])
    """

    @property
    def generator_names(self) -> tuple[str, ...]:
        return tuple(f"translation along {axis_name(i, self.n)}" for i in range(self.n))

    def _algebra(self) -> LieAlgebra:
        return LieAlgebra.of(translation_basis(self.n))

    def _contains(self, g: Tensor, tol: float) -> Bool[Tensor, "..."]:
        one = torch.eye(self.n, dtype=g.dtype, device=g.device)
        return is_affine(g, tol) & close(linear(g), one, tol)

    def inverse(self, g: Element) -> Tensor:
        return homogeneous(linear(matrix(g)), -translation(matrix(g)))

    def exp(self, A: Element) -> Tensor:
        return matrix(A) + torch.eye(self.size, dtype=matrix(A).dtype, device=matrix(A).device)

    def log(self, g: Element) -> Tensor:
        check_log(self, self.contains(g))
        return matrix(self.algebra.hat(translation(matrix(g))))


class Turning(NamedGroup, compact=False, affine=True):
    """What SE and Similarity+ have in common: without its scale the linear part is a rotation."""

    @property
    def turns(self) -> Turns:
        return Turns(SO(self.n), slice(0, SO(self.n).dim), 0, self.size)

    def turn(self, g: Float[Tensor, "... m m"]) -> Float[Tensor, "... d d"]:
        """The linear part without its scale."""
        return linear(g)

    def _contains(self, g: Tensor, tol: float) -> Bool[Tensor, "..."]:
        return is_affine(g, tol) & SO(self.n)._contains(self.turn(g), tol)

    def log(self, g: Element) -> Tensor:
        g = matrix(g)
        proper = torch.linalg.det(linear(g).double()) > 0
        check_log(self, self.contains(g) & proper, self._instead_of_log)
        # The half turn has to be found on the rotation: as a homogeneous matrix it may look further from one.
        SO(self.n).log(self.turn(g))
        return super().log(g)


class MirroredTurning(Mirrored, Turning):
    """The same with the reflections."""

    def _contains(self, g: Tensor, tol: float) -> Bool[Tensor, "..."]:
        return is_affine(g, tol) & is_orthogonal(self.turn(g), tol)

    def haar_log_density(self, v: Float[Tensor, "... k"]) -> Float[Tensor, "..."]:
        return super().haar_log_density(v) - math.log(2)


class SE(Turning, symbol="SE"):
    """Rotations and translations of R^n; coordinates are the rotation vector, then the translation.

    >>> SE(3).dim, SE(3).algebra.basis.shape
    (6, torch.Size([6, 4, 4]))
    """

    @property
    def generator_names(self) -> tuple[str, ...]:
        return rotation_names(self.n) + T(self.n).generator_names

    def _algebra(self) -> LieAlgebra:
        rotations = torch.nn.functional.pad(rotation_basis(self.n), (0, 1, 0, 1))
        return LieAlgebra.of(torch.cat([rotations, translation_basis(self.n)]))

    def inverse(self, g: Element) -> Tensor:
        R = linear(matrix(g)).mT
        return homogeneous(R, -(R @ translation(matrix(g))[..., None])[..., 0])

    def coords(self, g: Element) -> Float[Tensor, "... k"]:
        g = matrix(g)
        check_log(self, torch.linalg.det(linear(g).double()) > 0)
        return torch.cat([SO(self.n).coords(linear(g)), translation(g)], dim=-1)

    def from_coords(self, v: Float[Tensor, "... k"]) -> Tensor:
        k = SO(self.n).dim
        return homogeneous(matrix(SO(self.n).from_coords(v[..., :k])), v[..., k:])

    def haar_log_density(self, v: Float[Tensor, "... k"]) -> Float[Tensor, "..."]:
        """The log density of Haar measure: Lebesgue on translations, the rotations having mass 1."""
        return SO(self.n).haar_log_density(v[..., : SO(self.n).dim])


class E(MirroredTurning, SE, symbol="E"):
    """Rotations, reflections and translations of R^n.

    >>> E(2) >= SE(2), SE(2) >= E(2)
    (True, False)
    """


class SimilarityPlus(Turning, symbol="Similarity+", unimodular=False):
    """The maps ``x -> s R x + t`` of R^n with s > 0 and R in SO(n); coordinates are the rotation, log s, then t.

    >>> SimilarityPlus(3), SimilarityPlus(3).dim
    (Similarity+(3), 7)
    """

    @property
    def generator_names(self) -> tuple[str, ...]:
        return (*rotation_names(self.n), "scale", *T(self.n).generator_names)

    def _algebra(self) -> LieAlgebra:
        linear_part = torch.cat([rotation_basis(self.n), torch.eye(self.n, dtype=torch.float64)[None]])
        return LieAlgebra.of(torch.cat([torch.nn.functional.pad(linear_part, (0, 1, 0, 1)), translation_basis(self.n)]))

    def turn(self, g: Float[Tensor, "... m m"]) -> Float[Tensor, "... d d"]:
        return linear(g) / scale_of(linear(g))[..., None, None]

    def inverse(self, g: Element) -> Tensor:
        A, t = linear(matrix(g)), translation(matrix(g))
        inverse = A.mT / scale_of(A).square()[..., None, None]
        return homogeneous(inverse, -(inverse @ t[..., None])[..., 0])

    def coords(self, g: Element) -> Float[Tensor, "... k"]:
        g = matrix(g)
        check_log(self, torch.linalg.det(linear(g).double()) > 0)
        scale = scale_of(linear(g)).log()[..., None]
        return torch.cat([SO(self.n).coords(self.turn(g)), scale, translation(g)], dim=-1)

    def from_coords(self, v: Float[Tensor, "... k"]) -> Tensor:
        k = SO(self.n).dim
        R = matrix(SO(self.n).from_coords(v[..., :k]))
        return homogeneous(v[..., k].exp()[..., None, None] * R, v[..., k + 1 :])

    def haar_log_density(self, v: Float[Tensor, "... k"]) -> Float[Tensor, "..."]:
        """The log density of left Haar measure ``s^-n dR dlog(s) dt``, the rotations having mass 1."""
        k = SO(self.n).dim
        return SO(self.n).haar_log_density(v[..., :k]) - self.n * v[..., k]


class Similarity(MirroredTurning, SimilarityPlus, symbol="Similarity"):
    """The maps ``x -> s R x + t`` of R^n with s > 0 and R in O(n): all that keep the ratios of distances.

    >>> g = Similarity(2).from_coords(torch.tensor([0.0, 0.7, 1.0, 2.0]))
    >>> bool(Similarity(2).contains(g)), Similarity(2) >= SimilarityPlus(2)
    (True, True)
    """


def translation_basis(n: int) -> Float[Tensor, "n m m"]:
    basis = torch.zeros(n, n + 1, n + 1, dtype=torch.float64)
    basis[torch.arange(n), torch.arange(n), n] = 1.0
    return basis


def is_affine(g: Tensor, tol: float) -> Bool[Tensor, "..."]:
    bottom = torch.zeros(g.shape[-1], dtype=g.dtype, device=g.device)
    bottom[-1] = 1
    return ((g[..., -1, :] - bottom).abs() <= tol).all(-1)


def scale_of(A: Float[Tensor, "... d d"]) -> Float[Tensor, "..."]:
    """The number s of a matrix ``s R``: its root mean square singular value."""
    return A.square().mean((-2, -1)).sqrt() * math.sqrt(A.shape[-1])
