"""Clouds along their principal axes, each axis with its direction: the pose that invariant coordinates are read in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from isotropy.errors import FrameSizeError
from isotropy.frames._pca import PCAFrame
from isotropy.frames._signs import sign_table
from isotropy.frames._spectrum import ULPS, Spectrum, each, largest, spectrum
from isotropy.frames.coordinates._congruence import first_in_order
from isotropy.frames.coordinates._moments import canonical_signs
from isotropy.groups import SO, O
from isotropy.linalg import Segments

TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-5}
"""Relative difference of eigenvalues that are one, and moments that vanish."""
_SURE = 4
"""Units of the last place that are trusted in moments."""
_MOST = 4096
"""Poses of one cloud that are compared."""


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
    default that of x, at its farthest point). Raises FrameSizeError for a cloud with too many poses.
    """
    tol = TOLERANCE[x.dtype] if tol is None else tol
    if resolution is None:
        resolution = torch.finfo(x.dtype).eps * reach(x.detach(), segments).amax(-1).double()
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
        if signs:
            # Sums over points are surer than single coordinates, which `noise` bounds.
            sure = noise - (4 * ULPS - _SURE) * (resolution / found.size)[:, None]
            least = (sure / torch.where(null, 1.0, extent)).clamp_min(tol)
            sign, undecided = canonical_signs(z, segments, open_=~null, tol=least, features=features)
        del z
        if proper:
            sign, undecided = _by_determinant(V, sign, undecided, null)
    plain = Oriented(found, V * sign[:, None, :], null, found.tied.clone())
    special = (undecided.any(1) | found.tied).nonzero().flatten() if signs else found.tied[:0]
    return _chosen(plain, special, undecided, segments, features, proper, grad) if len(special) else plain


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
        loose = 10 * max(tol, float(noise.max()))
        first = first_in_order(y, axes, numbers, loose)
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
        given = f"a cloud in which {count} axes have no direction"
        raise FrameSizeError(given, f"at most {_MOST} poses", "pass features that tell its points apart")
    table = V.new_ones(2**count, len(V))
    table[:, undecided] = sign_table(count).to(V)
    return V * (table[table.prod(1) > 0] if proper else table)[:, None, :]
