"""Where clouds are, how they lie and how large they are: centre, axes, clusters of equal axes, extents."""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from isotropy.errors import DomainError
from isotropy.linalg import Segments, eigh
from isotropy.optics.parts import recomputed

TIES = {torch.float32: 1e-3, torch.float64: 1e-5}
"""Relative differences of eigenvalues that count as none, by the dtype of the points: above the square root of the
rounding, so that axes, which are known to rounding / gap, are known better than to this."""
ULPS = 16
"""Coordinates are trusted to this many units of their last place: the rounding of a rotation and a translation."""
Scaling = Literal["rms", "max", "mean_dist", "none"]
_CHUNK = 2**22
"""Distances held at a time."""


@dataclass(frozen=True, eq=False)
class Spectrum:
    """The principal axes of S clouds in float64; the points ``y`` are dense (S, n, d) or flat (N, d), as they came.

    ``values`` (S, d) are eigenvalues of the second moments sum_i w_i y_i y_i^T, descending, ``vectors`` (S, d, d) their
    axes in columns, equal ``cluster`` (S, d) marks axes that the second moments do not tell apart, with the relative
    tolerance ``tol`` (S,). ``size`` (S,) is the largest |y_i|, or 1 for a cloud without extent, and ``noise`` (S, d)
    the length along each axis that rounding alone could have made; extents up to ``thin`` (S, d) show no directions.
    """

    y: Float[Tensor, "*points d"]
    centre: Float[Tensor, "S d"]
    values: Float[Tensor, "S d"]
    vectors: Float[Tensor, "S d d"]
    cluster: Int[Tensor, "S d"]
    size: Float[Tensor, " S"]
    tol: Float[Tensor, " S"]
    noise: Float[Tensor, "S d"]
    thin: Float[Tensor, "S d"]
    null: Int[Tensor, " S"]
    """The dimension of the space in which the cloud has no extent to speak of, where it is 2 or more; else 0."""
    tied: Bool[Tensor, " S"]
    """Whether axes along which the cloud has an extent share a cluster."""


def spectrum(
    x: Float[Tensor, "*points d"],
    segments: Segments | None = None,
    *,
    weights: Float[Tensor, "*points"] | None = None,
    centred: bool = True,
    tol: float = 1e-5,
    resolution: Float[Tensor, " S"] | None = None,
    grad: Literal["exact", "detach"] = "exact",
) -> Spectrum:
    """Centre and principal axes of clouds ``x`` in float64, (S, n, d) or flat (N, d) with ``segments``.

    ``resolution`` (S,) is the unit in the last place of the coordinates as they were given (default: of float64 at the
    largest of each cloud). Axes share a cluster when their eigenvalues differ by at most ``tol`` times the largest, or
    by what the resolution hides. Without ``centred`` the origin stays where it is. Raises DomainError for a cloud
    whose weights vanish. Source: specification 03 §2.2-2.4.

    >>> found = spectrum(torch.tensor([[[1.0, 0.0], [-1.0, 0.0], [0.0, 2.0]]]).double())
    >>> [round(v, 4) for v in found.values[0].tolist()], found.centre.shape
    ([2.6667, 2.0], torch.Size([1, 2]))
    """
    mass = total(torch.ones_like(x[..., 0]) if weights is None else weights, segments)
    if weights is not None and not bool((mass > 0).all()):
        rows = (mass <= 0).nonzero().flatten()[:5].tolist()
        raise DomainError(f"weights that sum to 0 at batch {rows}", "a positive sum for each cloud")
    weighted = x if weights is None else x * weights[..., None]
    centre = total(weighted, segments) / mass[:, None] if centred else torch.zeros_like(total(x, segments))
    y = x - each(centre, segments)
    with torch.no_grad():
        length = torch.linalg.vector_norm(y if weights is None else y * (weights > 0)[..., None], dim=-1)
        size = largest(length, segments)
        if resolution is None:
            resolution = torch.finfo(x.dtype).eps * largest(x.abs().amax(-1), segments)
        blur = ULPS * resolution
        point = size <= 4 * blur
        size = torch.where(point, 1.0, size)
    moments = torch.where(
        point[:, None, None], 0.0, _second_moments(y / each(size[:, None], segments), weights, segments)
    )
    axes = eigh(moments, tol=tol, grad=grad)
    with torch.no_grad():
        lead = axes.values[:, :1].clamp_min(0)
        spread = (lead[:, 0] / mass).sqrt() * size
        limit = torch.where(point, 0.0, blur / spread.clamp_min(torch.finfo(x.dtype).tiny)).clamp_min(tol)
        apart = axes.values[:, :-1] - axes.values[:, 1:] > limit[:, None] * lead
        cluster = torch.cat([torch.zeros_like(lead, dtype=torch.int64), apart.long()], 1).cumsum(1)
        noise = 4 * blur[:, None] + _tilt(axes.values, cluster) * size[:, None]
        # Directions in a block of extent t are known to the angle rounding / t, and to leave it out costs t: the worse
        # of the two is least at the square root of the rounding.
        thin = torch.maximum(noise, (noise * size[:, None] / (4 * ULPS)).sqrt())
        null, tied = _flat(y, axes.vectors, cluster, thin, segments)
    values = axes.values * size[:, None] ** 2
    return Spectrum(y, centre, values, axes.vectors, cluster, size, limit, noise, thin, null, tied)


