"""What may change between the forward and the backward pass, and what a plan must not lose of a model."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from isotropy.errors import DomainError
from isotropy.optics import Chain, Coupling, average, fit_in_memory
from isotropy.train import Batches, fit


class Skips(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = x + layer(x)
        return x


class Scaled(nn.Sequential):
    def forward(self, input: Tensor) -> Tensor:
        return input + 2 * super().forward(input)


def normed(count: int = 6) -> nn.Sequential:
    torch.manual_seed(0)
    blocks = [nn.Sequential(nn.BatchNorm1d(16), nn.Linear(16, 16, bias=False), nn.Tanh()) for _ in range(count)]
    return nn.Sequential(*blocks)


def smallest(blocks: nn.Sequential, x: Tensor, allow: set[str]) -> tuple[Chain, object]:
    chain = Chain(list(blocks))
    profile = chain.profile(x, repeats=1)
    return chain, profile.plan(profile.plan(min_budget=True).budget, allow=allow)


def test_a_loop_with_skips_is_not_taken_for_a_chain() -> None:
    with pytest.raises(DomainError, match="a loop over the blocks"):
        fit_in_memory(Skips(), None)
    x = torch.randn(8, 4)
    with pytest.raises(DomainError, match="a loop over the blocks"):
        fit(
            Skips(), lambda net, batch: net(batch[0]).square().mean(-1), Batches(x, x, 4),
            optimizer=torch.optim.SGD(Skips().parameters(), 0.1), max_steps=1, memory="1GB",
        )  # fmt: skip


def test_a_sequence_with_a_forward_or_a_parameter_of_its_own_is_refused() -> None:
    with pytest.raises(DomainError, match="a forward of its own"):
        fit_in_memory(Scaled(nn.Linear(4, 4), nn.Tanh()), torch.randn(2, 4))
    more = nn.Sequential(nn.Linear(4, 4), nn.Tanh())
    more.register_parameter("scale", nn.Parameter(torch.ones(1)))
    with pytest.raises(DomainError, match="parameters of its own"):
        fit_in_memory(more, torch.randn(2, 4))


def test_eval_before_the_backward_pass_is_as_without_a_plan() -> None:
    plain, x = normed(), torch.randn(32, 16)
    chain, plan = smallest(copy.deepcopy(plain), x, {"store", "recompute"})
    losses = [plain(x).square().sum(), chain.run(x, plan).square().sum()]  # type: ignore[arg-type]
    for net in (plain, *chain.layers):
        net.eval()  # type: ignore[union-attr]
    for loss in losses:
        loss.backward()
    parts = [p for layer in chain.layers for p in layer.parameters()]  # type: ignore[union-attr]
    assert all(torch.equal(p.grad, q.grad) for p, q in zip(plain.parameters(), parts, strict=True))  # type: ignore[arg-type]


def test_parameters_that_ask_again_after_the_forward_pass_change_nothing() -> None:
    torch.manual_seed(0)
    plain = nn.Sequential(*[nn.Linear(16, 16) for _ in range(6)])
    found = []
    for run in ("plain", "chain"):
        x = torch.randn(16, 16, generator=torch.Generator().manual_seed(0)).requires_grad_()
        chain, plan = smallest(plain, x, {"store", "recompute"})
        plain.requires_grad_(False)
        y = plain(x) if run == "plain" else chain.run(x, plan)  # type: ignore[arg-type]
        plain.requires_grad_(True)
        y.square().sum().backward()
        found.append(x.grad)
    assert torch.equal(found[0], found[1])  # type: ignore[arg-type]


def test_statistics_that_stayed_where_they_were_at_first_move_once_later() -> None:
    plain = normed()
    small = fit_in_memory(copy.deepcopy(plain), torch.zeros(64, 16), budget="1GB")
    chain, plan = smallest(copy.deepcopy(plain), torch.zeros(64, 16), {"store", "recompute"})
    x = torch.randn(64, 16) + 1
    plain(x).square().sum().backward()
    chain.run(x, plan).square().sum().backward()  # type: ignore[arg-type]
    small(x).square().sum().backward()
    for net in (small.state_dict(), nn.Sequential(*chain.layers).state_dict()):  # type: ignore[arg-type]
        assert all(torch.equal(net[key], value) for key, value in plain.state_dict().items())


def test_inverses_run_in_the_precision_of_the_forward_pass() -> None:
    torch.manual_seed(0)

    def net() -> nn.Module:
        return nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 8))

    blocks = nn.Sequential(*[Coupling(net(), net()) for _ in range(8)])
    plain, x = copy.deepcopy(blocks), torch.randn(64, 16)
    with torch.autocast("cpu", torch.bfloat16):
        chain, plan = smallest(blocks, x, {"store", "recompute", "invert"})
        losses = [plain(x).square().sum(), chain.run(x, plan).square().sum()]  # type: ignore[arg-type]
    for loss in losses:
        loss.backward()
    for p, q in zip(plain.parameters(), blocks.parameters(), strict=True):
        assert p.grad is not None
        assert q.grad is not None
        assert float((p.grad - q.grad).norm() / p.grad.norm()) < 1e-5


def test_an_average_that_draws_is_never_run_again() -> None:
    drawn = average("SO(3)", "Vector", "Vector", mode="stochastic", generator=torch.Generator().manual_seed(0))
    chain = Chain([nn.Linear(3, 3), drawn.close(nn.Linear(3, 3)), nn.Linear(3, 3)])
    assert chain.profile(torch.randn(5, 3), repeats=1).recompute_safe == (True, False, True)


def test_planning_draws_nothing_from_the_loss() -> None:
    def trained(memory: str | None) -> float:
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 1))
        g, x = torch.Generator().manual_seed(0), torch.linspace(-1, 1, 32).reshape(8, 4)

        def loss(net: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
            return (net(batch[0] + torch.randn(batch[0].shape, generator=g)) - batch[1]).square().mean(-1)

        optimiser = torch.optim.SGD(net.parameters(), 0.1)
        fit(net, loss, Batches(x, x[:, :1], 4), optimizer=optimiser, max_steps=4, memory=memory, progress=False)
        return float(sum(p.detach().sum() for p in net.parameters()))

    assert trained("1GB") == trained(None)


def test_a_gradient_within_a_layer_is_refused_under_a_plan_and_runs_without() -> None:
    class Force(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            with torch.enable_grad():
                z = x if x.requires_grad else x.detach().requires_grad_()
                return x + torch.autograd.grad(z.tanh().sum(), z, create_graph=True)[0]

    chain = Chain([nn.Linear(3, 3), Force(), nn.Linear(3, 3)])
    x = torch.randn(4, 3, requires_grad=True)
    assert chain.run(x).shape == (4, 3)
