"""Exponentials and logarithms of matrices: closed forms for rotations, inverse scaling and squaring for the rest.

Factorisations of invertible matrices: polar, Cartan, KAK and Iwasawa.
"""

import numpy as np
import torch
from jaxtyping import Bool, Complex, Float
from torch import Tensor

from isotropy.errors import DomainError


def cross_matrix(w: Float[Tensor, "... 3"]) -> Float[Tensor, "... 3 3"]:
    """The matrix of ``u -> w x u``."""
    x, y, z = w.unbind(-1)
    o = torch.zeros_like(x)
    return torch.stack([o, -z, y, z, o, -x, -y, x, o], dim=-1).unflatten(-1, (3, 3))


def rotation2(angle: Float[Tensor, "..."]) -> Float[Tensor, "... 2 2"]:
    """The rotation of the plane by ``angle`` radians, counter-clockwise."""
    c, s = angle.cos(), angle.sin()
    return torch.stack([c, -s, s, c], dim=-1).unflatten(-1, (2, 2))


def angle2(g: Float[Tensor, "... 2 2"]) -> Float[Tensor, "..."]:
    """The angle of a rotation of the plane, in (-pi, pi]."""
    return torch.atan2(g[..., 1, 0] - g[..., 0, 1], g[..., 0, 0] + g[..., 1, 1])


def rotation3(w: Float[Tensor, "... 3"]) -> Float[Tensor, "... 3 3"]:
    """Rodrigues: the rotation about ``w`` by ``|w|`` radians; smooth at 0."""
    square = w.square().sum(-1)
    small = square < 1e-6
    angle = torch.where(small, 1.0, square).sqrt()
    a = torch.where(small, 1 - square / 6 * (1 - square / 20), angle.sin() / angle)
    b = torch.where(small, 0.5 - square / 24 * (1 - square / 30), 2 * ((angle / 2).sin() / angle).square())
    A = cross_matrix(w)
    return torch.eye(3, dtype=w.dtype, device=w.device) + a[..., None, None] * A + b[..., None, None] * (A @ A)


def rotation_vector(g: Float[Tensor, "... 3 3"]) -> Float[Tensor, "... 3"]:
    """The vector w, ``|w| <= pi``, with ``rotation3(w) = g``; at a half turn one of the two.

    By way of the unit quaternion, read from the largest of its components, so that no angle loses digits.
    """
    d0, d1, d2 = g[..., 0, 0], g[..., 1, 1], g[..., 2, 2]
    x, y, z = g[..., 2, 1] - g[..., 1, 2], g[..., 0, 2] - g[..., 2, 0], g[..., 1, 0] - g[..., 0, 1]
    xy, xz, yz = g[..., 0, 1] + g[..., 1, 0], g[..., 0, 2] + g[..., 2, 0], g[..., 1, 2] + g[..., 2, 1]
    # Row r is 4 q_r q; the row with the largest diagonal entry is the best conditioned.
    rows = torch.stack(
        [
            torch.stack([1 + d0 + d1 + d2, x, y, z], dim=-1),
            torch.stack([x, 1 + d0 - d1 - d2, xy, xz], dim=-1),
            torch.stack([y, xy, 1 - d0 + d1 - d2, yz], dim=-1),
            torch.stack([z, xz, yz, 1 - d0 - d1 + d2], dim=-1),
        ],
        dim=-2,
    )
    best = rows.diagonal(dim1=-2, dim2=-1).argmax(-1)
    q = rows.take_along_dim(best[..., None, None], dim=-2).squeeze(-2)
    q = q / torch.linalg.vector_norm(q, dim=-1, keepdim=True)
    q = torch.where(q[..., :1] < 0, -q, q)
    real, imaginary = q[..., 0], q[..., 1:]
    square = imaginary.square().sum(-1)
    small = square < 1e-10
    sine = torch.where(small, 1.0, square).sqrt()
    # For a small angle: 2 asin(s)/s = 2 + s^2/3 + O(s^4).
    factor = torch.where(small, 2 + square / 3, 2 * torch.atan2(sine, real) / sine)
    return factor[..., None] * imaginary


def matrix_log(g: Float[Tensor, "... m m"]) -> tuple[Float[Tensor, "... m m"], Bool[Tensor, "..."]]:
    """The principal logarithm (float64) and where it exists: repeated square roots, then a Gauss-Legendre Pade form.

    Higham, Functions of Matrices (2008), algorithm 11.10 in its inverse-scaling-and-squaring form. Entries are NaN or
    arbitrary where the second answer is False (an eigenvalue on the closed negative axis, a singular matrix).
    """
    A = g.double()
    one = torch.eye(A.shape[-1], dtype=A.dtype, device=A.device)
    root, roots = A, 0
    while roots < 40 and _distance(root, one) > 0.2:
        root, roots = _square_root(root, one), roots + 1
    nodes, weights = np.polynomial.legendre.leggauss(9)
    D = root - one
    log = torch.zeros_like(A)
    for node, weight in zip(nodes, weights, strict=True):
        inverse, _ = torch.linalg.inv_ex(one + (1 + node) / 2 * D)
        log = log + weight / 2 * (D @ inverse)
    log = log * 2.0**roots
    finite = log.detach().isfinite().flatten(-2).all(-1)
    size = A.detach().abs().amax((-2, -1))
    back = torch.linalg.matrix_exp(torch.where(finite[..., None, None], log.detach(), 0.0))
    good = finite & ((back - A.detach()).abs().amax((-2, -1)) <= 1e-8 * (1 + size))
    return log, good


