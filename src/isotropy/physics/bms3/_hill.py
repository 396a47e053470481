"""Hill's equation psi'' = (Theta / 4) psi on the circle: transfer matrices by Magnus' series, in batches."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

_NODES = (0.5 - math.sqrt(15) / 10, 0.5, 0.5 + math.sqrt(15) / 10)  # of Gauss and Legendre
_LARGEST = 0.1  # of h^2 Theta / 4 in one step
# Of sinh. As many for every value, since derivatives need more than the sum: at the largest, what is left out is below
# rounding in fourth derivatives too (8 7 6 5 / 10^4 / 17! = 5e-16).
_TERMS = 8

Entries = tuple[Tensor, Tensor, Tensor, Tensor]
"""Matrices of two rows, entry by entry: products of many small matrices are several times faster so."""


def transfers(theta: Float[Tensor, "... N"]) -> Float[Tensor, "... N 2 2"]:
    """The matrices that take (psi, psi') from each sample to the next, differentiable any number of times.

    Magnus' series of sixth order (Blanes, Casas, Oteo, Ros, 0810.5488, eq. 257) with one and two steps between samples;
    its error has even powers of the step from the sixth on, of which one is extrapolated away.
    """
    return _stacked(_transfers(theta))


def monodromy(theta: Float[Tensor, "... N"]) -> Float[Tensor, "... 2 2"]:
    """The transfer matrix once round the circle, of determinant 1.

    >>> M = monodromy(torch.full((16,), -0.25, dtype=torch.float64))
    >>> round(float(M.diagonal().sum()), 12)  # 2 cos(pi / 2)
    0.0
    """
    return _stacked(_product(_transfers(theta)))


def solutions(theta: Float[Tensor, "... N"]) -> Float[Tensor, "... n 2 2"]:
    """The transfer matrices from the first sample to every sample and, last, once round: ``n = N + 1``."""
    now = torch.eye(2, dtype=theta.dtype, device=theta.device).expand(*theta.shape[:-1], 2, 2)
    found = [now]
    for step in transfers(theta).unbind(-3):
        now = step @ now
        found.append(now)
    return torch.stack(found, -3)


def _transfers(theta: Tensor) -> Entries:
    """The entries (..., N) of the matrices between samples."""
    N = theta.shape[-1]
    largest = float(theta.detach().abs().max()) / 4
    least = max(1, math.ceil(2 * math.pi / N * math.sqrt(largest / _LARGEST)))
    one, two = (_product(_each(lambda part: part.unflatten(-1, (N, -1)), _steps(theta, least * k))) for k in (1, 2))
    return _each(lambda pair: pair[1] + (pair[1] - pair[0]) / 63, zip(one, two, strict=True))


def _steps(theta: Tensor, each: int) -> Entries:
    """One Magnus step for each of ``each`` parts of the intervals between samples, entries (..., n)."""
    N = theta.shape[-1]
    n, h = N * each, 2 * math.pi / (N * each)
    modes = torch.fft.rfft(theta) * each
    if N % 2 == 0 and each > 1:
        modes = torch.cat([modes[..., :-1], modes[..., -1:] / 2], dim=-1)
    m = torch.arange(modes.shape[-1], dtype=torch.float64, device=theta.device)
    first, middle, last = (
        torch.fft.irfft(modes * torch.exp(1j * m * node * h).to(modes), n, dim=-1) / 4 for node in _NODES
    )
    # The exponent is up [[0, 1], [0, 0]] + down [[0, 0], [1, 0]] + across [[1, 0], [0, -1]].
    p, b, d = h * middle, math.sqrt(15) / 3 * h * (last - first), 10 / 3 * h * (last - 2 * middle + first)
    x, y = (-20 * h, -20 * p - d, h * b), (h**2 / 30 * b, b - h / 30 * p * b, -h / 30 * d)
    up = h + (x[2] * y[0] - x[0] * y[2]) / 120
    down = p + d / 12 + (x[1] * y[2] - x[2] * y[1]) / 120
    across = (x[0] * y[1] - x[1] * y[0]) / 240
    square = across**2 + up * down
    sinh = _series(square, [1 / math.factorial(2 * k + 1) for k in range(_TERMS)])
    cosh = (1 + square * sinh**2).sqrt()
    across = sinh * across
    return cosh + across, sinh * up, sinh * down, cosh - across


def _series(x: Tensor, coefficients: Sequence[float]) -> Tensor:
    """sum_k c_k x^k, by Horner's rule."""
    total = coefficients[-1] * x + coefficients[-2]
    for c in reversed(coefficients[:-2]):
        total = total * x + c
    return total


def _product(entries: Entries) -> Entries:
    """The product of matrices along the last axis of their entries, the last one leftmost, by halves."""
    while (n := entries[0].shape[-1]) > 1:
        pairs = (part[..., : n - n % 2].unflatten(-1, (-1, 2)).unbind(-1) for part in entries)
        (e, a), (f, b), (g, c), (h, d) = pairs
        found = a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h
        if n % 2:
            last = (part[..., -1:] for part in entries)
            found = _each(lambda both: torch.cat(both, -1), zip(found, last, strict=True))
        entries = found
    return _each(lambda part: part[..., 0], entries)


def _stacked(entries: Entries) -> Float[Tensor, "... 2 2"]:
    return torch.stack(entries, -1).unflatten(-1, (2, 2))


def _each(change: Callable[[Any], Tensor], entries: Iterable[Any]) -> Entries:
    a, b, c, d = (change(part) for part in entries)
    return a, b, c, d
