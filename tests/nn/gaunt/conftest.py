"""Random features, and the relative distance in which all checks of products on the sphere are stated."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from isotropy.random import spawn

Draw = Callable[..., torch.Tensor]


@pytest.fixture
def draw() -> Draw:
    """Standard normal tensors, another one at each call, the same in each run."""
    generator = spawn(0, "gaunt")

    def one(*shape: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)

    return one


@pytest.fixture
def apart() -> Callable[[torch.Tensor, torch.Tensor], float]:
    """The largest difference over the largest entry."""

    def distance(found: torch.Tensor, wanted: torch.Tensor) -> float:
        assert found.shape == wanted.shape
        return float((found - wanted).detach().abs().max() / wanted.detach().abs().max())

    return distance
