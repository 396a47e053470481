"""Symmetric eigenproblems whose derivative survives ties."""

from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd import Function

from isotropy.errors import DomainError, DtypeError, ShapeError


@dataclass(frozen=True)
class Eigen:
    """Eigenvalues (..., q), descending, unit eigenvectors as columns (..., d, q), and the cluster of each (..., q).

    All q = d of them from ``eigh``; the leading ones where fewer are of use.
    """

    values: Float[Tensor, "*batch q"]
    vectors: Float[Tensor, "*batch d q"]
    cluster: Int[Tensor, "*batch q"]


def eigh(C: Tensor, *, tol: float | None = None, grad: Literal["exact", "detach"] = "exact") -> Eigen:
    """Eigenvalues and eigenvectors of the symmetric part of ``C`` (..., d, d), in descending order.

    Neighbours whose gap is at most ``tol`` times the largest absolute value share a cluster (default 1e-9 in float64,
    1e-5 in float32). Derivatives, forward and reverse, are exact between clusters and leave out the factor
    1/(l_i - l_j) inside one: right for every function that does not depend on the choice of axes within a cluster.

    Raises ShapeError for a matrix that is not square, DomainError for NaN or infinity, DtypeError for other dtypes.

    >>> found = eigh(torch.diag(torch.tensor([1.0, 3.0, 1.0])))
    >>> found.values.tolist(), found.cluster.tolist()
    ([3.0, 1.0, 1.0], [0, 1, 1])
    """
    check_square(C)
    if tol is None:
        tol = 1e-9 if C.dtype == torch.float64 else 1e-5
    values, vectors, cluster = _Eigh.apply(C if grad == "exact" else C.detach(), tol)  # pyright: ignore[reportGeneralTypeIssues]
    return Eigen(values, vectors, cluster)


def check_square(C: Tensor) -> None:
    """Raises ShapeError for a matrix that is not square, DtypeError for other dtypes than float32 and float64."""
    if C.ndim < 2 or C.shape[-1] != C.shape[-2]:
        raise ShapeError(f"C of shape {tuple(C.shape)}", "(..., d, d)")
    if C.dtype not in (torch.float32, torch.float64):
        raise DtypeError(f"dtype {C.dtype}", "float32 or float64")


def axes_of(C: Tensor) -> tuple[Tensor, Tensor]:
    """Ascending eigenvalues and eigenvectors of the symmetric part in float64; raises DomainError for NaN, infinity."""
    if not bool(torch.isfinite(C).all()):
        raise DomainError("NaN or infinite entries in C", "finite ones")
    where = torch.device("cpu") if C.device.type == "mps" else C.device
    symmetric = C.to(where, torch.float64)
    values, vectors = torch.linalg.eigh((symmetric + symmetric.mT) / 2)
    return values, vectors


class _Eigh(Function):
    """Saved outputs enter the backward pass as functions of C, so second derivatives are right too."""

    @staticmethod
    def forward(C: Tensor, tol: float) -> tuple[Tensor, Tensor, Tensor]:
        values, vectors = (part.flip(-1) for part in axes_of(C))
        apart = values[..., :-1] - values[..., 1:] > tol * values.abs().amax(-1, keepdim=True)
        cluster = torch.cat([torch.zeros_like(apart[..., :1]).new_zeros((*apart.shape[:-1], 1)), apart], -1)
        return values.to(C), vectors.to(C), cluster.to(C.device, torch.int64).cumsum(-1)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor, Tensor]) -> None:
        ctx.mark_non_differentiable(output[2])
        ctx.save_for_backward(*output)
        ctx.save_for_forward(*output)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        values, vectors, cluster = ctx.saved_tensors
        inner = torch.diag_embed(grads[0]) + _inverse_gaps(values, cluster) * (vectors.mT @ grads[1])
        outer = vectors @ inner @ vectors.mT
        return (outer + outer.mT) / 2, None

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> tuple[Tensor, Tensor, None]:
        values, vectors, cluster = ctx.saved_tensors
        moved = vectors.mT @ ((tangents[0] + tangents[0].mT) / 2) @ vectors
        return moved.diagonal(dim1=-2, dim2=-1), vectors @ (_inverse_gaps(values, cluster) * moved), None

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> tuple[Any, Any]:
        # Batches are native; the checks of `forward` then always see plain tensors.
        C, tol = args
        return _Eigh.apply(C.movedim(in_dims[0], 0), tol), (0, 0, 0)


def _inverse_gaps(values: Tensor, cluster: Tensor) -> Tensor:
    """1/(l_j - l_i) at [..., i, j], and 0 where i and j share a cluster."""
    gaps = values[..., None, :] - values[..., :, None]
    same = cluster[..., None, :] == cluster[..., :, None]
    return torch.where(same, 0.0, 1.0 / torch.where(same, 1.0, gaps))
