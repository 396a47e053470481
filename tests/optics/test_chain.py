"""Running by a plan: gradients, buffers and chance of plain autograd to the last bit, and peaks that were predicted."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from isotropy.errors import DomainError, NonDeterministicError
from isotropy.optics import Chain, Coupling, InfeasibleBudget, Plan, measure_peak
from isotropy.optics._meter import Meter


class Residual(nn.Module):
    """A block of a transformer, with dropout in and around attention."""

    def __init__(self, width: int, drop: float) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(width, 2, dropout=drop, batch_first=True)
        self.one, self.two = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Dropout(drop), nn.Linear(2 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        z = self.one(x)
        x = x + self.attention(z, z, z, need_weights=False)[0]
        return x + self.mlp(self.two(x))


class Noise(nn.Module):
    """Draws by itself."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rand_like(x) + torch.randn(x.shape[-1], dtype=x.dtype)


class OwnNoise(nn.Module):
    """Draws from a generator of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.generator = torch.Generator().manual_seed(5)

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rand(x.shape, generator=self.generator, dtype=x.dtype)


class Two(nn.Module):
    """Takes and gives a tree."""

    def forward(self, x: Any) -> Any:
        if isinstance(x, Tensor):
            return {"a": x.sin(), "more": (x * 2, "a word")}
        return x["a"] * x["more"][0]


def flat() -> list[nn.Module]:
    return [
        nn.Sequential(nn.Linear(6, 8), nn.GELU(), nn.Dropout(0.5)),
        nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8), nn.ReLU()),
        nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8, momentum=None), nn.AlphaDropout(0.3)),
        Noise(),
        OwnNoise(),
        Two(),
        Two(),
        nn.Sequential(nn.Linear(8, 8), nn.GroupNorm(2, 8), nn.Tanh()),
        nn.Sequential(
            nn.utils.parametrizations.spectral_norm(nn.Linear(8, 8)), nn.FeatureAlphaDropout(0.2), nn.Softplus()
        ),
        nn.Sequential(nn.Linear(8, 3), nn.Sigmoid()),
    ]


def tied() -> list[nn.Module]:
    shared = nn.Sequential(nn.Linear(6, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Dropout(0.1))
    return [shared, nn.Sequential(nn.Linear(6, 6), nn.Tanh()), shared, nn.Sequential(nn.Linear(6, 6), nn.ELU()), shared]


def images() -> list[nn.Module]:
    return [
        nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True)),
        nn.Sequential(nn.Dropout2d(0.3), nn.Conv2d(4, 4, 3, padding=1), nn.ReLU()),
        nn.Sequential(nn.Conv2d(4, 8, 3, stride=2, padding=1), nn.GroupNorm(2, 8), nn.SiLU()),
        nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32, 4)),
    ]


CASES: dict[str, tuple[Callable[[], list[nn.Module]], tuple[int, ...]]] = {
    "flat": (flat, (16, 6)),
    "tied": (tied, (12, 6)),
    "images": (images, (3, 2, 8, 8)),
    "transformer": (lambda: [Residual(8, 0.2) for _ in range(5)], (2, 6, 8)),
}


def trained(layers: list[nn.Module], x: Tensor, run: Callable[[Any], Any], half: bool = False) -> list[Tensor]:
    """Everything that a step leaves behind, bit by bit: twice, so that gradients are added to some that exist."""
    torch.manual_seed(3)
    left: list[Tensor] = []
    for _ in range(2):
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            y = run(x)
        y.float().square().mean().backward()
        left += [y.detach(), torch.rand(3)]
    net = nn.ModuleList(layers)
    left += [p.grad for p in net.parameters() if p.grad is not None] + [b.clone() for b in net.buffers()]
    return left + ([] if x.grad is None else [x.grad])


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("kind", ["float64", "float32", "bfloat16"])
def test_every_bit_is_that_of_plain_autograd(name: str, kind: str) -> None:
    make, shape = CASES[name]
    double = kind == "float64"
    layers = make()
    if double:
        nn.ModuleList(layers).double()
    for asks in (False, True) if kind == "float32" else (False,):
        x = torch.randn(shape, dtype=torch.float64 if double else torch.float32)
        plain, ours = copy.deepcopy(layers), copy.deepcopy(layers)
        chain = Chain(ours)
        before = [*(b.clone() for b in nn.ModuleList(ours).buffers()), torch.get_rng_state()]
        with torch.autocast("cpu", torch.bfloat16, enabled=kind == "bfloat16"):
            profile = chain.profile(x.clone().requires_grad_(asks), repeats=1)
        after = [*nn.ModuleList(ours).buffers(), torch.get_rng_state()]
        assert all(map(torch.equal, before, after))
        assert all(p.grad is None for p in nn.ModuleList(ours).parameters())
        expected = trained(plain, x.clone().requires_grad_(asks), nn.Sequential(*plain), kind == "bfloat16")
        smallest = profile.plan(min_budget=True)
        middle = profile.plan(budget=0.5 * (smallest.budget + profile.plan().predicted.peak_bytes))
        assert smallest.predicted.recomputed > 0
        for plan in (smallest, middle, profile.plan()):
            again = copy.deepcopy(ours)
            forwards = count_forwards(again)
            got = trained(
                again, x.clone().requires_grad_(asks), lambda v, a=again, p=plan: Chain(a).run(v, p), kind == "bfloat16"
            )
            assert len(got) == len(expected)
            assert all(map(torch.equal, got, expected)), plan.explain()
            assert sum(forwards) == 2 * (len(layers) + plan.predicted.recomputed)


def count_forwards(layers: list[nn.Module]) -> list[int]:
    seen: list[int] = []
    for layer in set(layers):
        layer.register_forward_pre_hook(lambda *_: seen.append(1))
    return seen


def blocks(chance: random.Random) -> tuple[list[nn.Module], Tensor]:
    """A chain of unequal layers that keep their input, as most blocks do."""
    width, layers = chance.choice((32, 64)), list[nn.Module]()
    x = torch.randn(chance.choice((64, 128)), width)
    for _ in range(chance.randint(4, 8)):
        after = chance.choice((16, 32, 64, 96))
        inner = chance.choice((16, 64, 128))
        kind = chance.choice((nn.GELU, nn.Tanh, nn.Softplus))
        layers.append(nn.Sequential(nn.Linear(width, inner), kind(), nn.Linear(inner, after), nn.Dropout(0.1)))
        width = after
    return layers, x


def peak_of(chain: Chain, x: Tensor, plan: Plan) -> int:
    return measure_peak(lambda: chain.run(x, plan).sum().backward())


def test_peaks_are_predicted_and_budgets_kept() -> None:
    chance = random.Random(0)
    near = 0
    for number in range(50):
        layers, x = blocks(chance)
        chain = Chain(layers)
        profile = chain.profile(x, repeats=1)
        smallest = profile.plan(min_budget=True)
        everything = profile.plan().predicted.peak_bytes
        plan = smallest if number % 2 else profile.plan(budget=0.5 * (smallest.budget + everything))
        peak = peak_of(chain, x, plan)
        assert peak <= 1.02 * plan.budget
        assert peak >= 0.8 * plan.predicted.peak_bytes
        # Gradients of weights are known beforehand; what is predicted is the rest.
        gradients = sum(profile.gradient or [0])
        near += abs(peak - plan.predicted.peak_bytes) <= 0.05 * (plan.predicted.peak_bytes - gradients)
        with pytest.raises(InfeasibleBudget, match="in the way"):
            profile.plan(budget=0.95 * smallest.budget)
    assert near >= 45


def test_nothing_of_a_run_is_left_behind() -> None:
    layers, x = blocks(random.Random(1))
    chain = Chain(layers)
    plan = chain.profile(x, repeats=1).plan(min_budget=True)
    with Meter() as meter:
        chain.run(x, plan).sum().backward()
        gradients = meter.live
        for _ in range(2):
            chain.run(x, plan).sum().backward()
        assert meter.live == gradients == sum(p.nbytes for p in nn.ModuleList(layers).parameters())
        assert chain.run(x, plan) is not None  # a run without its backward goes too
        assert meter.live == gradients


def test_without_gradients_nothing_is_stored() -> None:
    layers, x = blocks(random.Random(2))
    chain = Chain(layers)
    plan = chain.profile(x, repeats=1).plan(min_budget=True)
    with torch.no_grad():
        assert measure_peak(lambda: chain.run(x, plan)) < 0.7 * plan.budget
        assert not chain.run(x, plan).requires_grad


class Wild(nn.Module):
    """Another chance at each call, from outside of torch."""

    def __init__(self) -> None:
        super().__init__()
        self.chance = random.Random(0)

    def forward(self, x: Tensor) -> Tensor:
        return x.sin() * (1 + self.chance.random())


def test_another_run_that_differs_is_named_in_debug() -> None:
    x = torch.randn(4, 3, requires_grad=True)
    chain = Chain([Wild(), Wild(), nn.Tanh()])
    plan = chain.profile(x, repeats=1).plan(solver="none")
    with pytest.raises(NonDeterministicError, match=r"layer \d \(Wild\), whose output differs by up to"):
        chain.run(x, plan, debug=True).sum().backward()
    safe = [Wild(), Wild(), nn.Tanh()]
    for layer in safe[:2]:
        layer.recompute_safe = False  # type: ignore[assignment]
    chain = Chain(safe)
    plan = chain.profile(x, repeats=1).plan(min_budget=True)
    chain.run(x, plan, debug=True).sum().backward()
    assert plan.predicted.recomputed == 0


def test_changes_in_place_are_caught_and_named() -> None:
    layers: list[nn.Module] = [nn.Sequential(nn.Linear(3, 3), nn.Tanh()) for _ in range(4)]
    chain, x = Chain(layers), torch.randn(5, 3)
    plan = chain.profile(x, repeats=1).plan(solver="none")
    loss = chain.run(x, plan).sum()
    with torch.no_grad():
        next(layers[1].parameters()).add_(1)
    with pytest.raises(DomainError, match=r"0\.weight of layer 1 \(Sequential\), changed in place"):
        loss.backward()
    loss = chain.run(x, plan).sum()
    x.add_(1)
    with pytest.raises(DomainError, match="goes into layer 0"):
        loss.backward()
    chain = Chain([nn.Tanh(), nn.ReLU(inplace=True), nn.Linear(3, 3)])
    with pytest.raises(DomainError, match=r"layer 1 \(ReLU\), which changes its input in place"):
        chain.run(torch.randn(5, 3), Chain(layers[:3]).profile(x, repeats=1).plan(solver="none"))


def test_a_gradient_of_a_gradient_is_refused_where_it_would_break_the_budget() -> None:
    layers: list[nn.Module] = [nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 1)]
    chain, x = Chain(layers), torch.randn(5, 3, requires_grad=True)
    profile = chain.profile(x, repeats=1)
    with pytest.raises(DomainError, match="forces inside a loss"):
        torch.autograd.grad(chain.run(x, profile.plan(solver="none")).sum(), x, create_graph=True)
    (force,) = torch.autograd.grad(chain.run(x, profile.plan()).sum(), x, create_graph=True)
    (plain,) = torch.autograd.grad(nn.Sequential(*layers)(x).sum(), x, create_graph=True)
    one, two = (torch.autograd.grad(f.square().sum(), layers[0].weight)[0] for f in (force, plain))
    assert torch.equal(one, two)


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cells = nn.LSTM(4, 4, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.cells(x)[0]


def test_a_profile_touches_no_gradient_whoever_holds_the_parameters() -> None:
    shared = nn.Linear(4, 4)
    net, x = nn.Sequential(Recurrent(), shared, nn.Sequential(shared, nn.Tanh()), Recurrent()), torch.randn(2, 3, 4)
    before = [id(p) for p in net.parameters()]
    plan = Chain(net).profile(x, repeats=1).plan(min_budget=True)
    assert [id(p) for p in net.parameters()] == before
    assert all(p.grad is None for p in net.parameters())
    Chain(net).run(x, plan).sum().backward()
    got = [p.grad for p in net.parameters() if p.grad is not None]
    net.zero_grad()
    net(x).sum().backward()
    assert all(map(torch.equal, got, [p.grad for p in net.parameters() if p.grad is not None]))


def test_a_thousand_layers_recurse_nowhere() -> None:
    chain, x = Chain([torch.sin] * 1000), torch.randn(3, requires_grad=True)
    plan = chain.profile(x, repeats=1).plan(solver="sqrt")
    chain.run(x, plan).sum().backward()
    got, x.grad = x.grad, None
    chain.run(x).sum().backward()
    assert got is not None
    assert torch.equal(got, x.grad if x.grad is not None else x)
    assert bool(got.any())


def test_plans_for_something_else_are_refused() -> None:
    chain, x = Chain([nn.Linear(3, 3), nn.Tanh()]), torch.randn(5, 3)
    profile = chain.profile(x, repeats=1)
    with pytest.raises(DomainError, match="a plan for 2 layers"):
        Chain([nn.Tanh()]).run(x, profile.plan())
    with pytest.raises(DomainError, match=r"\(4, 3\) float32 cpu"):
        chain.run(torch.randn(4, 3), profile.plan())
    with pytest.raises(DomainError, match="exact"):
        chain.run(x, profile.plan(min_budget=True, solver="exact"))
    with pytest.raises(DomainError, match="gives int"):
        Chain([lambda _: 3]).profile(x)
    with pytest.raises((DomainError, TypeError)):
        Chain([3])  # type: ignore[list-item]


def test_no_layer_is_the_identity_and_one_layer_is_autograd() -> None:
    x = torch.randn(3, requires_grad=True)
    assert Chain([]).run(x, Chain([]).profile(x).plan()) is x
    layer = nn.Linear(3, 2)
    Chain([layer]).run(x, Chain([layer]).profile(x, repeats=1).plan(min_budget=True)).sum().backward()
    assert layer.weight.grad is not None
    assert torch.equal(layer.weight.grad, x.detach().expand(2, 3))


def test_bytes_during_each_step_are_those_that_were_predicted() -> None:
    torch.manual_seed(0)

    def half() -> nn.Module:
        return nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 4))

    made: list[list[nn.Module]] = [[Residual(8, 0.2) for _ in range(3)], [Coupling(half(), half()) for _ in range(4)]]
    for layers in made:
        for placed in (False, True):  # without and with a place for gradients, which are then nobody's fresh memory
            for p in nn.ModuleList(layers).parameters():
                p.grad = torch.zeros_like(p) if placed else None
            chain, x = Chain(layers), torch.randn(2, 64, 8)
            profile = chain.profile(x, repeats=1)
            little = profile.plan(min_budget=True).budget + 2 * x.nbytes
            allow = {"store", "recompute"} | ({"invert"} if isinstance(layers[0], Coupling) else set())
            for plan in (profile.plan(min_budget=True), profile.plan(little, allow=allow), profile.plan()):
                seen = chain.watch(x, plan)
                works = [step.action in ("forward", "tape", "backward", "invert") for step in plan.steps]
                apart = [abs(a - b) for a, b, work in zip(seen, plan.predicted.live, works, strict=True) if work]
                # Random state is a few bytes, and no layer's.
                assert max(seen) == pytest.approx(plan.predicted.peak_bytes, rel=0.01)
                # Type checks of tests hold arguments of calls: a value that runs may live a step longer.
                assert max(apart) < 1.1 * x.nbytes
            assert all((p.grad is not None) == placed for p in nn.ModuleList(layers).parameters())
