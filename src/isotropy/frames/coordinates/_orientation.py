"""Clouds along their principal axes, each axis with its direction: the pose that invariant coordinates are read in."""

from dataclasses import dataclass, field
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from isotropy.errors import DomainError, FrameSizeError, counted
from isotropy.frames._pca import PCAFrame
from isotropy.frames._signs import sign_table
from isotropy.frames._spectrum import TIES, ULPS, Spectrum, each, largest, spectrum, total
from isotropy.frames.coordinates._moments import canonical_signs
from isotropy.groups import SO, O
from isotropy.linalg import Segments
from isotropy.random import spawn

_SURE = 4
"""Units of the last place that are trusted in moments."""
_LEAST = 1e-140
"""Of a largest coordinate, and the inverse of the most, in float64."""
_MOST = 4096
"""Poses of one cloud that are compared."""
_FUNCTIONS = 6
"""Generic functions compared beside the third moments; each separates almost all pairs of sets."""
_CHUNK = 2**21
"""Coordinates looked at together."""


@dataclass(frozen=True, eq=False)
class Oriented:
    """S clouds with one pose each: axes in the columns of ``vectors`` (S, d, d), the last of them ``null`` (S, d).

    ``choices`` has, for each cloud whose moments do not decide, all axes (F, d, d) in which it is the same set of
    points, with their weights (F,); ``vectors`` holds the first. ``ambiguous`` (S,) are the clouds whose points, one by
    one, have different coordinates in these.
    """

    found: Spectrum
    vectors: Float[Tensor, "S d d"]
    null: Bool[Tensor, "S d"]
    ambiguous: Bool[Tensor, " S"]
    choices: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict[int, tuple[Tensor, Tensor]])

    def coordinates(self, segments: Segments | None) -> Float[Tensor, "*points d"]:
        """The points along the axes, about the centre, in the units of x; exactly 0 along null axes."""
        z = along(self.found.y, self.vectors, segments)
        return torch.where(each(self.null, segments), 0.0, z) if bool(self.null.any()) else z


def oriented(
    x: Float[Tensor, "*points d"],
    segments: Segments | None = None,
    features: Float[Tensor, "*points c"] | None = None,
    *,
    proper: bool = False,
    tol: float | None = None,
    resolution: Float[Tensor, " S"] | None = None,
    grad: Literal["exact", "detach"] = "exact",
    signs: bool = True,
) -> Oriented:
    """Axes of clouds ``x``, (S, n, d) or flat (N, d) with ``segments``, in float64, and their directions if ``signs``.

    Directions come from odd moments. Where those vanish, or axes are tied, every pose of the refined frame is compared
    and the first in order is taken: as a set of points it is invariant. With ``proper`` a cloud that spans the space
    keeps its orientation: the determinant decides one axis. ``resolution`` is the rounding unit of the coordinates (by
    default that of x, at its farthest point). Raises FrameSizeError for a cloud with too many poses, DomainError for
    coordinates whose squares overflow or vanish.
    """
    tol = TIES[x.dtype] if tol is None else tol
    farthest = reach(x.detach(), segments).amax(-1).double()
    _refuse_sizes(farthest)
    if resolution is None:
        resolution = torch.finfo(x.dtype).eps * farthest
    found = spectrum(x.double(), segments, tol=tol, resolution=resolution, grad=grad)
    V = found.vectors
    with torch.no_grad():
        z = along(found.y, V, segments)
        z /= each(found.size[:, None], segments)
        extent, noise = reach(z, segments), found.noise / found.size[:, None]
        null = extent <= noise
        if bool(null.any()):  # of what is no more than rounding, moments would make a decision
            z = torch.where(each(null, segments), 0.0, z)
        sign, undecided = torch.ones_like(noise), torch.zeros_like(null)
        sure = _known(found, null, extent, resolution, segments)
        if signs:
            sign, undecided = canonical_signs(z, segments, open_=~null, extent=extent, noise=sure, features=features)
        del z
        if proper:
            sign, undecided = _by_determinant(V, sign, undecided, null)
    plain = Oriented(found, V * sign[:, None, :], null, found.tied.clone())
    special = (undecided.any(1) | found.tied).nonzero().flatten() if signs else found.tied[:0]
    if not len(special):
        return plain
    return _chosen(plain, special, undecided, sure.amax(1), segments, features, proper, grad)


