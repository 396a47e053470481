"""Which triangle a pixel sees, and 1/depth there: a z-buffer, compiled by numba or in plain torch, equal bit for bit.

Corners are integers (1/256 of a pixel), so that whether a pixel is inside is decided exactly: of two triangles with a
common edge exactly one has a pixel that lies on it, and the same triangles give the same picture in any order.
"""

import inspect
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from isotropy.data.render._camera import NEAR, SUBPIXELS, projected
from isotropy.errors import optional_import

Raster = Callable[[Tensor, Tensor, Tensor, int], tuple[Tensor, Tensor]]
"""Corners ``(V, 2)``, 1/depth ``(V,)``, faces ``(F, 3)``, size -> face of each pixel (-1: none) and 1/depth (0)."""


def drawn(
    points: Float[Tensor, "V 3"], faces: Int[Tensor, "F 3"], size: int, raster: Raster
) -> tuple[Int[Tensor, " p"], Float[Tensor, " p"]]:
    """The face that each of ``size * size`` pixels sees, -1 for none, and 1/depth; points as the camera sees them."""
    owner = None
    if bool((points[:, 2] < NEAR).any()):
        points, faces, owner = clipped(points, faces)
    corners, inverse = projected(points, size)
    face, depth = raster(corners, inverse, faces, size)
    if owner is not None and len(owner):
        face = torch.where(face < 0, face, owner[face.clamp_min(0)])
    return face, depth


def clipped(
    points: Float[Tensor, "V 3"], faces: Int[Tensor, "F 3"]
) -> tuple[Float[Tensor, "W 3"], Int[Tensor, "E 3"], Int[Tensor, " E"]]:
    """Triangles without what is nearer than ``NEAR``, which leaves of each none, one or two; and whose they are."""
    inside = points[:, 2] >= NEAR
    count = inside[faces].sum(1)
    whole = count == 3
    made, owner = [points[faces[whole]]], [whole.nonzero().squeeze(1)]
    for kept in (1, 2):
        cut = (count == kept).nonzero().squeeze(1)
        corners, lone = faces[cut], inside[faces[cut]] == (kept == 1)
        # The corner that is alone on its side comes first, the order kept.
        turn = (lone.int().argmax(1)[:, None] + torch.arange(3)) % 3
        a, b, c = points[corners.gather(1, turn)].unbind(1)
        ab, ac = _crossing(a, b), _crossing(a, c)
        parts = [(a, ab, ac)] if kept == 1 else [(ab, b, c), (ab, c, ac)]
        made += [torch.stack(part, 1) for part in parts]
        owner += [cut] * len(parts)
    triangles = torch.cat(made)
    return triangles.flatten(0, 1), torch.arange(3 * len(triangles)).unflatten(0, (-1, 3)), torch.cat(owner)


def _crossing(a: Tensor, b: Tensor) -> Tensor:
    share = ((NEAR - a[:, 2]) / (b[:, 2] - a[:, 2]))[:, None]
    between = a + share * (b - a)
    return torch.cat([between[:, :2], torch.full_like(share, NEAR)], 1)


