"""Laws of inputs, and the few operations on vectors that laws are written in."""

from __future__ import annotations

import torch
from torch import Tensor

from isotropy.data.zoo._law import Inputs


def normal(width: int, *, spread: float | tuple[float, ...] = 1.0, mean: float | tuple[float, ...] = 0.0) -> Inputs:
    """Independent normal numbers."""

    def draw(n: int, generator: torch.Generator) -> Tensor:
        z = torch.randn(n, width, generator=generator, dtype=torch.float64)
        return z * torch.tensor(spread, dtype=z.dtype) + torch.tensor(mean, dtype=z.dtype)

    return draw


def uniform(width: int, low: float, high: float) -> Inputs:
    """Independent numbers between two bounds."""

    def draw(n: int, generator: torch.Generator) -> Tensor:
        return low + (high - low) * torch.rand(n, width, generator=generator, dtype=torch.float64)

    return draw


def sizes(width: int) -> Inputs:
    """Independent positive numbers, normal about 0 on a log scale, with deviation 1/2."""

    def draw(n: int, generator: torch.Generator) -> Tensor:
        return torch.exp(0.5 * torch.randn(n, width, generator=generator, dtype=torch.float64))

    return draw


def shell(low: float, high: float, d: int = 3) -> Inputs:
    """A vector of any direction, its length uniform between two bounds."""

    def draw(n: int, generator: torch.Generator) -> Tensor:
        z = torch.randn(n, d, generator=generator, dtype=torch.float64)
        r = low + (high - low) * torch.rand(n, 1, generator=generator, dtype=torch.float64)
        return r * z / length(z)

    return draw


def beside(*laws: Inputs) -> Inputs:
    """Columns of several laws, independent of each other."""

    def draw(n: int, generator: torch.Generator) -> Tensor:
        return torch.cat([one(n, generator) for one in laws], 1)

    return draw


def length(v: Tensor) -> Tensor:
    """|v| (..., 1)."""
    return v.norm(dim=-1, keepdim=True)


def dot(a: Tensor, b: Tensor) -> Tensor:
    """a.b (..., 1)."""
    return (a * b).sum(-1, keepdim=True)


def cross(a: Tensor, b: Tensor) -> Tensor:
    """a x b (..., 3)."""
    return torch.linalg.cross(a, b, dim=-1)


def constant(like: Tensor, *numbers: float) -> Tensor:
    """A fixed vector, in the dtype and place of another."""
    return torch.tensor(numbers, dtype=like.dtype, device=like.device)
