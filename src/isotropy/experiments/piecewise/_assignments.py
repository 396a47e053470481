"""Three ways to feed soft cells to a map of cells (E6): their expectation, a mean over draws, and the likeliest."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from isotropy.frames.parts import RadialFrames
from isotropy.linalg import Segments
from isotropy.random import spawn

WAYS = ("phi_I", "phi_II", "phi_III")


class SoftCells(nn.Module):
    """A map of one cell with weights: points in its principal axes, a network of each point and of the weighted mean.

    ``soft(x (N, 3), Q (N, K))`` gives numbers (N, width): sum_j Q_ij psi_j(x_i). Where the rows of Q are unit vectors
    this is the map of each cell alone.
    """

    def __init__(self, width: int, group: str = "E(3)") -> None:
        super().__init__()
        self.group = group
        self.first = nn.Sequential(nn.Linear(3, width), nn.ReLU(), nn.Linear(width, width))
        self.head = nn.Sequential(nn.Linear(2 * width, width), nn.ReLU(), nn.Linear(width, width))

    def forward(self, x: Float[Tensor, "N 3"], Q: Float[Tensor, "N K"]) -> Float[Tensor, "N w"]:
        row, cell = (Q > 0).nonzero(as_tuple=True)
        cell = cell.unique(return_inverse=True)[1]
        cells, weight, y = Segments(cell, int(cell.max()) + 1), Q[Q > 0], x[row]
        frames = RadialFrames.of(y, cells, self.group, weights=weight)
        hidden = self.first(frames.there((y - frames.centre[cell])[:, None], cell)[..., 0, :])
        mass = cells.sum(weight)[:, None]
        pooled = torch.stack([cells.sum(weight[:, None] * one) / mass for one in hidden])
        each = self.head(torch.cat([hidden, pooled[:, cell]], -1)).mean(0)
        return each.new_zeros(len(x), each.shape[1]).index_add(0, row, weight[:, None] * each)


def phi(way: str, psi: SoftCells, x: Float[Tensor, "N 3"], Q: Float[Tensor, "N K"], seed: int, draws: int) -> Tensor:
    """What one of the ``WAYS`` makes of soft cells: I of the expected partition, II of ``draws`` partitions drawn
    from Q, the same for equal Q, III of the likeliest. Source: Atzmon et al., ICLR 2024, section 3."""
    if way == "phi_I":
        return psi(x, Q)
    if way == "phi_III":
        return psi(x, _hard(Q.argmax(1), Q))
    return torch.stack([psi(x, _hard(_drawn(Q, seed, i), Q)) for i in range(draws)]).mean(0)


def _hard(label: Int[Tensor, " N"], Q: Tensor) -> Float[Tensor, "N K"]:
    return torch.nn.functional.one_hot(label, Q.shape[1]).to(Q)


def _drawn(Q: Float[Tensor, "N K"], seed: int, i: int) -> Int[Tensor, " N"]:
    """One cell for each row by its probabilities, from numbers that do not depend on Q."""
    u = torch.rand(len(Q), 1, generator=spawn(seed, "cells", i), dtype=Q.dtype)
    return (Q.cumsum(1) < u * Q.sum(1, keepdim=True)).sum(1).clamp_max(Q.shape[1] - 1)
