"""Which way an axis points: signs from odd moments of the cloud along it."""

from collections.abc import Iterator

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from isotropy.frames._spectrum import each, total
from isotropy.linalg import Segments

_CLEAR = 1e-2
"""Of the most that it could be: a moment that decides."""
_CLEARER = 1.7
"""Times an earlier one: a moment that is preferred. Of triangles several moments are equal, with other signs."""


@torch.no_grad()
def canonical_signs(
    z: Float[Tensor, "*points d"],
    segments: Segments | None = None,
    *,
    open_: Bool[Tensor, "S d"],
    extent: Float[Tensor, "S d"],
    noise: Float[Tensor, "S d"],
    features: Float[Tensor, "*points c"] | None = None,
) -> tuple[Float[Tensor, "S d"], Bool[Tensor, "S d"]]:
    """Signs (S, d) that make an odd moment positive that does not vanish, and the axes that are still open.

    Coordinates ``z`` along the axes of centred clouds of size 1, (S, n, d) or flat (N, d) with ``segments``, are at
    most ``extent`` and known to ``noise``; only ``open_`` axes are asked for. Moments are sum w z_k with the weights
    z_k^2; |z|^2p, p = 1, 2, 3; z_l^2 for each l; each of the ``features`` about its mean; in this order. The first
    counts that exceeds 1 % of extent_k sum |w|, or else one that is larger than the others by this measure: noise,
    which differs from pose to pose, does not choose among moments. One vanishes where noise could have made it: sum |w|
    noise_k, and what noise does to w. (Compared with the sum of its own terms no moment of points on the axes vanishes:
    these terms are all rounding.) Source: specification 08 §2.3, strategy 1.

    >>> z = torch.tensor([[[2.0, 1.0], [-1.0, 0.0], [-1.0, -1.0]]], dtype=torch.float64)
    >>> every = torch.ones(1, 2, dtype=torch.bool)
    >>> [part.tolist() for part in canonical_signs(-z, open_=every, extent=every * 2.0, noise=every * 1e-9)]
    [[[-1.0, -1.0]], [[False, False]]]
    """
    sign, tiny = torch.ones_like(noise), torch.finfo(z.dtype).tiny
    if not bool(open_.any()):
        return sign, open_
    best, unclear = torch.zeros_like(noise), open_
    for moment, weight, least in _odd_moments(z, segments, noise, features):
        share = torch.where(moment.abs() > least, moment / (extent * weight).clamp_min(tiny), 0.0)
        best = torch.where(unclear & (share.abs() > _CLEARER * best.abs()), share, best)
        unclear = unclear & (best.abs() < _CLEAR)
        if not bool(unclear.any()):
            break
    return torch.where(open_ & (best < 0), -1.0, sign), open_ & (best == 0)


def _odd_moments(
    z: Tensor, segments: Segments | None, noise: Tensor, features: Tensor | None
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Moments (S, d) that change sign with their axis, sums of their weights, and the most that noise makes of 0."""
    square = z.square()
    squares = total(square, segments)
    radius = square.sum(-1, keepdim=True)
    cubes = total(square.mul_(z), segments)
    del square
    yield cubes, squares, 3 * noise * squares
    blur = noise.amin(1, keepdim=True)  # a radius does not depend on how well axes are known
    for p in (1, 2, 3):
        moment, size = _sums(radius**p * z, segments)
        weight = total(radius**p, segments)
        yield moment, weight, noise * weight + 2 * p * blur * size
    for l in range(z.shape[-1]):
        column = z[..., l : l + 1]
        moment, weight = total((column * z).mul_(column), segments), squares[:, l : l + 1]
        yield moment, weight, noise * weight + 2 * noise[:, l : l + 1] * _sums(column * z, segments)[1]
    for c in range(0 if features is None else features.shape[-1]):
        assert features is not None
        # About the mean, since the coordinates sum to 0: a constant says nothing.
        column = features[..., c : c + 1].to(z)
        count = total(torch.ones_like(column), segments)
        column = column - each(total(column, segments) / count, segments)
        weight = total(column.abs(), segments)
        yield total(column * z, segments), weight, noise * weight


def _sums(terms: Tensor, segments: Segments | None) -> tuple[Tensor, Tensor]:
    """The sum of the terms and that of their absolute values, in the memory of the terms."""
    return total(terms, segments), total(terms.abs_(), segments)