def _refuse_sizes(farthest: Float[Tensor, " S"]) -> None:
    bad = ~((farthest < 1 / _LEAST) & ((farthest > _LEAST) | (farthest == 0)))
    if bool(bad.any()):
        row = int(bad.nonzero()[0])
        expected = f"0, or between {_LEAST:.0e} and {1 / _LEAST:.0e}, so that squares are numbers"
        raise DomainError(f"coordinates up to {float(farthest[row]):.3g} at batch {row}", expected, "change the unit")


def _known(
    found: Spectrum, null: Tensor, extent: Tensor, resolution: Tensor, segments: Segments | None
) -> Float[Tensor, "S d"]:
    """The length to which sums over the points know coordinates along each axis, relative to the size of the cloud.

    Sums are surer than single coordinates, which `Spectrum.noise` bounds. The rounding of the points turns an axis
    beside another one by its ratio to the difference of their mean square widths.
    """
    rounding = (_SURE * resolution / found.size)[:, None]
    count = total(torch.ones_like(found.y[..., 0]), segments)
    width = (found.values.clamp_min(0) / count[:, None]).sqrt() / found.size[:, None]
    apart = (width[:, :, None] - width[:, None, :]).abs()
    same = found.cluster[:, :, None] == found.cluster[:, None, :]
    turn = torch.where(same, 0.0, rounding[:, :, None] / torch.where(same, 1.0, apart))
    tilt = (turn * torch.where(null, 0.0, extent)[:, None, :]).amax(-1)
    return found.noise / found.size[:, None] - (4 * ULPS - _SURE) / _SURE * rounding + tilt


def reach(z: Float[Tensor, "*points d"], segments: Segments | None) -> Float[Tensor, "S d"]:
    """The largest absolute coordinate of each cloud along each axis."""
    if segments is not None:
        return largest(z.abs(), segments)
    return torch.maximum(z.amax(1), -z.amin(1))


def along(
    y: Float[Tensor, "*points d"], V: Float[Tensor, "S d k"], segments: Segments | None
) -> Float[Tensor, "*points k"]:
    """The coordinates of the points of each cloud along its own axes."""
    if segments is None:
        return y @ V
    # One product for each axis: no matrix is copied for every point.
    return torch.stack([(y * segments.gather(axis)).sum(-1) for axis in V.unbind(-1)], -1)


def _by_determinant(V: Tensor, sign: Tensor, undecided: Tensor, null: Tensor) -> tuple[Tensor, Tensor]:
    """Signs that make the determinant positive: a null axis gives way, else one undecided axis, else the last."""
    free = undecided.clone()
    free[:, -1] |= ~undecided.any(1)
    free = torch.where(null.any(1, keepdim=True), null, free)
    last = free.shape[1] - 1 - free.flip(1).to(torch.uint8).argmax(1, keepdim=True)
    flip = torch.linalg.det(V * sign[:, None, :]) < 0
    sign = sign.scatter(1, last, torch.where(flip[:, None], -1.0, 1.0) * sign.gather(1, last))
    return sign, undecided & (null.any(1) | (undecided.sum(1) > 1))[:, None]


