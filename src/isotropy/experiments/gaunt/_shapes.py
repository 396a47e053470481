"""Shapes of four points that come with their mirror images: pieces of Tetris, and tetrahedra of four kinds of atom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from isotropy.errors import one_of
from isotropy.groups import SO

Task = Literal["Tetris", "tetrahedra"]
TASKS: tuple[Task, ...] = ("Tetris", "tetrahedra")

# The first two are mirror images of each other; every other piece is its own.
_PIECES = (
    ((0, 0, 0), (0, 0, 1), (1, 0, 0), (1, 1, 0)),  # left screw
    ((0, 0, 0), (0, 0, 1), (1, 0, 0), (1, -1, 0)),  # right screw
    ((0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 0)),  # square
    ((0, 0, 0), (0, 0, 1), (0, 0, 2), (0, 0, 3)),  # line
    ((0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0)),  # corner
    ((0, 0, 0), (0, 0, 1), (0, 0, 2), (0, 1, 0)),  # L
    ((0, 0, 0), (0, 0, 1), (0, 0, 2), (0, 1, 1)),  # T
    ((0, 0, 0), (1, 0, 0), (1, 1, 0), (2, 1, 0)),  # zigzag
)
_CORNERS = ((1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1))


@dataclass(frozen=True)
class Shapes:
    """Shapes ``x (rows, 4, 3 + kinds)``: positions, and the kind of each point as 0s and a 1; classes ``y (rows,)``.

    Classes 0 and 1 are mirror images of each other.
    """

    x: Float[Tensor, "rows 4 k"]
    y: Int[Tensor, " rows"]

    def turned(self, generator: Generator) -> Shapes:
        """Each shape in a random pose about its centre."""
        R = cast(Tensor, SO(3).sample((len(self.x),), generator=generator, dtype=self.x.dtype))
        return Shapes(torch.cat([self.x[..., :3] @ R.mT, self.x[..., 3:]], -1), self.y)


def shapes(task: str, copies: int, jitter: float, generator: Generator) -> Shapes:
    """``copies`` of each class in random poses; positions of tetrahedra are shifted by N(0, jitter^2).

    Tetrahedra come in pairs that are exact mirror images of each other, so that whoever is blind to mirrors is right
    for one half of them. Raises DomainError for another task. Source: Geiger, Smidt 2022 (Tetris); specification 05
    §4.6.

    >>> shapes("tetrahedra", 5, 0.1, torch.Generator()).x.shape
    torch.Size([10, 4, 7])
    """
    one_of("task", task, TASKS)
    if task == "Tetris":
        loc = torch.tensor(_PIECES, dtype=torch.get_default_dtype()).repeat(copies, 1, 1)
        kinds, y = torch.ones(*loc.shape[:2], 1), torch.arange(len(_PIECES)).repeat(copies)
    else:
        left = torch.tensor(_CORNERS, dtype=torch.get_default_dtype()).expand(copies, -1, -1)
        left = left + jitter * torch.randn(left.shape, generator=generator)
        loc = torch.stack([left, -left], 1).flatten(0, 1)
        kinds, y = torch.eye(4).expand(len(loc), -1, -1), torch.arange(2).repeat(copies)
    return Shapes(torch.cat([loc - loc.mean(1, keepdim=True), kinds], -1), y).turned(generator)


def mirrored(x: Float[Tensor, "rows 4 k"]) -> Float[Tensor, "rows 4 k"]:
    """The shapes through their centre: their mirror images, in another pose.

    >>> mirrored(torch.tensor([[[1.0, 2.0, 3.0, 1.0]] * 4]))[0, 0]
    tensor([-1., -2., -3.,  1.])
    """
    return torch.cat([-x[..., :3], x[..., 3:]], -1)