def _distance(x: Tensor, y: Tensor) -> float:
    """The largest row sum of ``|x - y|`` over the batch, leaving out members that are no longer finite."""
    rows = (x - y).detach().abs().sum(-1).flatten()
    rows = rows[rows.isfinite()]
    return float(rows.max()) if len(rows) else 0.0


def _square_root(g: Tensor, one: Tensor) -> Tensor:
    """The principal square root by the product form of the Denman-Beavers iteration (Higham 2008, eq. 6.29)."""
    root, ratio = g, g
    for _ in range(25):
        inverse, _ = torch.linalg.inv_ex(ratio)
        root = root @ (one + inverse) / 2
        ratio = (one + (ratio + inverse) / 2) / 2
        if _distance(ratio, one) < 1e-15 * len(one):
            break
    # A matrix without a principal root wanders for ever: it is given up here and not tried again.
    settled = (ratio - one).detach().abs().sum(-1).amax(-1) < 1e-6
    return torch.where(settled[..., None, None], root, torch.nan)


def eigenvalues(A: Float[Tensor, "... m m"]) -> Complex[Tensor, "... m"]:
    """The eigenvalues of real matrices; where LAPACK's iteration does not converge, those of a neighbour at 1e-14."""
    try:
        return torch.linalg.eigvals(A)
    except torch.linalg.LinAlgError:  # pyright: ignore[reportPrivateImportUsage]
        generator = torch.Generator().manual_seed(0)
        noise = torch.randn(A.shape[-2:], generator=generator, dtype=torch.float64).to(A)
        return torch.linalg.eigvals(A + 1e-14 * torch.linalg.matrix_norm(A)[..., None, None] * noise)


def polar(g: Float[Tensor, "... n n"], side: str = "left") -> tuple[Float[Tensor, "... n n"], Float[Tensor, "... n n"]]:
    """``(P, R)`` with ``g = P R`` (left) or ``g = R P`` (right), P symmetric positive definite, R orthogonal.

    For det g > 0 R is a rotation. Raises DomainError for a singular g or an unknown side.

    >>> P, R = polar(torch.tensor([[0., -2.], [3., 0.]]))
    >>> P.round(decimals=4).tolist(), R.round(decimals=4).abs().tolist()
    ([[2.0, 0.0], [0.0, 3.0]], [[0.0, 1.0], [1.0, 0.0]])
    """
    X, R = cartan(g, side)
    return torch.linalg.matrix_exp(X), R


def cartan(
    g: Float[Tensor, "... n n"], side: str = "left"
) -> tuple[Float[Tensor, "... n n"], Float[Tensor, "... n n"]]:
    """``(X, R)`` with ``g = exp(X) R`` (left) or ``g = R exp(X)`` (right), X symmetric, R orthogonal.

    Raises DomainError for a singular g or an unknown side.

    >>> X, R = cartan(torch.diag(torch.tensor([1., 4.])))
    >>> X.diagonal(), torch.equal(R, torch.eye(2))
    (tensor([0.0000, 1.3863]), True)
    """
    if side not in ("left", "right"):
        raise DomainError(f"side={side!r}", "'left' or 'right'", "")
    # The SVD of g, not the eigenvalues of g g^T: squaring would halve the digits of the small axes.
    U, s, Vh = torch.linalg.svd(g)
    if bool((s[..., -1] <= 0).any()) or not bool(g.isfinite().all()):
        raise DomainError("a singular matrix", "an invertible one", "the Cartan decomposition needs det g != 0")
    Q = U if side == "left" else Vh.mT
    return Q @ (s.log()[..., None] * Q.mT), U @ Vh


def kak(
    g: Float[Tensor, "... n n"],
) -> tuple[Float[Tensor, "... n n"], Float[Tensor, "... n"], Float[Tensor, "... n n"]]:
    """``(R1, a, R2)`` with ``g = R1 diag(exp a) R2`` for det g > 0, rotations R1, R2 and a descending.

    Raises DomainError for det g <= 0.

    >>> kak(torch.diag(torch.tensor([1., 4.])))[1]
    tensor([1.3863, 0.0000])
    """
    if not bool((torch.linalg.det(g) > 0).all()):
        raise DomainError("det g <= 0", "an element of GL+", "")
    U, s, Vh = torch.linalg.svd(g)
    sign = torch.linalg.det(U).sign()[..., None]
    first = torch.cat([U[..., :-1], U[..., -1:] * sign[..., None]], dim=-1)
    return first, s.log(), torch.cat([Vh[..., :-1, :], Vh[..., -1:, :] * sign[..., None]], dim=-2)


def iwasawa(
    g: Float[Tensor, "... n n"],
) -> tuple[Float[Tensor, "... n n"], Float[Tensor, "... n"], Float[Tensor, "... n n"]]:
    """``(R, a, N)`` with ``g = R diag(exp a) N``, R orthogonal and N upper triangular with ones on the diagonal.

    Raises DomainError for a singular g.

    >>> iwasawa(torch.tensor([[2., 2.], [0., 1.]]))[2].tolist()
    [[1.0, 1.0], [0.0, 1.0]]
    """
    Q, T = torch.linalg.qr(g)
    diagonal = T.diagonal(dim1=-2, dim2=-1)
    if bool((diagonal == 0).any()):
        raise DomainError("a singular matrix", "an invertible one", "")
    return Q * diagonal.sign()[..., None, :], diagonal.abs().log(), T / diagonal[..., :, None]
