"""fit(memory=): the steps of a training without a budget, bit for bit, within the budget."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from isotropy.errors import DomainError
from isotropy.optics import InfeasibleBudget, fit_in_memory, measure_peak
from isotropy.runs import Run
from isotropy.train import Batches, fit


def squared(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return (model(batch[0]) - batch[1]).square().mean(-1)


def block(width: int) -> nn.Module:
    return nn.Sequential(
        nn.Linear(width, 32), nn.BatchNorm1d(32), nn.Tanh(), nn.Dropout(0.3), nn.Linear(32, width), nn.Tanh()
    )


def trained(model: nn.Module, **settings: Any) -> list[Tensor]:
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(512, 8, generator=draw)
    fit(
        model, squared, Batches(x, x.flip(-1), batch_size=256), optimizer=torch.optim.Adam(model.parameters(), 1e-2),
        max_steps=3, progress=False, **settings,
    )  # fmt: skip
    return list(model.state_dict().values())


def test_the_same_training_within_a_budget(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(*[block(8) for _ in range(6)])
    x = torch.randn(256, 8)
    plain = copy.deepcopy(model)
    budget = 0.5 * measure_peak(lambda: squared(copy.deepcopy(model), (x, x)).mean().backward())
    expected = trained(plain)
    assert all(map(torch.equal, expected, trained(model, memory=budget, run=Run(tmp_path / "run"))))
    record = Run(tmp_path / "run", resume=True).read("memory.json")
    assert 0.5 * budget < record["measured_peak"] <= 1.02 * budget
    assert record["recomputed"] > 0
    assert "within" in record["plan"][0]
    page = (tmp_path / "run" / "memory.html").read_text()
    assert "What is kept, and until when" in page
    assert "measured peak" in page
    with pytest.raises(InfeasibleBudget, match="in the way"):
        trained(model, memory=0.2 * budget)


def test_models_that_were_planned_before_and_models_without_blocks() -> None:
    torch.manual_seed(0)
    plain = nn.Sequential(*[block(8) for _ in range(4)])
    small = fit_in_memory(copy.deepcopy(plain), None)
    assert all(map(torch.equal, trained(plain), trained(small, memory="1MB")))
    with pytest.raises(DomainError, match=r"nn\.Sequential"):
        trained(nn.Linear(8, 8), memory="1MB")
