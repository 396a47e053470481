"""What memory costs: plans against plain autograd, equal segments, binomial checkpointing and torch's own budgets.

    python benchmarks/optics.py [--rounds 7] [--out docs/results/optics-speed.md]

All ratios are of one process: variants run in turn, each row tells the ratio of the best processor seconds of each
(what else the machine does only adds), one thread. Peaks are bytes of ``measure_peak``, as shares of plain
autograd's; where a graph was compiled, allocations as the profiler of torch counts them, for ours too.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from _memory_others import compiled_points, integer_programme, table_in_plain_python
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint, checkpoint_sequential

from isotropy.experiments.optics import Unequal
from isotropy.experiments.optics.parts import Block, counted_flops, in_flops, network
from isotropy.optics import Chain, InfeasibleBudget, Plan, Profile, fit_in_memory, measure_peak
from isotropy.report import Points, Scatter, write_html

Work = Callable[[], object]
SHARES = (1.0, 0.85, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2)
SIZES = Unequal(images=8, size=16, channels=8, sequences=4, length=64, heads=2, blocks=8)


def best(works: dict[str, Work], rounds: int) -> dict[str, float]:
    """The least processor seconds of each, run in turn, each straight after a run of itself.

    A step that follows one of another peak pays for pages that the allocator gave back in between.
    """
    took: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(rounds):
        names = list(works) if turn % 2 == 0 else list(works)[::-1]
        for name in names:
            works[name]()
            began = time.process_time()
            works[name]()
            took[name].append(time.process_time() - began)
    return {name: min(seconds) for name, seconds in took.items()}


def transformer(rounds: int) -> tuple[float, float]:
    """Peak and time of 24 blocks within half of plain autograd's peak, of plain autograd's."""
    torch.manual_seed(0)
    plain = nn.Sequential(*[Block(96, 3) for _ in range(24)])
    x = torch.randn(4, 64, 96)

    def step(model: nn.Module) -> None:
        model.zero_grad()
        model(x).square().mean().backward()

    peak = measure_peak(lambda: step(plain))
    plain.zero_grad()
    small = fit_in_memory(copy.deepcopy(plain), x, peak / 2)
    ours = measure_peak(lambda: step(small))
    seconds = best({"plain": lambda: step(plain), "ours": lambda: step(small)}, rounds)
    return ours / peak, seconds["ours"] / seconds["plain"]


def tiny_chain() -> tuple[list[nn.Module], Tensor]:
    torch.manual_seed(0)
    layers: list[nn.Module] = [nn.Sequential(nn.Linear(16, 16), nn.Tanh()) for _ in range(64)]
    return layers, torch.randn(32, 16, requires_grad=True)


def overheads(rounds: int) -> dict[str, float]:
    """Of a run by a plan that keeps everything; of a layer that runs again, beside torch's own checkpoint."""
    layers, x = tiny_chain()
    chain, plain = Chain(layers), nn.Sequential(*layers)
    ones = [1.0] * len(layers)
    again = Profile(ones, ones, ones, ones).plan(budget=len(layers) + 2, allow={"recompute"})
    assert again.predicted.recomputed == len(layers) - 1

    def by_torch() -> None:
        y: Tensor = x
        for layer in layers:
            y = checkpoint(layer, y, use_reentrant=False)  # pyright: ignore[reportAssignmentType]
        y.sum().backward()

    told = best(
        {
            "plain": lambda: plain(x).sum().backward(),
            "ours": lambda: chain.run(x, again).sum().backward(),
            "torch": by_torch,
            "full": lambda: chain.run(x).sum().backward(),
        },
        8 * rounds,
    )
    per_layer = len(layers) / (len(layers) - 1)
    usual, y = [Block(96, 3) for _ in range(6)], torch.randn(4, 64, 96)
    whole, sized = nn.Sequential(*usual), Chain(usual)
    everything = sized.profile(y, repeats=1).plan()
    full = best(
        {
            "plain": lambda: whole(y).square().sum().backward(),
            "full": lambda: sized.run(y, everything).square().sum().backward(),
        },
        2 * rounds,
    )
    return {
        "again": per_layer * (told["ours"] - told["plain"]) / (told["torch"] - told["plain"]),
        "full": full["full"] / full["plain"],
        "full of 64 tiny layers": told["full"] / told["plain"],
        "meter": _meter(lambda: whole(y).square().sum().backward(), rounds),
    }


