"""Factorisations of invertible matrices: polar, Cartan, KAK and Iwasawa; closed forms in the plane.

A matrix of the plane is ``v -> z v + w conj(v)`` for complex numbers z and w: a turn with a scale, and a mirror with
one. Everything is read off these two, and nothing is undefined where the singular values |z| + |w|, |z| - |w| meet.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd import Function

from isotropy.errors import DomainError, DtypeError, ShapeError, one_of
from isotropy.groups._exponential import rotation2
from isotropy.linalg import log_difference, once

# The logarithm of a singular value is known to rounding times the condition: beyond these no digit is left of it that
# anyone asked for (specification 02 §2.6).
MOST_CONDITION = {torch.float64: 1e12, torch.float32: 1e6}
Square = Float[Tensor, "... n n"]


def polar(g: Tensor, side: str = "left") -> tuple[Square, Square]:
    """``(P, R)`` with ``g = P R`` (left) or ``g = R P`` (right), P symmetric positive definite, R orthogonal.

    All are ``(..., n, n)``; for det g > 0 R is a rotation. Once differentiable, in the plane as often as one likes,
    also where singular values agree. Raises ShapeError for a matrix that is not square, DomainError for NaN, for a
    condition above 1e12 (float64) or 1e6 (float32), or an unknown side. Source: specification 02 §2.1.

    >>> P, R = polar(torch.tensor([[0., -2.], [3., 0.]]))
    >>> P.round(decimals=4).tolist(), R.round(decimals=4).abs().tolist()
    ([[2.0, 0.0], [0.0, 3.0]], [[0.0, 1.0], [1.0, 0.0]])
    """
    _, R = cartan(g, side)
    P = g @ R.mT if side == "left" else R.mT @ g
    return (P + P.mT) / 2, R


def cartan(g: Tensor, side: str = "left") -> tuple[Square, Square]:
    """``(X, R)`` with ``g = exp(X) R`` (left) or ``g = R exp(X)`` (right), X symmetric, R orthogonal.

    Differentiable and raises as `polar`. Source: specification 02 §2.1, the maps Phi and xi.

    >>> X, R = cartan(torch.diag(torch.tensor([1., 4.])))
    >>> X.diagonal().exp().round(decimals=4).tolist(), torch.equal(R, torch.eye(2))
    ([1.0, 4.0], True)
    """
    one_of("side", side, ("left", "right"))
    check_square(g)
    X, R = cartan_factors(g if side == "left" else g.mT)
    return X.to(g), (R if side == "left" else R.mT).to(g)


def cartan_factors(g: Float[Tensor, "... n n"]) -> tuple[Square, Square]:
    """X and R of ``g = exp(X) R`` in float64, whatever the dtype of g, for matrices that are square and finite."""
    if g.shape[-1] == 2:
        return _plane(g.double(), g.dtype)
    return _Cartan.apply(g.double(), g.dtype)[:2]  # pyright: ignore[reportGeneralTypeIssues]


def kak(g: Tensor) -> tuple[Square, Float[Tensor, "... n"], Square]:
    """``(R1, a, R2)`` with ``g = R1 diag(exp a) R2``, rotations R1, R2 and a descending.

    Raises as `polar`, and DomainError for det g <= 0. Source: specification 02 §2.1.

    >>> kak(torch.diag(torch.tensor([1., 4.])))[1]
    tensor([1.3863, 0.0000])
    """
    check_square(g)
    A = g.double()
    check_positive(A, "an element of GL+")
    if g.shape[-1] == 2:
        A, size = _near_one(A)
        z, w = conformal(A), anticonformal(A)
        longest = length(z) + length(w)
        check_condition(longest.square() / determinant(A).abs(), g.dtype)
        # The turns of z and w are the sum and the difference of those of R1 and R2.
        turn, mirror = torch.atan2(z[..., 1], z[..., 0]), torch.atan2(w[..., 1], w[..., 0])
        a = torch.stack([longest, determinant(A) / longest], -1).log() + size.log()[..., None]
        return rotation2((turn + mirror) / 2).to(g), a.to(g), rotation2((turn - mirror) / 2).to(g)
    U, s, Vh = torch.linalg.svd(A)
    check_condition(s[..., 0] / s[..., -1], g.dtype)
    sign = torch.linalg.det(U).sign()[..., None]
    first = torch.cat([U[..., :-1], U[..., -1:] * sign[..., None]], dim=-1)
    second = torch.cat([Vh[..., :-1, :], Vh[..., -1:, :] * sign[..., None]], dim=-2)
    return first.to(g), s.log().to(g), second.to(g)


def iwasawa(g: Tensor) -> tuple[Square, Float[Tensor, "... n"], Square]:
    """``(R, a, N)`` with ``g = R diag(exp a) N``, R orthogonal and N upper triangular with ones on the diagonal.

    Raises as `polar`. Source: specification 02 §2.1.

    >>> iwasawa(torch.tensor([[2., 2.], [0., 1.]]))[2].tolist()
    [[1.0, 1.0], [0.0, 1.0]]
    """
    check_square(g)
    A = g.double()
    s = torch.linalg.svdvals(A.detach())
    check_condition(s[..., 0] / s[..., -1], g.dtype)
    Q, T = torch.linalg.qr(A)
    diagonal = T.diagonal(dim1=-2, dim2=-1)
    N = (T / diagonal[..., :, None]).triu()
    return (Q * diagonal.sign()[..., None, :]).to(g), diagonal.abs().log().to(g), N.to(g)


# The plane.
def conformal(A: Float[Tensor, "... 2 2"]) -> Float[Tensor, "... 2"]:
    """z of ``A v = z v + w conj(v)``, as real and imaginary part."""
    return torch.stack([A[..., 0, 0] + A[..., 1, 1], A[..., 1, 0] - A[..., 0, 1]], -1) / 2


def anticonformal(A: Float[Tensor, "... 2 2"]) -> Float[Tensor, "... 2"]:
    """w of ``A v = z v + w conj(v)``, as real and imaginary part."""
    return torch.stack([A[..., 0, 0] - A[..., 1, 1], A[..., 1, 0] + A[..., 0, 1]], -1) / 2


def length(z: Float[Tensor, "... 2"]) -> Float[Tensor, "..."]:
    return torch.linalg.vector_norm(z, dim=-1)  # whose derivative at 0 is 0; that of hypot is undefined


def mirrored(w: Float[Tensor, "... 2"]) -> Float[Tensor, "... 2 2"]:
    """The matrix of ``v -> w conj(v)``: symmetric and traceless."""
    return torch.stack([w[..., 0], w[..., 1], w[..., 1], -w[..., 0]], -1).unflatten(-1, (2, 2))


def turning(z: Float[Tensor, "... 2"]) -> Float[Tensor, "... 2 2"]:
    """The matrix of ``v -> z v``."""
    return torch.stack([z[..., 0], -z[..., 1], z[..., 1], z[..., 0]], -1).unflatten(-1, (2, 2))


def times(z: Float[Tensor, "... 2"], w: Float[Tensor, "... 2"]) -> Float[Tensor, "... 2"]:
    """The product of complex numbers."""
    real = z[..., 0] * w[..., 0] - z[..., 1] * w[..., 1]
    return torch.stack([real, z[..., 0] * w[..., 1] + z[..., 1] * w[..., 0]], -1)


def _plane(A: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """X and R: with m = |z| and D = w z/|z| the stretch is ``m + D``, of eigenvalues m +- |D|, and R turns by arg z.

    For det A < 0 the mirror is the larger part; it then gives R, and what is said of z and w is said of w and z.
    """
    A, size = _near_one(A)
    z, w, det = conformal(A), anticonformal(A), determinant(A)
    turns = det > 0
    large, small = torch.where(turns[..., None], z, w), torch.where(turns[..., None], w, z)
    m = length(large)
    unit = large / m[..., None]
    square = small.square().sum(-1)
    longest = m + square.detach().sqrt()
    check_condition(longest.square() / det.abs(), dtype)
    D = times(small, unit)
    R = turning(unit)
    if not bool(turns.all()):
        R = torch.where(turns[..., None, None], R, mirrored(unit))
    half = det.abs().log() / 2 + size.log()
    X = mirrored(D * (_slope(square / m.square(), det.abs() / m.square()) / m)[..., None])
    return X + half[..., None, None] * torch.eye(2, dtype=A.dtype, device=A.device), R


def _near_one(A: Tensor) -> tuple[Tensor, Tensor]:
    """A over its size, a power of two: that of matrices whose squares are no longer numbers, else 1."""
    largest = A.detach().abs().amax((-2, -1))
    far = ((largest < _SQUARED) & (largest > 0)) | (largest > 1 / _SQUARED)
    size = torch.where(far, torch.exp2(largest.log2().floor()), 1.0)
    return A / size[..., None, None], size


_SQUARED = 1e-100
"""Squares of squares from here on are below what double precision holds; those of ordinary matrices keep every bit."""


def _slope(u: Tensor, rest: Tensor) -> Tensor:
    """``atanh(sqrt u) / sqrt u``, smooth at 0, for ``rest`` = 1 - u known to all its digits."""
    small = u < 1e-3
    # Six terms: the seventh is below 1e-19.
    series = 1 + u * (1 / 3 + u * (1 / 5 + u * (1 / 7 + u * (1 / 9 + u * (1 / 11 + u / 13)))))
    root = torch.where(small, 0.5, u).sqrt()
    value = torch.log1p(2 * root * (1 + root) / torch.where(small, 0.5, rest)) / (2 * root)
    return torch.where(small, series, value)


# Any number of dimensions.
class _Cartan(Function):
    """X and R from the singular values U s V^T, with their derivatives in these axes.

    With M = U^T dA V: ``U^T dR V = (M_ij - M_ji) / (s_i + s_j)`` and ``U^T dX U = k_ij (M_ij s_j + s_i M_ji)``, k half
    of the divided difference of the logarithm at s^2. No quotient has a difference of singular values below it. The SVD
    of g, not the eigenvalues of g g^T: squaring would halve the digits of the small axes.
    """

    @staticmethod
    def forward(A: Tensor, dtype: torch.dtype) -> tuple[Tensor, ...]:
        U, s, Vh = torch.linalg.svd(A)
        check_condition(s[..., 0] / s[..., -1], dtype)
        return U @ (s.log()[..., None] * U.mT), U @ Vh, U, s, Vh

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.mark_non_differentiable(*output[2:])
        ctx.save_for_backward(inputs[0], *output[2:])
        ctx.save_for_forward(*output[2:])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        A, U, s, Vh = ctx.saved_tensors
        twist, stretch = _quotients(s)
        R = U.mT @ grads[1] @ Vh.mT
        X = U.mT @ ((grads[0] + grads[0].mT) / 2) @ U
        return once(U @ (twist * (R - R.mT) + 2 * stretch * X * s[..., None, :]) @ Vh, A), None

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> tuple[Tensor | None, ...]:
        U, s, Vh = ctx.saved_tensors
        twist, stretch = _quotients(s)
        M = U.mT @ tangents[0] @ Vh.mT
        scaled = M * s[..., None, :]
        return U @ (stretch * (scaled + scaled.mT)) @ U.mT, U @ (twist * (M - M.mT)) @ Vh, None, None, None

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> tuple[Any, Any]:
        # Batches are native; the checks of `forward` then always see plain tensors.
        return _Cartan.apply(args[0].movedim(in_dims[0], 0), args[1]), (0, 0, 0, 0, 0)


def _quotients(s: Tensor) -> tuple[Tensor, Tensor]:
    column, row = s[..., :, None], s[..., None, :]
    return 1 / (column + row), log_difference(column.square(), row.square()) / 2


# What is refused.
def check_square(g: Tensor) -> None:
    """Raise ShapeError unless the matrices are square, DtypeError for other dtypes, DomainError for NaN or infinity."""
    if g.ndim < 2 or g.shape[-1] != g.shape[-2]:
        raise ShapeError(f"g of shape {tuple(g.shape)}", "square matrices (..., n, n)")
    if g.dtype not in MOST_CONDITION:
        raise DtypeError(f"dtype {g.dtype}", "float32 or float64")
    finite = g.isfinite().flatten(-2).all(-1)
    if not bool(finite.all()):
        raise DomainError(f"matrix {_first(~finite)} with NaN or infinity", "finite entries")


def check_condition(condition: Float[Tensor, "..."], dtype: torch.dtype) -> None:
    """Raise DomainError, naming the first matrix, for one that is singular to the digits of its dtype."""
    bad = ~(condition <= MOST_CONDITION[dtype])
    if bool(bad.any()):
        worst = float(condition.flatten()[_first(bad)])
        # Rounding gives a singular matrix any condition above 1/eps, or none.
        what = f"condition {worst:.2g}" if worst < 1e15 else "singular"
        most = f"condition at most {MOST_CONDITION[dtype]:.0e} in {str(dtype)[6:]}"
        raise DomainError(f"matrix {_first(bad)}, {what}", f"invertible matrices, {most}")


def check_positive(A: Float[Tensor, "... n n"], expected: str) -> None:
    """Raise DomainError, naming the first matrix and its determinant, unless all determinants are positive."""
    det = determinant(_near_one(A)[0])
    if bool((det <= 0).any()):
        first = _first(det <= 0)
        value = float(det.flatten()[first])
        raise DomainError(f"matrix {first} of determinant {value:.3g}", f"{expected}, of positive determinant", "")


def determinant(A: Float[Tensor, "... n n"]) -> Float[Tensor, "..."]:
    """det A, in the plane without a factorisation."""
    if A.shape[-1] == 2:
        return A[..., 0, 0] * A[..., 1, 1] - A[..., 0, 1] * A[..., 1, 0]
    return torch.linalg.det(A)


def _first(which: Tensor) -> int:
    return int(which.flatten().nonzero()[0])
