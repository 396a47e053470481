"""Curvature at points: a metric as a function, differentiated twice in forward mode, all points at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import DomainError, ShapeError


class NumericMetric:
    """The metric ``fn(x (n,)) -> (n, n)``, written in torch; every quantity is asked for at ``points (B, n)``.

    The signs are those of `Metric`: R^a_bcd = d_c Gamma^a_bd - ... Raises ShapeError for points and metrics of other
    shapes, DomainError where the determinant vanishes or a value is not finite.

    >>> sphere = NumericMetric(lambda x: torch.diag(torch.stack([torch.ones_like(x[0]), x[0].sin() ** 2])))
    >>> sphere.scalar(torch.tensor([[0.5, 0.0], [1.0, 2.0]], dtype=torch.float64)).round(decimals=9).tolist()
    [2.0, 2.0]
    """

    def __init__(self, fn: Callable[[Tensor], Tensor]) -> None:
        self.fn = fn

    def __call__(self, points: Float[Tensor, "B n"]) -> Float[Tensor, "B n n"]:
        """The metric at points."""
        if points.ndim != 2:
            raise ShapeError(f"points of shape {tuple(points.shape)}", "(B, n), one row for each")
        n = points.shape[1]
        g = torch.func.vmap(self.fn)(points)
        if g.shape[1:] != (n, n):
            raise ShapeError(f"a metric of shape {tuple(g.shape[1:])}", f"({n}, {n}) for points of {n} coordinates")
        bad = ~(g.isfinite().flatten(1).all(1) & points.isfinite().all(1))
        bad = bad | (torch.linalg.det(torch.where(bad[:, None, None], 0.0, g)) == 0)
        if bool(bad.any()):
            row = int(bad.nonzero()[0])
            raise DomainError(f"a metric that is not finite or has determinant 0 at row {row}", "points off it")
        return g

    def inverse(self, points: Float[Tensor, "B n"]) -> Float[Tensor, "B n n"]:
        """g^ab."""
        return torch.linalg.inv(self(points))

    def christoffel(self, points: Float[Tensor, "B n"]) -> Float[Tensor, "B n n n"]:
        """Gamma^a_bc."""
        self(points)
        return torch.func.vmap(self._gamma)(points)

    def riemann(self, points: Float[Tensor, "B n"]) -> Float[Tensor, "B n n n n"]:
        """R^a_bcd."""
        self(points)
        return torch.func.vmap(self._riemann)(points)

    def ricci(self, points: Float[Tensor, "B n"]) -> Float[Tensor, "B n n"]:
        """R_ab."""
        return torch.einsum("zabad->zbd", self.riemann(points))

    def scalar(self, points: Float[Tensor, "B n"]) -> Float[Tensor, " B"]:
        """The Ricci scalar."""
        return torch.einsum("zbd,zbd->z", self.inverse(points), self.ricci(points))

    def _gamma(self, x: Tensor) -> Tensor:
        g, dg = self.fn(x), torch.func.jacfwd(self.fn)(x)
        return _raised(torch.linalg.inv(g), dg)

    def _riemann(self, x: Tensor) -> Tensor:
        """From g, dg and ddg: the inverse is differentiated by hand, d(g^-1) = -g^-1 dg g^-1."""
        first: Any = torch.func.jacfwd(self.fn)
        g, dg, ddg = self.fn(x), first(x), torch.func.jacfwd(first)(x)
        inverse = torch.linalg.inv(g)
        gamma = _raised(inverse, dg)
        low = (ddg + ddg.transpose(1, 2) - ddg.permute(2, 0, 1, 3)) / 2  # d_e of Gamma_dbc, axes (d, b, c, e)
        slope = torch.einsum("ad,dbce->abce", inverse, low)
        slope = slope - torch.einsum("ad,dfe,fbc->abce", inverse, dg, gamma)
        half = slope.transpose(2, 3) + torch.einsum("ace,ebd->abcd", gamma, gamma)
        return half - half.transpose(2, 3)


def _raised(inverse: Tensor, dg: Tensor) -> Tensor:
    """Gamma^a_bc of d_c g_ab with axes (a, b, c)."""
    return torch.einsum("ad,dbc->abc", inverse, (dg + dg.transpose(1, 2) - dg.permute(2, 0, 1)) / 2)
