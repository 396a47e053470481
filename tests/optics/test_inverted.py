"""Layers with an inverse: optimal among schedules that may use it, memory flat in depth, a drift that was told."""

from __future__ import annotations

import copy
import math
import random
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from isotropy.errors import DomainError
from isotropy.optics import Chain, Coupling, Profile, measure_peak

FREELY = {"store", "recompute", "invert"}


def least_seconds(p: Profile, first: int, last: int, room: int, every: int) -> float:
    """The recursion by hand: store, recompute, or rebuild, without transients."""
    if room < 0:
        return math.inf
    own = p.forward[first] + p.backward[first]
    best = math.inf
    if p.residual[first] <= room:
        rest = 0.0 if first == last else least_seconds(p, first + 1, last, room - int(p.residual[first]), every)
        best = own + rest
    for cut in range(first + 1, last + 1):
        run = sum(p.forward[first:cut])
        right = run + least_seconds(p, cut, last, room - int(p.output[cut - 1]), every)
        best = min(best, right + least_seconds(p, first, cut - 1, room, every))
        inverse = p.inverse or ()
        if cut - first < 2 or cut - first > every or any(one is None for one in inverse[first + 1 : cut]):
            continue
        need = p.residual[first]
        for i in range(first + 1, cut):
            need = max(need, p.output[i] + p.output[i - 1], p.output[i - 1] + p.residual[i])
        if need <= room:
            again = sum(p.forward[i] + p.backward[i] for i in range(first, cut))
            best = min(best, right + again + sum(one or 0 for one in inverse[first + 1 : cut]))
    return best


def test_the_programme_is_the_optimum_with_inverses() -> None:
    chance = random.Random(0)
    used = 0
    for _ in range(60):
        n = chance.randint(2, 6)
        output = [chance.randint(1, 2) for _ in range(n)]
        residual = [w + chance.randint(0, 4) for w in output]
        inverse = [chance.choice((None, 1, 2)) for _ in range(n)]
        p = Profile([chance.randint(1, 6) for _ in range(n)], [1] * n, output, residual, inverse=inverse)
        least = p.plan(min_budget=True, allow=FREELY, every=4).budget
        assert least <= p.plan(min_budget=True).budget
        for budget in (int(least), int(least) + 2, int(least) + 4):
            plan = p.plan(budget=budget, allow=FREELY, every=4)
            assert plan.predicted.seconds == least_seconds(p, 0, n - 1, budget, 4)
            assert plan.predicted.peak_bytes <= budget
            used += not plan.exact
        assert least_seconds(p, 0, n - 1, int(least) - 1, 4) == math.inf
    assert used > 10


def couplings(depth: int, width: int = 8) -> list[nn.Module]:
    half = width // 2

    def net() -> nn.Module:
        return nn.Sequential(nn.Linear(half, 4 * half), nn.Tanh(), nn.Linear(4 * half, half))

    return [Coupling(net(), net()) for _ in range(depth)]


def gradients(chain: list[nn.Module], y: Tensor) -> list[Tensor]:
    y.square().sum().backward()
    return [p.grad for p in nn.ModuleList(chain).parameters() if p.grad is not None]


def profiled(chain: Chain, x: Tensor) -> Profile:
    """Sizes and drift are measured; seconds are set, because a busy clock would choose other layers.

    An inverse that is faster than the forward pass is used wherever there is one.
    """
    found = chain.profile(x, repeats=1)
    n = len(found.forward)
    assert found.inverse is not None
    # What has no inverse, or one that is none, has no finite seconds for it.
    inverse = [0.5 if seconds < float("inf") else seconds for seconds in found.inverse]
    return replace(found, forward=[1.0] * n, backward=[2.0] * n, inverse=inverse)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_memory_is_flat_in_depth_and_the_drift_is_told(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    peaks: list[float] = []
    budget = 0.0
    for depth in (8, 64):
        blocks: list[nn.Module] = couplings(depth)
        plain = copy.deepcopy(blocks)
        nn.ModuleList(blocks).to(dtype), nn.ModuleList(plain).to(dtype)
        x = torch.randn(512, 8, dtype=dtype)
        for p in nn.ModuleList(blocks).parameters():
            p.grad = torch.zeros_like(p)  # they have a place: what is left are activations
        chain = Chain(blocks)
        profile = profiled(chain, x)
        # An input, the output that it is rebuilt from, and a layer at work: the same for any depth.
        budget = budget or profile.plan(min_budget=True).budget + 2 * x.nbytes
        plan = profile.plan(budget, allow=FREELY, every=64, slots=100)
        assert not plan.exact
        assert plan.predicted.recomputed <= 1.5 * depth
        peaks.append(measure_peak(lambda c=chain, x=x, p=plan: c.run(x, p).square().sum().backward()))
        assert peaks[-1] <= 1.02 * plan.budget
    assert peaks[1] <= 1.05 * peaks[0]
    assert profile.drift is not None
    unit = torch.finfo(dtype).eps
    assert 0 < max(profile.drift) < 10 * unit  # 1e-7 a layer in float32
    expected = gradients(plain, nn.Sequential(*plain)(x))
    for p in nn.ModuleList(blocks).parameters():
        p.grad = None
    got = gradients(blocks, chain.run(x, plan))
    error = max(float((a - b).abs().max() / b.abs().max()) for a, b in zip(got, expected, strict=True))
    assert 0 < error <= plan.drift < 64 * 10 * unit
    assert "rebuilt by inverses" in plan.explain()


def test_inverses_are_used_when_allowed_and_only_where_they_are_one() -> None:
    torch.manual_seed(0)

    class Wrong(Coupling):
        def inverse(self, y: Tensor) -> Tensor:
            return y + 1

    x = torch.randn(64, 8)
    right = couplings(6)
    wrong: list[nn.Module] = [Wrong(c.f, c.g) for c in right if isinstance(c, Coupling)]
    assert Chain(right).profile(x, repeats=1).plan(min_budget=True).exact
    assert not profiled(Chain(right), x).plan(min_budget=True, allow=FREELY).exact
    assert Chain(wrong).profile(x, repeats=1).plan(min_budget=True, allow=FREELY).exact
    with pytest.raises(DomainError, match="solver='dp'"):
        Chain(right).profile(x, repeats=1).plan(solver="revolve", allow=FREELY)
