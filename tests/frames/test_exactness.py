"""Specification 03 §5 through the wrapper: any network, on clouds without and with symmetries, exact to rounding."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from frames.zoo import zoo
from isotropy.frames import FrameAveraged, PCAFrame, WeightedTupleFrame
from isotropy.groups import Group
from isotropy.linalg import Segments
from isotropy.random import spawn
from isotropy.reps import Cloud, Point, Pseudovector, Scalar, Vector
from isotropy.reps import Tensor as T

TYPES = {"position": Cloud(Point), "velocity": Cloud(Vector), "vector": Vector, "spin": Pseudovector,
         "tensor": T(2), "energy": Scalar}  # fmt: skip
FRAMES = {name: PCAFrame(name) for name in ("E(3)", "SE(3)")} | {
    f"weighted {name}": WeightedTupleFrame(name) for name in ("E(3)", "SE(3)")
}
CLOUDS = {**zoo(), "random": 3 * torch.randn(9, 3, generator=spawn(0, "random"), dtype=torch.float64)}


class SetNetwork(nn.Module):
    """Positions to everything in ``TYPES``, by a network that knows neither directions nor handedness."""

    def __init__(self, dtype: torch.dtype = torch.float64) -> None:
        super().__init__()
        sizes = {"each": (3, 24), "other": (24, 24), "out": (48, 6), "whole": (24, 3 + 3 + 9 + 1)}
        for name, (m, n) in sizes.items():
            weight = torch.randn(m, n, generator=spawn(0, name), dtype=torch.float64) / math.sqrt(m)
            self.register_parameter(name, nn.Parameter(weight.to(dtype)))
        self.each: Tensor
        self.other: Tensor
        self.out: Tensor
        self.whole: Tensor

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        h = torch.tanh(torch.tanh(x @ self.each + 0.3) @ self.other + 0.1)
        mean = h.mean(1)
        point, vector = (torch.cat([h, mean[:, None].expand_as(h)], -1) @ self.out).split(3, -1)
        return (x + point, vector, *(mean @ self.whole).split([3, 3, 9, 1], -1))


def model(frame: str, dtype: torch.dtype = torch.float64) -> FrameAveraged:
    return FrameAveraged(SetNetwork(dtype), FRAMES[frame], Cloud(Point), tuple(TYPES.values()))


def moved(group: Group, x: Tensor, count: int = 6) -> tuple[Tensor, Tensor]:
    """Elements, with reflections where the group has them and shifts of a few sizes, and the moved clouds."""
    h = group.sample(count, generator=spawn(0, "moves"), dtype=torch.float64, within=2.0)
    assert isinstance(h, Tensor)
    return h, Cloud(Point).act(group, h, x.expand(count, *x.shape))


@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize("frame", FRAMES)
def test_every_type_of_output_is_exact_on_every_cloud(frame: str, cloud: str) -> None:
    """Checks 2 and 10: E(3) and permutation error below 1e-10, on positions, vectors, spins, tensors and scalars."""
    x, f = CLOUDS[cloud], model(frame)
    group = f.group
    h, y = moved(group, x)
    with torch.no_grad():
        at, there = f(x[None]), f(y)
        order = torch.randperm(len(x), generator=spawn(0, "order"))
        shuffled = f(x[None, order])
    for (name, type_), one, many, mixed in zip(TYPES.items(), at, there, shuffled, strict=True):
        one = one.expand_as(many)
        wanted = type_.act(group, h, one) if isinstance(type_, Cloud) or one.ndim == 2 else one
        size = 1 + float(wanted.abs().max())
        assert float((many - wanted).abs().max()) < 1e-10 * size, name
        per_point = one[:1, order] if isinstance(type_, Cloud) else one[:1]
        assert float((mixed - per_point).abs().max()) < 1e-10 * size, f"{name}, shuffled"


@pytest.mark.parametrize("frame", ["E(3)", "SE(3)"])
def test_single_precision(frame: str) -> None:
    """Check 3: below 5e-6 of the output where the axes are well apart."""
    draw = torch.randn(64, 9, 3, generator=spawn(1, "clouds"), dtype=torch.float64)
    x = (draw * torch.tensor([3.0, 1.7, 1.0])).float()
    f = model(frame, torch.float32)
    h = f.group.sample(64, generator=spawn(2, "moves"), dtype=torch.float32, within=1.0)
    assert isinstance(h, Tensor)
    with torch.no_grad():
        at, there = f(x), f(Cloud(Point).act(f.group, h, x))
    for type_, one, many in zip(TYPES.values(), at, there, strict=True):
        wanted = type_.act(f.group, h, one)
        error = (many - wanted).square().sum().sqrt() / wanted.square().sum().sqrt()
        assert float(error) < 5e-6


@pytest.mark.parametrize("kind", ["", "weighted "])
def test_left_and_right_hands(kind: str) -> None:
    """Check 2: an SE(3) model tells a hand from its mirror image, an E(3) model cannot."""
    hand = CLOUDS["random"][None]
    mirror = hand * torch.tensor([1.0, 1.0, -1.0], dtype=torch.float64)
    with torch.no_grad():
        energies = [[float(model(kind + name)(x)[-1]) for x in (hand, mirror)] for name in ("E(3)", "SE(3)")]
    assert abs(energies[0][0] - energies[0][1]) < 1e-12
    assert abs(energies[1][0] - energies[1][1]) > 1e-3


@pytest.mark.parametrize("frame", FRAMES)
def test_what_a_flat_cloud_does_not_span_gets_no_vector(frame: str) -> None:
    """Check 10: planar clouds under E(3) keep vectors in the plane; collinear ones keep them on the line."""
    plane = zoo(2)["kite"]
    flat = torch.nn.functional.pad(plane, (0, 1))
    if not frame.endswith("SE(3)"):
        assert float(model(frame)(flat[None])[2].detach()[0, 2].abs()) < 1e-12
    line = torch.zeros(4, 3, dtype=torch.float64)
    line[:, 2] = torch.tensor([-1.0, 0.0, 0.4, 3.0])
    vector = model(frame)(line[None])[2].detach()[0]
    assert float(vector[:2].abs().max()) < 1e-12
    assert float(vector[2].abs()) > 1e-3


@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize("frame", FRAMES)
def test_gradients_are_finite_everywhere(frame: str, cloud: str) -> None:
    """Check 5."""
    x = CLOUDS[cloud].clone()[None].requires_grad_()
    outputs = model(frame)(x)
    (gradient,) = torch.autograd.grad(sum(part.sin().sum() for part in outputs), x)
    assert bool(torch.isfinite(gradient).all())


@pytest.mark.parametrize("frame", FRAMES)
def test_forces_are_derivatives_and_detached_ones_are_not(frame: str) -> None:
    """Check 5: central differences agree to 1e-6 of the force; with a detached frame they differ by more than 1e-3."""
    x = CLOUDS["random"][None]

    def energy(z: Tensor, grad: str = "exact") -> Tensor:
        if frame.startswith("weighted"):
            return model(frame)(z)[-1].sum()
        return FrameAveraged(SetNetwork(), PCAFrame(frame, grad=grad), Cloud(Point), tuple(TYPES.values()))(z)[-1].sum()

    step = 1e-5
    with torch.no_grad():
        shifts = step * torch.eye(x.numel(), dtype=x.dtype).unflatten(1, x.shape)
        numeric = torch.stack([(energy(x + s) - energy(x - s)) / (2 * step) for s in shifts]).reshape(x.shape)
    z = x.clone().requires_grad_()
    (exact,) = torch.autograd.grad(energy(z), z)
    assert float((exact - numeric).norm() / numeric.norm()) < 1e-6
    if not frame.startswith("weighted"):
        (detached,) = torch.autograd.grad(energy(z, "detach"), z)
        assert float((detached - numeric).norm() / numeric.norm()) > 1e-3


@pytest.mark.parametrize("frame", ["E(3)", "SE(3)"])
def test_a_ragged_zoo_equals_each_cloud_alone(frame: str) -> None:
    clouds = list(CLOUDS.values())
    sizes = torch.tensor([len(cloud) for cloud in clouds])
    segments = Segments.from_sizes(sizes)

    def pooled(x: Tensor, inner: Segments | None = None) -> Tensor:
        h = torch.tanh(x @ torch.arange(9.0, dtype=x.dtype).reshape(3, 3) / 5 + 0.2)
        return h.mean(1) if inner is None else inner.mean(h)

    f = FrameAveraged(pooled, PCAFrame(frame), Cloud(Point), Vector)
    together = f(torch.cat(clouds), segments)
    alone = torch.cat([f(cloud[None]) for cloud in clouds])
    assert float((together - alone).abs().max()) < 1e-12
