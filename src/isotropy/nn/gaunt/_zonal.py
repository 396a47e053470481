"""Functions of one angle only: filters around a direction, as series in Legendre polynomials."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.reps import Normalization, rescaling


def legendre_series(L: int, t: Float[Tensor, "... n"]) -> Float[Tensor, "... degrees n"]:
    """P_l(t) for l = 0..L, by l P_l = (2l - 1) t P_{l-1} - (l - 1) P_{l-2}: all channels share them.

    >>> legendre_series(2, torch.tensor([1.0, 0.0]))
    tensor([[ 1.0000,  1.0000],
            [ 1.0000,  0.0000],
            [ 1.0000, -0.5000]])
    """
    found = [torch.ones_like(t), t]
    for l in range(2, L + 1):
        found.append(((2 * l - 1) / l) * t * found[-1] - ((l - 1) / l) * found[-2])
    return torch.stack(found[: L + 1], dim=-2)


def legendre_slopes(L: int, t: Float[Tensor, " n"]) -> Float[Tensor, "degrees n"]:
    """dP_l / dt for l = 0..L, by P'_l = P'_{l-2} + (2l - 1) P_{l-1}."""
    P = legendre_series(L, t)
    found = [torch.zeros_like(t), torch.ones_like(t)]
    for l in range(2, L + 1):
        found.append(found[-2] + (2 * l - 1) * P[l - 1])
    return torch.stack(found[: L + 1])


def addition(L: int, normalization: Normalization) -> Float[Tensor, " degrees"]:
    """c_l with sum_m Y_lm(a) Y_lm(b) = c_l P_l(a . b): (2l + 1) / 4pi for harmonics of unit norm on the sphere."""
    l = torch.arange(L + 1)
    return (2 * l + 1).to(torch.float64) / (4 * math.pi) * rescaling(L, normalization)[l * l] ** 2