def _second_moments(y: Tensor, weights: Tensor | None, segments: Segments | None) -> Float[Tensor, "S d d"]:
    weighted = y if weights is None else y * weights[..., None]
    if segments is None:
        return weighted.mT @ y
    return segments.sum(weighted[:, :, None] * y[:, None, :])


def _tilt(values: Float[Tensor, "S d"], cluster: Int[Tensor, "S d"]) -> Float[Tensor, "S d"]:
    """The length that points far out on longer axes leave on each axis, since those are found to rounding only."""
    longer = cluster[:, None, :] < cluster[:, :, None]
    shortest = torch.where(longer, values[:, None, :], torch.inf).amin(-1)
    return ULPS * torch.finfo(values.dtype).eps * values[:, :1] / shortest.sqrt()


def _flat(
    y: Tensor, vectors: Tensor, cluster: Tensor, thin: Tensor, segments: Segments | None
) -> tuple[Int[Tensor, " S"], Bool[Tensor, " S"]]:
    """The dimension of the null space where it is 2 or more, and whether other axes share a cluster."""
    many = (cluster[:, None, :] == cluster[:, :, None]).sum(-1) > 1
    if not bool(many.any()):
        return torch.zeros_like(cluster[:, 0]), many.any(1)
    along = y @ vectors if segments is None else (y[:, None, :] @ segments.gather(vectors))[:, 0]
    absent = largest(along.abs(), segments) <= thin
    # The last cluster is null as a whole, or it is refined with all its axes.
    last = (cluster == cluster[:, -1:]) & many
    null = last & (absent | ~last).all(1, keepdim=True)
    return null.sum(1), (many & ~null).any(1)


def total(z: Tensor, segments: Segments | None) -> Tensor:
    """Sums over the points of each cloud."""
    return z.sum(1) if segments is None else segments.sum(z)


def largest(z: Tensor, segments: Segments | None) -> Tensor:
    """Largest entries over the points of each cloud."""
    return z.amax(1) if segments is None else segments.max(z)


def each(v: Tensor, segments: Segments | None) -> Tensor:
    """One value per cloud, laid beside its points."""
    return v[:, None] if segments is None else segments.gather(v)


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
    pieces = torch.arange(n, device=y.device).split(max(1, _CHUNK // (S * n)))

    def distances(some: Tensor, y: Tensor) -> Tensor:
        apart = torch.cdist(y[:, some], y, compute_mode="donot_use_mm_for_euclid_dist")
        return (apart * valid[:, some, None] * valid[:, None, :]).sum((1, 2))

    for some in pieces:
        # Of many pieces none is kept for the backward pass: it would hold all distances after all.
        sums = sums + (recomputed(distances, some, y) if len(pieces) > 1 else distances(some, y))
    count = valid.sum(1)
    return sums / (count * (count - 1)).clamp_min(1)
