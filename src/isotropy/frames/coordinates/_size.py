"""How large a cloud is: the number that scaling divides by."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.frames._spectrum import largest, total
from isotropy.linalg import Segments

Scaling = Literal["rms", "max", "mean_dist", "none"]
_CHUNK = 2**22
"""Distances held at a time."""


def size_of(y: Float[Tensor, "*points d"], scale: Scaling, segments: Segments | None = None) -> Float[Tensor, " S"]:
    """The size (S,) of centred clouds, (S, n, d) or flat (N, d) with ``segments``, in the units of y.

    "rms" is the root mean square distance from the centre, "max" the largest, "mean_dist" the mean distance between
    two points (O(n^2)), "none" 1. Source: specification 08 §2.2.

    >>> y = torch.tensor([[[3.0, 0.0], [-3.0, 0.0]]])
    >>> [float(size_of(y, scale)) for scale in ("rms", "max", "mean_dist", "none")]
    [3.0, 3.0, 6.0, 1.0]
    """
    if scale == "max":
        return largest(torch.linalg.vector_norm(y, dim=-1), segments)
    if scale == "mean_dist":
        return _mean_distance(y, segments)
    square = y.square().sum(-1)
    count = total(torch.ones_like(square), segments)
    if scale == "none":
        return torch.ones_like(count)
    mean = total(square, segments) / count
    # The root of 0 has no derivative; clouds without extent are told apart elsewhere.
    return torch.where(mean > 0, torch.where(mean > 0, mean, 1.0).sqrt(), 0.0)


def _mean_distance(y: Tensor, segments: Segments | None) -> Float[Tensor, " S"]:
    if segments is None:
        valid = torch.ones_like(y[..., 0])
    else:
        y, mask = segments.pad(y)
        valid = mask.to(y)
    S, n, _ = y.shape
    sums = y.new_zeros(S)
    for some in torch.arange(n, device=y.device).split(max(1, _CHUNK // (S * n))):
        apart = torch.cdist(y[:, some], y, compute_mode="donot_use_mm_for_euclid_dist")
        sums = sums + (apart * valid[:, some, None] * valid[:, None, :]).sum((1, 2))
    count = valid.sum(1)
    return sums / (count * (count - 1)).clamp_min(1)
