"""Sets of different sizes, as one flat tensor and the segment of each row."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Int, Shaped
from torch import Tensor

from isotropy.errors import DomainError, ShapeError


@dataclass(frozen=True, eq=False)
class Segments:
    """Row i of a flat tensor (N, ...) belongs to segment ``label[i]`` of ``count``; rows come in any order.

    Raises ShapeError for a label outside 0 .. count - 1.

    >>> sets = Segments(torch.tensor([0, 1, 1]), 3)
    >>> sets.sizes.tolist(), sets.sum(torch.tensor([1.0, 2.0, 3.0])).tolist()
    ([1, 2, 0], [1.0, 5.0, 0.0])
    """

    label: Int[Tensor, " N"]
    count: int

    def __post_init__(self) -> None:
        if self.label.dtype != torch.int64:
            object.__setattr__(self, "label", self.label.to(torch.int64))
        if self.label.numel():
            low, high = int(self.label.min()), int(self.label.max())
            if low < 0 or high >= self.count:
                raise ShapeError(f"labels from {low} to {high}", f"0 to {self.count - 1}")

    @classmethod
    def one(cls, rows: int, device: torch.device | str = "cpu") -> Segments:
        """All rows in one segment.

        >>> Segments.one(3).label.tolist(), Segments.one(3).count
        ([0, 0, 0], 1)
        """
        return cls(torch.zeros(rows, dtype=torch.int64, device=device), 1)

    @classmethod
    def from_batch(cls, batch: Int[Tensor, " N"], count: int | None = None) -> Segments:
        """From a vector that names the set of each row, as graph libraries use it.

        >>> Segments.from_batch(torch.tensor([0, 0, 1])).count
        2
        """
        if count is None:
            count = int(batch.max()) + 1 if batch.numel() else 0
        return cls(batch, count)

    @classmethod
    def from_mask(cls, mask: Bool[Tensor, "S m"]) -> Segments:
        """From the mask of a padded tensor (S, m, ...), whose rows are then ``x[mask]``.

        >>> Segments.from_mask(torch.tensor([[True, False], [True, True]])).sizes.tolist()
        [1, 2]
        """
        return cls(mask.nonzero()[:, 0], mask.shape[0])

    @classmethod
    def from_sizes(cls, sizes: Int[Tensor, " S"]) -> Segments:
        """From the sizes of sets that lie one after another.

        >>> Segments.from_sizes(torch.tensor([2, 1])).label.tolist()
        [0, 0, 1]
        """
        return cls(torch.repeat_interleave(torch.arange(len(sizes), device=sizes.device), sizes), len(sizes))

    @cached_property
    def sizes(self) -> Int[Tensor, " S"]:
        return torch.bincount(self.label, minlength=self.count)

    @cached_property
    def order(self) -> Int[Tensor, " N"]:
        """The stable order in which segments lie one after another."""
        return torch.argsort(self.label, stable=True)

    @cached_property
    def ptr(self) -> Int[Tensor, " T"]:
        """Where each segment begins in ``order``, (count + 1,)."""
        return torch.cat([self.sizes.new_zeros(1), self.sizes.cumsum(0)])

    @cached_property
    def place(self) -> Int[Tensor, " N"]:
        """How many rows of the same segment stand before each row."""
        return torch.empty_like(self.label).index_put((self.order,), self._places())

    def take(self, chosen: Int[Tensor, " T"]) -> tuple[Int[Tensor, " M"], Segments]:
        """The rows of the chosen segments, one segment after another, and to which of them each then belongs.

        >>> rows, sets = Segments(torch.tensor([0, 1, 0, 2]), 3).take(torch.tensor([2, 0]))
        >>> rows.tolist(), sets.label.tolist()
        ([3, 0, 2], [0, 1, 1])
        """
        taken = Segments.from_sizes(self.sizes[chosen])
        return self.order[self.ptr[chosen][taken.label] + taken.place], taken

    def joins(self, pairs: Tensor) -> bool:
        """Whether ``pairs (2, E)`` are whole numbers that name two rows of one segment each, as an edge index does.

        >>> sets = Segments(torch.tensor([0, 0, 1]), 2)
        >>> sets.joins(torch.tensor([[0, 2], [1, 2]])), sets.joins(torch.tensor([[0], [2]]))
        (True, False)
        """
        if pairs.dtype != torch.int64 or pairs.ndim != 2 or len(pairs) != 2:
            return False
        if not pairs.numel():
            return True
        if int(pairs.min()) < 0 or int(pairs.max()) >= len(self.label):
            return False
        return bool((self.label[pairs[0]] == self.label[pairs[1]]).all())

    def take_pairs(
        self, pairs: Int[Tensor, "2 E"], chosen: Int[Tensor, " T"]
    ) -> tuple[Int[Tensor, " F"], Int[Tensor, "2 F"]]:
        """Which of the ``pairs`` of rows the chosen segments have, and their rows as ``take`` numbers them.

        >>> sets = Segments(torch.tensor([0, 0, 1]), 2)
        >>> [found.tolist() for found in sets.take_pairs(torch.tensor([[0, 2], [1, 2]]), torch.tensor([1, 0, 0]))]
        [[1, 0, 0], [[0, 1, 3], [0, 2, 4]]]
        """
        which, taken = Segments(self.label[pairs[0]], self.count).take(chosen)
        start = Segments.from_sizes(self.sizes[chosen]).ptr[taken.label]
        return which, self.place[pairs[:, which]] + start

    def to(self, device: torch.device | str) -> Segments:
        """The same on a device."""
        return Segments(self.label.to(device), self.count)

    def sum(self, x: Shaped[Tensor, "N ..."]) -> Shaped[Tensor, "S ..."]:
        """Sums over each segment; 0 over an empty one."""
        return x.new_zeros((self.count, *x.shape[1:])).index_add(0, self.label, x)

    def mean(self, x: Shaped[Tensor, "N ..."]) -> Shaped[Tensor, "S ..."]:
        """Means over each segment; an empty one raises DomainError."""
        self._refuse_empty("mean")
        return self.sum(x) / _like(self.sizes, x).to(x.dtype)

    def max(self, x: Shaped[Tensor, "N ..."]) -> Shaped[Tensor, "S ..."]:
        """Largest entries over each segment; an empty one raises DomainError."""
        self._refuse_empty("max")
        return self.peaks(x)

    def softmax(self, x: Shaped[Tensor, "N ..."]) -> Shaped[Tensor, "N ..."]:
        """Weights that are positive and sum to 1 over each segment."""
        peak = self.peaks(x.detach())
        weights = (x - self.gather(torch.where(peak.isfinite(), peak, 0.0))).exp()
        return weights / self.gather(self.sum(weights))

    def gather(self, y: Shaped[Tensor, "S ..."]) -> Shaped[Tensor, "N ..."]:
        """Each row's copy of its segment's value."""
        return y[self.label]

    def pad(self, x: Shaped[Tensor, "N ..."]) -> tuple[Shaped[Tensor, "S m ..."], Bool[Tensor, "S m"]]:
        """The segments as rows of a tensor padded by zeros, and the mask of what is not padding."""
        width = int(self.sizes.max()) if self.count else 0
        mask = torch.arange(width, device=self.label.device) < self.sizes[:, None]
        padded = x.new_zeros((self.count, width, *x.shape[1:]))
        return padded.index_put((self.label[self.order], self._places()), x[self.order]), mask

    def _places(self) -> Int[Tensor, " N"]:
        """The place of each row of ``order`` in its segment."""
        return torch.arange(len(self.label), device=self.label.device) - self.ptr[self.label[self.order]]

    def _refuse_empty(self, verb: str) -> None:
        if bool((self.sizes == 0).any()):
            empty = (self.sizes == 0).nonzero().flatten()[:5].tolist()
            raise DomainError(f"empty segments {empty}", f"a {verb} of at least one row", "drop them, or use sum")

    def peaks(self, x: Shaped[Tensor, "N ..."]) -> Shaped[Tensor, "S ..."]:
        """Largest entries over each segment; the least number there is (minus infinity) over an empty one."""
        low = -torch.inf if x.is_floating_point() else torch.iinfo(x.dtype).min
        index = _like(self.label, x).expand_as(x)
        return torch.full_like(x[:1], low).expand(self.count, *x.shape[1:]).scatter_reduce(0, index, x, "amax")


def _like(vector: Tensor, x: Tensor) -> Tensor:
    return vector.reshape(-1, *[1] * (x.ndim - 1))
