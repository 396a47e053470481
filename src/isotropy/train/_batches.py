"""Mini-batches of a table that fits in memory, shuffled anew in each epoch from one seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from isotropy.errors import DomainError, ShapeError
from isotropy.random import spawn


class Batches:
    """Pairs ``(x (B, ...), y (B, ...))`` of rows, in an order that depends on ``seed`` and the epoch alone.

    The order of epoch e is the same on every device, and can be asked for again without replaying the epochs before:
    that is what makes a resumed training exact. Raises ``ShapeError`` for unequal rows, ``DomainError`` for none.

    >>> batches = Batches(torch.arange(5.0), torch.arange(5.0), batch_size=2, seed=0)
    >>> [len(x) for x, y in batches], len(batches), all(torch.equal(x, y) for x, y in batches)
    ([2, 2, 1], 3, True)
    """

    def __init__(
        self, x: Tensor, y: Tensor, batch_size: int, seed: int = 0, *, shuffle: bool = True, drop_last: bool = False
    ) -> None:
        if x.dim() == 0 or y.dim() == 0 or len(x) != len(y):
            raise ShapeError(f"x of shape {tuple(x.shape)} and y of shape {tuple(y.shape)}", "as many rows in both")
        if len(x) == 0 or batch_size < 1 or (drop_last and batch_size > len(x)):
            raise DomainError(
                f"{len(x)} rows in batches of {batch_size}"
                + (" without the last, incomplete one" if drop_last else ""),
                "at least one row and one batch",
            )
        self.x, self.y = x, y
        self.batch_size, self.seed, self.shuffle, self.drop_last = batch_size, seed, shuffle, drop_last
        self.epoch = 0
        self._rank, self._world = 0, 1

    @property
    def rows(self) -> int:
        """The number of rows of the table."""
        return len(self.x)

    def __len__(self) -> int:
        whole, rest = divmod(self.rows, self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def set_epoch(self, epoch: int) -> None:
        """Chooses the order of the next pass."""
        self.epoch = epoch

    def to(self, device: torch.device | str) -> Batches:
        """The same batches with the table on another device."""
        return self._copy(self.x.to(device), self.y.to(device), self._rank, self._world)

    def shard(self, rank: int, world: int) -> Batches:
        """The part of each batch that process ``rank`` of ``world`` works on; at least one row of each batch."""
        return self._copy(self.x, self.y, rank, world)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        if self.batch_size >= self.rows and self._world == 1:
            yield self.x, self.y  # the whole table needs no order and no copy
            return
        order = torch.arange(self.rows)
        if self.shuffle:
            # Drawn on the CPU, so that all devices see the same order.
            order = torch.randperm(self.rows, generator=spawn(self.seed, "batches", self.epoch))
        order = order.to(self.x.device)
        for number in range(len(self)):
            index = order[number * self.batch_size : (number + 1) * self.batch_size]
            if self._world > 1:
                index = index[self._rank % len(index) :: self._world]
            yield self.x[index], self.y[index]

    def _copy(self, x: Tensor, y: Tensor, rank: int, world: int) -> Batches:
        copy = Batches(x, y, self.batch_size, self.seed, shuffle=self.shuffle, drop_last=self.drop_last)
        copy.epoch, copy._rank, copy._world = self.epoch, rank, world
        return copy


class Moved:
    """Batches that ``move(x, y, generator)`` changes whenever they are seen: augmentation.

    Each epoch draws from a stream of its own, named by ``seed`` and ``key``, so that a resumed training sees what an
    uninterrupted one does.

    >>> batches = Batches(torch.zeros(4), torch.zeros(4), batch_size=4)
    >>> noisy = Moved(batches, lambda x, y, generator: (x + torch.rand(len(x), generator=generator), y), seed=0)
    >>> len(noisy), noisy.rows, torch.equal(next(iter(noisy))[0], next(iter(noisy))[0])
    (1, 4, True)
    """

    def __init__(
        self, batches: Batches, move: Callable[[Any, Any, torch.Generator], Any], seed: int, key: str = "moved"
    ) -> None:
        self.batches, self.move, self.seed, self.key = batches, move, seed, key

    @property
    def rows(self) -> int:
        """The number of rows of the table."""
        return self.batches.rows

    def __len__(self) -> int:
        return len(self.batches)

    def set_epoch(self, epoch: int) -> None:
        """Chooses the order and the stream of the next pass."""
        self.batches.set_epoch(epoch)

    def __iter__(self) -> Iterator[Any]:
        generator = spawn(self.seed, self.key, self.batches.epoch)
        for x, y in self.batches:
            yield self.move(x, y, generator)
