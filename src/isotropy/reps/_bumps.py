"""Signals with a formula: sums of Gaussian bumps, which affine maps move without a grid."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import DomainError, SchemaError, ShapeError, counted
from isotropy.groups import Element, Group
from isotropy.linalg import Segments
from isotropy.reps._warp import cell_centres


@dataclass(frozen=True)
class Bumps:
    """Sums ``f(u) = sum_i a_i exp(-(u - c_i)^T S_i^-1 (u - c_i) / 2)`` on R^k, as ``(signals, bumps, 1 + k + k^2)``.

    Each bump is its height a, its centre c and the entries of its covariance S. A linear or affine group takes c to g c
    and S to A S A^T: ``(g.f)(u) = f(g^-1 u)`` exactly, so that functions of images can be tried on images that are made
    anew for every element, and not interpolated (specification 02 §2.6, "measure equivariance in function space").

    >>> f = Bumps(2).of(torch.ones(1, 1), torch.tensor([[[0.5, 0.0]]]), 0.04 * torch.eye(2).expand(1, 1, 2, 2))
    >>> Bumps(2).render(f, (4, 4)).argmax().item() % 4
    2
    """

    k: int = 2

    def __str__(self) -> str:
        return f"Bumps({self.k})"

    def of(
        self, height: Float[Tensor, "... n"], centre: Float[Tensor, "... n k"], covariance: Float[Tensor, "... n k k"]
    ) -> Float[Tensor, "... n p"]:
        """The values that say these bumps."""
        return torch.cat([height[..., None], centre, covariance.flatten(-2)], -1)

    def parts(
        self, x: Float[Tensor, "... n p"]
    ) -> tuple[Float[Tensor, "... n"], Float[Tensor, "... n k"], Float[Tensor, "... n k k"]]:
        """Heights, centres and covariances. Raises ShapeError for values of another width."""
        k = self.k
        if x.shape[-1] != 1 + k + k * k:
            raise ShapeError(f"{counted(x.shape[-1], 'number')} for each bump", f"{1 + k + k * k} of {self}", "")
        return x[..., 0], x[..., 1 : 1 + k], x[..., 1 + k :].unflatten(-1, (k, k))

    def act(
        self, G: Group, g: Element, x: Float[Tensor, "... n p"], segments: Segments | None = None
    ) -> Float[Tensor, "... n p"]:
        """``g.x`` with one element per signal. Raises DomainError for a group that keeps no bump a bump."""
        factor, part = G.factor("space"), G.part(g, "space")
        if segments is not None:
            raise SchemaError("bumps in a ragged batch", "as many for each signal", "pad with bumps of height 0")
        if factor is None or part is None:
            return x
        if factor.projective or factor.degree != self.k or not part.is_floating_point():
            raise DomainError(f"{G} on {self}", f"linear and affine groups of degree {self.k}", "")
        height, centre, covariance = self.parts(x)
        A = part[..., None, : self.k, : self.k]
        moved = (A @ centre[..., None])[..., 0]
        if factor.affine:
            moved = moved + part[..., None, : self.k, self.k]
        return self.of(height.expand(moved.shape[:-1]), moved, A @ covariance @ A.mT)

    def render(self, x: Float[Tensor, "... n p"], sides: tuple[int, ...]) -> Float[Tensor, "... c *sides"]:
        """The values at the centres of the cells: images (..., 1, height, width) or voxels (..., 1, D, H, W)."""
        height, centre, covariance = self.parts(x)
        apart = cell_centres(sides, x).flatten(0, -2) - centre[..., None, :]
        # Cells last: one triangular solve for all of them.
        root = torch.linalg.cholesky(covariance)
        length = torch.linalg.solve_triangular(root, apart.mT, upper=False).square().sum(-2)
        image = (height[..., None] * (-length / 2).exp()).sum(-2)
        return image.unflatten(-1, (1, *sides))
