"""Parts from poses: which points moved together, how many such parts there are, and what nothing decides."""

from __future__ import annotations

import itertools

import pytest
import torch
from sklearn.metrics import adjusted_rand_score
from torch import Tensor

from frames.bodies import _hat, machine, noisy, person
from isotropy.errors import DomainError, DtypeError, ShapeError
from isotropy.frames import discover_parts
from isotropy.frames.piecewise._motions import Poses
from isotropy.groups import homogeneous
from isotropy.random import spawn


def agreement(truth: Tensor, found: Tensor) -> float:
    return float(adjusted_rand_score(truth.numpy(), found.numpy()))


@pytest.mark.parametrize("seed", range(3))
def test_two_poses_without_noise_show_all_parts(seed: int) -> None:
    """Specification 06 §5.9 asks for 0.85; a plain sequential search reaches 1."""
    views, truth = person(700, 2, seed)
    found = discover_parts(views)
    assert agreement(truth, found.partition.labels) == 1.0
    assert not bool(found.undecided.any())
    assert float(found.residual.max()) < 1e-9
    for k in range(len(found)):
        rows = found.partition.rows(k)
        moved = torch.cat([views[0, rows], torch.ones(len(rows), 1)], 1) @ found.motions[0][k].mT
        assert torch.allclose(moved[:, :3], views[1, rows], atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("poses", [2, 3])
def test_noise_of_three_millimetres_on_ten_bodies(poses: int) -> None:
    """The bar is 0.85 on every one; a plain search with the tolerance given reaches 0.83 to 0.91 with two poses.

    Of the points that are called sure one in ten bodies may be wrong by chance, which is 0.995 of that body's 700: they
    are judged over all bodies together.
    """
    told: list[tuple[Tensor, Tensor]] = []
    for seed in range(10):
        views, truth = person(700, poses, seed)
        found = discover_parts(noisy(views, 0.003))
        assert agreement(truth, found.partition.labels) > 0.98, seed
        assert 0.0027 < found.noise < 0.0033, seed
        sure = ~found.undecided
        assert agreement(truth[sure], found.partition.labels[sure]) > 0.99, seed
        told.append((truth[sure] + 100 * seed, found.partition.labels[sure] + 100 * seed))
        assert float((found.residual / (2**0.5 * found.noise) - 1).abs().max()) < 0.25, seed
    assert agreement(*(torch.cat(each) for each in zip(*told, strict=True))) > 0.999


def test_noise_of_the_first_pose_is_in_the_rests_of_all_others() -> None:
    """What a point costs is its distance, in all poses, from the place that fits all of them best: by least squares."""
    draw = spawn(0, "rests")
    views = torch.randn(4, 20, 3, generator=draw, dtype=torch.float64)
    poses = Poses.of(views)
    motions = poses.fit(torch.rand(2, 20, generator=draw, dtype=torch.float64))
    found = poses.apart(motions)
    for h in range(2):
        system = torch.cat([torch.eye(3, dtype=torch.float64), *motions.R[h]])
        seen = torch.cat([views[0], *(views[1:] - motions.t[h][:, None])], 1).mT
        place = torch.linalg.lstsq(system, seen).solution
        assert torch.allclose(found[h], (system @ place - seen).square().sum(0), atol=1e-10)


def test_the_noise_of_many_points_is_not_taken_for_a_motion() -> None:
    """With the rests of two other poses taken as independent noise was told 3.4 % too low, and parts fell into two.

    Of 4096 points the median tells it to 0.6 %: the bound is three times that."""
    views, truth = person(4096, 3, 1)
    found = discover_parts(noisy(views, 0.003))
    assert len(found) == 11
    assert agreement(truth, found.partition.labels) > 0.99
    assert found.noise == pytest.approx(0.003, rel=0.02)
    assert float(found.undecided.double().mean()) < 0.02


@pytest.mark.parametrize("noise", [0.0, 0.005])
def test_a_machine_that_slides_and_turns(noise: float) -> None:
    views, truth = machine(600, 3, 0)
    found = discover_parts(noisy(views, noise))
    assert len(found) == 4
    assert agreement(truth, found.partition.labels) > 0.97


@pytest.mark.parametrize("noise", [0.0, 0.003])
def test_a_body_that_moves_as_a_whole_is_one_part(noise: float) -> None:
    views, _ = person(400, 1, 3)
    R = torch.matrix_exp(torch.tensor([[0.0, -1.1, 0.4], [1.1, 0.0, 0.2], [-0.4, -0.2, 0.0]], dtype=torch.float64))
    whole = noisy(torch.stack([views[0], views[0] @ R.mT + 1.0, views[0] - 2.0]), noise)
    found = discover_parts(whole)
    assert len(found) == 1
    assert float(found.undecided.double().mean()) < 0.01
    assert torch.allclose(
        found.motions[0][0], homogeneous(R, torch.ones(3, dtype=torch.float64)), atol=5 * noise + 1e-9
    )


def test_neither_the_order_of_points_nor_a_motion_of_a_pose_changes_the_parts() -> None:
    views, _ = person(300, 2, 1)
    views = noisy(views, 0.003)
    order = torch.randperm(300, generator=spawn(0, "order"))
    R = torch.matrix_exp(torch.tensor([[0.0, -2.0, 0.4], [2.0, 0.0, 0.2], [-0.4, -0.2, 0.0]], dtype=torch.float64))
    found, again = discover_parts(views), discover_parts((views @ R.mT + 100.0)[:, order])
    assert torch.equal(again.partition.labels, found.partition.labels[order])
    assert torch.equal(again.undecided, found.undecided[order])


def test_equal_distances_of_single_precision_are_equal_after_a_motion_too() -> None:
    """Two lattices, one turned: which neighbours are equally near must not hang on the rounding of float32."""
    lattice = torch.tensor(list(itertools.product(range(5), range(4), range(3)))).double() * 0.1
    turn, about = (torch.matrix_exp(a * _hat(torch.tensor([0.3, 1.0, -0.2]).double())) for a in (0.7, 2.0))
    views = torch.stack([torch.cat([lattice, lattice + 2.0]), torch.cat([lattice, lattice @ turn.mT + 2.0])])
    order = torch.randperm(120, generator=spawn(0, "order"))
    found = discover_parts(views.float())
    again = discover_parts((views @ about.mT + 7.0)[:, order].float())
    assert len(found) == 2
    assert torch.equal(
        again.partition.labels == again.partition.labels[0],
        (found.partition.labels == found.partition.labels[order[0]])[order],
    )
    assert torch.equal(again.undecided, found.undecided[order])


def test_points_that_no_motion_explains_are_marked() -> None:
    views, truth = person(500, 3, 2)
    strange = torch.arange(0, 500, 25)
    views[1:, strange] += 0.3 * torch.randn(2, len(strange), 3, generator=spawn(0, "away"), dtype=torch.float64)
    found = discover_parts(views)
    assert bool(found.undecided[strange].all())
    rest = torch.ones(500, dtype=torch.bool).index_fill(0, strange, False)
    assert not bool(found.undecided[rest].any())
    assert agreement(truth[rest], found.partition.labels[rest]) == 1.0


def test_what_turns_freely_has_a_stabiliser() -> None:
    draw = spawn(0, "shapes")
    angle = 2 * torch.pi * torch.rand(400, generator=draw, dtype=torch.float64)
    table = torch.stack([angle.cos(), angle.sin(), torch.zeros_like(angle)], 1)
    table = table * torch.rand(400, 1, generator=draw, dtype=torch.float64).sqrt()
    ball = torch.nn.functional.normalize(torch.randn(200, 3, generator=draw, dtype=torch.float64), dim=1)
    brick = (torch.rand(300, 3, generator=draw, dtype=torch.float64) - 0.5) * torch.tensor([4.0, 2.0, 1.0])
    rod = torch.rand(150, 1, generator=draw, dtype=torch.float64) * torch.tensor([0.0, 3.0, 0.0]).double()
    first = torch.cat([table, ball + torch.tensor([5.0, 0, 0]), brick + torch.tensor([0, 8.0, 0]), rod - 9.0])
    turn = [1, 2, 0]  # about (1, 1, 1)
    second = torch.cat([table + 1.0, ball, brick[:, turn] - 7.0, rod[:, turn] + 4.0])
    found = discover_parts(torch.stack([first, second]))
    assert found.partition.counts.tolist() == [400, 300, 200, 150]
    by_part = dict(zip(("table", "brick", "ball", "rod"), found.stabiliser, strict=True))
    assert by_part == {"table": "O(2)@(0,0,1)", "brick": "C(1)", "ball": "O(3)", "rod": "O(2)@(0,1,0)"}


@pytest.mark.parametrize(
    ("views", "error", "said"),
    [
        (torch.randn(1, 9, 3), ShapeError, "one pose"),
        (torch.randn(9, 3), ShapeError, r"\(9, 3\)"),
        (torch.randn(2, 3, 3), ShapeError, "3 points"),
        (torch.ones(2, 9, 3, dtype=torch.int64), DtypeError, "int64"),
        (torch.randn(2, 9, 3).index_fill(1, torch.tensor([4]), torch.nan), DomainError, "pose 0, row 4"),
        (torch.randn(2, 50, 3, generator=torch.Generator().manual_seed(0)), DomainError, "no four points"),
    ],
)
def test_what_is_refused(views: Tensor, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        discover_parts(views, noise=1e-3 if views.shape[-2:] == (50, 3) else None)
