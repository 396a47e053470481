"""The degenerate zoo: clouds so symmetric, or so flat, that their principal axes are not determined."""

from __future__ import annotations

import itertools
import math

import torch
from jaxtyping import Float
from torch import Tensor

FLAT = ("co2", "two points", "one point", "all equal")
"""Clouds of the zoo whose null space, after centring, has dimension 2 or more."""


def zoo(d: int = 3) -> dict[str, Float[Tensor, "n d"]]:
    """Name -> cloud (n, d) in float64, for d = 3 or d = 2 (specification 03 §5.1)."""
    if d == 2:
        return {
            "square": _ring(4),
            "pentagon": _ring(5),
            "two points": _points([[0.3, 0.1], [-1.0, 0.7]]),
            "one point": _points([[0.3, 0.1]]),
            "kite": _points([[1.0, 0.0], [-0.4, 0.8], [-0.4, -0.8], [0.1, 0.0]]),
        }
    cube = _points(list(itertools.product([-1.0, 1.0], repeat=3)))
    tetrahedron = _points([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    golden = (1 + math.sqrt(5)) / 2
    corners = [(0.0, s, t * golden) for s in (1, -1) for t in (1, -1)]
    return {
        "cube": cube,
        "methane": torch.cat([_points([[0, 0, 0]]), 0.63 * tetrahedron]),
        "benzene": torch.cat([_lift(1.39 * _ring(6)), _lift(2.48 * _ring(6))]),
        "square": _lift(_ring(4)),
        "co2": _points([[0, 0, 0], [0, 0, 1.16], [0, 0, -1.16]]),
        "tetrahedron": tetrahedron,
        "icosahedron": _points([c[k:] + c[:k] for c in corners for k in range(3)]),
        "two points": _points([[0.2, 0.1, -0.5], [1.0, -0.7, 0.4]]),
        "one point": _points([[1.0, 2.0, 3.0]]),
        "all equal": _points([[0.3, -1.2, 2.0]] * 5),
        "torus": _torus(8, 4),
        "ethane": _ethane(),
        "twisted": _twisted(),
    }


def _points(rows: list[list[float]] | list[tuple[float, ...]]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)


def _ring(n: int, turn: float = 0.0) -> Float[Tensor, "n 2"]:
    angle = 2 * math.pi * torch.arange(n, dtype=torch.float64) / n + turn
    return torch.stack([angle.cos(), angle.sin()], 1)


def _lift(flat: Float[Tensor, "n 2"], height: float = 0.0) -> Float[Tensor, "n 3"]:
    return torch.nn.functional.pad(flat, (0, 1), value=height)


def _torus(around: int, across: int) -> Float[Tensor, "n 3"]:
    section = _ring(across)
    return torch.cat([_lift((2 + 0.7 * c) * _ring(around), 0.7 * s) for c, s in section.tolist()])


def _ethane() -> Float[Tensor, "n 3"]:
    """Staggered ethane: D3d, mirror images of itself although no axis has a mirror across it."""
    carbons = _points([[0, 0, 0.77], [0, 0, -0.77]])
    return torch.cat([carbons, _lift(1.02 * _ring(3), 1.16), _lift(1.02 * _ring(3, math.pi / 3), -1.16)])


def _twisted() -> Float[Tensor, "n 3"]:
    """A cloud with a half turn about z as its only symmetry, as hydrogen peroxide: chiral, with a simple spectrum."""
    half = _points([[0.7, 0.0, 0.0], [0.9, 0.8, 0.5], [0.2, 1.5, 1.4]])
    return torch.cat([half, half * _points([[-1, -1, 1]])])