def _chosen(
    plain: Oriented,
    special: Tensor,
    undecided: Tensor,
    sure: Tensor,
    segments: Segments | None,
    features: Tensor | None,
    proper: bool,
    grad: Literal["exact", "detach"],
) -> Oriented:
    """The same with a pose for each of the ``special`` clouds, one by one: there are few, and no two are alike."""
    found, vectors, null = plain.found, list(plain.vectors), plain.null.clone()
    ambiguous, choices = plain.ambiguous.clone(), dict[int, tuple[Tensor, Tensor]]()
    for row in special.tolist():
        at = row if segments is None else segments.order[int(segments.ptr[row]) : int(segments.ptr[row + 1])]
        flat = vectors[row].detach()[:, null[row]]
        y = found.y[at] / found.size[row]
        y = y - (y @ flat) @ flat.mT
        numbers = y[:, :0] if features is None else features[at].double()
        numbers = numbers / numbers.abs().amax(0).clamp_min(torch.finfo(y.dtype).tiny)
        tol = float(found.tol[row])
        if bool(found.tied[row]):
            frame = PCAFrame(SO(y.shape[1]) if proper else O(y.shape[1]), "refine", tol, _MOST, grad, exact=True)
            measure = frame(y[None], features=numbers[None])
            axes, weight = measure.g[0][kept := measure.weight[0] > 0], measure.weight[0][kept]  # type: ignore[index]
        else:
            axes = _turned(vectors[row], undecided[row], proper and not bool(null[row].any()))
            weight = torch.full_like(axes[:, 0, 0], 1 / len(axes))
        noise = found.noise[row] / found.size[row]
        loose = 10 * float(sure[row])
        if bool(found.tied[row]):  # parted by points, or by moments that differ by more than tol
            loose = max(10 * float(noise.max()), min(tol, loose / tol))
        first = foremost(y, axes, numbers, loose)
        axes, weight = axes[first], weight[first] / weight[first].sum()
        with torch.no_grad():
            images = y @ axes
            ambiguous[row] = bool(((images - images[0]).abs() > loose).any())
            null[row] = images[0].abs().amax(0) <= noise
        vectors[row], choices[row] = axes[0], (axes, weight)
    return Oriented(found, torch.stack(vectors), null, ambiguous, choices)


def _turned(V: Float[Tensor, "d d"], undecided: Bool[Tensor, " d"], proper: bool) -> Float[Tensor, "F d d"]:
    """The axes with every choice of the signs that are undecided."""
    count = int(undecided.sum())
    if 2**count > _MOST:
        given = f"a cloud with {counted(count, 'axis', 'axes')} of no direction"
        raise FrameSizeError(given, f"at most {_MOST} poses", "pass features that tell its points apart")
    table = V.new_ones(2**count, len(V))
    table[:, undecided] = sign_table(count).to(V)
    return V * (table[table.prod(1) > 0] if proper else table)[:, None, :]


@torch.no_grad()
def foremost(
    y: Float[Tensor, "n d"], axes: Float[Tensor, "F d d"], invariants: Float[Tensor, "n c"], tol: float
) -> Int[Tensor, " k"]:
    """The poses ``y @ axes[f]`` that show the same set of points, with the same invariants, as the foremost of all.

    Keys of a pose are third moments along each axis and means over the points of fixed generic functions, also times
    each invariant; so the order of points has no say. Foremost, and first in what is returned, is the pose with the
    greatest mean of keys; with it come those whose keys are all equal to ``tol``, which thus has no part in the choice.
    Of a frame that holds the whole coset of the cloud's symmetries there remains just this coset: a minimal frame.
    Clouds of size about 1. Source: Lin et al., ICML 2024, minimal frames; specification 08 §2.3.

    >>> y = torch.tensor([[-1.0, 0.0], [0.5, 0.5], [0.5, -0.5]])
    >>> axes = torch.diag_embed(torch.tensor([[-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]]))
    >>> sorted(foremost(y, axes, y[:, :0], 1e-6).tolist())
    [1, 2]
    """
    weights = torch.cat([torch.ones_like(y[:, :1]), invariants], 1)
    keys = torch.cat([_keys(y @ some, weights) for some in axes.split(max(1, _CHUNK // y.numel()))])
    first = keys.mean(1).argmax()
    same = (keys - keys[first]).abs().amax(1) <= tol
    same[first] = False
    return torch.cat([first[None], same.nonzero().flatten()])


def _keys(images: Float[Tensor, "F n d"], weights: Float[Tensor, "n c"]) -> Float[Tensor, "F keys"]:
    n, d = images.shape[1:]
    draw = spawn(0, "generic functions", d)
    turn = (6 * torch.rand(d, _FUNCTIONS, generator=draw, dtype=torch.float64) - 3).to(images)
    phase = (6 * torch.rand(_FUNCTIONS, generator=draw, dtype=torch.float64)).to(images)
    generic = torch.einsum("nc,fnk->fck", weights, (images @ turn + phase).cos()) / n
    return torch.cat([images.pow(3).mean(1), generic.flatten(1)], 1)