def torch_raster(corners: Tensor, inverse: Tensor, faces: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """In plain torch: every pixel asks every triangle, some triangles at a time. For tests and small pictures."""
    middle = torch.arange(size) * SUBPIXELS + SUBPIXELS // 2
    py, px = (axis.flatten() for axis in torch.meshgrid(middle, middle, indexing="ij"))
    face, depth = torch.full((size * size,), -1), torch.zeros(size * size, dtype=torch.float64)
    for start in range(0, len(faces), 64):
        part = faces[start : start + 64]
        x, y, z = corners[part, 0][..., None], corners[part, 1][..., None], inverse[part][..., None]
        area = _edge(x[:, 0], y[:, 0], x[:, 1], y[:, 1], x[:, 2], y[:, 2])
        order = torch.where(area < 0, torch.tensor([0, 2, 1]), torch.tensor([0, 1, 2]))[..., None]
        x, y, z = (values.take_along_dim(order, 1) for values in (x, y, z))
        area, inside = area.abs(), area != 0
        sums = torch.zeros(len(part), size * size, dtype=torch.float64)
        for i, j, k in ((1, 2, 0), (2, 0, 1), (0, 1, 2)):
            edge = _edge(x[:, i], y[:, i], x[:, j], y[:, j], px, py)
            dx, dy = x[:, j] - x[:, i], y[:, j] - y[:, i]
            inside = inside & ((edge > 0) | ((edge == 0) & ((dy < 0) | ((dy == 0) & (dx > 0)))))
            sums = sums + edge.double() * z[:, k]
        found, which = torch.where(inside, sums / area.clamp_min(1).double(), 0.0).max(0)
        nearer = found > depth
        face, depth = torch.where(nearer, which + start, face), torch.where(nearer, found, depth)
    return face, depth


def _edge(ax: Tensor, ay: Tensor, bx: Tensor, by: Tensor, px: Tensor, py: Tensor) -> Tensor:
    """Twice the area of the triangle a, b, p, with its sign."""
    return (bx - ax) * (py - ay) - (by - ay) * (px - ax)


def numba_raster(corners: Tensor, inverse: Tensor, faces: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Compiled, one triangle after the other; raises MissingExtraError without numba."""
    face, depth = np.full(size * size, -1, np.int64), np.zeros(size * size)
    _compiled()(corners.numpy(), inverse.numpy(), faces.numpy(), size, face, depth)
    return torch.from_numpy(face), torch.from_numpy(depth)


@lru_cache(maxsize=1)
def _compiled() -> Any:
    numba = optional_import("numba", "render")
    # Unwrapped: a function whose annotations are checked at run time is no code that can be compiled.
    return numba.njit(inspect.unwrap(_fill), cache=True, nogil=True)


def _fill(corners: Any, inverse: Any, faces: Any, size: int, face: Any, depth: Any) -> None:
    half = SUBPIXELS // 2
    for f in range(len(faces)):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ax, ay, bx, by, cx, cy = (
            corners[a, 0], corners[a, 1], corners[b, 0], corners[b, 1], corners[c, 0], corners[c, 1],
        )  # fmt: skip
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area == 0:
            continue
        if area < 0:
            b, c, bx, by, cx, cy, area = c, b, cx, cy, bx, by, -area
        left = max((min(ax, bx, cx) - half + SUBPIXELS - 1) // SUBPIXELS, 0)
        right = min((max(ax, bx, cx) - half) // SUBPIXELS, size - 1)
        top = max((min(ay, by, cy) - half + SUBPIXELS - 1) // SUBPIXELS, 0)
        bottom = min((max(ay, by, cy) - half) // SUBPIXELS, size - 1)
        # A pixel on an edge belongs to the triangle of which the edge runs upwards, or level and to the right.
        ea = (cy - by < 0) or (cy == by and cx - bx > 0)
        eb = (ay - cy < 0) or (ay == cy and ax - cx > 0)
        ec = (by - ay < 0) or (by == ay and bx - ax > 0)
        for row in range(top, bottom + 1):
            py = row * SUBPIXELS + half
            for column in range(left, right + 1):
                px = column * SUBPIXELS + half
                wa = (cx - bx) * (py - by) - (cy - by) * (px - bx)
                wb = (ax - cx) * (py - cy) - (ay - cy) * (px - cx)
                wc = (bx - ax) * (py - ay) - (by - ay) * (px - ax)
                if wa < 0 or wb < 0 or wc < 0:
                    continue
                if (wa == 0 and not ea) or (wb == 0 and not eb) or (wc == 0 and not ec):
                    continue
                near = (wa * inverse[a] + wb * inverse[b] + wc * inverse[c]) / area
                at = row * size + column
                if near > depth[at]:
                    depth[at] = near
                    face[at] = f
