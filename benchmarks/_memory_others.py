"""Others for ``benchmarks/optics.py``: torch's budget on compiled graphs, its integer programme, a table by loops."""

from __future__ import annotations

import logging
import math
import time
import warnings
from collections.abc import Callable, Iterator, Sequence

import torch
import torch._functorch.config as functorch
from _measuring import allocated
from torch import nn
from torch.distributed._tools.ilp_utils import parse_module_info
from torch.distributed._tools.sac_ilp import sac_milp

from isotropy.experiments.optics import Unequal
from isotropy.experiments.optics.parts import network
from isotropy.optics import Chain, InfeasibleBudget, Profile
from isotropy.optics.parts import fill

Work = Callable[[], object]


def compiled_points(
    sizes: Unequal, best: Callable[[dict[str, Work], int], dict[str, float]], rounds: int
) -> list[dict[str, float | str]]:
    """torch's ``activation_memory_budget`` and plans of ours, in allocated bytes and in time of plain autograd."""
    torch.manual_seed(0)
    layers, x = network("transformer", sizes)
    plain, chain = nn.Sequential(*layers), Chain(layers)
    for p in plain.parameters():
        p.grad = torch.zeros_like(p)
    works: dict[str, tuple[str, Work]] = {}
    for budget in (1.0, 0.7, 0.5, 0.3, 0.1, 0.0):
        torch._dynamo.reset()
        with functorch.patch(activation_memory_budget=budget), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            graph = torch.compile(plain, backend="aot_eager_decomp_partition")
            graph(x).square().sum().backward()  # the graph is cut here, and stays
        # One compiled graph at a time: the next reset drops it, so it is measured now.
        step: Work = lambda g=graph: g(x).square().sum().backward()  # noqa: E731
        eager: Work = lambda: plain(x).square().sum().backward()  # noqa: E731
        seconds = best({"torch": step, "plain": eager}, rounds)
        share, peak = seconds["torch"] / seconds["plain"], allocated(step)
        works[f"budget {budget}"] = ("torch's budget", lambda: None)
        works[f"budget {budget}"] = (f"{share}:{peak}", step)
    points: list[dict[str, float | str]] = []
    eager = lambda: plain(x).square().sum().backward()  # noqa: E731
    whole = allocated(eager)
    for name, (told, _) in works.items():
        share, peak = told.split(":")
        points.append({"net": "transformer, allocations", "way": "torch's budget, compiled", "name": name,
                       "peak": int(peak) / whole, "operations": math.nan, "seconds": float(share)})  # fmt: skip
    measured = chain.profile(x)
    everything = measured.plan().predicted.peak_bytes
    for fraction in (1.0, 0.7, 0.5, 0.3, 0.2):
        try:
            plan = measured.plan(fraction * everything)
        except InfeasibleBudget:
            continue
        ours: Work = lambda p=plan: chain.run(x, p).square().sum().backward()  # noqa: E731
        seconds = best({"ours": ours, "plain": eager}, rounds)
        points.append({"net": "transformer, allocations", "way": "ours", "name": f"within {fraction:.0%}",
                       "peak": allocated(ours) / whole, "operations": math.nan,
                       "seconds": seconds["ours"] / seconds["plain"]})  # fmt: skip
    return points


def integer_programme(profile: Profile, budgets: Sequence[float]) -> Iterator[tuple[float, float, float]]:
    """For each budget that it solves: recomputation in the unit of the profile, and the peak, as the ILP tells them.

    A block may lose any share of what it keeps, for that share of its forward: finer than blocks.
    """
    logging.getLogger("torch.distributed._tools.sac_ilp").setLevel(logging.CRITICAL)
    costs = profile.costs
    total, n = sum(costs.forward), len(costs)
    scale = 1000 / total  # its tolerances are for milliseconds
    names = [f"net.{i}" for i in range(n)]
    kept = [int(r) for r in costs.residual]
    blocks = [
        _stats(name, kept[i], sum(kept[: i + 1]), int(costs.transient_backward[i]), scale * costs.forward[i])
        for i, name in enumerate(names)
    ]
    root = _stats("net", 0, sum(kept), 0, 0.0)
    root["is_leaf"] = True
    order = ["net", *names]
    for budget in budgets:
        info = {
            "mod_order": {"fw_pre_order": order, "bw_pre_order": order[:1] + order[:0:-1],
                          "fw_post_order": [*names, "net"], "bw_post_order": [*names[::-1], "net"]},
            "mod_stats": [dict(one) for one in (root, *blocks)],
        }  # fmt: skip
        _, extra, peak = sac_milp(parse_module_info(info), budget / 2**30, ac_units=names)  # type: ignore[arg-type]
        if peak >= 0:
            yield budget, extra / scale, float(peak)


def _stats(name: str, kept: int, total: int, backward: int, runtime: float) -> dict[str, object]:
    return {
        "fqn": name, "param_per_module": 0, "grad_per_module": 0, "grad_total": 0, "act_fw_per_module": kept,
        "act_bw_per_module": total, "act_grad_per_module": backward, "act_total": total, "input_per_module": 0,
        "output_per_module": 0, "fw_runtime_per_module": runtime, "bw_runtime_per_module": 2 * runtime,
        "is_leaf": False, "sac_runtime": runtime, "sac_memory": kept, "n_segments": 1, "slopes": [1.0],
        "intercepts": [0.0], "breakpoints": [0.0, 1.0], "tradeoff_curve": {},
    }  # fmt: skip


def table_in_plain_python(chain: Profile, budget: float, slots: int) -> float:
    """How many times longer loops take than the planner for the same table; both give the same least seconds."""
    costs = chain.costs
    unit = budget / slots
    began = time.process_time()
    table = fill(costs, unit, slots)
    ours = time.process_time() - began
    n = len(costs)
    kept, taped = ([min(math.ceil(v / unit - 1e-9), slots + 1) for v in vs] for vs in (costs.output, costs.residual))
    passed = [0.0]
    for forward in costs.forward:
        passed.append(passed[-1] + forward)
    began = time.process_time()
    best = [[[math.inf] * (slots + 1) for _ in range(n)] for _ in range(n)]
    for length in range(n):
        for first in range(n - length):
            last = first + length
            row, own = best[first][last], costs.forward[first] + costs.backward[first]
            for m in range(slots + 1):
                least = math.inf
                left = m - taped[first]
                if left >= 0:
                    least = own + (0.0 if first == last else best[first + 1][last][left])
                for cut in range(first + 1, last + 1):
                    left = m - kept[cut - 1]
                    if left >= 0:
                        time_ = passed[cut] - passed[first] + best[cut][last][left] + best[first][cut - 1][m]
                        if time_ < least:
                            least = time_
                row[m] = least
    loops = time.process_time() - began
    assert math.isclose(best[0][n - 1][slots], float(table.seconds[0, n - 1, slots]), rel_tol=1e-9)
    return loops / ours
