"""X6: chains of coupling blocks, whose inputs are rebuilt from their outputs."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from isotropy.optics import Chain, Coupling, measure_peak
from isotropy.random import derive
from isotropy.runs import Run
from isotropy.study import Outcome, job

_WIDTH, _ROWS = 16, 512


@job
def reversible_job(run: Run, *, seed: int, depth: int, precision: str) -> Outcome:
    """Activations at the peak, drift of a layer, error of the gradients and what the plan said of it."""
    torch.manual_seed(derive(seed, "reversible", depth))
    dtype = getattr(torch, precision)
    blocks = [_block().to(dtype) for _ in range(depth)]
    x = torch.randn(_ROWS, _WIDTH, dtype=dtype)
    plain = nn.Sequential(*copy.deepcopy(blocks))
    for p in (*nn.ModuleList(blocks).parameters(), *plain.parameters()):
        p.grad = torch.zeros_like(p)
    chain = Chain(blocks)
    profile = chain.profile(x, repeats=1)
    budget = profile.plan(min_budget=True).budget + 2 * x.nbytes
    plan = profile.plan(budget, allow={"store", "recompute", "invert"}, every=depth, slots=200)
    ours = measure_peak(lambda: chain.run(x, plan).square().sum().backward())
    theirs = measure_peak(lambda: plain(x).square().sum().backward())
    pairs = zip(nn.ModuleList(blocks).parameters(), plain.parameters(), strict=True)
    return {
        "peak": ours / x.nbytes,
        "plain_peak": theirs / x.nbytes,
        "drift": max(profile.drift or (0.0,)),
        "error": max(_apart(p.grad, q.grad) for p, q in pairs),
        "told": plan.drift,
    }


def _block() -> nn.Module:
    half = _WIDTH // 2

    def net() -> nn.Module:
        return nn.Sequential(nn.Linear(half, 4 * half), nn.Tanh(), nn.Linear(4 * half, half))

    return Coupling(net(), net())


def _apart(one: Tensor | None, two: Tensor | None) -> float:
    assert one is not None, "a gradient has a place"
    assert two is not None, "a gradient has a place"
    return float((one - two).abs().max() / two.abs().max())
