"""Specification 03 §5.9: with chunk=1 a frame average takes the memory of one run of its backbone."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from isotropy.frames import FrameAveraged, PCAFrame
from isotropy.optics import measure_peak
from isotropy.random import spawn
from isotropy.reps import Cloud, Point, Vector


class PointNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.each = nn.Sequential(nn.Linear(3, 64), nn.ReLU(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 256))
        self.whole = nn.Linear(256, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.whole(self.each(x).amax(1))


def peak(model: nn.Module, *, backward: bool) -> int:
    x = torch.randn(8, 256, 3, generator=spawn(0, "clouds"))

    def work() -> None:
        if backward:
            model(x).square().sum().backward()
        else:
            with torch.no_grad():
                model(x)

    return measure_peak(work, [*model.parameters(), x])


@pytest.mark.parametrize("backward", [False, True], ids=["inference", "training"])
def test_one_frame_at_a_time_takes_the_memory_of_the_backbone(backward: bool) -> None:
    alone = peak(PointNet(), backward=backward)
    chunked = FrameAveraged(PointNet(), PCAFrame("E(3)"), Cloud(Point), Vector, chunk=1)
    whole = FrameAveraged(PointNet(), PCAFrame("E(3)"), Cloud(Point), Vector)
    assert peak(chunked, backward=backward) <= 1.3 * alone
    assert peak(whole, backward=backward) > 5 * alone  # what the chunks save
