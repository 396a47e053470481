"""What asks a module in eval mode leaves each of its parts in its own, frozen ones too."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import isotropy
from isotropy.frames import InvariantCoordinates
from isotropy.linalg import Segments
from isotropy.modes import evaluating
from isotropy.nn import ConfigurationBatches, GauntForceField, force_field_errors
from isotropy.random import spawn
from isotropy.train import Batches, fit

X = torch.randn(40, 6, generator=spawn(0, "x"))


class Frozen(nn.Module):
    """One number for each row; its batch norm is frozen, and its dropout draws even when all else is evaluated."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.first, self.norm, self.drop = nn.Linear(6, 4), nn.BatchNorm1d(4).eval(), nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        return self.drop(self.norm(self.first(x))).sum(1)


def audited(net: nn.Module) -> None:
    isotropy.audit(net, X, {"x": "2*Vector", "y": "Scalar"}, groups="SO(3)", progress=False)


def trained(net: nn.Module) -> None:
    y = X.sum(1)
    fit(
        net,
        lambda model, batch: (model(batch[0]) - batch[1]).square(),
        Batches(X, y, batch_size=10, seed=0),
        optimizer=lambda p: torch.optim.SGD(p, lr=1e-2),
        max_epochs=2,
        validation=Batches(X, y, batch_size=40, shuffle=False),
        progress=False,
    )


def evaluated(net: nn.Module) -> None:
    def fails() -> None:
        with evaluating(net):
            assert not any(part.training for part in net.modules())
            raise RuntimeError("on the way")

    with pytest.raises(RuntimeError, match="on the way"):
        fails()


@pytest.mark.parametrize("ask", [audited, trained, evaluated])
@pytest.mark.parametrize("training", [True, False])
def test_each_part_keeps_its_own_mode(ask: Callable[[nn.Module], None], training: bool) -> None:
    net = Frozen()
    net.training = net.first.training = training
    before = {name: part.training for name, part in net.named_modules()}
    ask(net)
    assert {name: part.training for name, part in net.named_modules()} == before


def test_a_frozen_batch_norm_learns_nothing_of_a_training() -> None:
    frozen = Frozen()
    trained(frozen)
    assert not frozen.norm.state_dict()["running_mean"].any()
    assert int(frozen.norm.state_dict()["num_batches_tracked"]) == 0
    # A model that was evaluated last, as a whole, is trained as a whole.
    whole = Frozen().eval()
    trained(whole)
    assert int(whole.norm.state_dict()["num_batches_tracked"]) == 8


def test_force_fields_and_transformers_keep_theirs() -> None:
    field = GauntForceField({1: -13.6}, channels=2)
    part = next(iter(field.children())).eval()
    one = Segments(torch.tensor([0]), 1)
    energies = torch.tensor([-13.5], dtype=torch.float64)
    force_field_errors(field, ConfigurationBatches(torch.tensor([1]), torch.zeros(1, 3), one, energies,
                                                   isolated={1: -13.6}, r_max=3.0))  # fmt: skip
    assert field.training
    assert not part.training
    coordinates = InvariantCoordinates()
    coordinates.train()
    coordinates.transform([np.random.default_rng(0).normal(size=(5, 3))])
    assert coordinates.training