def _meter(step: Work, rounds: int) -> float:
    assert measure_peak(step) == measure_peak(step), "the same bytes in two runs"
    told = best({"step": step, "measured": lambda: measure_peak(step)}, rounds)
    return told["measured"] / told["step"]


def planning() -> dict[str, float]:
    """Seconds of a plan, and how many times faster than loops the table is filled."""
    draw = np.random.default_rng(0)

    def chain(n: int) -> Profile:
        size = draw.integers(1, 9, n).astype(float)
        return Profile(draw.random(n), draw.random(n), list(size), list(size + draw.integers(0, 9, n)))

    hundred = chain(100)
    budget = 0.3 * hundred.plan().predicted.peak_bytes
    began = time.process_time()
    hundred.plan(budget, slots=500)
    planned = time.process_time() - began
    fifty = chain(50)
    half = 0.3 * fifty.plan().predicted.peak_bytes
    return {
        "100 layers, 500 slots, seconds": planned,
        "table, times faster": table_in_plain_python(fifty, half, 500),
    }


def envelope(net: str, rounds: int) -> list[dict[str, float | str]]:
    """Points (peak, operations, seconds) of every way, as shares of plain autograd's."""
    torch.manual_seed(0)
    layers, x = network(net, SIZES)
    for p in nn.ModuleList(layers).parameters():
        p.grad = torch.zeros_like(p)
    chain, plain = Chain(layers), nn.Sequential(*layers)
    profile = in_flops(chain, chain.profile(x, repeats=1), x)
    step: Work = lambda: plain(x).square().sum().backward()  # noqa: E731
    peak, flops = measure_peak(step), counted_flops(step)
    works: dict[str, tuple[str, Work]] = {}
    for segments in range(2, len(layers) + 1):

        def theirs(k: int = segments) -> None:  # fmt: skip
            y: Tensor = checkpoint_sequential(plain, k, x, use_reentrant=False)  # pyright: ignore[reportAssignmentType]
            y.square().sum().backward()

        works[f"{segments} segments"] = ("checkpoint_sequential", theirs)
    for share in SHARES:
        for solver in ("dp", "revolve"):
            try:
                plan = profile.plan(share * peak, solver=solver)
            except InfeasibleBudget:
                continue
            works[f"{solver} within {share:.0%}"] = ({"dp": "ours", "revolve": "Revolve"}[solver], _run(chain, x, plan))
    least = profile.plan(min_budget=True)
    works["dp at the least"] = ("ours", _run(chain, x, least))
    seconds = best({"plain": step, **{name: work for name, (_, work) in works.items()}}, rounds)
    points: list[dict[str, float | str]] = []
    for name, (way, work) in works.items():
        points.append({
            "net": net, "way": way, "name": name, "peak": measure_peak(work) / peak,
            "operations": counted_flops(work) / flops, "seconds": seconds[name] / seconds["plain"],
        })  # fmt: skip
    for budget, extra, bytes_ in integer_programme(profile, [share * peak for share in SHARES]):
        points.append({
            "net": net, "way": "ILP of torch (its own prediction)", "name": f"within {budget / peak:.0%}",
            "peak": bytes_ / peak, "operations": 1 + extra / (sum(profile.forward) + sum(profile.backward)),
            "seconds": float("nan"),
        })  # fmt: skip
    return points


def _run(chain: Chain, x: Tensor, plan: Plan) -> Work:
    return lambda: chain.run(x, plan).square().sum().backward()


