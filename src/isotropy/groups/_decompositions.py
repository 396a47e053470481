"""Factorisations of invertible matrices: polar, Cartan, KAK and Iwasawa."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import DomainError


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
