"""How far networks of random weights are from invariance on moved pictures, beside the time that they take."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from _image_peers import e2cnn_rotations
from _measuring import seconds
from torch import Tensor, nn

from isotropy.groups import SL, SO, Group, Haar, Window
from isotropy.groups.parts import matrix
from isotropy.nn import GroupResNet
from isotropy.reps import Bumps

SIDE, ROWS, CHANNELS = 24, 12, 8


@dataclass(frozen=True)
class Row:
    """``error``: |h(f) - h(g f)| over |h(f) - h(f')|, the median of ``networks``; ``milliseconds`` for all pictures."""

    group: str
    method: str
    networks: int
    error: float
    milliseconds: float


class Plain(nn.Module):
    """As many convolutions of 5 x 5 as a network of one stage has, without a group."""

    def __init__(self) -> None:
        super().__init__()
        inner = [layer for _ in range(3) for layer in (nn.Conv2d(CHANNELS, CHANNELS, 5, padding=2), nn.ReLU())]
        self.layers = nn.Sequential(nn.Conv2d(1, CHANNELS, 5), nn.ReLU(), *inner)

    def features(self, x: Tensor) -> Tensor:
        return self.layers(x).flatten(2).amax(2)


def scenes(group: Group) -> tuple[Tensor, Tensor]:
    """Pictures of smooth bumps, and the same bumps moved by one element each, made anew and not warped."""
    draw = torch.Generator().manual_seed(0)
    root = 0.1 * torch.randn(ROWS, 4, 2, 2, generator=draw)
    round_ = root @ root.mT + 0.01 * torch.eye(2)
    heights, middles = 0.3 + torch.rand(ROWS, 4, generator=draw), 0.2 * torch.randn(ROWS, 4, 2, generator=draw)
    bumps = Bumps(2)
    f = bumps.of(heights, middles, round_)
    measure = Haar(group) if group.compact else Window(group, 0.2, compact="haar")
    g = matrix(measure.draw(ROWS, torch.Generator().manual_seed(1))).float()
    return bumps.render(f, (SIDE, SIDE)), bumps.render(bumps.act(group, g, f), (SIDE, SIDE))


@dataclass(frozen=True)
class Method:
    """How networks are made, and of how many the median is taken: slow ones are asked once."""

    made: Callable[[], Any]
    networks: int = 3


def rows() -> Iterator[Row]:
    """Every method on turns, and on elements of SL(2); draws are the same for all pictures, as in evaluation."""
    for group in (SO(2), SL(2)):
        x, y = scenes(group)
        for name, method in methods(str(group)).items():
            errors: list[float] = []
            took = math.nan
            for seed in range(method.networks):
                torch.manual_seed(seed)
                net = method.made().eval()
                with torch.no_grad():
                    a, b = net.features(x), net.features(y)
                    if seed == 0:
                        took = seconds(lambda net=net, x=x: net.features(x), 1)
                apart = torch.cdist(a, a).sum() / (ROWS * (ROWS - 1))
                errors.append(float((a - b).norm(dim=1).mean() / apart))
            yield Row(str(group), name, method.networks, median(errors), 1e3 * took)


def methods(group: str) -> dict[str, Method]:
    """What is compared, by name."""

    def ours(samples: int, networks: int = 3, **settings: Any) -> Method:
        def made() -> GroupResNet:
            return GroupResNet(group, (CHANNELS,), samples, separable=True, resample="never", **settings)

        return Method(made, networks)

    made = {
        "plain": Method(Plain),
        "Sobol, 4 samples": ours(4),
        "Sobol, 16 samples": ours(16),
        "Sobol, 16, kernels summed at the middles of cells (as published)": ours(16, points=1, radius=1.0),
        "independent draws, 16 samples": ours(16, rule="mc"),
        "no weights (as published), 16 samples": ours(16, rule="mc", weights="none"),
        "independent draws, 100 samples (affConv's number)": ours(100, 1, rule="mc"),
    }
    if group == "SO(2)" and e2cnn_rotations(CHANNELS) is not None:
        made["e2cnn, 8 turns"] = Method(lambda: e2cnn_rotations(CHANNELS))
    return made
