"""Hill's equation psi'' = (Theta / 4) psi on the circle: transfer matrices by Magnus' series, in batches."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

_NODES = (0.5 - math.sqrt(3) / 6, 0.5 + math.sqrt(3) / 6)  # of Gauss and Legendre
_TERMS = 10  # of cosh and sinh below: 0.25^10 / 20! is far below rounding
_LARGEST = 0.25  # of h^2 Theta / 4 in one step


def transfers(theta: Float[Tensor, "... N"]) -> Float[Tensor, "... N 2 2"]:
    """The matrices that take (psi, psi') from each sample to the next, differentiable any number of times.

    Magnus' series of fourth order (Blanes, Casas, Oteo, Ros, 0810.5488, eq. 254) with one, two and four steps between
    samples; its error has even powers of the step from the fourth on, of which two are extrapolated away.
    """
    N = theta.shape[-1]
    largest = float(theta.detach().abs().max()) / 4
    least = max(1, math.ceil(2 * math.pi / N * math.sqrt(largest / _LARGEST)))
    one, two, four = (_product(_steps(theta, least * k).unflatten(-3, (N, -1))) for k in (1, 2, 4))
    first, second = two + (two - one) / 15, four + (four - two) / 15
    return second + (second - first) / 63


def monodromy(theta: Float[Tensor, "... N"]) -> Float[Tensor, "... 2 2"]:
    """The transfer matrix once round the circle, of determinant 1.

    >>> M = monodromy(torch.full((16,), -0.25, dtype=torch.float64))
    >>> round(float(M.diagonal().sum()), 12)  # 2 cos(pi / 2)
    0.0
    """
    return _product(transfers(theta))


def solutions(theta: Float[Tensor, "... N"]) -> Float[Tensor, "... n 2 2"]:
    """The transfer matrices from the first sample to every sample and, last, once round: ``n = N + 1``."""
    now = torch.eye(2, dtype=theta.dtype, device=theta.device).expand(*theta.shape[:-1], 2, 2)
    found = [now]
    for step in transfers(theta).unbind(-3):
        now = step @ now
        found.append(now)
    return torch.stack(found, -3)


def _steps(theta: Tensor, each: int) -> Float[Tensor, "... n 2 2"]:
    """One Magnus step for each of ``each`` parts of the intervals between samples."""
    N = theta.shape[-1]
    n, h = N * each, 2 * math.pi / (N * each)
    modes = torch.fft.rfft(theta) * each
    if N % 2 == 0 and each > 1:
        modes = torch.cat([modes[..., :-1], modes[..., -1:] / 2], dim=-1)
    m = torch.arange(modes.shape[-1], dtype=torch.float64, device=theta.device)
    first, last = (torch.fft.irfft(modes * torch.exp(1j * m * node * h).to(modes), n, dim=-1) / 4 for node in _NODES)
    a, b = math.sqrt(3) / 12 * h**2 * (first - last), h * (first + last) / 2
    square = a**2 + h * b
    cosh, sinh = torch.ones_like(square), torch.ones_like(square)
    power = torch.ones_like(square)
    for k in range(1, _TERMS):
        power = power * square
        cosh = cosh + power / math.factorial(2 * k)
        sinh = sinh + power / math.factorial(2 * k + 1)
    rows = [cosh + sinh * a, sinh * h, sinh * b, cosh - sinh * a]
    return torch.stack(rows, -1).unflatten(-1, (2, 2))


def _product(matrices: Float[Tensor, "... n 2 2"]) -> Float[Tensor, "... 2 2"]:
    """The product of matrices, the last one leftmost, by halves."""
    while matrices.shape[-3] > 1:
        n = matrices.shape[-3]
        pairs = matrices[..., 1 : n - n % 2 : 2, :, :] @ matrices[..., 0 : n - n % 2 : 2, :, :]
        matrices = torch.cat([pairs, matrices[..., n - n % 2 :, :, :]], -3)
    return matrices[..., 0, :, :]
