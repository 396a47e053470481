"""Batches: every row once, in an order that depends on seed and epoch alone."""

from __future__ import annotations

import pytest
import torch

from isotropy.errors import DomainError, ShapeError
from isotropy.train import Batches

X = torch.arange(10.0)[:, None]


def _rows(batches: Batches) -> list[float]:
    return torch.cat([x for x, _ in batches]).squeeze(1).tolist()


def test_every_row_appears_once_with_its_target() -> None:
    batches = Batches(X, -X, batch_size=4)
    assert [len(x) for x, _ in batches] == [4, 4, 2]
    assert sorted(_rows(batches)) == list(range(10))
    assert all(torch.equal(x, -y) for x, y in batches)
    assert len(batches) == 3
    short = Batches(X, -X, batch_size=4, drop_last=True)
    assert [len(x) for x, _ in short] == [4, 4]
    assert len(short) == 2


def test_the_order_is_a_function_of_seed_and_epoch() -> None:
    first, second = Batches(X, X, 4, seed=1), Batches(X, X, 4, seed=1)
    orders = {}
    for epoch in range(3):
        first.set_epoch(epoch)
        orders[epoch] = _rows(first)
    second.set_epoch(2)
    assert _rows(second) == orders[2] != orders[1]
    assert _rows(Batches(X, X, 4, seed=2)) != orders[0]
    assert _rows(Batches(X, X, 4, shuffle=False)) == list(range(10))


def test_shards_of_a_batch_make_the_batch() -> None:
    whole = Batches(X, X, 5, seed=3)
    shards = [whole.shard(rank, 2) for rank in (0, 1)]
    for (x, _), (a, _), (b, _) in zip(whole, *shards, strict=True):
        assert sorted(torch.cat([a, b]).squeeze(1).tolist()) == sorted(x.squeeze(1).tolist())
    single = [list(Batches(X, X, 3, seed=3).shard(rank, 2)) for rank in (0, 1)]
    assert all(len(x) >= 1 for shard in single for x, _ in shard)  # the last batch has one row for two processes


def test_a_table_that_cannot_be_batched_is_refused() -> None:
    with pytest.raises(ShapeError, match="as many rows"):
        Batches(X, X[:3], 2)
    with pytest.raises(DomainError):
        Batches(X[:0], X[:0], 2)
    with pytest.raises(DomainError):
        Batches(X, X, 0)
    with pytest.raises(DomainError, match="incomplete"):
        Batches(X, X, 11, drop_last=True)
