"""A network of points for each way to use that the parts of a body move: as it is, and in the frames of its cells."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from isotropy.frames.parts import RadialFrames
from isotropy.linalg import Segments


class PointNetwork(nn.Module):
    """``outputs`` numbers for each point, from it and from the mean and the largest of what its cell shows.

    A network of shared layers with pooling (Qi et al., PointNet, CVPR 2017), that sees nothing beyond a cell.

    >>> network = PointNetwork(2, width=8)
    >>> network(torch.randn(5, 3), Segments(torch.tensor([0, 0, 0, 1, 1]), 2)).shape
    torch.Size([5, 2])
    """

    def __init__(self, outputs: int, width: int = 64) -> None:
        super().__init__()
        self.each = nn.Sequential(nn.Linear(3, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.both = nn.Sequential(nn.Linear(3 * width, 2 * width), nn.ReLU(), nn.Linear(2 * width, outputs))

    def forward(self, x: Float[Tensor, "N 3"], cells: Segments) -> Float[Tensor, "N o"]:
        hidden = self.each(x)
        pooled = torch.cat([cells.mean(hidden), cells.max(hidden)], 1)
        return self.both(torch.cat([hidden, pooled[cells.label]], 1))


class OfCells(nn.Module):
    """A network of points on clouds (B, n, 3) whose points belong to the parts ``part`` (B, n).

    With a ``group`` ("E(3)", "SE(3)", "O(3)", "SO(3)") every part is seen in its own frames, over which outputs are
    averaged: exactly equivariant when each part moves by itself, or, where there is one part, when the whole does.
    Without one (None) every part is seen as it is. ``vectors`` says that outputs are Vectors and not numbers.

    >>> network = OfCells(PointNetwork(3, width=8), "E(3)", vectors=True)
    >>> x = torch.randn(1, 6, 3)
    >>> torch.allclose(network(-x, torch.tensor([[0, 0, 0, 1, 1, 1]])), -network(x, torch.tensor([[0, 0, 0, 1, 1, 1]])))
    True
    """

    def __init__(self, network: PointNetwork, group: str | None, *, vectors: bool = False) -> None:
        super().__init__()
        self.network, self.group, self.vectors = network, group, vectors

    def forward(self, x: Float[Tensor, "B n 3"], part: Int[Tensor, "B n"]) -> Float[Tensor, "B n o"]:
        B, n, _ = x.shape
        cells = cells_of(part)
        flat = x.flatten(0, 1)
        if self.group is None:
            return self.network(flat, cells).unflatten(0, (B, n))
        frames = RadialFrames.of(flat, cells, self.group)
        seen = frames.there((flat - frames.centre[cells.label])[:, None], cells.label)[:, :, 0]
        F = len(frames)
        copies = Segments((cells.label + cells.count * torch.arange(F)[:, None]).flatten(), F * cells.count)
        out = self.network(seen.flatten(0, 1), copies).unflatten(0, (F, B * n))
        found = frames.back(out.unflatten(-1, (-1, 3)), cells.label).flatten(1) if self.vectors else out.mean(0)
        return found.unflatten(0, (B, n))


def cells_of(part: Int[Tensor, "B n"]) -> Segments:
    """The parts of all clouds, one after another, without those that a cloud lacks.

    >>> cells_of(torch.tensor([[0, 2], [1, 1]])).label.tolist()
    [0, 1, 2, 2]
    """
    count = int(part.max()) + 1
    own = (part + count * torch.arange(len(part))[:, None]).flatten()
    found, label = own.unique(return_inverse=True)
    return Segments(label, len(found))
