"""Values on grids, moved between their cells: where the centres lie, and the one warp for all groups."""

from __future__ import annotations

from functools import lru_cache

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import grid_sample

from isotropy.groups import Element, Group, homogeneous
from isotropy.groups.parts import matrix

# A homography may send a cell to infinity, where weights vanish; what comes from so far away is fill.
_LEAST = 1e-6
_FAR = 1e6


@lru_cache(maxsize=64)
def _centres(sides: tuple[int, ...]) -> Float[Tensor, "*sides k"]:
    longest = max(sides)
    steps = [(2 * torch.arange(side, dtype=torch.float64) + 1 - side) / longest for side in sides]
    places = list(torch.meshgrid(*steps, indexing="ij"))[::-1]
    places[1] = -places[1]
    return torch.stack(places, -1)


def cell_centres(sides: tuple[int, ...], like: Tensor | None = None) -> Float[Tensor, "*sides k"]:
    """The centres of the cells of an image (height, width) or of voxels (depth, height, width), as (x, y) or (x, y, z).

    x points right, y up, z with the slices; the unit is half of the longest side, so that a square is [-1, 1]^2 and
    turns turn. dtype and device are those of ``like``.

    >>> cell_centres((2, 2))[0].tolist()
    [[-0.5, 0.5], [0.5, 0.5]]
    """
    centres = _centres(tuple(sides))
    # A copy: what is kept serves every later image of this size.
    return centres.clone() if like is None else centres.to(like, copy=True)


def warp(
    x: Float[Tensor, "rows channels *sides"],
    back: Float[Tensor, "rows m m"],
    fill: float | str = 0.0,
    interpolation: str = "bilinear",
    *,
    projective: bool = True,
) -> Float[Tensor, "rows channels *sides"]:
    """``f(back u)`` at the centres u of the cells, for homogeneous matrices ``back``, one for each row.

    Differentiable, once, in x and in ``back``. ``fill`` is the value outside of the image, or "border" (that of the
    nearest cell) or "reflection". With ``projective=False`` the last row of ``back`` is known to be (0, ..., 0, 1).
    """
    sides = tuple(x.shape[2:])
    u = cell_centres(sides, x).flatten(0, -2)
    places = u @ back[:, :-1, :-1].mT + back[:, None, :-1, -1]
    if projective:
        weight = u @ back[:, -1:, :-1].mT + back[:, -1:, -1:]
        near = weight.abs() < _LEAST
        places = torch.where(near, _FAR, places / torch.where(near, 1.0, weight))
    places = places.clamp(-_FAR, _FAR)
    # grid_sample: in units of half a side each, y downwards.
    longest = max(sides)
    signs = [1.0, -1.0, 1.0][: len(sides)]
    units = [sign * longest / side for sign, side in zip(signs, reversed(sides), strict=True)]
    places = (places * places.new_tensor(units)).unflatten(1, sides)
    number = not isinstance(fill, str)
    start, beyond = (x - fill, "zeros") if number else (x, fill)
    found = grid_sample(start, places, mode=interpolation, padding_mode=str(beyond), align_corners=False)
    return found + fill if number else found


def drift(
    x: Float[Tensor, "rows channels *sides"], rate: Float[Tensor, "m m"], fill: float | str = 0.0
) -> Float[Tensor, "rows channels *sides"]:
    """d/dt ``f(exp(-t rate) u)`` at t = 0 and the centres u of the cells, for the homogeneous ``rate`` of a group.

    Slopes of f are central differences, as of the bilinear warp along the group to both sides of its rest: to one side
    that has another slope at every cell. Beyond the edge are ``fill``, for "border" and "reflection" the cells there.
    """
    sides = tuple(x.shape[2:])
    k, u = len(sides), cell_centres(sides, x)
    velocity = u @ rate[:-1, :-1].mT + rate[:-1, -1] - u * (u @ rate[-1, :-1] + rate[-1, -1])[..., None]
    number = not isinstance(fill, str)
    # Axes of cells run as z, y, x, and rows of pixels downwards.
    padded = nn.functional.pad(x, (1, 1) * k, "constant" if number else "replicate", fill if number else 0.0)
    result = torch.zeros_like(x)
    for axis in range(k):
        inner = padded[(slice(None), slice(None), *(slice(None) if a == axis else slice(1, -1) for a in range(k)))]
        slope = (inner.narrow(2 + axis, 2, sides[axis]) - inner.narrow(2 + axis, 0, sides[axis])) / 2
        where = k - 1 - axis
        cells = max(sides) / 2 * (-1.0 if where == 1 else 1.0)
        result = result - velocity[..., where] * cells * slope
    return result


def rate_matrix(G: Group, A: Float[Tensor, "m m"]) -> Float[Tensor, "n n"]:
    """A direction of the algebra of G as a homogeneous matrix."""
    return A if G.affine or G.projective else nn.functional.pad(A, (0, 1, 0, 1))


def backward_matrix(G: Group, g: Element) -> Float[Tensor, "... m m"]:
    """The inverse of ``g`` as a homogeneous matrix."""
    inverse = matrix(G.inverse(g))
    return inverse if G.affine or G.projective else homogeneous(inverse)


def permutes_cells(G: Group, sides: tuple[int, ...]) -> bool:
    """Whether a finite group takes every cell of the grid to a cell: signed permutations that keep the sides."""
    if not G.finite or G.affine or G.projective or G.degree != len(sides):
        return False
    return bool(_signed(matrix(G.discrete), sides).all())


def _signed(g: Float[Tensor, "n k k"], sides: tuple[int, ...]) -> Bool[Tensor, " n"]:
    whole = (g - g.round()).abs().amax((-2, -1)) < 1e-9 if len(g) else torch.ones(0, dtype=torch.bool)
    one = (g.abs().round().sum(-1) == 1).all(-1)
    # Entries are along x, y, z; sides run the other way round.
    lengths = torch.tensor(sides[::-1], dtype=g.dtype)
    return whole & one & ((g.abs().round() @ lengths) == lengths).all(-1)
