"""Which way an axis points: signs from odd moments of the cloud along it."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from isotropy.frames._spectrum import each, largest, total
from isotropy.linalg import Segments


@torch.no_grad()
def canonical_signs(
    z: Float[Tensor, "*points d"],
    segments: Segments | None = None,
    *,
    open_: Bool[Tensor, "S d"],
    tol: Float[Tensor, "S d"],
    features: Float[Tensor, "*points c"] | None = None,
) -> tuple[Float[Tensor, "S d"], Bool[Tensor, "S d"]]:
    """Signs (S, d) that make the first odd moment positive that does not vanish, and the axes that are still open.

    Coordinates ``z`` along the axes of centred clouds of size 1, (S, n, d) or flat (N, d) with ``segments``; only
    ``open_`` axes are asked for. In this order: sum z_k^3; sum |z|^2p z_k for p = 1, 2, 3; sum z_k z_l^2 for each l;
    sum f z_k for each of the ``features``. A moment vanishes when it is at most ``tol`` times the sum of its absolute
    terms. Source: specification 08 §2.3, strategy 1.

    >>> z = torch.tensor([[[2.0, 1.0], [-1.0, 0.0], [-1.0, -1.0]]], dtype=torch.float64)
    >>> every = torch.ones(1, 2, dtype=torch.bool)
    >>> [part.tolist() for part in canonical_signs(-z, open_=every, tol=every * 1e-9)]
    [[[-1.0, -1.0]], [[False, False]]]
    """
    sign = torch.ones_like(tol)
    if not bool(open_.any()):
        return sign, open_
    for moment, size in _odd_moments(z, segments, features):
        seen = open_ & (moment.abs() > tol * size)
        sign = torch.where(seen & (moment < 0), -1.0, sign)
        open_ = open_ & ~seen
        if not bool(open_.any()):
            break
    return sign, open_


def _odd_moments(z: Tensor, segments: Segments | None, features: Tensor | None) -> Iterator[tuple[Tensor, Tensor]]:
    """Moments (S, d) that change sign with their axis, each with the sum of its absolute terms."""
    square = z.square()
    yield _sums(square * z, segments)
    radius = square.sum(-1)
    radius = (radius / each(largest(radius, segments), segments).clamp_min(torch.finfo(z.dtype).tiny))[..., None]
    for p in (1, 2, 3):
        yield _sums(radius**p * z, segments)
    for l in range(z.shape[-1]):
        yield _sums(square[..., l : l + 1] * z, segments)
    for c in range(0 if features is None else features.shape[-1]):
        assert features is not None
        # Relative to the mean, since the coordinates sum to 0: a constant says nothing.
        column = features[..., c : c + 1]
        count = total(torch.ones_like(column), segments)
        yield _sums((column - each(total(column, segments) / count, segments)) * z, segments)


def _sums(terms: Tensor, segments: Segments | None) -> tuple[Tensor, Tensor]:
    """The sum of the terms and that of their absolute values, in the memory of the terms."""
    return total(terms, segments), total(terms.abs_(), segments)
