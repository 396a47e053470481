"""Rotated harmonics: Wigner matrices without angles, and rotations that bring a direction to the pole."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import DomainError, DtypeError, ShapeError
from isotropy.reps._harmonics import solid_harmonics

_NOISE = 1e-13  # entries of the couplings below it are rounding: the others are above 1e-3


def wigner_D(l: int, R: Tensor) -> Float[Tensor, "... k k"]:
    """The matrix D^l(R), k = 2l + 1, with ``Y_l(R r) = D^l(R) Y_l(r)`` for rotations and reflections ``R (..., 3, 3)``.

    Basis and parity are those of ``spherical_harmonics``: D^1(R) = R, and an inversion gives (-1)^l. The entries are
    polynomials in those of R: there are no angles, hence no rotation at which they or their derivatives fail. R is
    taken to be orthogonal (use ``O(3).contains`` where it may not be).

    Raises ShapeError for a negative degree or other shapes, DtypeError for integers and complex numbers.
    Source: the recursion over degrees of Ivanic and Ruedenberg (1996), in the basis of specification 05 §2.1.

    >>> wigner_D(1, torch.diag(torch.tensor([1.0, -1.0, -1.0]))).diagonal()
    tensor([ 1., -1., -1.])
    """
    return wigner_blocks(l, R)[-1]


def wigner_blocks(degree: int, R: Tensor) -> tuple[Tensor, ...]:
    """D^l(R) for all l = 0..degree, each ``(..., 2l + 1, 2l + 1)``: the blocks that rotate packed coefficients.

    D^l is the part of highest degree in D^{l-1} (x) D^1: ``D^l = C_l (D^{l-1} (x) R) C_l^T`` with the isometry C_l.
    Products are in the dtype of R (half precision: in single, rounded last), the C_l exact in float64, cast last.

    Raises what ``wigner_D`` raises.

    >>> [tuple(block.shape) for block in wigner_blocks(2, torch.eye(3).expand(5, 3, 3))]
    [(5, 1, 1), (5, 3, 3), (5, 5, 5)]
    """
    if degree < 0:
        raise ShapeError(f"degree {degree}", "a degree of 0 or more")
    if R.shape[-2:] != (3, 3):
        raise ShapeError(f"rotations of shape {tuple(R.shape)}", "(..., 3, 3)")
    if not R.is_floating_point():
        raise DtypeError(f"rotations of dtype {R.dtype}", "real floating-point numbers", "write R.to(torch.float64)")
    exact = R if R.dtype in (torch.float32, torch.float64) else R.float()
    blocks = [torch.ones_like(exact[..., :1, :1]), exact]
    found, turn = exact, exact
    for l in range(2, degree + 1):
        # Each step leaves the transpose, which a further step on the transposed rotation turns back.
        found, turn = _raised(found, turn, _coupling(l, exact.dtype, exact.device)), turn.mT
        blocks.append(found if l % 2 else found.mT)
    return tuple(block.to(R.dtype) for block in blocks[: degree + 1])


def _raised(
    D: Float[Tensor, "... n n"], R: Float[Tensor, "... 3 3"], coupling: Float[Tensor, "k n 3"]
) -> Float[Tensor, "... k k"]:
    """The transpose of C (D (x) R) C^T: one factor after the other, each a product with all rows at once."""
    n, k = D.shape[-1], D.shape[-1] + 2
    right = D @ coupling.movedim(0, 1).flatten(1)  # (..., i, b v)
    turned = right.unflatten(-1, (k, 3)).flatten(-3, -2) @ R.mT  # (..., i b, u)
    ordered = turned.unflatten(-2, (n, k)).transpose(-3, -2).flatten(-2)  # (..., b, i u)
    return ordered @ coupling.flatten(1).mT


@torch.compiler.assume_constant_result
def _coupling(l: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    return _isometry(l, dtype, device)


@lru_cache(maxsize=256)
def _isometry(l: int, dtype: torch.dtype, device: torch.device) -> Float[Tensor, "k n 3"]:
    """``C_l[m, m', u]``, the isometry from (l - 1) (x) 1 onto l: integrals of Y_lm Y_{l-1,m'} r_u, rows orthonormal.

    Gauss-Legendre nodes in y times equal angles are exact for these polynomials of degree 2l.
    """
    nodes, weights = np.polynomial.legendre.leggauss(l + 1)
    y, weight = torch.from_numpy(nodes), torch.from_numpy(weights)
    angle = torch.arange(2 * l + 1, dtype=torch.float64) * (2 * math.pi / (2 * l + 1))
    radius = (1 - y * y).sqrt()[:, None]
    r = torch.stack([radius * angle.sin(), y[:, None].expand(-1, len(angle)), radius * angle.cos()], -1)
    Y = solid_harmonics(l, r)
    lower, upper = Y[..., (l - 1) ** 2 : l * l], Y[..., l * l :]
    integral = torch.einsum("t,tpm,tpn,tpu->mnu", weight, upper, lower, r)
    integral = torch.where(integral.abs() > _NOISE, integral, 0.0)
    # Schur: the rows are orthogonal and of one length.
    rows = integral.flatten(1)
    return (integral * math.sqrt(2 * l + 1) / torch.linalg.vector_norm(rows)).to(device, dtype)


def align(r: Tensor) -> Float[Tensor, "... 3 3"]:
    """A rotation that takes the direction of ``r (..., 3)`` to the polar axis: ``align(r) @ r = (0, |r|, 0)``.

    The shortest turn to +y where y >= 0; elsewhere a half-turn about x first, so that no denominator is below one and
    all derivatives are finite, at the poles too. The rotation jumps at y = 0, as every choice must somewhere: the first
    row is a unit tangent field of the sphere, and none is continuous (hairy ball). What is computed in the aligned
    frame and rotated back must therefore commute with turns about y; then the jump is not seen.

    Raises DomainError for a vector of length zero, ShapeError and DtypeError for what is no point in space.

    >>> r = torch.tensor([0.0, -2.0, 0.0])
    >>> align(r) @ r
    tensor([0., 2., 0.])
    """
    if r.shape[-1:] != (3,):
        raise ShapeError(f"directions of shape {tuple(r.shape)}", "(..., 3)")
    if not r.is_floating_point():
        raise DtypeError(f"directions of dtype {r.dtype}", "real floating-point numbers", "write r.to(torch.float64)")
    length = torch.linalg.vector_norm(r, dim=-1, keepdim=True)
    if not torch.compiler.is_compiling() and bool((length == 0).any()):
        raise DomainError("a vector of length zero", "a direction", "leave out pairs of points that coincide")
    south = r[..., 1:2] < 0
    half_turn = torch.where(south, r.new_tensor([1.0, -1.0, -1.0]), r.new_ones(3))
    x, y, z = (r / length * half_turn).unbind(-1)
    share = 1 / (1 + y)
    rows = (1 - x * x * share, -x, -x * z * share, x, y, z, -x * z * share, -z, 1 - z * z * share)
    return torch.stack(rows, -1).unflatten(-1, (3, 3)) * half_turn[..., None, :]
