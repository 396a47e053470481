"""What small benchmarks measure with: processor seconds of one piece of work, and the bytes that torch took for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from torch.profiler import ProfilerActivity, profile


def seconds(work: Callable[[], object], repeats: int = 5, of: Callable[[Sequence[float]], float] = min) -> float:
    """The least processor time of several runs, or another figure ``of`` them, after one to warm up."""
    work()
    found: list[float] = []
    for _ in range(repeats):
        began = time.process_time()
        work()
        found.append(time.process_time() - began)
    return of(found)


def allocated(work: Callable[[], object]) -> int:
    """The most bytes of torch's allocations at once beyond those before, scratch space of operations included."""
    work()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        work()
    now = peak = 0
    for event in seen.profiler.kineto_results.events():  # type: ignore[union-attr]
        if event.name() == "[memory]":
            now += event.nbytes()
            peak = max(peak, now)
    return peak
