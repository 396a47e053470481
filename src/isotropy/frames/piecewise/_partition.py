"""Partitions of clouds into cells, and the cells of points nearest to some of them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from isotropy.errors import DomainError, ShapeError, counted
from isotropy.linalg import Segments, check_points, farthest_points, resolution


class Partition:
    """Which ``cell`` each of N points belongs to, and which cloud; cells of one label in two clouds are two cells.

    ``labels (N,)`` are whole numbers, gaps among them allowed, or Segments; ``clouds`` are the Segments of the points'
    clouds, one by default. ``cells`` numbers the cells that have points from 0, cloud by cloud, by ascending label;
    ``names (K,)`` keeps the label that each had, ``of (K,)`` its cloud.

    Raises ShapeError where labels and clouds differ in length; DomainError for negative labels and for a cloud without
    points. Source: Atzmon et al., ICLR 2024, section 3; specification 06 §2.1.

    >>> parts = Partition(torch.tensor([7, 7, 3, 3]), Segments(torch.tensor([0, 0, 0, 1]), 2))
    >>> parts.labels.tolist(), parts.counts.tolist(), parts.names.tolist(), parts.of.tolist()
    ([1, 1, 0, 2], [1, 2, 1], [3, 7, 3], [0, 0, 1])
    """

    def __init__(self, labels: Tensor | Segments, clouds: Segments | None = None) -> None:
        given = labels.label if isinstance(labels, Segments) else labels
        if given.ndim != 1 or given.is_floating_point() or given.is_complex() or given.dtype == torch.bool:
            raise ShapeError(f"labels {given.dtype} of shape {tuple(given.shape)}", "(N,) whole numbers")
        given = given.to(torch.int64)
        if clouds is None:
            clouds = Segments.one(len(given), given.device)
        if len(clouds.label) != len(given):
            raise ShapeError(
                f"{counted(len(given), 'label')} for {counted(len(clouds.label), 'point')} of clouds",
                "one label for each point",
            )
        if given.numel() and int(given.min()) < 0:
            row = int((given < 0).nonzero()[0])
            raise DomainError(f"label {int(given[row])} at point {row}", "whole numbers from 0")
        _refuse_empty(clouds)
        names, rank = given.unique(return_inverse=True)
        both, place = (clouds.label * max(len(names), 1) + rank).unique(return_inverse=True)
        self.clouds = clouds
        self.cells = Segments(place, len(both))
        self.of: Int[Tensor, " K"] = both // max(len(names), 1)
        self.names: Int[Tensor, " K"] = names[both % max(len(names), 1)]

    @property
    def labels(self) -> Int[Tensor, " N"]:
        """The cell of each point."""
        return self.cells.label

    @property
    def counts(self) -> Int[Tensor, " K"]:
        """How many points each cell has."""
        return self.cells.sizes

    def __len__(self) -> int:
        return self.cells.count

    def __repr__(self) -> str:
        points, cells = counted(len(self.labels), "point"), counted(len(self), "cell")
        return f"Partition({points}, {cells}, {counted(self.clouds.count, 'cloud')})"

    def refines(self, other: Partition) -> Bool[Tensor, " clouds"]:
        """Whether every cell lies within one cell of the ``other``, cloud by cloud.

        A map that is equivariant cell by cell is so for every partition that these cells refine.

        >>> fine, coarse = Partition(torch.tensor([0, 1, 2])), Partition(torch.tensor([0, 0, 1]))
        >>> fine.refines(coarse).tolist(), coarse.refines(fine).tolist()
        ([True], [False])
        """
        impure = self.impure(other).long()
        return self.clouds.sum(impure) == 0

    def impure(self, other: Partition) -> Bool[Tensor, " N"]:
        """Whether the cell of each point holds points of more than one cell of the ``other``."""
        if len(other.labels) != len(self.labels):
            raise ShapeError(
                f"partitions of {len(self.labels)} and {counted(len(other.labels), 'point')}", "the same points"
            )
        first = torch.full_like(self.of, len(self.labels)).scatter_reduce(0, self.labels, other.labels, "amin")
        last = torch.full_like(self.of, -1).scatter_reduce(0, self.labels, other.labels, "amax")
        return self.cells.gather(first != last)

    def impure_fraction(self, other: Partition) -> Float[Tensor, " clouds"]:
        """The share of each cloud's points whose cell holds points of more than one cell of the ``other``.

        >>> Partition(torch.tensor([0, 0, 1, 1])).impure_fraction(Partition(torch.tensor([0, 0, 0, 1]))).tolist()
        [0.5]
        """
        return self.clouds.mean(self.impure(other).double())

    def onehot(self, dtype: torch.dtype = torch.float64) -> Float[Tensor, "N K"]:
        """The matrix Z of the partition: Z_ij = 1 where point i belongs to cell j."""
        return torch.nn.functional.one_hot(self.labels, len(self)).to(dtype)

    def merge(self, into: Mapping[int, int] | Int[Tensor, " K"]) -> Partition:
        """Cells joined: cell j becomes part of cell ``into[j]``, of the same cloud; those not named stay.

        >>> Partition(torch.tensor([0, 1, 2, 2])).merge({2: 0}).labels.tolist()
        [0, 1, 0, 0]
        """
        to = torch.arange(len(self), device=self.labels.device)
        if isinstance(into, Tensor):
            to = into.to(to)
        else:
            for old, new in into.items():
                if not 0 <= old < len(self):
                    raise DomainError(f"cell {old} to be merged", f"one of the cells 0 to {len(self) - 1}")
                to[old] = new
        if len(to) != len(self) or (len(to) and (int(to.min()) < 0 or int(to.max()) >= len(self))):
            raise DomainError(
                f"cells merged into {to.tolist()}", f"one of the cells 0 to {len(self) - 1} for each cell"
            )
        if bool((self.of[to] != self.of).any()):
            cell = int((self.of[to] != self.of).nonzero()[0])
            raise DomainError(
                f"cell {cell} merged into cell {int(to[cell])} of another cloud", "a cell of the same cloud"
            )
        return Partition(to[self.labels], self.clouds)

    def rows(self, cell: int) -> Int[Tensor, " n"]:
        """The points of a cell, in ascending order."""
        return (self.labels == cell).nonzero().flatten()


def voronoi_partition(
    x: Tensor, k: int, segments: Segments | None = None, seeds: Int[Tensor, " M"] | str = "fps"
) -> tuple[Partition, Int[Tensor, " M"]]:
    """Each of the points ``x (N, d)`` with the nearest of ``k`` seeds of its cloud, and the rows of the seeds.

    ``seeds`` are rows of points, or "fps": the ``farthest_points``, which neither motions nor the order of points
    change. A point equally near to two seeds, to rounding, goes to the one chosen first. More seeds than points are as
    many as there are, with a warning.

    Raises DomainError for a cloud without points or without a seed; ShapeError, DtypeError as ``farthest_points``.

    >>> cells, seeds = voronoi_partition(torch.tensor([[0.0], [1.0], [5.0], [6.0], [20.0]]), 2)
    >>> cells.labels.tolist(), seeds.tolist()
    ([1, 1, 1, 1, 0], [4, 0])
    """
    clouds = Segments.one(len(x), x.device) if segments is None else segments
    _refuse_empty(clouds)
    check_points(x, clouds)
    if isinstance(seeds, Tensor):
        if len(seeds) and (int(seeds.min()) < 0 or int(seeds.max()) >= len(x)):
            raise DomainError(f"seeds {int(seeds.min())} to {int(seeds.max())}", f"rows 0 to {len(x) - 1}")
        rows, of = seeds, Segments(clouds.label[seeds], clouds.count)
    elif seeds == "fps":
        if bool((clouds.sizes < k).any()):
            few = int(clouds.sizes.min())
            warnings.warn(f"k={k} seeds for a cloud of {counted(few, 'point')}: each point is one", stacklevel=2)
        rows, of = farthest_points(x, k, clouds)
    else:
        raise DomainError(f"seeds={seeds!r}", "rows of points or 'fps'")
    if bool((of.sizes == 0).any()):
        raise DomainError(f"cloud {int((of.sizes == 0).nonzero()[0])} without a seed", "a seed in each cloud")
    label = _nearest_seed(x.detach(), rows, clouds, of)
    return Partition(label, clouds), rows


def _nearest_seed(x: Tensor, rows: Int[Tensor, " M"], clouds: Segments, of: Segments) -> Int[Tensor, " N"]:
    """The place of the nearest seed among those of the point's cloud: one seed of each cloud at a time, memory N."""
    mean = clouds.mean(x.double())
    y = x.double() - clouds.gather(mean)
    tol = resolution(x, clouds)
    nearest, label = torch.full_like(y[:, 0], torch.inf), torch.zeros_like(clouds.label)
    for place in range(int(of.sizes.max())):
        there = place < of.sizes
        seed = rows[of.order[(of.ptr[:-1] + place).clamp_max(len(rows) - 1)]]
        apart = torch.where(clouds.gather(there), (y - y[clouds.gather(seed)]).norm(dim=1), torch.inf)
        closer = apart < nearest - tol
        label = torch.where(closer, place, label)
        nearest = torch.where(closer, apart, nearest)
    return label


def _refuse_empty(clouds: Segments) -> None:
    if bool((clouds.sizes == 0).any()):
        cloud = int((clouds.sizes == 0).nonzero()[0])
        raise DomainError(f"cloud {cloud}, which has no points", "a point in each cloud")
