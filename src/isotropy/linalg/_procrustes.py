"""The similarity that lays one labelled cloud on another."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import DegenerateError, DomainError, DtypeError, ShapeError


class Alignment(NamedTuple):
    """The map ``x -> s R x + t``, and the root mean square distance that it leaves between partners.

    >>> y = torch.tensor([[0.0, 0.0], [1.0, 0.0]])
    >>> R, t, s, error = procrustes(y, y + 2)
    >>> [round(v, 4) for v in t.tolist()], float(s), round(float(error), 4)
    ([2.0, 2.0], 1.0, 0.0)
    """

    R: Float[Tensor, "*batch d d"]
    t: Float[Tensor, "*batch d"]
    s: Float[Tensor, "*batch"]
    error: Float[Tensor, "*batch"]


def procrustes(y: Tensor, z: Tensor, *, reflect: bool = True, scale: bool = False) -> Alignment:
    """The R in O(d) (SO(d) without ``reflect``), t and s that bring ``s y R^T + t`` closest to ``z``, point by point.

    Clouds (..., n, d) in one unit, which t and the error share; s is 1 unless ``scale``. Raises ShapeError for
    clouds that differ in shape or are empty, DtypeError for mixed dtypes and integers, DomainError for NaN,
    DegenerateError for the scale of a cloud that is one point. Source: Kabsch 1976; Umeyama 1991, equations 40-43.

    >>> y = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    >>> found = procrustes(y, 3 * y.flip(-1) + 1, scale=True)
    >>> round(float(found.s), 4), bool(found.error < 1e-5)
    (3.0, True)
    """
    _check(y, z)
    a, b = y.double(), z.double()
    mean_a, mean_b = a.mean(-2, keepdim=True), b.mean(-2, keepdim=True)
    a, b = a - mean_a, b - mean_b
    U, sigma, Vh = torch.linalg.svd(b.mT @ a)
    signs = torch.ones_like(sigma)
    if not reflect:
        signs[..., -1] = (torch.linalg.det(U) * torch.linalg.det(Vh)).sign()
    R = (U * signs[..., None, :]) @ Vh
    s = torch.ones_like(sigma[..., 0])
    if scale:
        spread = a.square().sum((-2, -1))
        if bool((spread == 0).any()):
            raise DegenerateError("a cloud y whose points all coincide", "two different points", "or scale=False")
        s = (sigma * signs).sum(-1) / spread
    t = mean_b[..., 0, :] - s[..., None] * (R @ mean_a.mT)[..., 0]
    left = s[..., None, None] * (a @ R.mT) - b
    error = left.square().sum(-1).mean(-1).sqrt()
    return Alignment(R.to(y), t.to(y), s.to(y), error.to(y))


def _check(y: Tensor, z: Tensor) -> None:
    if y.shape != z.shape or y.ndim < 2 or y.shape[-2] == 0 or y.shape[-1] == 0:
        raise ShapeError(f"clouds of shapes {tuple(y.shape)} and {tuple(z.shape)}", "one shape (..., n, d), n, d > 0")
    if y.dtype != z.dtype or y.dtype not in (torch.float32, torch.float64):
        raise DtypeError(f"dtypes {y.dtype} and {z.dtype}", "both float32 or both float64", "cast them first")
    if not bool(y.isfinite().all() & z.isfinite().all()):
        raise DomainError("NaN or infinite coordinates", "finite ones")
