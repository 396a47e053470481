"""The permutation of the pixels of a grid by the symmetries of the square."""

from __future__ import annotations

from functools import lru_cache

import torch
from jaxtyping import Float, Int
from torch import Tensor

from isotropy.errors import DomainError
from isotropy.groups import Group

_OFF_GRID = 1e-4  # of a pixel: rounding stays far below it, and a turn that misses the centres far above


@lru_cache(maxsize=64)
def _grid(height: int, width: int, hole: int) -> tuple[Float[Tensor, "n 2"], Int[Tensor, "h w"]]:
    """The centres (x right, y up), and the number of the pixel in each cell (-1 in the hole)."""
    i, j = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    y, x = (height - 1) / 2 - i, j - (width - 1) / 2
    kept = torch.maximum(x.abs(), y.abs()) > (hole - 1) / 2 if hole else torch.ones_like(i, dtype=torch.bool)
    number = torch.full((height, width), -1)
    number[kept] = torch.arange(int(kept.sum()))
    return torch.stack([x[kept], y[kept]], dim=-1).to(torch.float64), number


def pixel_order(shape: tuple[int, ...], G: Group, g: Float[Tensor, "... d d"]) -> Int[Tensor, "... n"]:
    """For each pixel u the pixel g^-1 u that its value comes from: ``(g.f)[u] = f[order[u]]``.

    Raises DomainError for a group that does not permute the pixel centres.
    """
    height, width, hole = shape
    hint = "use C(2), C(4), D(4) (square grids), O(1)@x or O(1)@y, or a type other than Pixels"
    name = f"Pixels({height}, {width}, hole={hole})"
    if g.shape[-1] != 2:
        raise DomainError(f"{G} of degree {g.shape[-1]} on {name}", "a group of degree 2", hint)
    centres, number = _grid(height, width, hole)
    moved = torch.linalg.solve(g.detach().to("cpu", torch.float64)[..., None, :, :], centres[..., None])[..., 0]
    row, column = (height - 1) / 2 - moved[..., 1], moved[..., 0] + (width - 1) / 2
    cells = torch.stack([row, column], dim=-1)
    whole = cells.round()
    inside = (whole >= 0) & (whole < torch.tensor([height, width]))
    exact = (cells - whole).abs() < _OFF_GRID
    if not bool((inside & exact).all()):
        raise DomainError(f"{G} on {name}", "a group that permutes the pixel centres", hint)
    order = number[whole[..., 0].long(), whole[..., 1].long()]
    if bool((order < 0).any()):
        raise DomainError(f"{G} on {name}", "a group that keeps the hole where it is", hint)
    return order.to(g.device)
