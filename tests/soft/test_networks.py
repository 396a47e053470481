"""Soft networks: exact where they claim it, and training that finds which symmetries the data allow."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from isotropy.errors import DomainError
from isotropy.groups import parse
from isotropy.random import spawn
from isotropy.reps import Point, Rep, Scalar, Vector
from isotropy.reps import Tensor as T
from isotropy.soft import (
    Constraint,
    Fixed,
    GateLeakPenalty,
    LiePenalty,
    ProjectionPenalty,
    Ratio,
    SamplePenalty,
    SoftEMLP,
    SoftLinear,
    SoftMLP,
    StepInfo,
)

GROUPS = ("O(3)", "O(2)@z", "O(2)@x", "O(2)@y")
INERTIA_IN, INERTIA_OUT = 5 * Scalar("mass") + 5 * Vector("position"), T(2)("inertia")


def inertia(n: int, nu: float, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Specification 5.1 with a = 2: the column of z multiplied by 1 + nu, which keeps O(2)@z and breaks the rest."""
    x = torch.randn(n, 20, generator=spawn(seed, "inertia"))
    x[:, :5] = nn.functional.softplus(x[:, :5])
    m, r = x[:, :5], x[:, 5:].reshape(n, 5, 3)
    J = torch.einsum("nk,nk->n", m, r.square().sum(-1))[:, None, None] * torch.eye(3)
    J = J - torch.einsum("nk,nka,nkb->nab", m, r, r)
    J[:, :, 2] *= 1 + nu
    y = J.flatten(1)
    return x, y / y.std()


def defect(f: nn.Module, name: str, rep_in: Rep, rep_out: Rep, within: float | None = None) -> float:
    group = parse(name)
    dtype = next(f.parameters()).dtype
    x = torch.randn(16, rep_in.dim(group), generator=spawn(1, "x"), dtype=torch.float64).to(dtype)
    g = group.sample((16,), generator=spawn(1, "g"), dtype=dtype, within=within)
    with torch.no_grad():
        y = f(x)
        return float((f(rep_in.act(group, g, x)) - rep_out.act(group, g, y)).norm() / y.norm())


def train(
    model: nn.Module, data: tuple[Tensor, Tensor], constraints: list[Constraint], epochs: int, lr: float = 3e-3
) -> float:
    """A bare loop, as the training room drives constraints: minibatches of a quarter of the rows."""
    x, y = data
    generator, optimizer, step, loss = (
        spawn(0, "train"),
        torch.optim.Adam(model.parameters(), lr=lr),
        0,
        torch.zeros(()),
    )
    for epoch in range(epochs):
        total = 0.0
        for rows in torch.randperm(len(x), generator=generator).chunk(4):
            optimizer.zero_grad()
            batch = (x[rows], y[rows])
            loss = (model(batch[0]) - batch[1]).square().mean()
            total += float(loss.detach()) / 4
            torch.stack([loss, *[c.term(model, batch, generator) for c in constraints]]).sum().backward()
            optimizer.step()
            for constraint in constraints:
                constraint.decoupled_step(model, lr)
                constraint.after_step(StepInfo(epoch, step, float(loss.detach()), len(x), model))
            step += 1
        for constraint in constraints:
            constraint.after_epoch(StepInfo(epoch, step, total, len(x), model))
    return total


def test_soft_emlp_is_exact_once_its_weights_are() -> None:
    net = SoftEMLP(INERTIA_IN, INERTIA_OUT, GROUPS, ch=30, depth=2, leak=None, generator=spawn(0, "net")).double()
    assert defect(net, "O(3)", INERTIA_IN, INERTIA_OUT) > 1e-2
    with torch.no_grad():
        for layer in net.modules():
            if isinstance(layer, SoftLinear):
                layer.weight.copy_(layer.project(0))
                assert layer.bias is not None
                layer.bias.zero_()
    assert defect(net, "O(3)", INERTIA_IN, INERTIA_OUT) < 1e-12
    assert ProjectionPenalty(net)(net).max() < 1e-25


def test_the_leak_of_the_gates_is_small_and_penalised() -> None:
    net = SoftEMLP(INERTIA_IN, INERTIA_OUT, GROUPS, ch=30, depth=2, generator=spawn(0, "net"))
    assert GateLeakPenalty()(net).item() == pytest.approx(2 * 30 * 1e-6)
    with pytest.raises(DomainError, match="leak"):
        GateLeakPenalty()(SoftMLP(Scalar, Scalar, GROUPS, ch=4, generator=spawn(0, "net")))


def test_points_out_follow_points_in() -> None:
    net = SoftMLP(4 * Point, 2 * Point, ["SE(2)", "T(2)"], ch=12, depth=1, generator=spawn(0, "net")).double()
    assert defect(net, "T(2)", 4 * Point, 2 * Point, within=1.0) > 1e-3
    with torch.no_grad():
        net.layers[0].weight.copy_(net.layers[0].project(1))  # type: ignore[operator]
    assert defect(net, "T(2)", 4 * Point, 2 * Point, within=1.0) < 1e-12


