"""A transformer that trains in half the memory: how much slower it is, and whether a bit differs."""

from __future__ import annotations

import copy
import time
from pathlib import Path

import torch
from torch import Tensor, nn

from isotropy.experiments.optics._config import Transformer
from isotropy.experiments.optics._unequal import Block
from isotropy.optics import fit_in_memory, measure_peak
from isotropy.optics.parts import chain_in, planner_of
from isotropy.random import derive
from isotropy.runs import Run
from isotropy.study import Outcome, job


@job
def transformer_job(run: Run, *, seed: int, plan: Transformer) -> Outcome:
    """Peaks and the best seconds of interleaved steps, within a share of plain autograd's memory and without."""
    torch.manual_seed(derive(seed, "transformer"))
    plain = nn.Sequential(*[Block(plan.width, max(1, plan.width // 32)) for _ in range(plan.blocks)])
    x = torch.randn(plan.batch, plan.length, plan.width)

    def step(model: nn.Module) -> None:
        model.zero_grad()
        model(x).square().mean().backward()

    peak = measure_peak(lambda: step(plain))
    plain.zero_grad()
    small = fit_in_memory(copy.deepcopy(plain), x, plan.share * peak)
    ours = measure_peak(lambda: step(small))
    _picture(small, x, run.path / f"plan-seed-{seed}")
    seconds: dict[str, list[float]] = {"plain": [], "ours": []}
    for _ in range(plan.repeats):
        for name, model in (("plain", plain), ("ours", small)):
            began = time.process_time()
            step(model)
            seconds[name].append(time.process_time() - began)
    return {
        "peak": ours / peak,
        "slower": min(seconds["ours"]) / min(seconds["plain"]),
        "other_bits": sum(not torch.equal(a, b) for a, b in zip(*map(_trained, (plain, small), (x, x)), strict=True)),
    }


def _picture(model: nn.Module, x: Tensor, path: Path) -> None:
    """A page with the plan, bytes that were measured during each step over the predicted ones."""
    chain, value, _ = chain_in(model, x)
    planner = planner_of(model)
    assert planner is not None, "what fit_in_memory returns has one"
    assert planner.plan is not None, "it ran"
    planner.plan.report(path, chain.watch(value, planner.plan))


def _trained(model: nn.Module, x: Tensor) -> list[Tensor]:
    """Parameters after three steps of an optimiser."""
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    for _ in range(3):
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()
    return [p.detach() for p in model.parameters()]
