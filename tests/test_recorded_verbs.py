"""What ``discover``, ``audit`` and ``compare`` said of small data before the house was rebuilt, they still say."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import isotropy
from isotropy.comparison._methods import Budget
from isotropy.data import load
from recorded import assert_recorded


def test_a_quick_look_at_two_data_sets() -> None:
    table = load("inertia", nu=0.3, n=120)
    assert_recorded("discover-inertia-quick", isotropy.discover(table, groups="O(3),O(2)@z,O(2)@x", quick=True))
    points = load("distances", n=150)
    assert_recorded("discover-distances-quick", isotropy.discover(points, quick=True, seed=3))


@pytest.mark.slow
def test_a_full_report_on_two_data_sets() -> None:
    assert_recorded("discover-inertia", isotropy.discover(load("inertia", nu=0.3, n=90), groups="O(3),O(2)@z"))
    assert_recorded("discover-scaling", isotropy.discover(load("scaling", n=90), seed=1))


class Gate(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        v = x.unflatten(-1, (2, 3))
        return (v * torch.sigmoid(v.norm(dim=-1, keepdim=True))).flatten(-2)


class Head(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.linalg.cross(x[:, :3], x[:, 3:]) * torch.tensor([1.0, 1.0, 1.4], dtype=x.dtype)


def test_an_audit() -> None:
    x = torch.randn(300, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    types = {"x": "2*Vector", "y": "Vector"}
    found = isotropy.audit(nn.Sequential(Gate(), Head()), x, types, groups=["SO(2)@z", "SO(3)", "D(4)@z"], seed=1)
    assert_recorded("audit-cross-product", found)


@pytest.mark.slow
def test_a_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = Budget(folds=3, steps=30, width=16, channels=6, blocks=1)
    monkeypatch.setattr(Budget, "of", lambda rows, quick=False: tiny)
    found = isotropy.compare(load("inertia", nu=0.3, n=90), groups="O(3),O(2)@z", quick=True, progress=False)
    assert_recorded("compare-inertia", found)
