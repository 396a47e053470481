"""Random functions and elements that the samples resolve."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.groups.parts import circle
from isotropy.physics import BMS3, Aspects


def smooth(count: int, N: int, size: float, draw: torch.Generator, modes: int = 3) -> Float[Tensor, "count N"]:
    """Trigonometric polynomials with Gaussian coefficients of ``size`` over m^2."""
    a, b = size * torch.randn(2, count, modes, generator=draw, dtype=torch.float64)
    m = torch.arange(1, modes + 1)
    angle = m[:, None] * circle(N)
    return (a / m**2) @ angle.cos() + (b / m**2) @ angle.sin()


def elements(group: BMS3, count: int, draw: torch.Generator) -> Float[Tensor, "count 2 N"]:
    """Superrotations with F' mostly between 0.5 and 1.5, and supertranslations."""
    return group.element(smooth(count, group.modes, 0.12, draw), smooth(count, group.modes, 0.5, draw))


def constants(theta: float, xi: float, count: int, N: int) -> Aspects:
    """The same constants, ``count`` times."""
    one = torch.ones(count, N, dtype=torch.float64)
    return Aspects(theta * one, xi * one)


def apart(x: Aspects, y: Aspects) -> float:
    """The largest difference of two pairs of functions."""
    return float(torch.maximum((x.theta - y.theta).abs(), (x.xi - y.xi).abs()).max())
