"""Functions of the position that are linear in what is learned: polynomials of second degree and Gaussian bumps."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import jvp

from isotropy.linalg import sym_sqrt

Read = Literal["plain", "log"]
"""How positions are read: as they are, or, where distances range over decades, as direction and logarithm."""

_SMALLEST = 1e-300


class Features(nn.Module):
    """phi_k(q), k = 1 ... K, without the constant: of u = R (q - centre) / size the linear and quadratic monomials, and
    exp(-|u - c_k|^2 / (2 width^2)) about ``centres``.

    R, ``root``, is the root of a metric of the space, of which the mass matrix is the natural one. Read "log", u is the
    direction of R q beside log |R q|, in units of ``size``.
    """

    centres: Tensor
    origin: Tensor
    root: Tensor
    size: Tensor
    width: Tensor
    logs: Tensor

    def __init__(
        self,
        centres: Float[Tensor, "K m"],
        origin: Float[Tensor, " d"],
        root: Float[Tensor, "d d"],
        size: float,
        width: float,
        read: Read,
    ) -> None:
        super().__init__()
        self.register_buffer("centres", centres)
        self.register_buffer("origin", origin)
        self.register_buffer("root", root)
        self.register_buffer("size", torch.tensor(size, dtype=torch.float64))
        self.register_buffer("width", torch.tensor(width, dtype=torch.float64))
        self.register_buffer("logs", torch.tensor(read == "log"))

    @classmethod
    def about(
        cls, q: Float[Tensor, "n d"], chosen: Tensor, metric: Float[Tensor, "d d"], width: float, read: Read
    ) -> Features:
        """Features that suit the positions ``q``, with bumps about the ``chosen`` rows."""
        root = sym_sqrt(metric)
        origin = q.new_zeros(q.shape[1]) if read == "log" else q.mean(0)
        away = (q - origin) @ root
        sizes = torch.linalg.vector_norm(away, dim=-1).clamp_min(_SMALLEST).log() if read == "log" else away
        size = float((sizes - sizes.mean(0)).square().mean().sqrt()) or 1.0
        found = cls(q[:0], origin, root, size, width, read)
        found.centres = found.coordinates(q[chosen])
        return found

    def coordinates(self, q: Float[Tensor, "n d"]) -> Float[Tensor, "n m"]:
        """u of the positions."""
        away = (q - self.origin.to(q)) @ self.root.to(q)
        if not self.logs:
            return away / self.size.to(q)
        r = (away.square().sum(-1, keepdim=True) + _SMALLEST).sqrt()
        return torch.cat([away / r, r.log() / self.size.to(q)], -1)

    def forward(self, q: Float[Tensor, "n d"]) -> Float[Tensor, "n K"]:
        u = self.coordinates(q)
        square = (u[:, :, None] * u[:, None, :])[:, *_upper(u.shape[1])]
        centres = self.centres.to(u)
        far = u.square().sum(-1, keepdim=True) + centres.square().sum(-1) - 2 * u @ centres.mT
        return torch.cat([u, square, torch.exp(-far / (2 * self.width.to(u) ** 2))], -1)

    def slopes(self, q: Float[Tensor, "n d"]) -> Float[Tensor, "d n K"]:
        """The derivative of each feature by each component of q."""
        found: list[Tensor] = []
        for k in range(q.shape[1]):
            along = torch.zeros_like(q)
            along[:, k] = 1
            found.append(jvp(self.forward, (q,), (along,))[1])
        return torch.stack(found)

    @property
    def monomials(self) -> int:
        """How many of the features are monomials."""
        m = self.centres.shape[1]
        return m + m * (m + 1) // 2


def _upper(m: int) -> tuple[Tensor, Tensor]:
    rows, columns = torch.triu_indices(m, m)
    return rows, columns


def symmetric_basis(d: int) -> Float[Tensor, "k d d"]:
    """The symmetric matrices with one entry, or two across the diagonal, of 1."""
    basis: list[Tensor] = []
    for i in range(d):
        for j in range(i, d):
            one = torch.zeros(d, d, dtype=torch.float64)
            one[i, j] = one[j, i] = 1
            basis.append(one)
    return torch.stack(basis)


def ridge(
    normal: Float[Tensor, "k k"], right: Float[Tensor, " k"], penalties: Float[Tensor, " k"]
) -> Float[Tensor, " k"]:
    """The c that minimises |X c - y|^2 / n + sum_k penalty_k c_k^2, with normal = X^T X / n and right = X^T y / n."""
    # Rounding of the normal equations: without it a factorisation of near-equal bumps fails.
    floor = 1e-15 * float(normal.diagonal().max())
    factor = torch.linalg.cholesky(normal + torch.diag(penalties + floor))
    return torch.cholesky_solve(right[:, None], factor)[:, 0]
