"""The weights of a model as one vector, and what it makes of rows before its last layer."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def flat(model: nn.Module) -> Tensor:
    """All parameters as one vector."""
    return torch.cat([p.flatten() for p in model.parameters()])


def load(model: nn.Module, w: Tensor) -> None:
    """Gives a model the parameters of a vector."""
    # Copied: parameters that share memory with the vector would change what the server sent while a site trains.
    with torch.no_grad():
        for p, part in zip(model.parameters(), w.split([p.numel() for p in model.parameters()]), strict=True):
            p.copy_(part.view_as(p))


def hidden(model: nn.Module, x: Tensor) -> Tensor:
    """The representation before the last layer of a sequence."""
    assert isinstance(model, nn.Sequential), "algorithms that need it ask for one"
    for layer in list(model)[:-1]:
        x = layer(x)
    return x
