"""compare --memory: the same figures within a budget, who was planned, who could not be, and who needs more."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from typer.testing import CliRunner

import isotropy
from isotropy.cli import app
from isotropy.comparison import Comparison
from isotropy.comparison._methods import Budget
from isotropy.data import load
from isotropy.errors import DomainError
from isotropy.optics import InfeasibleBudget


@pytest.fixture(autouse=True, scope="module")
def deep() -> Generator[None]:
    """Two steps of a network of eight layers, of which some can run again."""
    small = Budget(folds=2, steps=2, batch=64, width=16, depth=6, channels=6, blocks=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Budget, "of", lambda rows, quick=False: small)
        yield


class Jumps(nn.Module):
    """No chain: what goes in comes back after every layer."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(inputs, inputs) for _ in range(3))
        self.head = nn.Linear(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        z = x
        for layer in self.layers:
            z = torch.tanh(layer(z)) + x
        return self.head(z)


def asked(**more: Any) -> Comparison:
    return isotropy.compare(load("inertia", nu=0.3, n=150), groups="O(2)@z", quick=True, progress=False, **more)


def test_less_memory_and_not_a_digit_of_difference() -> None:
    free = asked(methods="augmentation,soft")
    held = asked(methods="augmentation,soft", memory="110kB")
    for one, other in zip(free.methods, held.methods, strict=True):
        assert (one.name, one.error, one.fold_errors) == (other.name, other.error, other.fold_errors)
        assert one.peak_mb is not None
        assert other.peak_mb is not None
        assert other.peak_mb < (0.9 if one.kind != "soft" else 1.01) * one.peak_mb  # penalties have memory of their own
    (note,) = set(held.notes) - set(free.notes)
    assert "planned for plain, augmentation O(2)@z" in note
    assert "forwards run again at most" in note
    assert held.settings["memory"] == "110kB"
    assert "memory" not in free.settings


def test_who_needs_more_is_not_run_and_who_cannot_be_planned_is_told() -> None:
    with pytest.raises(InfeasibleBudget, match="for the plain network") as refused:
        asked(methods="plain", memory="1kB")
    held = asked(methods="frames,layers", memory=refused.value.minimum + 1)
    assert "at least" in held["frames O(2)@z"].missing
    assert "taken outside of the blocks" in held["frames O(2)@z"].missing
    assert held["layers O(2)@z"].error is not None
    assert any("not run because they need more: frames O(2)@z" in note for note in held.notes)
    own = asked(methods="plain", backbone=Jumps, memory="1MB")
    assert any("could not be planned: plain (" in note for note in own.notes)
    with pytest.raises(InfeasibleBudget, match="no less can be planned"):
        asked(methods="plain", backbone=Jumps, memory="1kB")


def test_the_command_reads_sizes_and_refuses_others() -> None:
    arguments = ["compare", "inertia", "--set", "n=90", "--groups", "O(2)@z", "--methods", "plain", "--quick"]
    arguments += ["--engine", "serial"]
    told = CliRunner().invoke(app, [*arguments, "--memory", "1MB"])
    assert told.exit_code == 0, told.output
    with pytest.raises(DomainError, match="a size of '2 GiB"):
        asked(memory="2 GiB?")
