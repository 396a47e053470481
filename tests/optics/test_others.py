"""Others, as oracles and as a warning: schedules of checkpoint_schedules, and torch's own budget, which errs."""

from __future__ import annotations

import copy
import itertools

import pytest
import torch
from checkpoint_schedules import Revolve
from torch import Tensor, nn

from isotropy.optics import Chain, Profile
from isotropy.optics._classic import extra_forwards


@pytest.mark.parametrize(("layers", "values"), [(8, 1), (16, 2), (32, 2), (64, 3), (64, 8)])
def test_forwards_are_those_of_revolve(layers: int, values: int) -> None:
    schedule = Revolve(layers, values + 1)  # it counts the input
    forwards = 0
    for action in itertools.islice(schedule, 10_000):
        if type(action).__name__ == "Forward":
            forwards += min(action.n1, layers) - action.n0
        if type(action).__name__ in ("EndReverse", "EndForward") and schedule.is_exhausted:
            break
        if type(action).__name__ == "EndForward":
            schedule.finalize(layers)
    ones = [1] * layers
    plan = Profile(ones, ones, ones, ones).plan(budget=values + 2, allow={"recompute"})
    assert forwards == layers + extra_forwards(layers, values) == layers + plan.predicted.recomputed


# torch.compile looks for .grad of what it is given, and warns about that itself.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
def test_torchs_budget_gives_wrong_gradients_with_dropout_and_ours_does_not() -> None:
    """A drop of half the units: the scale of all is a parameter, so that its gradient is the loss over it."""
    functorch = pytest.importorskip("torch._functorch.config")
    torch.manual_seed(0)

    def block() -> nn.Module:
        return nn.Sequential(nn.Linear(16, 16), nn.Tanh(), nn.Dropout(0.5))

    net, x = nn.Sequential(*[block() for _ in range(3)]), torch.randn(32, 16)

    def loss(model: nn.Module, scale: Tensor) -> Tensor:
        torch.manual_seed(7)
        return (scale * model(scale * x)).square().sum()

    def slope(model: nn.Module) -> float:
        scale = torch.ones((), requires_grad=True)
        loss(model, scale).backward()
        assert scale.grad is not None
        return float(scale.grad)

    expected = slope(net)
    chain = Chain(net)
    plan = chain.profile(x, repeats=1).plan(solver="none")

    class Ours(nn.Module):
        def forward(self, v: Tensor) -> Tensor:
            return chain.run(v, plan)

    assert slope(Ours()) == expected
    # What torch.compile does to dropout changes the draw: its own gradient is held against its own differences.
    with functorch.patch(activation_memory_budget=0.0):
        compiled = torch.compile(copy.deepcopy(net), backend="aot_eager_decomp_partition")
        theirs = slope(compiled)
        step = 1e-2
        ends = [float(loss(compiled, torch.tensor(1.0 + s, requires_grad=True)).detach()) for s in (step, -step)]
    measured = (ends[0] - ends[1]) / (2 * step)
    if abs(theirs - measured) < 0.02 * abs(measured):
        pytest.skip("torch's activation_memory_budget is right about dropout on this version")
    assert abs(theirs - measured) > 0.1 * abs(measured)
    assert abs(expected - _difference(net, loss, step)) < 0.02 * abs(expected)


def _difference(net: nn.Module, loss: object, step: float) -> float:
    values = [float(loss(net, torch.tensor(1.0 + s)).detach()) for s in (step, -step)]  # type: ignore[operator]
    return (values[0] - values[1]) / (2 * step)
