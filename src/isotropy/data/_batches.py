"""Mini-batches of rows that fit in memory, shuffled anew in each epoch from one seed, shared among processes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, cast

import torch
from torch import Tensor

from isotropy.errors import DomainError, ShapeError, counted
from isotropy.random import spawn

Same = TypeVar("Same", bound="Batches")


class Batches:
    """Batches of ``rows`` in an order that depends on ``seed`` and the epoch alone.

    - ``rows``: ``Rows`` (clouds, graphs, molecules), of which each batch is a ``take``; or a tuple of tensors with
      equal numbers of rows, of which each batch is a tuple. Or tensors one by one: ``Batches(x, *more, size)``.
    - ``size``: rows of a batch (also called ``batch_size``).
    - ``seed``, ``shuffle``: the order of epoch e is the same on every device, and can be asked for again without
      replaying the epochs before: that is what makes a resumed training exact.
    - ``drop_last``: without the last batch where it has fewer rows.

    Processes that train together share each batch: ``size`` is that of the whole, whatever their number. Gradients are
    means over the rows of a process, averaged over processes with the weights ``share``, so that they are the mean over
    the whole batch however it is divided. Raises ``ShapeError`` for unequal rows, ``DomainError`` for none.

    >>> batches = Batches((torch.arange(5.0), torch.arange(5.0)), 2, seed=0)
    >>> [len(x) for x, y in batches], len(batches), all(torch.equal(x, y) for x, y in batches)
    ([2, 2, 1], 3, True)
    """

    def __init__(
        self,
        rows: Any,
        *more: Any,
        size: int | None = None,
        batch_size: int | None = None,
        seed: int = 0,
        shuffle: bool = True,
        drop_last: bool = False,
    ) -> None:
        given = size if size is not None else batch_size
        if given is None and more and not isinstance(more[-1], Tensor):
            *more, given = more  # pyright: ignore[reportAssignmentType]
        self.data = (rows, *more) if isinstance(rows, Tensor) else rows
        if not isinstance(given, int) or (more and not isinstance(rows, Tensor)):
            raise TypeError("Batches takes rows and a size: Batches(rows, 32), or Batches((x, y), 32)")
        if isinstance(self.data, tuple):
            columns = cast(tuple[Tensor, ...], self.data)
            if not columns or any(x.dim() == 0 for x in columns) or len({len(x) for x in columns}) > 1:
                shapes = " and ".join(str(tuple(x.shape)) for x in columns)
                raise ShapeError(f"tensors of shapes {shapes}", "as many rows in both")
        if self.rows == 0 or given < 1 or (drop_last and given > self.rows):
            raise DomainError(
                f"{counted(self.rows, 'row')} in batches of {given}"
                + (" without the last, incomplete one" if drop_last else ""),
                "at least one row and one batch",
            )
        self.size, self.seed, self.shuffle, self.drop_last = given, seed, shuffle, drop_last
        self.epoch = 0
        self.share = 1.0
        self._rank, self._world = 0, 1

    @property
    def rows(self) -> int:
        """How many rows there are in an epoch."""
        return len(self.data[0]) if isinstance(self.data, tuple) else len(self.data)  # pyright: ignore[reportUnknownArgumentType]

    def __len__(self) -> int:
        whole, rest = divmod(self.rows, self.size)
        return whole + (rest > 0 and not self.drop_last)

    def set_epoch(self, epoch: int) -> None:
        """Chooses the order of the next pass."""
        self.epoch = epoch

    def to(self: Same, device: torch.device | str) -> Same:
        """The same batches with the rows on another device."""
        return self._but(data=_mapped(self.data, lambda x: x.to(device)))

    def shard(self: Same, rank: int, world: int) -> Same:
        """The part of each batch that process ``rank`` of ``world`` works on; at least one row of each batch.

        ``share`` then says, while a batch is looked at, by how much the mean over its part counts more or less than
        those of the other processes: 1 where all have equally many rows.
        """
        return self._but(_rank=rank, _world=world)

    def take(self, rows: Tensor) -> Any:
        """The rows of these numbers, as a batch."""
        return taken(self.data, rows)

    def __iter__(self) -> Iterator[Any]:
        if isinstance(self.data, tuple) and self.size >= self.rows and self._world == 1:
            yield self.data  # a whole table needs no order and no copy
            return
        order = torch.arange(self.rows)
        if self.shuffle:
            # Drawn on the CPU, so that all devices see the same order.
            order = torch.randperm(self.rows, generator=spawn(self.seed, "batches", self.epoch))
        order = order.to(_device(self.data))
        for index in order.split(self.size)[: len(self)]:
            part, self.share = shared(len(index), self._rank, self._world)
            yield self.take(index[part])

    def _but(self: Same, **changed: Any) -> Same:
        other = copy.copy(self)
        vars(other).update(changed)
        return other


class Moved:
    """Batches that ``move(x, y, generator)`` changes whenever they are seen: augmentation.

    Each epoch draws from a stream of its own, named by ``seed`` and ``key``, so that a resumed training sees what an
    uninterrupted one does. ``move`` returns a batch: a tuple, or ``Rows`` (it is then called with ``(rows, generator)``
    where that is what the batches hold). Processes that train together each move the whole batch and work on a part.

    >>> batches = Batches(torch.zeros(4), torch.zeros(4), batch_size=4)
    >>> noisy = Moved(batches, lambda x, y, generator: (x + torch.rand(len(x), generator=generator), y), seed=0)
    >>> len(noisy), noisy.rows, torch.equal(next(iter(noisy))[0], next(iter(noisy))[0])
    (1, 4, True)
    """

    def __init__(self, batches: Batches, move: Callable[..., Any], seed: int, key: str = "moved") -> None:
        self.batches, self.move, self.seed, self.key = batches, move, seed, key
        self.share = 1.0
        self._rank, self._world = 0, 1

    @property
    def rows(self) -> int:
        """How many rows there are in an epoch."""
        return self.batches.rows

    def __len__(self) -> int:
        return len(self.batches)

    def set_epoch(self, epoch: int) -> None:
        """Chooses the order and the stream of the next pass."""
        self.batches.set_epoch(epoch)

    def shard(self, rank: int, world: int) -> Moved:
        """The part of each batch, once it is moved, that process ``rank`` of ``world`` works on."""
        part = Moved(self.batches, self.move, self.seed, self.key)
        part._rank, part._world = rank, world
        return part

    def __iter__(self) -> Iterator[Any]:
        generator = spawn(self.seed, self.key, self.batches.epoch)
        for batch in self.batches:
            moved = self.move(*(cast(Any, batch) if isinstance(batch, tuple) else (batch,)), generator)
            if self._world > 1:
                count = len(moved[0] if isinstance(moved, tuple) else moved)  # pyright: ignore[reportUnknownArgumentType]
                part, self.share = shared(count, self._rank, self._world)
                moved = taken(moved, torch.arange(count)[part])
            yield moved


def shared(count: int, rank: int, world: int) -> tuple[slice, float]:
    """Which of ``count`` rows process ``rank`` of ``world`` works on, and how much their mean counts.

    Where there are fewer rows than processes, those without one of their own repeat a row that counts nothing.

    >>> shared(5, 0, 2), shared(5, 1, 2), shared(1, 1, 2)
    ((slice(0, None, 2), 1.2), (slice(1, None, 2), 0.8), (slice(0, None, 2), 0.0))
    """
    own = len(range(rank, count, world))
    return slice(rank % count, None, world), world * own / count


def taken(rows: Any, index: Tensor) -> Any:
    """Those of the rows: of ``Rows``, or of each tensor of a tuple."""
    return _mapped(rows, lambda x: x[index] if isinstance(x, Tensor) else x.take(index))


def _mapped(rows: Any, change: Any) -> Any:
    return tuple(map(change, rows)) if isinstance(rows, tuple) else change(rows)  # pyright: ignore[reportUnknownArgumentType]


def _device(rows: Any) -> torch.device:
    return rows[0].device if isinstance(rows, tuple) else rows.device  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
