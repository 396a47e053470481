"""Optics: mirrors, refraction, lenses, and light that a solution of sugar turns."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from isotropy.data.zoo._inputs import beside, constant, dot, normal, shell, uniform
from isotropy.data.zoo._law import law

PLANE = {"space": 2}


@law(
    x='Vector("ray")',
    y='Vector("reflected ray")',
    groups="O(3),O(2)@z,Inversion(3)",
    inputs=normal(3),
    breaks={"O(3)": 8 / 9},
)
def mirror(x: Tensor) -> Tensor:
    """A fixed mirror turns the z component of a ray round: only what leaves its normal alone holds, or turns it."""
    return x * constant(x, 1.0, 1.0, -1.0)


def _towards(n: int, generator: torch.Generator) -> Tensor:
    x = beside(shell(1.0, 1.0), shell(1.0, 1.0), uniform(1, 0.6, 0.95))(n, generator)
    ray, normal_ = x[:, :3], x[:, 3:6]
    return torch.cat([-ray * dot(ray, normal_).sign(), normal_, x[:, 6:]], 1)


@law(
    x='Vector("ray") + Vector("normal") + Scalar("ratio of indices")',
    y='Vector("refracted ray")',
    groups="O(3),SO(3),O(2)@z",
    inputs=_towards,
)
def refraction(x: Tensor) -> Tensor:
    """Snell's law for a ray and the normal of a surface, both given: no direction is special."""
    d, n, ratio = x.split((3, 3, 1), -1)
    c = -dot(d, n)
    return ratio * d + (ratio * c - (1 - ratio.square() * (1 - c.square())).sqrt()) * n


@law(
    x='Vector("place") + Vector("slope")',
    y='Vector("slope behind")',
    groups="O(2),SO(2),D(2),C(2)",
    inputs=normal(4),
    dims=PLANE,
    breaks=dict.fromkeys(("O(2)", "SO(2)"), 0.18 / 3.16),
)
def astigmatism(x: Tensor) -> Tensor:
    """A ray through a thin lens that is stronger along x than along y: half turns and two mirrors hold."""
    return x[..., 2:] - x[..., :2] * constant(x, 1.0, 0.4)


@law(
    x='(Scalar.weighted(1).on("length")*Nodes)("distance")',
    y='Scalar.weighted(1).on("length")("focal length")',
    groups='S(2) x Scale(1).on("length"),Scale(1).on("length"),S(2)',
    inputs=uniform(2, 0.5, 2.0),
    dims={"nodes": 2},
    width=0.3,
)
def lens(x: Tensor) -> Tensor:
    """1 / f = 1 / a + 1 / b: object and image may be exchanged, and twice as large a bench has twice the length."""
    return x.prod(-1, keepdim=True) / x.sum(-1, keepdim=True)


@law(
    x='Vector("polarisation") + Scalar("path")',
    y='Vector("polarisation behind")',
    groups="O(2),SO(2),C(4)",
    inputs=beside(normal(2), uniform(1, 0.3, 1.2)),
    dims=PLANE,
    # E sin^2 of a path between 0.3 and 1.2.
    breaks={"O(2)": 0.5 - (math.sin(2.4) - math.sin(0.6)) / (4 * 0.9)},
)
def sugar(x: Tensor) -> Tensor:
    """A solution of sugar turns polarised light by an angle that grows with the path, always to one side."""
    E, angle = x[..., :2], x[..., 2:]
    return angle.cos() * E + angle.sin() * torch.stack([-E[..., 1], E[..., 0]], -1)
