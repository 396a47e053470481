"""The plain network for pictures of every study: two strided convolutions, or more until few cells are left."""

from __future__ import annotations

import torch
from torch import nn

from isotropy.random import derive

_CELLS = 8  # a side of the last map of features is at most as long


def picture_network(
    channels: int, sides: tuple[int, int], classes: int, seed: int, *, widths: tuple[int, int] = (16, 32)
) -> nn.Sequential:
    """Logits ``(B, classes)`` of pictures ``(B, channels, *sides)``, with starts of weights that belong to ``seed``.

    Convolutions 3 x 3 with 16, 32, 32, ... channels, each but the first of small pictures by steps of two, and a hidden
    layer of 64 (specification 09 §4.2).

    >>> picture_network(1, (28, 28), 10, 0)(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 10])
    """
    layers: list[nn.Module] = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "picture network"))
        width, (height, breadth) = channels, sides
        for number in range(12):
            if number >= 2 and max(height, breadth) <= _CELLS:
                break
            stride = 2 if number or max(height, breadth) > _CELLS else 1
            layers += [nn.Conv2d(width, widths[min(number, 1)], 3, stride, 1), nn.ReLU()]
            width, height, breadth = widths[min(number, 1)], -(-height // stride), -(-breadth // stride)
        layers += [nn.Flatten(), nn.Linear(width * height * breadth, 64), nn.ReLU(), nn.Linear(64, classes)]
    return nn.Sequential(*layers)