def test_the_widths_of_the_paper() -> None:
    net = SoftEMLP(INERTIA_IN, INERTIA_OUT, GROUPS, ch=128, rule="paper", generator=spawn(0, "net"))
    assert [block.linear.weight.shape for block in net.blocks] == [(216 + 26, 20), (216 + 26, 216), (216 + 26, 216)]


def test_a_penalty_draws_the_network_to_the_symmetries_that_the_data_allow() -> None:
    data = inertia(400, nu=-1.0)
    free, soft = (SoftMLP(INERTIA_IN, INERTIA_OUT, GROUPS, ch=32, depth=2, generator=spawn(0, "net")) for _ in range(2))
    before = ProjectionPenalty(free)(free).detach()
    train(free, data, [], epochs=80)
    loss = train(soft, data, [Constraint(ProjectionPenalty(soft), multiplier=Fixed((0.0, 3.0, 3.0, 3.0)))], epochs=80)
    after, unaided = ProjectionPenalty(soft)(soft).detach(), ProjectionPenalty(free)(free).detach()
    assert loss < 0.5
    assert bool((after[1:] < 0.5 * torch.minimum(before, unaided)[1:]).all())
    z, x, y = after[1:].tolist()
    assert z < 0.8 * min(x, y)


@pytest.mark.slow
def test_the_paper_schedule_keeps_the_strength_of_the_symmetry_that_holds() -> None:
    data = inertia(400, nu=-1.0)
    net = SoftMLP(INERTIA_IN, INERTIA_OUT, GROUPS, ch=32, depth=2, generator=spawn(0, "net"))
    rule = Ratio(at=40, power=2, start=(0.0, 3.0, 3.0, 3.0), window=20, skip=5)
    constraint = Constraint(ProjectionPenalty(net), multiplier=rule)
    train(net, data, [constraint], epochs=60)
    zero, z, x, y = constraint.multiplier.tolist()
    assert constraint.settled
    assert (zero, z) == (0.0, 3.0)
    assert max(x, y) < 2.5
    assert len(constraint.history) == 60


def test_sampled_and_infinitesimal_penalties_agree_with_closed_forms() -> None:
    model = nn.Linear(3, 3, bias=False).double()
    with torch.no_grad():
        model.weight.copy_(torch.diag(torch.tensor([1.0, 1.0, 2.0])))
    x = torch.randn(20000, 3, generator=spawn(0, "x"), dtype=torch.float64)
    # W = I + e e^T: [L_z, W] = 0, and [L_x, W] has two entries of size 1, a third of a unit per output.
    values = LiePenalty(Vector, Vector, ["SO(2)@z", "SO(3)"])(model, x, None)
    assert values[0].item() == pytest.approx(0.0, abs=1e-20)
    assert values[1].item() == pytest.approx((0 + 2 / 3 + 2 / 3) / 3, rel=0.03)
    values.sum().backward()
    assert model.weight.grad is not None
    assert model.weight.grad.abs().max() > 0.1
    # E |(g^-1 W g - W) x|^2 = E 2 (1 - (e.ge)^2) = 2 (1 - 1/3), over three outputs.
    sampled = SamplePenalty(Vector, Vector, ["SO(2)@z", "SO(3)"])(model, (x, x), spawn(0, "g"))
    assert sampled[0].item() == pytest.approx(0.0, abs=1e-20)
    assert sampled[1].item() == pytest.approx(4 / 9, rel=0.03)
    with pytest.raises(DomainError, match="SamplePenalty"):
        LiePenalty(Vector, Vector, ["C(4)@z"])


def test_draws_without_a_generator_are_those_of_torchs_global_one() -> None:
    model, penalty = nn.Linear(3, 3), SamplePenalty(Vector, Vector, ["SO(3)"])
    x = torch.ones(4, 3)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        values = penalty(model, x), Constraint(penalty, multiplier=Fixed(1.0)).term(model, x)
        torch.manual_seed(7)
        again = penalty(model, x, torch.default_generator), penalty(model, x, torch.default_generator).sum()
    assert all(torch.equal(one, other) for one, other in zip(values, again, strict=True))
    assert torch.equal(penalty(model, x, torch.Generator().manual_seed(7)), again[0])


def test_a_functional_penalty_trains() -> None:
    x, y = inertia(200, nu=0.0)
    free, soft = (SoftMLP(INERTIA_IN, INERTIA_OUT, ["O(3)"], ch=24, depth=1, generator=spawn(0, "n")) for _ in range(2))
    penalty = SamplePenalty(INERTIA_IN, INERTIA_OUT, ["O(3)"])
    train(free, (x, y), [], epochs=40)
    train(soft, (x, y), [Constraint(penalty, multiplier=Fixed(3.0))], epochs=40)
    assert defect(soft, "O(3)", INERTIA_IN, INERTIA_OUT) < 0.8 * defect(free, "O(3)", INERTIA_IN, INERTIA_OUT)
