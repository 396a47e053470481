"""Exponentials and logarithms of matrices: closed forms for rotations, inverse scaling and squaring for the rest."""

import numpy as np
import torch
from jaxtyping import Bool, Complex, Float
from torch import Tensor


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
    """The vector w, ``|w| <= pi``, with ``rotation3(w) = g``; at a half turn one of the two."""
    q = matrix_quaternion(g)
    real, imaginary = q[..., 0], q[..., 1:]
    square = imaginary.square().sum(-1)
    small = square < 1e-10
    sine = torch.where(small, 1.0, square).sqrt()
    # For a small angle: 2 asin(s)/s = 2 + s^2/3 + O(s^4).
    factor = torch.where(small, 2 + square / 3, 2 * torch.atan2(sine, real) / sine)
    return factor[..., None] * imaginary


def matrix_quaternion(g: Float[Tensor, "... 3 3"]) -> Float[Tensor, "... 4"]:
    """The unit quaternion of a rotation, its real part first and not negative.

    Read from the largest of its components, so that no angle loses digits.
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
    return torch.where(q[..., :1] < 0, -q, q)


def quaternion_matrix(q: Float[Tensor, "... 4"]) -> Float[Tensor, "... 3 3"]:
    """The rotation of a unit quaternion, its real part first."""
    real, imaginary = q[..., 0, None, None], q[..., 1:]
    A = cross_matrix(imaginary)
    return torch.eye(3, dtype=q.dtype, device=q.device) + 2 * real * A + 2 * A @ A


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
