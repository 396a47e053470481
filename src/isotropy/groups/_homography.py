"""Homographies: projective maps of space, which keep straight lines straight."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from isotropy.errors import DomainError, ShapeError, counted
from isotropy.groups._algebra import Element, LieAlgebra
from isotropy.groups._general_linear import SL
from isotropy.groups._linear import NamedGroup, Turns, matrix


class Homography(NamedGroup, symbol="Homography", compact=False):
    """The homographies of R^n: SL(n + 1), a matrix of which takes x to the first n of ``g (x, 1)`` over the last one.

    `project` moves points. Coordinates and Haar measure are those of SL(n + 1). For odd n the matrices g and -g are one
    map.

    >>> plane = Homography(2)
    >>> plane.dim, plane.identity().shape
    (8, torch.Size([3, 3]))
    """

    @property
    def projective(self) -> bool:
        return True

    @property
    def size(self) -> int:
        return self.n + 1

    @property
    def matrices(self) -> SL:
        """SL(n + 1)."""
        return SL(self.n + 1)

    @property
    def turns(self) -> Turns:
        return self.matrices.turns

    @property
    def generator_names(self) -> tuple[str, ...]:
        return tuple(f"{name}, in homogeneous coordinates" for name in self.matrices.generator_names)

    def _algebra(self) -> LieAlgebra:
        return self.matrices.algebra

    def _contains(self, g: Tensor, tol: float) -> Bool[Tensor, "..."]:
        return self.matrices._contains(g, tol)

    def inverse(self, g: Element) -> Tensor:
        return self.matrices.inverse(g)

    def coords(self, g: Element) -> Float[Tensor, "... k"]:
        return self.matrices.coords(g)

    def from_coords(self, v: Float[Tensor, "... k"]) -> Tensor:
        return self.matrices.from_coords(v)

    def inverse_from_coords(self, v: Float[Tensor, "... k"]) -> Tensor:
        return self.matrices.inverse_from_coords(v)

    def haar_log_density(self, v: Float[Tensor, "... k"]) -> Float[Tensor, "..."]:
        return self.matrices.haar_log_density(v)


def project(g: Float[Tensor, "... m m"], x: Float[Tensor, "... p d"]) -> Float[Tensor, "... p d"]:
    """The points ``x (..., p, d)`` moved by homogeneous matrices ``g (..., d + 1, d + 1)``, affine or projective.

    Raises ShapeError for sizes that disagree, DomainError for a point that g sends to infinity.

    >>> tilt = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.5, 0.0, 1.0]])
    >>> project(tilt, torch.tensor([[2.0, 4.0]])).tolist()
    [[1.0, 2.0]]
    """
    g = matrix(g)
    if g.shape[-1] != x.shape[-1] + 1:
        raise ShapeError(
            f"matrices of {counted(g.shape[-1], 'row')}", f"{x.shape[-1] + 1} for points of R^{x.shape[-1]}", ""
        )
    y = x @ g[..., :-1, :-1].mT + g[..., None, :-1, -1]
    w = x @ g[..., -1:, :-1].mT + g[..., -1:, -1:]
    # What is left of a weight that cancels is rounding.
    least = 16 * torch.finfo(x.dtype).eps * (g[..., -1, :].detach().abs().sum(-1)[..., None, None])
    if bool((w.detach().abs() <= least).any()):
        raise DomainError("a point on the line that goes to infinity", "points off it", "draw from a narrower window")
    return y / w
