"""Maps that keep the ratios of distances: rotations, reflections, translations, and one scale for all of space."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from isotropy.groups._affine import T, homogeneous, is_affine, linear, translation, translation_basis
from isotropy.groups._algebra import Element, LieAlgebra
from isotropy.groups._linear import check_log, matrix
from isotropy.groups._named import NamedGroup
from isotropy.groups._rotations import SO, is_orthogonal, reflection, rotation_basis, rotation_names


class SimilarityPlus(NamedGroup):
    """The maps ``x -> s R x + t`` of R^n with s > 0 and R in SO(n); coordinates are the rotation, log s, then t.

    >>> SimilarityPlus(3), SimilarityPlus(3).dim
    (Similarity+(3), 7)
    """

    symbol = "Similarity+"

    @property
    def compact(self) -> bool:
        return False

    @property
    def unimodular(self) -> bool:
        return False

    @property
    def affine(self) -> bool:
        return True

    @property
    def generator_names(self) -> tuple[str, ...]:
        return (*rotation_names(self.n), "scale", *T(self.n).generator_names)

    def _algebra(self) -> LieAlgebra:
        linear_part = torch.cat([rotation_basis(self.n), torch.eye(self.n, dtype=torch.float64)[None]])
        return LieAlgebra.of(torch.cat([torch.nn.functional.pad(linear_part, (0, 1, 0, 1)), translation_basis(self.n)]))

    def _contains(self, g: Tensor, tol: float) -> Bool[Tensor, ...]:
        s = scale_of(linear(g))
        return is_affine(g, tol) & SO(self.n)._contains(linear(g) / s[..., None, None], tol)

    def inverse(self, g: Element) -> Tensor:
        A, t = linear(matrix(g)), translation(matrix(g))
        inverse = A.mT / scale_of(A).square()[..., None, None]
        return homogeneous(inverse, -(inverse @ t[..., None])[..., 0])

    def log(self, g: Element) -> Tensor:
        g = matrix(g)
        check_log(self, self.contains(g))
        # As in SE(n): the half turn is found on the rotation.
        SO(self.n).log(linear(g) / scale_of(linear(g))[..., None, None])
        return super().log(g)

    def coords(self, g: Element) -> Float[Tensor, "... k"]:
        g = matrix(g)
        check_log(self, torch.linalg.det(linear(g).double()) > 0)
        s = scale_of(linear(g))
        return torch.cat(
            [SO(self.n).coords(linear(g) / s[..., None, None]), s.log()[..., None], translation(g)], dim=-1
        )

    def from_coords(self, v: Float[Tensor, "... k"]) -> Tensor:
        k = SO(self.n).dim
        R = matrix(SO(self.n).from_coords(v[..., :k]))
        return homogeneous(v[..., k].exp()[..., None, None] * R, v[..., k + 1 :])

    def haar_log_density(self, v: Float[Tensor, "... k"]) -> Float[Tensor, ...]:
        """The log density of left Haar measure ``s^-n dR dlog(s) dt``, the rotations having mass 1."""
        k = SO(self.n).dim
        return SO(self.n).haar_log_density(v[..., :k]) - self.n * v[..., k]


class Similarity(SimilarityPlus):
    """The maps ``x -> s R x + t`` of R^n with s > 0 and R in O(n): all that keep the ratios of distances.

    >>> g = Similarity(2).from_coords(torch.tensor([0.0, 0.7, 1.0, 2.0]))
    >>> bool(Similarity(2).contains(g)), Similarity(2) >= SimilarityPlus(2)
    (True, True)
    """

    symbol = "Similarity"

    def _discrete(self) -> Tensor:
        return homogeneous(reflection(self.n))[None]

    def _components(self) -> Tensor:
        return torch.stack([torch.eye(self.size, dtype=torch.float64), homogeneous(reflection(self.n))])

    def _contains(self, g: Tensor, tol: float) -> Bool[Tensor, ...]:
        s = scale_of(linear(g))
        return is_affine(g, tol) & is_orthogonal(linear(g) / s[..., None, None], tol)

    def haar_log_density(self, v: Float[Tensor, "... k"]) -> Float[Tensor, ...]:
        return super().haar_log_density(v) - math.log(2)


def scale_of(A: Float[Tensor, "... d d"]) -> Float[Tensor, ...]:
    """The number s of a matrix ``s R``: its root mean square singular value."""
    return A.square().mean((-2, -1)).sqrt() * math.sqrt(A.shape[-1])
