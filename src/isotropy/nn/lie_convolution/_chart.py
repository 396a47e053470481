"""Global coordinates of a group of linear maps, as the inputs of a kernel: its stretch and its rotation."""

from __future__ import annotations

from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import DomainError
from isotropy.groups import (
    SE,
    SO,
    Affine,
    E,
    Group,
    LinearGroup,
    MatrixGroup,
    O,
    Scale,
    Similarity,
    SimilarityPlus,
    T,
    cartan,
    parse,
)
from isotropy.groups.parts import matrix

ANGLES = ("embed", "log")
_EXACT = 1e-9


def linear_part(group: Group | str) -> LinearGroup:
    """The group H of linear maps of ``R^n x| H``: what is left of affine maps without their translations.

    Raises DomainError for groups that are no linear or affine maps of the plane or of space.

    >>> [str(linear_part(name)) for name in ("SL(2)", "Affine(GL+(2))", "SE(2)", "Similarity+(3)")]
    ['SL(2)', 'GL+(2)', 'SO(2)', 'Scale(3) x SO(3)']
    """
    G = parse(group)
    n = G.degree
    if isinstance(G, Affine):
        G = G.base
    elif isinstance(G, (Similarity, SimilarityPlus)):
        G = Scale(n) * (O(n) if isinstance(G, Similarity) else SO(n))
    elif isinstance(G, (SE, E)):
        G = O(n) if isinstance(G, E) else SO(n)
    elif isinstance(G, T):
        G = MatrixGroup("1", discrete=torch.eye(n, dtype=torch.float64)[None])
    if not isinstance(G, LinearGroup) or G.affine or G.projective or n not in (2, 3) or G.space != "space":
        hint = 'GL+(2), SL(2), SO(2), C(4), D(4), "Similarity+(2)", Affine(SL(2)), GL+(3); homographies divide'
        raise DomainError(f"a convolution over {group}", "a group of linear or affine maps of the plane or space", hint)
    return G


class Chart:
    """Coordinates of elements ``h = exp(X) R``: those of X in the symmetric part of the algebra, then those of R.

    They are defined for every element, also where there is no logarithm. ``angle`` "embed" gives R by its entries (the
    first column in the plane where there are no mirrors), without any cut; "log" by its rotation vector, in the plane
    the angle in (-pi, pi], whose cut is at half turns. Groups that are not closed under transposition, such as shears,
    have all symmetric X. Raises DomainError for another ``angle``, for "log" above three dimensions, where the
    rotation vector jumps, and for "log" where there are mirrors. Source: Mironenco and Forre (ICLR 2024); specification
    02 §2.1 and §2.5.

    >>> chart = Chart(parse("SL(2)"))
    >>> chart.stretches, chart.turns, chart(torch.eye(2, dtype=torch.float64)).tolist()
    (2, 2, [0.0, 0.0, 1.0, 0.0])
    """

    def __init__(self, group: Group, angle: str = "embed") -> None:
        if angle not in ANGLES:
            raise DomainError(f"angle={angle!r}", " or ".join(map(repr, ANGLES)))
        self.group, self.angle = group, angle
        mirrors = bool((torch.linalg.det(matrix(group.discrete)) < 0).any()) if len(matrix(group.discrete)) else False
        if angle == "log" and group.degree > 3:
            raise DomainError(f"angle='log' for {group}", "degree 2 or 3", "angle='embed' takes the entries of R")
        if angle == "log" and mirrors:
            raise DomainError(f"angle='log' for {group}", "a group without mirrors", "angle='embed'")
        self._mirrors = mirrors

    @cached_property
    def _stretch(self) -> Float[Tensor, "k n n"]:
        """An orthonormal basis of the symmetric matrices of the algebra, or of all of them."""
        A, n = matrix(self.group.algebra.basis), self.group.degree
        if not len(A):
            return A
        if _rank(torch.cat([A, A.mT])) > len(A):
            A = torch.eye(n * n, dtype=torch.float64).unflatten(1, (n, n))
        S = A[((A - A.mT).abs() < _EXACT).all(-1).all(-1)].flatten(1)
        own = len(S) == _rank(A + A.mT) and bool(((S @ S.mT - torch.eye(len(S))).abs() < _EXACT).all())
        if not own:  # else the group's own coordinates
            _, s, V = torch.linalg.svd((A + A.mT).flatten(1), full_matrices=False)
            S = V[s > _EXACT]
        return S.unflatten(1, (n, n))

    @property
    def _turning(self) -> bool:
        """Whether there are rotations or mirrors in the group."""
        A = matrix(self.group.algebra.basis)
        skew = bool(((A - A.mT).abs() > 1e-9).any()) if len(A) else False
        return skew or len(matrix(self.group.discrete)) > 0

    @property
    def stretches(self) -> int:
        """How many coordinates X has."""
        return len(self._stretch)

    @property
    def turns(self) -> int:
        """How many coordinates R has."""
        n = self.group.degree
        if not self._turning:
            return 0
        if self.angle == "log":
            return n * (n - 1) // 2
        return 2 if n == 2 and not self._mirrors else n * n

    def __call__(self, h: Float[Tensor, "... n n"]) -> Float[Tensor, "... k"]:
        """The coordinates of elements, in their dtype. Raises as `cartan`."""
        X, R = cartan(h)
        stretch = X.flatten(-2) @ self._stretch.to(X).flatten(1).mT
        if not self._turning:
            return stretch
        if self.angle == "log":
            turn = SO(self.group.degree).coords(R)
        elif self.turns == 2:
            turn = R[..., :, 0]
        else:
            turn = R.flatten(-2)
        return torch.cat([stretch, turn], -1)


def _rank(A: Float[Tensor, "k n n"]) -> int:
    return int(torch.linalg.matrix_rank(A.flatten(1), tol=_EXACT))
