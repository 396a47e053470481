"""Periodic functions by their samples ``f (..., N)`` at ``2 pi j / N``: derivatives, and values between the samples.

For even N the highest mode cos(N phi / 2) is ambiguous; odd derivatives leave it out, values between samples take the
cosine.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor


def circle(N: int, like: Tensor | None = None) -> Float[Tensor, " N"]:
    """The angles ``2 pi j / N``, in the dtype and on the device of ``like`` (else float64).

    >>> circle(4) / math.pi
    tensor([0.0000, 0.5000, 1.0000, 1.5000], dtype=torch.float64)
    """
    phi = 2 * math.pi * torch.arange(N, dtype=torch.float64) / N
    return phi if like is None else phi.to(like)


def slope(f: Float[Tensor, "... N"], times: int = 1) -> Float[Tensor, "... N"]:
    """The derivative of a periodic function, ``times`` over.

    >>> phi = circle(16)
    >>> bool(torch.dist(slope((2 * phi).sin(), 3), -8 * (2 * phi).cos()) < 1e-12)
    True
    """
    N = f.shape[-1]
    if not f.numel():
        return f
    m = torch.arange(N // 2 + 1, dtype=torch.float64)
    factor = (1j * m) ** times
    if N % 2 == 0 and times % 2:
        factor[-1] = 0
    modes = torch.fft.rfft(f)
    return torch.fft.irfft(modes * factor.to(modes), N)


_WHOLE = 2**22
"""Entries of a table of exp(i m x) that is made at once; beyond it Horner's rule saves the memory."""


def values(f: Float[Tensor, "... N"], x: Float[Tensor, "... M"], times: int = 0) -> Float[Tensor, "... M"]:
    """The trigonometric interpolant of f, or its derivative, at points x.

    >>> f = circle(8).cos()
    >>> at, slope_at = values(f, torch.tensor([math.pi / 3], dtype=torch.float64)), values(f, circle(3), 1)[0]
    >>> round(at.item(), 12), abs(slope_at.item()) < 1e-12
    (0.5, True)
    """
    N = f.shape[-1]
    m = torch.arange(N // 2 + 1, dtype=torch.float64)
    factor = (1j * m) ** times
    weight = torch.full_like(m, 2.0 / N)
    weight[0] = 1.0 / N
    if N % 2 == 0:
        weight[-1] = 0.0 if times % 2 else 1.0 / N
    modes = torch.fft.rfft(f)
    modes = modes * (factor * weight).to(modes)
    if x.numel() * len(m) <= _WHOLE:
        angle = x[..., None] * m.to(x)
        waves = torch.complex(angle.cos(), angle.sin())
        return (waves @ modes[..., None])[..., 0].real
    z = torch.complex(x.cos(), x.sin())
    total = modes[..., -1:] * torch.ones_like(z)
    for k in range(N // 2 - 1, -1, -1):
        total = total * z + modes[..., k : k + 1]
    return total.real


def refined(f: Float[Tensor, "... N"], factor: int) -> Float[Tensor, "... M"]:
    """The samples of the same function on a grid ``factor`` times as fine."""
    N = f.shape[-1]
    if not f.numel():
        return f.new_zeros(*f.shape[:-1], N * factor)
    modes = torch.fft.rfft(f)
    if N % 2 == 0:
        modes = torch.cat([modes[..., :-1], modes[..., -1:] / 2], dim=-1)
    return torch.fft.irfft(modes, N * factor) * factor
