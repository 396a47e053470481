"""How ``tensor_products.py`` measures: interleaved medians after a warm-up, and peak memory in a fresh process."""

from __future__ import annotations

import json
import math
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from _sphere_products import Built, Case, contenders
from torch import Tensor

from isotropy.random import spawn

# Freed tensors go back to the system at once, so that the resident peak is the peak of what is alive.
ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536", "MALLOC_ARENA_MAX": "1"}
Call = Callable[[], object]


@dataclass(frozen=True)
class Clock:
    """Seconds of calls: of the processor on one thread (what else runs weighs less), of the wall, or of events."""

    device: str
    threads: int

    @property
    def name(self) -> str:
        if self.device != "cpu":
            return "CUDA events"
        return "processor time" if self.threads == 1 else "wall time"

    def sample(self, call: Call, count: int) -> float:
        """Seconds of one call, as the mean of ``count`` in a row."""
        if self.device != "cpu":
            torch.cuda.synchronize()
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            for _ in range(count):
                call()
            end.record()
            end.synchronize()
            return begin.elapsed_time(end) / 1e3 / count
        now = time.process_time if self.threads == 1 else time.perf_counter
        start = now()
        for _ in range(count):
            call()
        return (now() - start) / count


def inputs(case: Case, device: str) -> tuple[Tensor, Tensor]:
    generator = spawn(0, "tensor products", case.L)
    x, y = (torch.randn(case.rows, case.sizes[0], generator=generator) for _ in range(2))
    return x.to(device), y.to(device)


def call(built: Built, x: Tensor, y: Tensor, backward: bool) -> Call:
    """The product of these inputs, in its layout, without or with the gradients of both."""
    one, two = (built.arrange(z).detach() for z in (x, y))
    if not backward:

        def forward() -> Tensor:
            with torch.no_grad():
                return built.run(one, two)

        return forward
    one.requires_grad_()
    two.requires_grad_()
    with torch.no_grad():
        slope = torch.randn_like(built.run(one, two))

    def both() -> tuple[Tensor, ...]:
        return torch.autograd.grad(built.run(one, two), (one, two), slope)

    return both


def medians(
    calls: dict[str, Call], clock: Clock, budget: float, repeats: int, least: float = 2e-3
) -> dict[str, tuple[float, float, int]]:
    """Median and smallest seconds of each call, and the number of samples, over repetitions in which all take turns.

    A sample lasts ``least`` seconds or more; what would last longer than ``budget`` gets fewer samples, three at least.
    """
    counts: dict[str, int] = {}
    turns: dict[str, int] = {}
    for name, one in calls.items():
        slow = clock.sample(one, 1) > budget / 8
        took = clock.sample(one, 1) if slow else min(clock.sample(one, 2) for _ in range(2))
        counts[name] = max(1, min(1000, math.ceil(least / max(took, 1e-7))))
        turns[name] = max(3, min(repeats, int(budget / max(took * counts[name], 1e-7))))
    found: dict[str, list[float]] = {name: [] for name in calls}
    drawn = random.Random(0)
    for turn in range(max(turns.values(), default=0)):
        for name, one in drawn.sample(list(calls.items()), len(calls)):  # nobody always follows the same one
            if turn < turns[name]:
                one()  # what ran before left the caches and the allocator to itself
                found[name].append(clock.sample(one, counts[name]))
    return {name: (statistics.median(all_), min(all_), len(all_)) for name, all_ in found.items()}


def fastest(builds: list[Callable[[], Built]], x: Tensor, y: Tensor, clock: Clock) -> Built:
    """The layout in which one forward pass takes least, after a warm-up."""
    made = [build() for build in builds]
    if len(made) == 1:
        return made[0]
    times: list[float] = []
    for built in made:
        one = call(built, x, y, backward=False)
        clock.sample(one, 3)  # e3nn's compiler looks at the first calls
        times.append(clock.sample(one, 2))
    return made[times.index(min(times))]


def peak_here(name: str, case: Case, device: str) -> float:
    """MiB that forward and backward need above what was there before, in this process; on the CPU from /proc."""
    contender = contenders()[0][name]
    built = contender.builds(case, device)[-1]()
    # What a first call sets up once is no part of it; it must not leave memory of this size behind either.
    small = tuple(z[: max(case.rows // 16, 32)] for z in inputs(case, device))
    call(built, small[0], small[1], backward=True)()
    x, y = inputs(case, device)
    x, y = (built.arrange(z).requires_grad_() for z in (x, y))
    slope_shape = (*x.shape[:-1], case.sizes[1] * x.shape[-1] // case.sizes[0])
    slope = torch.ones(slope_shape, device=device) if built.restore is not None else None
    if device != "cpu":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
    else:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
        before = _status("VmRSS") * 1024
    out = built.run(x, y)
    torch.autograd.grad(out, (x, y), torch.ones_like(out) if slope is None else slope)
    after = torch.cuda.max_memory_allocated() if device != "cpu" else _status("VmHWM") * 1024
    return (after - before) / 2**20


def _status(key: str) -> int:
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(key))


def peak(name: str, case: Case, device: str, threads: int, limit: float = 600) -> float | None:
    """``peak_here`` of a fresh process; None where it did not end."""
    script = Path(__file__).parent / "tensor_products.py"
    size = [str(case.L), str(case.rows), str(int(case.truncated))]
    command = [sys.executable, str(script), "--peak-of", name, *size, "--device", device, "--threads", str(threads)]
    environment = os.environ | ALLOCATOR | {"OMP_NUM_THREADS": str(threads)}
    try:
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        return None
    return float(json.loads(ran.stdout.splitlines()[-1])) if ran.returncode == 0 else None
