"""Own symmetries are found by looking, and nobody tells what no picture shows."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from isotropy.data.render import Family, Scene, latents, small_object
from isotropy.errors import DomainError, SchemaError, ShapeError
from isotropy.groups import matrix_to_quaternion, quaternion_inverse, quaternion_product
from isotropy.random import spawn
from isotropy.represent import (
    dihedral_turns,
    own_symmetries,
    own_symmetry,
    pose_ceiling,
    rotation_probe,
    rotation_scores,
)


@pytest.fixture(scope="module")
def poses() -> Tensor:
    return latents.sample(12 * 40, generator=spawn(0, "poses"), vary=("c",)).reshape(12, 40, 7)


def about_z(n: int) -> Tensor:
    """The cyclic group of order n."""
    turns = torch.zeros(n, 7, dtype=torch.float64)
    turns[:, 2] = 2 * math.pi / n * torch.arange(n)
    return latents.rotation(turns)


def test_what_is_tried_are_three_groups_and_the_identity_comes_first() -> None:
    turns = dihedral_turns()
    assert torch.equal(turns[0], torch.eye(3, dtype=torch.float64))
    assert torch.allclose(turns @ turns.mT, torch.eye(3, dtype=torch.float64).expand_as(turns), atol=1e-12)
    upright = turns[:120]
    products = (upright[:, None] @ upright[None]).flatten(0, 1)
    assert float(torch.cdist(products.flatten(1), upright.flatten(1)).amin(1).max()) < 1e-6


def test_prisms_and_surfaces_of_revolution_are_found_and_assemblies_are_not() -> None:
    pytest.importorskip("numba")
    assert [len(own) for own in own_symmetries(0, range(3), symmetric=False)] == [1, 1, 1]
    turned, *prisms = own_symmetries(0, (0, 1, 3, 5), symmetric=True)
    assert len(turned) == 60
    for own, number in zip(prisms, (1, 3, 5), strict=True):
        order = Family(0, number, symmetric=True).order
        assert len(own) == 2 * order  # turned over, a prism is the same again
        assert float(torch.cdist(about_z(order).flatten(1), own.flatten(1)).amin(1).max()) < 1e-6
    with pytest.raises(ShapeError, match="at least one"):
        own_symmetry(Scene(small_object(0, 0, 0), 8), torch.zeros(0, 3, 3))
    with pytest.raises(DomainError, match="at least 2"):
        own_symmetry(Scene(small_object(0, 0, 0), 8), poses=1)


def test_the_ceiling_is_that_of_the_mean_over_poses_that_look_the_same(poses: Tensor) -> None:
    # Half a turn never leads from one pose of the box to another: nothing is hidden.
    assert pose_ceiling(poses, [about_z(2)] * 12).component == pytest.approx(1, abs=1e-12)
    found = pose_ceiling(poses, [about_z(4)] * 12)
    # A quarter turn does, for each pose in just one way.
    c = poses[..., 2]
    other = torch.where(c > 0, c - math.pi / 2, c + math.pi / 2)
    gaps = torch.stack([b.roll(-1, 1) - a for a in (c, other) for b in (c, other)])
    q = torch.stack([(gaps / 2).sin(), (gaps / 2).cos()], -1)
    error = (q[0] - q.mean(0)).square().sum()
    assert found.component == pytest.approx(float(1 - error / (q[0] - q[0].mean((0, 1))).square().sum()), abs=1e-6)
    # A body of revolution tells nothing of a turn about its axis, but which turns there are.
    assert abs(pose_ceiling(poses, [about_z(60)] * 12).component) < 0.05
    with pytest.raises(ShapeError, match="for each object"):
        pose_ceiling(poses, [about_z(2)] * 3)


def test_an_angle_is_modulo_the_symmetries_of_each_object(poses: Tensor) -> None:
    own, q = about_z(4), latents.relative(poses, poses.roll(-1, 1), "quat").flatten(0, 1)
    h = matrix_to_quaternion(own)
    told = quaternion_product(quaternion_product(quaternion_inverse(h[1:2]), q), h[2:3])
    assert rotation_scores(q, told).angle == pytest.approx(90, abs=1e-4)
    assert rotation_scores(q, told, [own] * 12).angle < 1e-4
    with pytest.raises(ShapeError, match="equal runs"):
        rotation_scores(q, told, [own] * 7)


def test_a_probe_is_judged_modulo_symmetries_and_stays_below_the_ceiling(poses: Tensor) -> None:
    seen = torch.stack([(4 * poses[..., 2]).cos(), (4 * poses[..., 2]).sin()], -1)  # what a prism over a square shows
    objects = torch.arange(8), torch.arange(8, 12)
    plain = rotation_probe(seen, poses, objects, epochs=60, width=64)
    modulo = rotation_probe(seen, poses, objects, epochs=60, width=64, symmetries=[about_z(4)] * 4)
    assert modulo.component == plain.component < pose_ceiling(poses[8:], [about_z(4)] * 4).component + 0.02
    assert modulo.angle < plain.angle
    with pytest.raises(ShapeError, match="that is judged"):
        rotation_probe(seen, poses, objects, symmetries=[about_z(4)])
    with pytest.raises(SchemaError, match="one side"):
        rotation_probe(seen, poses, (objects[0], objects[0]))


def test_a_ball_looks_the_same_however_it_is_turned(poses: Tensor) -> None:
    trimesh = pytest.importorskip("trimesh")
    pytest.importorskip("numba")
    ball = trimesh.creation.icosphere(3, radius=0.6)
    mesh = (torch.tensor(ball.vertices).float(), torch.tensor(ball.faces).long())
    turns = dihedral_turns()[:120:4]
    own = own_symmetry(Scene(mesh, 12, 2), turns, poses=3)
    assert len(own) == len(turns)
    assert abs(pose_ceiling(poses, [own] * 12).component) < 0.1


def test_the_identity_is_among_what_is_found_and_sets_without_it_are_refused_or_completed(poses: Tensor) -> None:
    quarter = about_z(4)[1:2]
    assert torch.equal(
        own_symmetry(Scene(small_object(0, 0, 0), 8, backend="torch"), quarter, poses=2), torch.eye(3).double()[None]
    )
    with pytest.raises(DomainError, match="without the identity"):
        pose_ceiling(poses, [quarter] * 12)
    q = latents.relative(poses, poses.roll(-1, 1), "quat").flatten(0, 1)
    assert rotation_scores(q, q, [quarter] * 12).angle < 1e-4
    with pytest.raises(ShapeError, match="at least one"):
        rotation_scores(q, q, [quarter[:0]] * 12)


def test_poses_outside_the_box_have_no_ceiling_that_we_know(poses: Tensor) -> None:
    outside = poses.clone()
    outside[..., 2] *= 2
    with pytest.raises(DomainError, match="the box of poses"):
        pose_ceiling(outside, [about_z(1)] * 12)


def test_where_one_angle_moves_the_ceiling_is_what_can_be_learned_of_it() -> None:
    """Quarter turns about y: of b modulo a quarter turn nothing else is seen, and the best answer is a mean in bins."""
    seen = latents.sample(20_000, generator=spawn(1, "alike"), vary=("b",))
    turn = torch.zeros(7, dtype=torch.float64)
    turn[1] = math.pi / 2
    own = torch.stack([torch.linalg.matrix_power(latents.rotation(turn), k) for k in range(4)])
    q = latents.relative(seen, seen.roll(-1, 0), "quat")
    bins = (24 * (seen[:, 1] % (math.pi / 2)) / (math.pi / 2)).long()
    cells = 24 * bins + bins.roll(-1)
    sums = torch.zeros(576, 4, dtype=torch.float64).index_add(0, cells, q)
    mean = sums / torch.bincount(cells, minlength=576)[:, None]
    learned = float(1 - (q - mean[cells]).square().sum() / (q - q.mean(0)).square().sum())
    assert pose_ceiling(seen[None, :4000], [own]).component == pytest.approx(learned, abs=0.03)


def test_symmetries_are_those_of_the_object_and_not_of_the_world(poses: Tensor) -> None:
    x = torch.zeros(12, 40, 2)
    with pytest.raises(SchemaError, match='pose="object"'):
        rotation_probe(x, poses, (torch.arange(8), torch.arange(8, 12)), pose="world", symmetries=[about_z(4)] * 4)
