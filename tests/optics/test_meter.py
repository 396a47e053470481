"""The meter of memory: every storage once, while it lives, and none that was there before."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from isotropy.optics import Chain, measure_peak


def test_what_lives_at_once_is_counted() -> None:
    def chain() -> Tensor:
        a = torch.ones(1000)
        b = a + 1
        del a
        return b + 1

    assert measure_peak(chain) == 8000
    kept = torch.ones(500)
    assert measure_peak(chain, [kept, kept.view(5, 100)]) == 10_000


def test_what_was_there_before_is_not_new() -> None:
    p = torch.zeros(2000)
    for work in (
        lambda: p[:10],
        lambda: p.view(20, 100).mT,
        lambda: p.add_(1),
        lambda: p[5:].mul_(2),
        lambda: torch.add(p, 1, out=p),
        lambda: p.detach(),
        lambda: p.requires_grad_(False),
    ):
        assert measure_peak(work) == 0
    assert measure_peak(lambda: p[:10], [p]) == 8000
    assert measure_peak(lambda: p[:10] + 1) == 40


def test_what_grows_counts_by_what_it_grew() -> None:
    grown = torch.zeros(100)
    assert measure_peak(lambda: grown.resize_(300)) == 800
    made = torch.empty(0)
    assert measure_peak(lambda: torch.cat([torch.ones(50), torch.ones(50)], out=made)) == 800


def test_tensors_from_numbers_and_sparse_ones_count() -> None:
    assert measure_peak(lambda: torch.tensor([1.0, 2.0, 3.0])) == 12
    dense = torch.eye(100)
    # Three entries of indices (2 int64) and values (float32) for each of the 100.
    assert measure_peak(lambda: dense.to_sparse()) >= 100 * (16 + 4)


def test_gradients_count_only_where_they_had_no_place() -> None:
    weights = [nn.Parameter(torch.ones(1000)) for _ in range(4)]
    x = torch.ones(1000)

    def step() -> None:
        for weight in weights:
            (weight * x).sum().backward()

    kept, added = measure_peak(step), measure_peak(step)
    assert 16_000 <= kept < 16_100  # each gradient stays; beside it a product comes and goes before it
    assert added <= 8100  # the fresh one, and the product it came from
    assert all(torch.equal(2 * x, w.grad) for w in weights if w.grad is not None)


def allocations(work: Callable[[], object]) -> int:
    """The most bytes at once by the allocator's own events, scratch inside operations included."""
    work()
    gc.collect()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True, record_shapes=True) as seen:
        work()
    now = peak = 0
    results: Any = seen.profiler
    for event in results.kineto_results.events():
        if event.name() == "[memory]":
            now += event.nbytes()
            peak = max(peak, now)
    return peak


def test_the_backward_pass_is_seen_as_the_allocator_sees_it() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(32, 64), nn.GELU(), nn.LayerNorm(64), nn.Linear(64, 32), nn.Tanh())
    x = torch.randn(256, 32, requires_grad=True)

    def step() -> None:
        net.zero_grad()
        x.grad = None
        net(x).square().sum().backward()

    counted, judged = measure_peak(step), allocations(step)
    # Scratch space inside kernels is all that the meter may miss, and here there is little.
    assert 0.93 * judged <= counted <= judged
    with torch.no_grad():
        forward = measure_peak(lambda: net(x))
    assert counted > 2 * forward


def test_two_runs_give_the_same_bytes() -> None:
    net = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 16))
    x = torch.randn(64, 16)

    def step() -> None:
        net(x).sum().backward()

    step()
    assert measure_peak(step) == measure_peak(step)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_on_cuda_the_allocator_speaks() -> None:
    # Blocks of the caching allocator are multiples of 512 bytes.
    assert measure_peak(lambda: torch.ones(1024, device="cuda") + 1, device="cuda") == 8192


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device: the allocator's figure and its random state")
def test_on_a_gpu_the_allocator_keeps_to_the_budget_and_chance_is_the_devices() -> None:
    torch.manual_seed(0)
    block = [nn.Sequential(nn.Linear(256, 1024), nn.GELU(), nn.Dropout(0.5), nn.Linear(1024, 256)) for _ in range(8)]
    net, x = nn.Sequential(*block).cuda(), torch.randn(4096, 256, device="cuda")
    for p in net.parameters():
        p.grad = torch.zeros_like(p)
    chain = Chain(net)
    plan = chain.profile(x, repeats=1).plan(min_budget=True)
    assert plan.predicted.recomputed > 0
    left: list[list[torch.Tensor]] = []
    for run in (net, lambda v: chain.run(v, plan)):
        net.zero_grad(set_to_none=False)
        torch.cuda.manual_seed(1)
        run(x).square().sum().backward()
        left.append([*(p.grad.clone() for p in net.parameters() if p.grad is not None), torch.rand(3, device="cuda")])
    assert all(torch.allclose(a, b, rtol=1e-5) for a, b in zip(*left, strict=True))
    assert torch.equal(left[0][-1], left[1][-1])
    peak = measure_peak(lambda: chain.run(x, plan).square().sum().backward(), device="cuda")
    # The allocator rounds each storage up to 512 bytes, and cuBLAS takes a workspace of its own at first.
    assert peak <= 1.05 * plan.budget
