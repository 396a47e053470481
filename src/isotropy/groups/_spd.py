"""The space of symmetric positive definite matrices: what is left of GL+ and SL when rotations are forgotten."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from isotropy.errors import DomainError, ShapeError
from isotropy.groups._decompositions import check_square
from isotropy.groups._general_linear import SL, GLPlus, log_sinhc_gaps
from isotropy.groups._linear import check_size, matrix, tolerance
from isotropy.groups._window import Window
from isotropy.linalg import sym_exp, sym_invsqrt, sym_log, sym_sqrt


@dataclass(frozen=True)
class SPDSpace:
    """The symmetric positive definite matrices of n rows, on which GL+(n) acts by ``S -> g S g^T``.

    With ``unit_det`` those of determinant 1, on which SL(n) acts. No group, but the quotient of one by its rotations:
    the invariant measure is ``det(S)^-(n+1)/2 dS``, the invariant distance ``|log(S^-1/2 T S^-1/2)|``. Coordinates are
    those of X, S = exp(X), in an orthonormal basis of symmetric (traceless) matrices.

    >>> space = SPDSpace(2)
    >>> space.dim, float(space.distance(torch.eye(2), torch.eye(2)))
    (3, 0.0)
    """

    n: int
    unit_det: bool = False

    def __post_init__(self) -> None:
        check_size("SPDSpace", self.n)

    @property
    def group(self) -> GLPlus:
        """What acts."""
        return SL(self.n) if self.unit_det else GLPlus(self.n)

    @property
    def dim(self) -> int:
        return self.n * (self.n + 1) // 2 - self.unit_det

    @property
    def basis(self) -> Float[Tensor, "k n n"]:
        """An orthonormal basis of the symmetric (with ``unit_det`` traceless) matrices."""
        return matrix(self.group.algebra.basis)[: self.dim]

    def contains(self, S: Float[Tensor, "... n n"], tol: float | None = None) -> Bool[Tensor, "..."]:
        """Whether S is symmetric to ``tol`` (1e-9 in float64, 1e-4 in float32) and positive definite."""
        if S.shape[-2:] != (self.n, self.n):
            raise ShapeError(f"matrices of shape {tuple(S.shape)}", f"(..., {self.n}, {self.n})", "")
        finite = S.isfinite().flatten(-2).all(-1)
        A = torch.where(finite[..., None, None], S, torch.eye(self.n, dtype=S.dtype, device=S.device)).double()
        size = A.abs().amax((-2, -1)).clamp_min(1.0)
        tol = tolerance(S, tol)
        good = finite & ((A - A.mT).abs().amax((-2, -1)) <= tol * size)
        w = torch.linalg.eigvalsh(A)
        good = good & (w[..., 0] > 0)
        return good & ((w.log().sum(-1).abs() <= self.n * tol) if self.unit_det else True)

    def act(self, g: Float[Tensor, "... n n"], S: Float[Tensor, "... n n"]) -> Float[Tensor, "... n n"]:
        """``g S g^T``. Raises DomainError for g outside the group: determinant 1 where that of S is."""
        self.group._refuse(g)
        return g @ S @ g.mT

    def coords(self, S: Float[Tensor, "... n n"]) -> Float[Tensor, "... k"]:
        """The coordinates of log S. Raises DomainError for matrices outside the space."""
        self._check(S)
        return sym_log(S).flatten(-2) @ self.basis.flatten(1).mT.to(S)

    def from_coords(self, v: Float[Tensor, "... k"]) -> Float[Tensor, "... n n"]:
        return sym_exp(torch.tensordot(v, self.basis.to(v), dims=1))

    def log_density(self, v: Float[Tensor, "... k"]) -> Float[Tensor, "..."]:
        """The log density of the invariant measure in the coordinates, with respect to which it is 1 at S = 1.

        ``prod over i < j of sinhc((x_i - x_j) / 2)`` over the eigenvalues of X (Muirhead 1982, theorem 2.1.14).
        """
        return log_sinhc_gaps(torch.tensordot(v.double(), self.basis, dims=1) / 2).to(v.dtype)

    @property
    def log_volume_of_coordinates(self) -> float:
        """``log prod dX_ij`` (i <= j, the entries of X) less that of the coordinates: they differ by a constant."""
        return -self.n * (self.n - 1) / 4 * math.log(2)

    def distance(self, S: Float[Tensor, "... n n"], T: Float[Tensor, "... n n"]) -> Float[Tensor, "..."]:
        """The affine-invariant distance, that of ``gSg^T`` and ``gTg^T`` too."""
        self._check(S)
        self._check(T)
        root = sym_invsqrt(S)
        return torch.linalg.matrix_norm(sym_log(root @ T @ root))

    def geodesic(self, S: Float[Tensor, "... n n"], T: Float[Tensor, "... n n"], t: float) -> Float[Tensor, "... n n"]:
        """The point at ``t`` of the way from S (0) to T (1)."""
        self._check(S)
        self._check(T)
        root, back = sym_sqrt(S), sym_invsqrt(S)
        return root @ sym_exp(t * sym_log(back @ T @ back)) @ root

    def sample(
        self, count: int, *, generator: torch.Generator, width: float, shape: str = "normal", rule: str = "mc"
    ) -> tuple[Float[Tensor, "count n n"], Float[Tensor, " count"]]:
        """Matrices with coordinates of that ``width``, and log weights for integrals over the invariant measure."""
        window = Window(self.group, width / 2, shape, compact="haar" if self.n > 1 else "window")
        g, log_weight = window.weighted(count, generator, rule)
        g = matrix(g)
        # The group's density is in coordinates of X/2, and on GL+ has its constant.
        return g @ g.mT, log_weight + self.dim * math.log(2) - self.group._log_constant()

    def _check(self, S: Tensor) -> None:
        check_square(S)
        good = self.contains(S)
        if not bool(good.all()):
            first = int((~good).flatten().nonzero()[0])
            kind = "of determinant 1" if self.unit_det else "positive definite"
            raise DomainError(f"matrix {first}, outside {self}", f"symmetric matrices, {kind}", "")
