"""A fixed number of frames for every cell, exact also where its axes are open: only lengths are seen there."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from isotropy.errors import DomainError
from isotropy.frames._spectrum import spectrum
from isotropy.groups.parts import reflect_last
from isotropy.linalg import Segments

_GROUPS = ("E(3)", "SE(3)", "O(3)", "SO(3)")
GAP = 1e-3
"""Eigenvalues closer than this, relative to the largest, are one: their axes would turn by more than a part in 1000
with the rounding of single precision."""
_FADED = 10.0
"""Gaps from which on weighted frames are what others are."""


@dataclass(frozen=True, eq=False)
class RadialFrames:
    """Axes of K cells, and F sign changes of them: 8 for E(3) and O(3), 4 for SE(3) and SO(3), whatever the cell.

    ``there`` writes vectors in the axes of their cell. Where a cell leaves a block of axes open - two or three equal
    eigenvalues, a line, a point - the coordinates in that block are replaced by their length, which no turn within the
    block changes, and ``back`` returns no vector in it: exact for every cell, at the price of what a model can tell in
    those that are even. Source: specification 06 §2.4; frames of principal axes are those of Puny et al., ICLR 2022.

    Where eigenvalues of a cell that changes cross the gap, axes appear at once: frames of eight jump there, all of them
    do (Dym, Lawrence and Siegel, ICML 2024). ``weighted`` ones fade: up to ten times the gap an axis counts the less
    and the length in its block the more the nearer it is to another.
    """

    centre: Float[Tensor, "K 3"]
    axes: Float[Tensor, "K 3 3"]
    simple: Bool[Tensor, "K 3"]
    """Axes that are determined up to their sign."""
    block: Int[Tensor, "K 3"]
    """Where the coordinate along each axis goes: the first axis of its block."""
    signs: Float[Tensor, "F 3"]
    near: Float[Tensor, "K 3 3"] | None = None
    """Of weighted frames how near two axes are to be one: from 1, where their eigenvalues are, to 0."""

    @classmethod
    def of(
        cls,
        x: Float[Tensor, "N 3"],
        cells: Segments,
        group: str = "E(3)",
        normals: Float[Tensor, "N 3"] | None = None,
        *,
        gap: float = GAP,
        detach: bool = True,
        weights: Float[Tensor, " N"] | None = None,
        weighted: bool = False,
    ) -> RadialFrames:
        """From the second moments of the points of each cell about their mean (O and SO: about the origin).

        ``normals`` count as the mean squared radius; they decide most axes that points leave open.
        ``weights`` are those of points, positive in sum over each cell, for frames without normals. Raises DomainError
        for another group, and for a ``gap`` from 1 on, or from 0.1 on with ``weighted`` frames.
        """
        check_group(group)
        check_gap(gap, weighted=weighted)
        points, sets = x.detach() if detach else x, cells
        weights = None if weights is None else weights.double()
        affine = group in ("E(3)", "SE(3)")
        if normals is not None:
            mean = cells.mean(points) if affine else torch.zeros_like(points[: cells.count])
            about = points - cells.gather(mean)
            reach = cells.gather(cells.mean(about.square().sum(1, keepdim=True))).sqrt()
            # Both ends of a normal, at half the weight: their mean is the centre.
            ends = [cells.gather(mean) + side * reach * normals.detach() for side in (1, -1)]
            points = torch.cat([points, *ends])
            weights = torch.cat([torch.ones_like(x[:, 0]), torch.full_like(x[:, 0].repeat(2), 0.5)]).double()
            sets = Segments(cells.label.repeat(3), cells.count)
        found = spectrum(
            points.double(),
            sets,
            weights=weights,
            centred=affine,
            tol=gap,
            resolution=torch.finfo(x.dtype).eps * _reach(points, sets),
            grad="detach" if detach else "exact",
        )
        same = found.cluster[:, :, None] == found.cluster[:, None, :]
        axes = reflect_last(found.vectors) if group in ("SE(3)", "SO(3)") else found.vectors
        near = _near(found.values, found.tol).to(x) if weighted else None
        return cls(found.centre.to(x), axes.to(x), same.sum(2) == 1, same.long().argmax(2), _signs(group).to(x), near)

    def __len__(self) -> int:
        """How many frames each cell has."""
        return len(self.signs)

    @property
    def degenerate(self) -> Bool[Tensor, " K"]:
        """Cells that leave some axes open."""
        return ~self.simple.all(1)

    @property
    def shares(self) -> Float[Tensor, "K 3"]:
        """How much each axis counts: not at all where it is open."""
        if self.near is None:
            return self.simple.to(self.axes)
        return 1 - (self.near - torch.eye(3).to(self.near)).amax(2)

    def along(
        self, v: Float[Tensor, "n c 3"], cell: Int[Tensor, " n"]
    ) -> tuple[Float[Tensor, "n c 3"], Float[Tensor, "n c 3"]]:
        """Vectors of points (c for each) in the axes of their ``cell``: a part that a frame multiplies by its signs,
        and lengths in open blocks, that all frames see alike."""
        along = v @ self.axes[cell]
        if self.near is not None:
            share = self.shares[cell][:, None]
            return share * along, (1 - share) * _root(along.square() @ self.near[cell])
        simple, place = self.simple[cell][:, None], self.block[cell][:, None].expand(along.shape)
        square = torch.zeros_like(along).scatter_add(2, place, torch.where(simple, 0.0, along.square()))
        return torch.where(simple, along, 0.0), _root(square)

    def there(self, v: Float[Tensor, "n c 3"], cell: Int[Tensor, " n"]) -> Float[Tensor, "F n c 3"]:
        """Vectors of points (c for each) as all frames of their ``cell`` see them."""
        odd, even = self.along(v, cell)
        return self.signs[:, None, None] * odd + even

    def split(self, size: int) -> list[RadialFrames]:
        """The frames of each cell, so many at a time."""
        return [replace(self, signs=signs) for signs in self.signs.split(size)]

    def back(self, v: Float[Tensor, "F n c 3"], cell: Int[Tensor, " n"]) -> Float[Tensor, "n c 3"]:
        """The mean over the frames of vectors that they saw, turned back; none in blocks that are open."""
        mean = (self.signs[:, None, None] * v).mean(0)
        return (self.shares[cell][:, None] * mean) @ self.axes[cell].mT


def check_group(group: str) -> None:
    """Refuses other groups than those whose frames are made here."""
    if group not in _GROUPS:
        raise DomainError(f"the group {group}", f"one of {', '.join(_GROUPS)}")


def check_gap(gap: float, *, weighted: bool = False) -> None:
    """Refuses gaps that are no share of the largest eigenvalue, or beyond which no axis counts in full."""
    if not 0 <= gap < 1:
        raise DomainError(f"gap={gap}", "0 or more and less than 1, a share of the largest eigenvalue")
    if weighted and not 0 < gap <= 1 / _FADED:
        raise DomainError(
            f"gap={gap} with weighted frames, which fade up to {_FADED:g} gaps",
            f"more than 0, and at most {1 / _FADED:g}: eigenvalues are at most 1 apart",
            f"gap={GAP}",
        )


def _near(values: Float[Tensor, "K 3"], limit: Float[Tensor, " K"]) -> Float[Tensor, "K 3 3"]:
    """1 for axes of one block, falling smoothly to 0 where eigenvalues are ten times the gap apart.

    Blocks are chains of neighbours, and so is this: the product over the links between two eigenvalues, which is the
    same for all axes of a block and leaves 1 for each of them alike where a chain breaks.
    """
    lead = values[:, :1].clamp_min(torch.finfo(values.dtype).tiny)
    apart = (values[:, :-1] - values[:, 1:]) / lead / limit[:, None]
    u = ((_FADED - apart) / (_FADED - 1)).clamp(0, 1)
    first, second = (u * u * (3 - 2 * u)).unbind(1)
    one = torch.ones_like(first)
    rows = [one, first, first * second, first, one, second, first * second, second, one]
    return torch.stack(rows, 1).unflatten(1, (3, 3))


def _root(square: Tensor) -> Tensor:
    """The root of zero has no derivative, and what lies there is zero to all orders."""
    return torch.where(square > 0, torch.where(square > 0, square, 1.0).sqrt(), 0.0)


def _reach(points: Float[Tensor, "n 3"], sets: Segments) -> Float[Tensor, " K"]:
    return sets.max(points.detach().double().abs().amax(1))


def _signs(group: str) -> Float[Tensor, "F 3"]:
    signs = torch.cartesian_prod(*[torch.tensor([1.0, -1.0], dtype=torch.float64)] * 3)
    return signs[signs.prod(1) > 0] if group in ("SE(3)", "SO(3)") else signs
