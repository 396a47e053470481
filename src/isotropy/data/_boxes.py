"""Boxes that repeat: segments of atoms with their cells."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from isotropy.errors import DomainError, ShapeError
from isotropy.linalg import Segments

_FLAT = 1e-9  # the least singular value of unit vectors that span a box; files give cells to some eight digits


@dataclass(frozen=True, eq=False)
class Boxes(Segments):
    """Segments of atoms, each in a box: rows of ``cell (B, 3, 3)`` are its vectors in Angstrom, ``pbc (B, 3)`` says
    along which of them it repeats. Whoever looks for neighbours in these segments sees the images too.

    Raises ShapeError, and DomainError for a box that repeats along vectors that are zero or dependent.

    >>> along_x = torch.tensor([True, False, False])
    >>> chain = Boxes(torch.tensor([0, 0]), 1, torch.diag(torch.tensor([4.0, 0, 0])), along_x)
    >>> chain.cell.shape, chain.periodic.tolist()
    (torch.Size([1, 3, 3]), [True])
    """

    cell: Float[Tensor, "*B 3 3"]
    pbc: Bool[Tensor, "*P 3"]

    def __post_init__(self) -> None:
        super().__post_init__()
        shapes = (self.count, 3, 3), (self.count, 3)
        if self.cell.shape not in ((3, 3), shapes[0]) or self.pbc.shape not in ((3,), shapes[1]):
            given = f"a cell of shape {tuple(self.cell.shape)}, pbc of shape {tuple(self.pbc.shape)}"
            raise ShapeError(given, f"(3, 3) and (3,), or ({self.count}, 3, 3) and ({self.count}, 3): one for each")
        object.__setattr__(self, "cell", self.cell.expand(shapes[0]))
        object.__setattr__(self, "pbc", self.pbc.expand(shapes[1]))
        repeated = self.cell.detach().double() * self.pbc[..., None]
        size = repeated.norm(dim=-1, keepdim=True)
        rank = torch.linalg.matrix_rank(repeated / size.clamp_min(1e-300), tol=_FLAT)
        wrong = (rank < self.pbc.sum(-1)).nonzero().flatten()[:5].tolist()
        if wrong:
            raise DomainError(
                f"configurations {wrong} that repeat along vectors of their cell that are zero or dependent",
                "three independent vectors, or pbc = False along the others",
            )

    @property
    def periodic(self) -> Bool[Tensor, " B"]:
        """Which configurations repeat at all."""
        return self.pbc.any(-1)

    def take(self, chosen: Int[Tensor, " T"]) -> tuple[Int[Tensor, " M"], Segments]:
        rows, taken = super().take(chosen)
        return rows, Boxes(taken.label, taken.count, self.cell[chosen], self.pbc[chosen])

    def to(self, device: torch.device | str) -> Boxes:
        return Boxes(self.label.to(device), self.count, self.cell.to(device), self.pbc.to(device))
