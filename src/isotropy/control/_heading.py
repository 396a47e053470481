"""The direction of the target as a frame: any network is made blind to turns by looking along it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from isotropy.control._observe import TARGET, WIDTH
from isotropy.errors import DomainError, ShapeError, counted
from isotropy.groups import DiscreteMeasure, Group, parse
from isotropy.linalg import Segments

_HERE = 1e-9


@dataclass(frozen=True)
class HeadingFrame:
    """The turn about the vertical that takes east to the target of ``x (rows, limbs, 41)``: one atom of SO(2)@z.

    A frame as all in ``isotropy.frames``, which also reads the vectors ``(rows, vectors, 3)`` that FrameAveraged hands
    it; ``along(x)`` gives the limbs as they look along it. For one body it has the same exact invariance that a
    subequivariant network has, around any network, at almost no cost. Raises ShapeError for limbs of another width,
    DomainError where there is no target in the plane.

    >>> x = torch.zeros(1, 1, 41)
    >>> x[..., 7] = 1  # the target lies north
    >>> HeadingFrame()(x).g[0, 0].round().abs().int().tolist()
    [[0, 1, 0], [1, 0, 0], [0, 0, 1]]
    """

    group: Group = field(default_factory=lambda: parse("SO(2)@z"))

    def __call__(self, x: Float[Tensor, "rows many width"], segments: Segments | None = None) -> DiscreteMeasure:
        R = self.turn(x)
        return DiscreteMeasure(R[:, None], x.new_zeros(len(x), 1), exact=True)

    def turn(self, x: Float[Tensor, "rows many width"]) -> Float[Tensor, "rows 3 3"]:
        """The matrix of each row."""
        if x.shape[-1] not in (WIDTH, 3):
            raise ShapeError(f"limbs of {counted(x.shape[-1], 'number')}", f"{WIDTH}")
        goal = (x[:, 0, TARGET] if x.shape[-1] == WIDTH else x[:, TARGET.start // 3])[:, :2]
        size = torch.linalg.vector_norm(goal, dim=-1, keepdim=True)
        if not bool((size > _HERE).all()):
            raise DomainError("a target without a direction in the plane", "a unit vector")
        c, s = (goal / size).unbind(-1)
        zero, one = torch.zeros_like(c), torch.ones_like(c)
        return torch.stack([c, -s, zero, s, c, zero, zero, zero, one], -1).view(-1, 3, 3)

    def along(self, x: Float[Tensor, "rows limbs 41"]) -> Float[Tensor, "rows limbs 41"]:
        """The limbs in the frame: R^-1 of each of their eight vectors; numbers stay."""
        vectors = x[..., :24].unflatten(-1, (8, 3)) @ self.turn(x)[:, None]
        return torch.cat([vectors.flatten(-2), x[..., 24:]], -1)


class Headed(nn.Module):
    """``network`` behind a HeadingFrame: torques and values are scalars, and need no turning back."""

    def __init__(self, network: nn.Module, frame: HeadingFrame | None = None) -> None:
        super().__init__()
        self.network, self.frame = network, frame or HeadingFrame()

    def forward(self, seen: Float[Tensor, "rows limbs 41"], *others: Any) -> Tensor:
        return self.network(self.frame.along(seen), *others)
