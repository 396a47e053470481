"""Whatever rows ``load`` reads, ``save`` writes, and rows of several types are taken from like others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils import _pytree as tree

from isotropy.data import Clouds, Dataset, GraphSet, load, save
from isotropy.errors import SchemaError, ShapeError
from isotropy.linalg import Segments
from isotropy.random import spawn

N, POINTS = 30, 4
SETS = Segments.from_sizes(torch.tensor([2, 3, 1] * (N // 3)))


def drawn(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=spawn(0, *shape), dtype=torch.float64)


def table() -> Dataset:
    return Dataset(drawn(N, 6), drawn(N, 1), {"x": "2*Vector", "y": "Scalar"}, cluster=["a", "b", "c"] * (N // 3))


def clouds() -> Dataset:
    return Dataset(drawn(N, POINTS, 3), drawn(N, POINTS, 3), {"x": "Cloud(Point)", "y": "Cloud(Vector)"})


def ragged() -> Dataset:
    count = len(SETS.label)
    return Dataset(drawn(count, 3), drawn(N, 1), {"x": "Cloud(Point)", "y": "Scalar"}, segments=SETS)


def several() -> Dataset:
    numbers = torch.arange(N * POINTS).reshape(N, POINTS) % 9
    return Dataset((drawn(N, POINTS, 3), numbers), drawn(N, 1), {"x": ("Cloud(Point)", "Cloud()"), "y": "Scalar"})


def named() -> Dataset:
    x = {"pos": drawn(len(SETS.label), 3), "field": drawn(N, 3)}
    types = {"x": {"pos": "Cloud(Point)", "field": "Vector"}, "y": "Scalar"}
    return Dataset(x, drawn(N, 1), types, segments=SETS, cluster=torch.arange(N) // 2)


ALL: dict[str, Callable[[], Dataset]] = {f.__name__: f for f in (table, clouds, ragged, several, named)}


@pytest.mark.parametrize("name", ALL)
def test_what_is_saved_comes_back(name: str, tmp_path: Path) -> None:
    data = ALL[name]()
    again = load(save(tmp_path / "rows.npz", data), schema=data.types)
    assert len(again) == len(data) == N
    for side in ("x", "y"):
        one, other = tree.tree_flatten(getattr(again, side)), tree.tree_flatten(getattr(data, side))
        assert one[1] == other[1]
        assert all(a.dtype == b.dtype and torch.equal(a, b) for a, b in zip(one[0], other[0], strict=True))
    assert (again.cluster is None) == (data.cluster is None)
    assert again.cluster is None or torch.equal(again.cluster, data.cluster)
    assert (again.segments is None) == (data.segments is None)


@pytest.mark.parametrize("name", ALL)
def test_rows_are_taken_one_as_all(name: str) -> None:
    """Taking some rows, in any order, is taking each of them; sets bring their points along."""
    data, rows = ALL[name](), torch.tensor([7, 2, 29, 2])
    some = data.take(rows)
    assert len(some) == 4
    parts: list[Any] = [data.take(rows[i : i + 1]) for i in range(4)]
    for side in ("x", "y"):
        each = [tree.tree_leaves(getattr(part, side)) for part in parts]
        for leaf, ones in zip(tree.tree_leaves(getattr(some, side)), zip(*each, strict=True), strict=True):
            assert torch.equal(leaf, torch.cat(ones))
    if data.segments is not None:
        assert some.segments is not None
        assert some.segments.sizes.tolist() == data.segments.sizes[rows].tolist()
    assert data.to("cpu").device.type == "cpu"


def test_clouds_and_refusals(tmp_path: Path) -> None:
    flat = Clouds(drawn(len(SETS.label), 3), drawn(N, 1), SETS)
    again = load(save(tmp_path / "c.npz", flat), schema={"x": "Cloud(Point)", "y": "Scalar"})
    assert torch.equal(again.x, flat.x)
    graphs = GraphSet(drawn(3, 2, 2), torch.tensor([2, 2, 2]))
    with pytest.raises(SchemaError, match="save_graphs"):
        save(tmp_path / "g.npz", graphs)
    with pytest.raises(ShapeError, match="3 rows of x and 1 of y"):
        save(tmp_path / "g.npz", np.ones((3, 2)), np.ones((1, 2)))
    with pytest.raises(SchemaError, match="ndarray alone"):
        save(tmp_path / "g.npz", np.ones((3, 2)))


def test_clouds_without_a_point_are_not_lost_in_a_file(tmp_path: Path) -> None:
    """A file names the set of each point, so that one without a point would shift the targets of all after it."""
    sets, types = Segments.from_sizes(torch.tensor([3, 0, 1] * 10)), {"x": "Cloud(Point)", "y": "Scalar"}
    data = Dataset(drawn(40, 3), drawn(30, 1), types, segments=sets)
    with pytest.raises(SchemaError, match="cloud 1 without a point"):
        save(tmp_path / "c.npz", data)
    kept = data[sets.sizes > 0]
    assert torch.equal(load(save(tmp_path / "c.npz", kept), schema=types).y, kept.y)
    np.savez(tmp_path / "shifted.npz", x=data.x, y=data.y, segments=sets.label)
    with pytest.raises(ShapeError, match="30 rows of y; expected 20, one for each set, or 40"):
        load(tmp_path / "shifted.npz", schema=types)
