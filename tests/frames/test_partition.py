"""Partitions: finer and coarser ones, cells of several clouds, and the cells of the nearest seeds."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from isotropy.errors import DomainError, ShapeError
from isotropy.frames import Partition, voronoi_partition
from isotropy.groups import O
from isotropy.linalg import Segments
from isotropy.random import spawn


def cloud(n: int) -> Tensor:
    return torch.randn(n, 3, generator=spawn(0, "cloud"), dtype=torch.float64)


def test_a_refinement_is_found_whatever_the_labels_are_called() -> None:
    draw = spawn(1, "labels")
    coarse = torch.randint(3, (60,), generator=draw)
    fine = 10 * coarse + torch.randint(4, (60,), generator=draw)
    clouds = Segments(torch.arange(60) // 20, 3)
    small, big = Partition(fine, clouds), Partition(coarse, clouds)
    assert small.refines(big).tolist() == [True] * 3
    assert big.refines(small).tolist() == [False] * 3
    assert small.refines(small).all()
    Z, W = small.onehot(), big.onehot()
    assert float(((Z @ Z.T) * (1 - W @ W.T)).sum()) == 0  # specification 06 §2.1
    fine[7] = fine[:20][coarse[:20] != coarse[7]][0]  # one point among the points of another part
    assert Partition(fine, clouds).refines(big).tolist() == [False, True, True]


def test_impure_points_are_those_whose_cell_has_two_parts() -> None:
    cells, parts = torch.tensor([0, 0, 1, 1, 1, 2]), torch.tensor([0, 0, 0, 1, 1, 1])
    assert Partition(cells).impure(Partition(parts)).tolist() == [False, False, True, True, True, False]
    assert Partition(cells).impure_fraction(Partition(parts)).tolist() == [0.5]


def test_cells_of_two_clouds_are_never_one() -> None:
    clouds = Segments(torch.tensor([0, 1, 0, 1]), 2)
    found = Partition(torch.tensor([4, 4, 9, 4]), clouds)
    assert found.labels.tolist() == [0, 2, 1, 2]
    assert (found.names.tolist(), found.of.tolist(), found.counts.tolist()) == ([4, 9, 4], [0, 0, 1], [1, 1, 2])
    with pytest.raises(DomainError, match="another cloud"):
        found.merge({0: 2})
    assert len(found.merge({1: 0})) == 2


# Of a whole lattice the corners are alike, and the first stands for all; without some of its points none are.
LATTICE = torch.tensor([p for p in itertools.product(range(4), repeat=3) if p not in ((0, 0, 1), (0, 2, 0))])


@pytest.mark.parametrize("x", [cloud(80), LATTICE.double()], ids=["cloud", "lattice"])
def test_voronoi_cells_do_not_depend_on_motions_and_hold_the_nearest(x: Tensor) -> None:
    R = O(3).sample(1, generator=spawn(2, "R"), dtype=torch.float64)
    assert isinstance(R, Tensor)
    cells, seeds = voronoi_partition(x, 7)
    again, same = voronoi_partition(x @ R[0].mT + 1e3, 7)
    assert torch.equal(seeds, same)
    assert torch.equal(cells.labels, again.labels)
    apart = torch.cdist(x, x[seeds])
    assert torch.allclose(apart.gather(1, cells.names[cells.labels][:, None])[:, 0], apart.amin(1))


def test_voronoi_cells_do_not_depend_on_the_order_of_points() -> None:
    x, order = cloud(90), torch.randperm(90, generator=spawn(3, "order"))
    clouds = Segments(torch.arange(90) % 2, 2)
    cells, seeds = voronoi_partition(x, 6, clouds)
    again, same = voronoi_partition(x[order], 6, Segments(clouds.label[order], 2))
    assert torch.equal(order[same], seeds)
    assert torch.equal(again.labels, cells.labels[order])


def test_more_seeds_than_points_are_as_many_as_there_are() -> None:
    with pytest.warns(UserWarning, match="k=9 seeds for a cloud of 5 points"):
        cells, _ = voronoi_partition(cloud(5), 9)
    assert len(cells) == 5


@pytest.mark.parametrize(
    ("labels", "clouds", "error", "said"),
    [
        (torch.tensor([0, -1]), None, DomainError, "label -1 at point 1"),
        (torch.tensor([0.0, 1.0]), None, ShapeError, "whole numbers"),
        (torch.tensor([0, 1, 1]), Segments(torch.tensor([0, 0]), 1), ShapeError, "3 labels for 2 points"),
        (torch.tensor([0, 1]), Segments(torch.tensor([0, 2]), 3), DomainError, "cloud 1, which has no points"),
    ],
)
def test_what_is_refused(labels: Tensor, clouds: Segments | None, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        Partition(labels, clouds)


def test_cells_and_seeds_that_there_are_not() -> None:
    two = Partition(torch.tensor([0, 1, 1]))
    for into in ({0: 2}, {2: 0}, {-1: 0}):
        with pytest.raises(DomainError, match="cells 0 to 1"):
            two.merge(into)
    with pytest.raises(DomainError, match="seeds 0 to 5; expected rows 0 to 4"):
        voronoi_partition(cloud(5), 2, seeds=torch.tensor([0, 5]))
    with pytest.raises(DomainError, match="seeds='random'"):
        voronoi_partition(cloud(5), 2, seeds="random")
    with pytest.raises(DomainError, match="cloud 1, which has no points"):
        voronoi_partition(cloud(5), 2, Segments(torch.tensor([0, 0, 0, 2, 2]), 3))


def test_gaps_in_labels_are_closed_and_remembered() -> None:
    cells = Partition(torch.tensor([40, 7, 40, 9]))
    assert cells.labels.tolist() == [2, 0, 2, 1]
    assert cells.names.tolist() == [7, 9, 40]


def test_seeds_of_ones_own_are_no_way_around_the_door() -> None:
    x = cloud(5)
    x[3, 1] = torch.nan
    with pytest.raises(DomainError, match="row 3"):
        voronoi_partition(x, 2, seeds=torch.tensor([0, 1]))