def above(points: list[dict[str, float | str]], what: str) -> float:
    """The most by which a plan is above what others reach within the peak that it was measured to take."""
    others = [p for p in points if p["way"] in ("checkpoint_sequential", "Revolve")]
    worst = 0.0
    for mine in (p for p in points if p["way"] == "ours"):
        within = [float(p[what]) for p in others if float(p["peak"]) <= float(mine["peak"]) * (1 + 1e-6)]
        if within:
            worst = max(worst, float(mine[what]) / min(within) - 1)
    return worst


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=Path, default=None)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    goals: list[tuple[str, str, str, str]] = []

    def told(work: str, against: str, goal: str, seen: str) -> None:
        goals.append((work, against, goal, seen))
        print(f"{work} | {against} | {goal} | {seen}", flush=True)

    half, slower = transformer(asked.rounds)
    told("24-block transformer, half the peak", "plain autograd", "at most 1.35 times the time",
         f"{slower:.2f} times, {half:.3f} of the peak")  # fmt: skip
    over = overheads(asked.rounds)
    told("full budget through `chain.run`", "plain autograd", "at most 1.05 times",
         f"{over['full']:.3f}; on 64 tiny layers {over['full of 64 tiny layers']:.2f}")  # fmt: skip
    told("a layer that runs again, 64 tiny layers", "`torch.utils.checkpoint`", "at most 1.2 times its overhead",
         f"{over['again']:.2f}")  # fmt: skip
    told("`measure_peak` around a step", "the step", "at most 3 times, the same bytes twice", f"{over['meter']:.2f}")
    plans = planning()
    told("planning 100 layers x 500 slots; a table of 50", "filled by loops in Python", "20 times faster; below 5 s",
         f"{plans['table, times faster']:.0f} times; {plans['100 layers, 500 slots, seconds']:.2f} s")  # fmt: skip
    points: list[dict[str, float | str]] = []
    for net in ("convolutions", "transformer"):
        found = envelope(net, asked.rounds)
        points += found
        seen = f"{above(found, 'operations'):+.1%} operations, {above(found, 'seconds'):+.1%} time"
        told(f"{net}, budgets from 100 % to the least", "`checkpoint_sequential`, Revolve at equal peak",
             "at most 3 % above", seen)  # fmt: skip
    graphs = compiled_points(SIZES, best, asked.rounds)
    points += graphs
    if asked.out is not None:
        asked.out.write_text(_page(goals, points))
        write_html(
            "What memory costs", _figures(points), asked.out.with_suffix("").with_name(asked.out.stem + "-figures")
        )


def _page(goals: list[tuple[str, str, str, str]], points: list[dict[str, float | str]]) -> str:
    lines = [
        "# What memory costs, and what others take", "",
        "Command: `python benchmarks/optics.py`. Ratios of the best processor seconds of runs in turn, in one process,",
        "one thread; peaks in bytes of tensors, as shares of plain autograd's. The ILP is that of",
        "`torch.distributed._tools`, on our profile of blocks with linear trade-offs, since its own estimators of time",
        "need CUDA: what it tells is its prediction, in which forwards have no working memory. Torch's budget is",
        "`activation_memory_budget` on a graph without chance, compiled without a code generator; it is compared in",
        "bytes of the profiler, which sees scratch space too.",
        "",
        "| work | against | goal | measured |", "|---|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in goals), "",
    ]  # fmt: skip
    for net in dict.fromkeys(str(p["net"]) for p in points):
        lines += [f"## {net}, every point", "", "| way | setting | peak | operations | time |", "|---|---|---|---|---|"]
        for p in (p for p in points if p["net"] == net):
            shown = [f"{float(p[key]):.3f}" if float(p[key]) == float(p[key]) else "" for key in _NUMBERS]
            lines.append(f"| {p['way']} | {p['name']} | {' | '.join(shown)} |")
        lines.append("")
    return "\n".join(lines)


_NUMBERS = ("peak", "operations", "seconds")


def _figures(points: list[dict[str, float | str]]) -> list[Scatter]:
    shown: list[Scatter] = []
    for net in dict.fromkeys(str(p["net"]) for p in points):
        mine = [p for p in points if p["net"] == net]
        what = "operations" if mine[0]["operations"] == mine[0]["operations"] else "seconds"
        clouds = []
        for way in dict.fromkeys(str(p["way"]) for p in mine):
            some = [p for p in mine if p["way"] == way and p[what] == p[what]]
            clouds.append(Points(way, [float(p["peak"]) for p in some], [float(p[what]) for p in some]))
        shown.append(Scatter(clouds, xlabel="peak, share of plain autograd's", ylabel=f"{what}, of plain autograd's",
                             title=net.capitalize(), name=f"memory-{net.split(',')[0].split()[0]}"))  # fmt: skip
    return shown


if __name__ == "__main__":
    main()
