"""X4: chains of unequal layers, beside the best that equal segments can do, at the bytes that these take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint_sequential
from torch.utils.flop_counter import FlopCounterMode

from isotropy.experiments.optics._config import Unequal
from isotropy.optics import Chain, InfeasibleBudget, Profile, measure_peak
from isotropy.random import derive
from isotropy.runs import Run
from isotropy.study import Outcome, job

NETS = ("convolutions", "transformer")


class Block(nn.Module):
    """A transformer block before its norms."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.one, self.two = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        z = self.one(x)
        x = x + self.attention(z, z, z, need_weights=False)[0]
        return x + self.mlp(self.two(x))


class Residual(nn.Module):
    """Two convolutions and what goes around them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.inside = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1), nn.GroupNorm(2, channels), nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1), nn.GroupNorm(2, channels),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.inside(x))


def network(net: str, plan: Unequal) -> tuple[list[nn.Module], Tensor]:
    """The layers and an input that asks for its gradient, which the re-entrant checkpoint of others needs."""
    if net == "convolutions":
        c = plan.channels
        layers: list[nn.Module] = [nn.Sequential(nn.Conv2d(3, c, 3, padding=1), nn.ReLU())]
        for _ in range(3):  # channels double, resolution halves
            layers += [Residual(c), Residual(c), nn.Sequential(nn.Conv2d(c, 2 * c, 3, 2, 1), nn.ReLU())]
            c *= 2
        return layers, torch.randn(plan.images, 3, plan.size, plan.size)
    width = 16 * plan.heads
    layers = [Block(width, plan.heads) for _ in range(plan.blocks)]
    return layers, torch.randn(plan.sequences, plan.length, width)


def counted_flops(work: Callable[[], Any]) -> int:
    """Floating point operations of products and convolutions."""
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


def in_flops(chain: Chain, profile: Profile, x: Tensor) -> Profile:
    """The profile with operations in the place of seconds: the same on every machine."""
    forward: list[float] = []
    with torch.no_grad():
        for layer in chain.layers:
            seen: list[Tensor] = []
            forward.append(counted_flops(lambda f=layer, v=x, s=seen: s.append(f(v))))
            x = seen[0]
    return replace(profile, forward=forward, backward=[2 * one for one in forward])


@job
def unequal_job(run: Run, *, seed: int, net: str, plan: Unequal) -> Outcome:
    """For every number of equal segments: what it takes and what a plan takes at the same bytes, beside autograd."""
    torch.manual_seed(derive(seed, net))
    layers, x = network(net, plan)
    for p in nn.ModuleList(layers).parameters():
        p.grad = torch.zeros_like(p)
    chain = Chain(layers)
    profile = in_flops(chain, chain.profile(x, repeats=1), x)

    def run_by(budget: float | None) -> Callable[[], Any]:
        chosen = profile.plan(budget)
        return lambda: chain.run(x, chosen).square().sum().backward()

    plain_work = run_by(None)
    plain, plain_flops = measure_peak(plain_work), counted_flops(plain_work)
    told: Outcome = {"smallest": profile.plan(min_budget=True).budget / plain}
    rows: dict[str, dict[str, float]] = {}
    for segments in range(2, len(layers)):
        theirs: Callable[[], Any] = lambda k=segments: _segments(layers, k, x)  # noqa: E731
        peak = measure_peak(theirs)
        row = {"theirs": counted_flops(theirs) / plain_flops, "peak": peak / plain}
        try:
            ours = run_by(float(peak))
        except InfeasibleBudget:
            pass  # where equal segments, of which inner values are counted once, go below the smallest budget
        else:
            row |= {"ours": counted_flops(ours) / plain_flops, "our_peak": measure_peak(ours) / plain}
        rows[f"{segments}"] = row
    for share in (0.75, 0.5, 0.35):
        if share >= told["smallest"]:
            chosen = profile.plan(share * plain)
            measured = measure_peak(lambda p=chosen: chain.run(x, p).square().sum().backward())
            told[f"predicted_{round(100 * share)}"] = measured / chosen.predicted.peak_bytes
    return {**told, "rows": rows}


def _segments(layers: list[nn.Module], count: int, x: Tensor) -> None:
    out: Any = checkpoint_sequential(nn.Sequential(*layers), count, x, use_reentrant=False)
    out.square().sum().backward()
