"""The permutation of the cells of a grid, pixels or voxels, by the symmetries of the square and the cube."""

from __future__ import annotations

from functools import lru_cache

import torch
from jaxtyping import Float, Int
from torch import Tensor

from isotropy.errors import DomainError
from isotropy.groups import Group
from isotropy.reps._factor import Factor

_OFF_GRID = 1e-4  # of a pixel: rounding stays far below it, and a turn that misses the centres far above


@lru_cache(maxsize=64)
def _grid(sides: tuple[int, ...], hole: int) -> tuple[Float[Tensor, "n k"], Int[Tensor, " *sides"]]:
    """The centres of the cells as (x, y) or (x, y, z), and the number of each cell (-1 in the hole)."""
    steps = torch.meshgrid(*[torch.arange(side) for side in sides], indexing="ij")
    # The last axis is x, to the right; rows count downwards and y points up; z goes with the slices.
    places = [step - (side - 1) / 2 for step, side in zip(steps, sides, strict=True)][::-1]
    places[1] = -places[1]
    centres = torch.stack(places, dim=-1).to(torch.float64)
    kept = centres.abs().amax(-1) > (hole - 1) / 2 if hole else torch.ones(sides, dtype=torch.bool)
    number = torch.full(sides, -1)
    number[kept] = torch.arange(int(kept.sum()))
    return centres[kept], number


def pixel_order(factor: Factor, G: Group, g: Tensor) -> Int[Tensor, "... n"]:
    """The order of the entries of Pixels, as ``cell_order``."""
    height, width, hole = factor.shape
    return cell_order((height, width), G, g, f"Pixels({height}, {width}, hole={hole})", hole)


def cell_order(
    sides: tuple[int, ...], G: Group, g: Float[Tensor, "... d d"], name: str, hole: int = 0
) -> Int[Tensor, "... n"]:
    """For each cell u the cell g^-1 u that its value comes from: ``(g.f)[u] = f[order[u]]``.

    ``sides`` are (height, width) or (depth, height, width). Raises DomainError for a group that does not permute the
    centres of the cells.
    """
    k = len(sides)
    planar = "C(2), C(4), D(4) (square grids), O(1)@x or O(1)@y, or a type other than Pixels"
    hint = f"use {planar if k == 2 else 'a group of signed permutation matrices'}"
    if g.shape[-1] != k or not g.is_floating_point():
        raise DomainError(f"{G} of degree {G.degree} on {name}", f"a group of degree {k}", hint)
    centres, number = _grid(sides, hole)
    each, which = g.detach().to("cpu", torch.float64).reshape(-1, k, k).unique(dim=0, return_inverse=True)
    moved = torch.linalg.solve(each[:, None], centres[..., None])[..., 0]
    moved[..., 1] = -moved[..., 1]
    size = torch.tensor(sides)
    cells = moved.flip(-1) + (size - 1) / 2
    whole = cells.round()
    inside = (whole >= 0) & (whole < size)
    exact = (cells - whole).abs() < _OFF_GRID
    if not bool((inside & exact).all()):
        raise DomainError(f"{G} on {name}", "a group that permutes the pixel centres", hint)
    order = number[whole.long().unbind(-1)]
    if bool((order < 0).any()):
        raise DomainError(f"{G} on {name}", "a group that keeps the hole where it is", hint)
    return order[which].reshape(*g.shape[:-2], -1).to(g.device)
