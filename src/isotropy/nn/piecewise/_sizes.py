"""How large cells are along their own axes, as numbers that no motion of a cell changes."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.frames import Partition
from isotropy.frames.parts import RadialFrames


def cell_sizes(
    x: Float[Tensor, "N 3"], normals: Tensor | None, partition: Partition, group: str = "E(3)"
) -> Float[Tensor, "K c"]:
    """Along each axis of a cell the rms distance of its points from its centre, and the largest, in the unit of x.

    With ``normals`` their rms shares along each axis follow: rods, plates and balls differ in these. Axes that a cell
    leaves open show the length within them. Source: ours; axes and centres are those of the frames of a cell.

    >>> x = torch.tensor([[0.0, 0, 0], [2, 0, 0], [0, 1, 0], [2, 1, 0], [9, 9, 9]])
    >>> cell_sizes(x, None, Partition(torch.tensor([0, 0, 0, 0, 1]))).tolist()
    [[1.0, 0.5, 0.0, 1.0, 0.5, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0]]
    """
    cells = partition.cells
    frames = RadialFrames.of(x, cells, group, normals)
    y = x - cells.gather(frames.centre)
    odd, even = frames.along(y[:, None] if normals is None else torch.stack([y, normals], 1), cells.label)
    square = (odd + even).square()
    found = cells.mean(square.flatten(1))
    found = torch.cat([found[:, :3], cells.max(square[:, 0]), found[:, 3:]], 1)
    # The root of zero has no derivative: where a cell is flat, none goes through it.
    return torch.where(found > 0, torch.where(found > 0, found, 1.0).sqrt(), 0.0)
