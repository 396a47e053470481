"""Particles under gravity: the prediction moves with the scene, and with no other one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from isotropy.errors import DomainError, ShapeError
from isotropy.groups import parse
from isotropy.nn import SubequivariantDynamics
from isotropy.random import spawn


def scene() -> tuple[Tensor, Tensor, Tensor]:
    """Three heaps of particles that touch."""
    generator = spawn(0, "scene")
    x = 0.3 * torch.rand(24, 3, generator=generator, dtype=torch.float64) + torch.tensor([0.0, 0.0, 0.5])
    v = torch.randn(24, 3, generator=generator, dtype=torch.float64)
    return x, v, torch.arange(24) % 3


@pytest.fixture(scope="module")
def model() -> SubequivariantDynamics:
    torch.manual_seed(0)
    return SubequivariantDynamics(hidden=16, radius=0.15).double()


@torch.no_grad()
def test_a_turned_scene_has_a_turned_rollout(model: SubequivariantDynamics) -> None:
    x, v, objects = scene()
    path = model.rollout(x, v, objects, 20)
    assert (path[-1] - x).abs().max() > 0.05
    for R in parse("O(2)@z").sample((3,), generator=spawn(1, "turns"), dtype=torch.float64):
        again = model.rollout(x @ R.T, v @ R.T, objects, 20)
        assert (again - path @ R.T).abs().max() < 1e-8 * path.abs().max()
    aside = torch.tensor([3.0, -2.0, 0.0], dtype=torch.float64)
    assert (model.rollout(x + aside, v, objects, 20) - path - aside).abs().max() < 1e-8
    tilt = torch.linalg.matrix_exp(torch.tensor([[0, 0, 0.5], [0, 0, 0], [-0.5, 0, 0]], dtype=torch.float64))
    g = torch.tensor([0, 0, -9.81], dtype=torch.float64)
    tilted = model.rollout(x @ tilt.T, v @ tilt.T, objects, 20)
    assert (tilted - path @ tilt.T).abs().max() > 1e-2
    along = model.rollout(x @ tilt.T, v @ tilt.T, objects, 20, tilt @ g)  # gravity turned too
    assert (along - path @ tilt.T).abs().max() < 1e-8


@torch.no_grad()
def test_particles_and_objects_in_any_order(model: SubequivariantDynamics) -> None:
    x, v, objects = scene()
    order = torch.randperm(24, generator=spawn(2, "order"))
    own = model(x, v, objects)
    assert (model(x[order], v[order], objects[order]) - own[order]).abs().max() < 1e-12
    assert (model(x, v, torch.tensor([7, 3, 5])[objects]) - own).abs().max() < 1e-12


@torch.no_grad()
def test_height_and_strength_of_gravity_are_seen(model: SubequivariantDynamics) -> None:
    x, v, objects = scene()
    own = model(x, v, objects)
    assert (model(x + torch.tensor([0.0, 0.0, 1.0]), v, objects) - own).abs().max() > 1e-3
    moon = torch.tensor([0, 0, -1.62], dtype=torch.float64)
    assert (model(x, v, objects, moon) - own).abs().max() > 1e-2


@torch.no_grad()
def test_objects_far_apart_do_not_know_of_each_other(model: SubequivariantDynamics) -> None:
    x, v, objects = scene()
    alone = model(x[objects == 0], v[objects == 0], objects[objects == 0])
    away = x + torch.tensor([50.0, 0.0, 0.0]) * (objects > 0)[:, None]
    assert (model(away, v, objects)[objects == 0] - alone).abs().max() < 1e-12
    assert (model(x, v, objects)[objects == 0] - alone).abs().max() > 1e-4


def test_bad_scenes_are_refused(model: SubequivariantDynamics) -> None:
    x, v, objects = scene()
    with pytest.raises(DomainError, match="gravity zero"):
        model(x, v, objects, torch.zeros(3, dtype=torch.float64))
    with pytest.raises(ShapeError, match="24 particles"):
        model(x, v, objects[:5])
    with pytest.raises(DomainError, match="finite"):
        model(x.clone().fill_(torch.nan), v, objects)
