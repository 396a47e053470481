"""Quaternions, matrices and angles about fixed axes are one rotation, as scipy has them."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from isotropy.errors import DomainError, ShapeError
from isotropy.groups import (
    SO,
    angles_to_matrix,
    angles_to_quaternion,
    matrix_to_angles,
    matrix_to_quaternion,
    quaternion_inverse,
    quaternion_product,
    quaternion_to_matrix,
)
from isotropy.random import spawn

N = 500


@pytest.fixture(scope="module")
def angles() -> Tensor:
    return math.pi * (2 * torch.rand(N, 3, generator=spawn(0, "angles"), dtype=torch.float64) - 1)


@pytest.fixture(scope="module")
def turns() -> Tensor:
    """Rotations, half turns and the identity among them, where the largest component changes."""
    half = torch.diag_embed(torch.tensor([[1.0, -1, -1], [-1, 1, -1], [-1, -1, 1], [1, 1, 1]], dtype=torch.float64))
    return torch.cat([SO(3).sample((N,), generator=spawn(0, "turns"), dtype=torch.float64), half])


def test_scipy_agrees(angles: Tensor, turns: Tensor) -> None:
    theirs = Rotation.from_euler("xyz", angles.numpy())
    assert torch.allclose(angles_to_matrix(angles), torch.from_numpy(theirs.as_matrix()), atol=1e-14)
    # The sign follows the angles, as theirs does.
    assert torch.allclose(angles_to_quaternion(angles), torch.from_numpy(theirs.as_quat()), atol=1e-14)
    canonical = Rotation.from_matrix(turns.numpy()).as_quat(canonical=True)
    ours = matrix_to_quaternion(turns)
    # At half turns w is 0 and either sign is right.
    assert torch.allclose((ours * torch.from_numpy(canonical)).sum(-1).abs(), torch.ones(len(turns)).double())
    assert bool((ours[:, 3] >= 0).all())


def test_each_leads_back_to_the_other(angles: Tensor, turns: Tensor) -> None:
    assert torch.allclose(quaternion_to_matrix(matrix_to_quaternion(turns)), turns, atol=1e-14)
    assert torch.allclose(angles_to_matrix(matrix_to_angles(turns)), turns, atol=1e-14)
    within = angles * torch.tensor([1.0, 0.499, 1.0], dtype=torch.float64)
    assert torch.allclose(matrix_to_angles(angles_to_matrix(within)), within, atol=1e-10)


def test_at_gimbal_lock_the_rotation_is_kept() -> None:
    locked = torch.tensor([[0.3, math.pi / 2, -0.4], [0.3, -math.pi / 2, -0.4]], dtype=torch.float64)
    R = angles_to_matrix(locked)
    found = matrix_to_angles(R)
    assert torch.allclose(angles_to_matrix(found), R, atol=1e-7)  # the root of the rounding, where a becomes 0
    assert found[:, 0].tolist() == [0.0, 0.0]


def test_the_product_composes_and_both_signs_are_one_rotation(turns: Tensor) -> None:
    q = matrix_to_quaternion(turns)
    p = q.flip(0)
    product = quaternion_to_matrix(quaternion_product(p, q))
    assert torch.allclose(product, quaternion_to_matrix(p) @ quaternion_to_matrix(q), atol=1e-13)
    assert torch.allclose(quaternion_to_matrix(quaternion_inverse(q)), turns.mT, atol=1e-13)
    assert torch.equal(quaternion_to_matrix(-q), quaternion_to_matrix(q))


@pytest.mark.parametrize("length", [1.002, 0.998, math.nan])
def test_lengths_are_not_repaired(length: float) -> None:
    with pytest.raises(DomainError, match="off 1"):
        quaternion_to_matrix(torch.tensor([0.0, 0.0, 0.0, length]))
    assert quaternion_to_matrix(torch.tensor([0.0, 0.0, 0.0, 1.0005])).shape == (3, 3)


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ShapeError, match="x, y, z, w"):
        quaternion_to_matrix(torch.zeros(3))
    with pytest.raises(ShapeError, match="about x, y and z"):
        angles_to_matrix(torch.zeros(2, 4))
