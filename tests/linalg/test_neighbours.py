"""Neighbours and spread points: what brute force finds, whatever the motion and the order of points, ties included."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from isotropy.errors import DomainError, DtypeError, ShapeError
from isotropy.groups import O
from isotropy.linalg import Segments, farthest_points, neighbours
from isotropy.random import spawn

LATTICE = torch.tensor(list(itertools.product(range(5), range(4), range(3))), dtype=torch.float64)


def cloud(n: int, seed: int = 0, d: int = 3) -> Tensor:
    return torch.randn(n, d, generator=spawn(seed, "cloud"), dtype=torch.float64)


def labels(n: int, count: int, seed: int = 0) -> Segments:
    return Segments(torch.randint(count, (n,), generator=spawn(seed, "labels")), count)


def moved(x: Tensor, far: float = 10.0, seed: int = 1) -> Tensor:
    R = O(x.shape[1]).sample(1, generator=spawn(seed, "R"), dtype=torch.float64)
    assert isinstance(R, Tensor)
    return x @ R[0].mT + far * torch.randn(x.shape[1], generator=spawn(seed, "t"), dtype=torch.float64)


def asked(edges: Tensor) -> set[tuple[int, int]]:
    return {(int(source), int(target)) for source, target in edges.T}


def by_brute_force(x: Tensor, k: int, sets: Segments) -> set[tuple[int, int]]:
    apart = torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")
    apart[(sets.label[:, None] != sets.label) | torch.eye(len(x), dtype=torch.bool)] = torch.inf
    kth = apart.kthvalue(min(k, len(x)), dim=1).values
    near = (apart <= kth[:, None] + 1e-9) & apart.isfinite()
    return {(source, target) for target, source in near.nonzero().tolist()}


@pytest.mark.parametrize("k", [1, 4, 10])
@pytest.mark.parametrize(
    "x", [cloud(60), LATTICE, torch.cat([LATTICE, LATTICE[:7]])], ids=["cloud", "lattice", "twice"]
)
def test_the_nearest_are_those_of_brute_force_with_all_that_tie(x: Tensor, k: int) -> None:
    sets = labels(len(x), 4)
    edges = neighbours(x, k=k, segments=sets)
    assert asked(edges) == by_brute_force(x, k, sets)
    assert torch.equal(edges[1], edges[1].sort().values)


@pytest.mark.parametrize("far", [10.0, 1e6])
@pytest.mark.parametrize("x", [cloud(60), LATTICE], ids=["cloud", "lattice"])
def test_neither_motions_nor_the_order_of_points_change_who_is_near(x: Tensor, far: float) -> None:
    sets, order = labels(len(x), 3), torch.randperm(len(x), generator=spawn(0, "order"))
    whole = asked(neighbours(x, k=6, segments=sets))
    again = neighbours(moved(x, far)[order], k=6, segments=Segments(sets.label[order], 3))
    # Far from the origin a coordinate keeps ten digits: only ties wider than that are certain to be kept.
    if far == 10.0 or x is not LATTICE:
        assert asked(order[again]) == whole
    within = neighbours(moved(x, far)[order], radius=1.2, segments=Segments(sets.label[order], 3))
    assert asked(order[within]) == asked(neighbours(x, radius=1.2, segments=sets))


def test_small_segments_have_all_others_and_lone_points_none() -> None:
    x, sets = cloud(7), Segments(torch.tensor([0, 0, 0, 1, 2, 2, 0]), 4)
    edges = neighbours(x, k=5, segments=sets)
    assert torch.bincount(edges[1], minlength=7).tolist() == [3, 3, 3, 0, 1, 1, 3]
    assert neighbours(x[:0], k=2).shape == (2, 0)


def test_many_points_without_all_pairs() -> None:
    x = cloud(64_000, seed=3)
    edges = neighbours(x, k=8)
    assert edges.shape == (2, 8 * 64_000)
    assert len(farthest_points(x, 20)[0]) == 20


def test_spread_points_are_farthest_first() -> None:
    x, sets = cloud(200), labels(200, 3)
    rows, of = farthest_points(x, 12, sets)
    for segment in range(3):
        own, mine = rows[of.label == segment], x[sets.label == segment]
        assert bool((sets.label[own] == segment).all())
        assert torch.equal(x[own[0]], mine[(mine - mine.mean(0)).norm(dim=1).argmax()])
        for i in range(1, len(own)):
            nearest = torch.cdist(mine, x[own[:i]]).amin(1)
            assert torch.cdist(x[own[i]][None], x[own[:i]]).min() >= nearest.max() - 1e-12


@pytest.mark.parametrize("far", [10.0, 1e6])
def test_neither_motions_nor_the_order_of_points_change_the_choice(far: float) -> None:
    x, order = cloud(100), torch.randperm(100, generator=spawn(0, "order"))
    rows, _ = farthest_points(x, 30)
    again, _ = farthest_points(moved(x, far)[order], 30)
    assert torch.equal(order[again], rows)


def test_equally_far_points_are_told_apart_by_the_shape_and_not_by_the_row() -> None:
    """Both ends of a line are equally far from its middle; one of them has more points nearby."""
    x = torch.tensor([[-3.0, 0], [3, 0], [1, 0.5], [1, -0.5], [-2, 0]], dtype=torch.float64)
    x = x - x.mean(0)
    x[:2] *= (3.0 / x[:2].norm(dim=1))[:, None]
    x = x - x.mean(0)
    for order in itertools.permutations(range(5)):
        rows, _ = farthest_points(x[list(order)], 2)
        assert [order[int(row)] for row in rows] == [int(row) for row in farthest_points(x, 2)[0]]


def test_more_than_there_are_is_all_of_them_and_twins_are_taken_too() -> None:
    x = torch.cat([cloud(3), cloud(3)])
    rows, of = farthest_points(x, 9, Segments(torch.tensor([0, 0, 0, 0, 0, 2]), 3))
    assert sorted(rows.tolist()) == list(range(6))
    assert of.sizes.tolist() == [5, 0, 1]


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: neighbours(cloud(3)), DomainError, "k=None, radius=None"),
        (lambda: neighbours(cloud(3), k=0), DomainError, "k=0"),
        (lambda: neighbours(cloud(3), radius=-1.0), DomainError, "radius=-1.0"),
        (lambda: neighbours(cloud(3), radius=float("inf")), DomainError, "radius=inf"),
        (lambda: neighbours(cloud(3).long(), k=1), DtypeError, "int64"),
        (lambda: neighbours(cloud(3)[0], k=1), ShapeError, r"\(3,\)"),
        (lambda: neighbours(cloud(3), k=1, segments=labels(2, 1)), ShapeError, "2 labels"),
        (lambda: farthest_points(cloud(3) / 0, 1), DomainError, "row 0"),
        (lambda: farthest_points(cloud(3), 0), DomainError, "k=0"),
    ],
)
def test_what_is_refused(call: object, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        call()  # type: ignore[operator]


def test_a_segment_far_away_changes_nothing_elsewhere() -> None:
    near, other = cloud(30).float(), cloud(30, 1).float()
    sets = Segments(torch.tensor([0] * 30 + [1] * 30), 2)
    edges, rows = [], []
    for far in (0.0, 1e5):
        x = torch.cat([near, other + far])
        found = neighbours(x, k=5, segments=sets)
        edges.append(asked(found[:, found[1] < 30]))
        seeds, of = farthest_points(x, 6, sets)
        rows.append(seeds[of.label == 0].tolist())
    assert edges[0] == edges[1]
    assert rows[0] == rows[1]
