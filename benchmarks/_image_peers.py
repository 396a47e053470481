"""Other people's packages on pictures, where they are installed: kornia's operations, e2cnn's networks of rotations."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn


def kornia_per_picture() -> Callable[[Tensor], object] | None:
    """One random operation for each picture as kornia does it: a policy draws one for a whole call."""
    if find_spec("kornia") is None:
        return None
    from kornia.augmentation.auto import TrivialAugment

    policy = TrivialAugment()
    return lambda x: torch.cat([policy(one[None]) for one in x])


def e2cnn_rotations(channels: int, angles: int = 8) -> nn.Module | None:
    """As many convolutions of 5 x 5 over ``angles`` turns as a network of one stage has, the maximum over both."""
    if find_spec("e2cnn") is None:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from e2cnn import gspaces  # pyright: ignore[reportMissingImports]
        from e2cnn import nn as layers  # pyright: ignore[reportMissingImports]

        space = gspaces.Rot2dOnR2(N=angles)
        given = layers.FieldType(space, [space.trivial_repr])
        turned = layers.FieldType(space, channels * [space.regular_repr])
        made: list[Any] = [layers.R2Conv(given, turned, 5), layers.ReLU(turned)]
        for _ in range(3):
            made += [layers.R2Conv(turned, turned, 5, padding=2), layers.ReLU(turned)]
        whole = nn.ModuleList(made)

    class Features(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = whole

        def features(self, x: Tensor) -> Tensor:
            z = layers.GeometricTensor(x, given)
            for layer in self.layers:
                z = layer(z)
            return z.tensor.unflatten(1, (channels, angles)).flatten(2).amax(2)

    return Features()
