"""Specification 03 §5.9: with chunk=1 a frame average takes the memory of one run of its backbone."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from isotropy.frames import FrameAveraged, InvariantCoordinates, PCAFrame, _spectrum
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


def test_the_mean_distance_of_a_cloud_keeps_no_distances(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.randn(1, 400, 3, generator=spawn(0, "cloud"), dtype=torch.float64)

    def slope() -> Tensor:
        start = x.clone().requires_grad_()
        scale = size_of(start)
        return torch.autograd.grad(scale.sum(), start)[0]

    def size_of(start: Tensor) -> Tensor:
        return InvariantCoordinates(scale="mean_dist")(start)[1].scale

    whole, all_at_once = slope(), measure_peak(slope)
    monkeypatch.setattr(_spectrum, "_CHUNK", 400 * 20)
    pieces, some_at_a_time = slope(), measure_peak(slope)
    assert torch.allclose(whole, pieces, rtol=1e-12, atol=1e-15)
    assert some_at_a_time < 0.3 * all_at_once  # a 20th of the distances, and the cloud
