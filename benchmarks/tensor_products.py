"""Products on the sphere side by side: our methods, e3nn, cuEquivariance and the naive sum; time, memory, exponents.

    python benchmarks/tensor_products.py                    # L = 1..12; 32, 512 and 4096 rows; long, on an idle core
    python benchmarks/tensor_products.py --quick            # a minute: L = 1, 2, 4 and few rows
    python benchmarks/tensor_products.py --device cuda      # timed by events; --compile for torch.compile
    python benchmarks/tensor_products.py --calibrate        # our methods alone: where each wins, how good "auto" is
    python benchmarks/tensor_products.py --costs [--refresh]  # the constants of "auto" here, measured anew if asked
    python benchmarks/tensor_products.py --complete         # products with all paths alone: their reach and times
    python benchmarks/tensor_products.py --render runs/tensor-products/measurements.json

Also ``isotropy bench tensor-products``. All contenders take turns in one process after a warm-up; medians count.
Every product of the same function is compared with ours in float64, to 1e-5, before it is timed. Peers have the choice
between two layouts (32 x channels, or rows alone); their faster one counts. What would take longer than ``--budget`` or
hold more than ``--memory`` is left out, and listed. Writes report.html with plots, tensor-products.md and
measurements.json into ``--out``, and the verdicts on the bars of specification 05, §5.11 and §5.12.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from importlib import metadata
from itertools import product
from pathlib import Path

import torch
from _sphere_complete import SIZES, Complete
from _sphere_complete import measured as complete_products
from _sphere_complete import table as complete_table
from _sphere_products import AUTO, METHODS, SAME, Built, Case, Contender, contenders
from _sphere_report import Bar, Cell, Peak, TensorProducts, figures, told
from _sphere_timing import Clock, call, fastest, inputs, medians, peak, peak_here
from torch import Tensor

from isotropy.nn import GauntProduct, product_costs
from isotropy.nn.gaunt._calibration import processor
from isotropy.nn.gaunt._work import Size
from isotropy.report import Table

TOLERANCE = 1e-5
BUILD = 60.0  # seconds that building one product may take


@dataclass
class Limits:
    """What may be tried: predictions from lower degrees against the budget, estimates of memory against its limit."""

    budget: float
    memory: float  # GiB
    times: dict[tuple[object, ...], list[tuple[int, float]]] = field(default_factory=lambda: defaultdict(list))
    left_out: dict[tuple[object, ...], int] = field(default_factory=dict)

    def allow(self, key: tuple[object, ...], L: int, limit: float) -> bool:
        """Whether what ``key`` names may run at degree L: its time so far, as a power of L, stays below the limit."""
        if key in self.left_out:
            return False
        past = self.times[key]
        if past:
            power = 3.0 if past[-1][0] < 3 else 6.0  # small products are overhead
            if len(past) > 1 and past[-2][0] > 2:
                (a, s), (b, t) = past[-2:]
                power = min(8.0, max(2.0, math.log(t / s) / math.log(b / a)))
            if past[-1][1] * (L / past[-1][0]) ** power > limit:
                self.left_out[key] = L
                return False
        return True

    def fits(self, name: str, contender: Contender, case: Case) -> bool:
        """Whether forward and backward fit into the memory."""
        key = (name, case.rows, case.truncated, "memory")
        if 4 * contender.numbers(case) > self.memory * 2**30:
            self.left_out.setdefault(key, case.L)
        return key not in self.left_out

    def told(self) -> tuple[str, ...]:
        """What was left out, in words."""
        lines: list[str] = []
        for (name, rows, truncated, what), L in self.left_out.items():
            why = {"memory": f"more than {self.memory:g} GiB", "build": f"more than {BUILD:g} s to build"}
            reason = why.get(str(what), f"{what} beyond the budget of {self.budget:g} s")
            lines.append(f"{name}, {rows} rows, output {'0..L' if truncated else '0..2L'}: from L = {L}, {reason}")
        return tuple(lines)


def check(name: str, built: Built, x: Tensor, y: Tensor, case: Case) -> None:
    """Raise AssertionError where a product is not the same function, by the first rows in float64."""
    if built.restore is None:
        return
    found = built.restore(built.run(built.arrange(x), built.arrange(y)))[:32].double().cpu()
    exact = GauntProduct(case.L, case.L, case.L3, method="grid_separable").to(torch.float64)
    want = exact(x[:32].double().cpu(), y[:32].double().cpu())
    error = float((found - want).abs().max() / want.abs().max())
    assert error < TOLERANCE, f"{name} at {case}: relative difference {error:.1e}"


def sweep(
    found: dict[str, Contender], cases: Iterator[Case], clock: Clock, limits: Limits, repeats: int
) -> Iterator[list[Cell]]:
    """The cells of each case: build what is allowed, check it, and time all in turns, forward and with backward."""
    for case in cases:
        if "torch._dynamo" in sys.modules:
            torch.compiler.reset()  # what was compiled for other sizes
        x, y = inputs(case, clock.device)
        built: dict[str, Built] = {}
        for name, contender in found.items():
            keys = [(name, case.rows, case.truncated, what) for what in ("build", "forward", "backward")]
            allowed = limits.allow(keys[0], case.L, BUILD) and limits.fits(name, contender, case)
            if not allowed or not limits.allow(keys[1], case.L, limits.budget / 4):
                continue
            begin = time.process_time()
            builds = contender.builds(case, clock.device)
            built[name] = fastest(builds, x, y, clock)
            limits.times[keys[0]].append((case.L, time.process_time() - begin))
            check(name, built[name], x, y, case)
        cells: list[Cell] = []
        for backward in (False, True):
            what = "backward" if backward else "forward"
            calls = {
                name: call(one, x, y, backward)
                for name, one in built.items()
                if limits.allow((name, case.rows, case.truncated, what), case.L, limits.budget / 4)
            }
            for name, (median, least, samples) in medians(calls, clock, limits.budget, repeats).items():
                limits.times[(name, case.rows, case.truncated, what)].append((case.L, median))
                form = taken(case, backward) if name == AUTO else ""
                cells.append(Cell(case.L, case.rows, case.truncated, backward, name, median, least, samples, form))
        yield cells


def taken(case: Case, backward: bool) -> str:
    """Which form auto takes."""
    bands = GauntProduct(case.L, case.L, case.L3).bands[backward]
    return next(band.method for band in bands if case.rows <= band.rows)


def machine(options: argparse.Namespace, clock: Clock) -> dict[str, str]:
    """Where, with what, and how it was timed."""
    versions = [f"Python {platform.python_version()}"]
    for package in ("torch", "e3nn", "cuequivariance-torch"):
        try:
            versions.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            versions.append(f"{package} absent")
    name = torch.cuda.get_device_name() if options.device != "cpu" else processor()
    compiled = "; ours and the naive sum compiled by torch.compile" if options.compile else ""
    return {
        "machine": f"{name}, {options.threads} thread(s)" if options.device == "cpu" else name,
        "versions": ", ".join(versions),
        "date": date.today().isoformat(),
        "timing": f"{clock.name}, medians of up to {options.repeats} samples in turns, after a warm-up; "
        f"float32; budget {options.budget:g} s, {options.memory:g} GiB{compiled}",
    }


def print_table(table: Table) -> None:
    for row in (tuple(column.label for column in table.columns), *table.rows):
        print("  ".join(f"{cell!s:34s}" if number == 1 else f"{cell!s:>16s}" for number, cell in enumerate(row)))


def print_bars(bars: list[Bar]) -> None:
    for bar in bars:
        print(f"{bar.verdict:13s} {bar.text:76s} {figures(bar.found):>7s}  (wanted {bar.wanted})")


def calibration(result: TensorProducts) -> str:
    """Which method wins where, what the model says of it, and how far ``auto`` is from the best one."""
    lines: list[str] = []
    for case, backward in result.cases():
        times = {m: t for m in METHODS if (t := result.at(case, backward, m)) is not None}
        best = min(times, key=lambda m: times[m])
        told_times = "  ".join(f"{m} {figures(1e3 * t)}" for m, t in times.items())
        lines.append(f"{told(case, backward):38s} {best:15s} {told_times}   said {said(case, backward)}")
    worst = result.losses()[:8]
    lines += ["", "auto loses most in"] + [f"  {100 * loss:5.1f} %  to {where}" for loss, where in worst]

    largest = worst[0][0] if worst else 0.0
    verdict = "met" if largest <= 0.15 else "not met"
    return "\n".join([*lines, f"{verdict}: auto is never more than 15 % slower than the best method"])


def said(case: Case, backward: bool) -> str:
    """What the cost model expects, in ms."""
    costs, size = product_costs(), Size(case.L, case.L, case.L3)
    expected = (1e3 * costs.seconds(method, size, case.rows, backward) for method in ("grid", "grid_separable"))
    return " ".join(map(figures, expected))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add: Callable[..., object] = parser.add_argument
    add("--device", default="cpu", help="cpu (default) or cuda")
    add("--threads", type=int, default=1)
    add("--compile", action="store_true", help="torch.compile ours and the naive sum")
    add("--quick", action="store_true", help="few degrees and rows, and short repetitions")
    add("--calibrate", action="store_true", help="our methods alone, and the choices of method='auto'")
    add("--costs", action="store_true", help="print the constants by which method='auto' chooses")
    add("--refresh", action="store_true", help="measure these constants anew, and keep them")
    add("--complete", action="store_true", help="products with all paths alone")
    add("--degrees", type=int, nargs="+")
    add("--rows", type=int, nargs="+")
    add("--output", choices=("full", "truncated", "both"), default="both")
    add("--repeats", type=int, help="samples of each (default 15, with --quick 5)")
    add("--budget", type=float, help="seconds for one contender in one case (default 6, with --quick 0.5)")
    add("--memory", type=float, default=4.0, help="GiB that one contender may hold, by estimate")
    add("--no-peaks", action="store_true", help="leave out peak memory, which starts fresh processes")
    add("--out", type=Path, default=Path("runs/tensor-products"))
    add("--render", type=Path, help="no measurement: report and Markdown of these measurements.json")
    add("--peak-of", nargs=4, metavar=("NAME", "L", "ROWS", "TRUNCATED"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    quick = options.quick
    options.degrees = options.degrees or ([1, 2, 4] if quick else list(range(1, 13)))
    options.rows = options.rows or ([32, 512] if quick else [32, 512, 4096])
    options.repeats = options.repeats or (5 if quick else 15)
    options.budget = options.budget or (0.5 if quick else 6.0)
    return options


def write(result: TensorProducts, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    result.to_json(out / "measurements.json")
    (out / "tensor-products.md").write_text(result.markdown())
    print(f"\n{result.report(out)} and tensor-products.md, measurements.json beside it")


def main() -> None:
    options = parsed()
    if options.render:
        result = TensorProducts.from_json(options.render.read_text())
        print_bars(result.bars())
        write(result, options.out)
        return
    torch.set_num_threads(options.threads)
    if options.peak_of:
        name, *size = options.peak_of
        L, rows, truncated = map(int, size)
        print(json.dumps(peak_here(name, Case(L, rows, bool(truncated)), options.device)))
        return
    begin = time.perf_counter()
    costs = product_costs(refresh=options.refresh)
    if options.costs:
        print(costs)
        return
    clock = Clock(options.device, options.threads)
    if options.complete:
        print_table(complete_table(tuple(complete_products(clock, options.budget, options.repeats)), figures))
        return
    found, absent = contenders(options.compile, only_ours=options.calibrate)
    limits = Limits(options.budget, options.memory)
    outputs = {"full": [False], "truncated": [True], "both": [False, True]}[options.output]
    cases = [Case(L, rows, truncated) for truncated, rows, L in product(outputs, options.rows, options.degrees)]
    if not options.quick:
        cases += [Case(5, 700, truncated) for truncated in outputs]  # where a rule of one machine failed on another
    cells: list[Cell] = []

    def result(peaks: tuple[Peak, ...] = (), complete: tuple[Complete, ...] = ()) -> TensorProducts:
        return TensorProducts(
            complete=complete,
            costs=str(costs),
            machine=machine(options, clock),
            cells=tuple(cells),
            peaks=peaks,
            skipped=(*absent, *limits.told()),
            seconds=time.perf_counter() - begin,
        )

    options.out.mkdir(parents=True, exist_ok=True)
    for case, measured in zip(cases, sweep(found, iter(cases), clock, limits, options.repeats), strict=True):
        cells += measured
        if not options.calibrate:
            result().to_json(options.out / "measurements.json")  # an interrupted run can be rendered
        times = "  ".join(f"{c.name} {figures(1e3 * c.seconds)}" for c in measured if not c.backward)
        print(f"{told(case, False):34s} {times}", file=sys.stderr)
    if options.calibrate:
        print(calibration(result()))
        return
    sizes = SIZES[:1] if options.quick else SIZES
    measured_peaks: tuple[Peak, ...] = ()
    if not options.no_peaks and not options.quick:
        names = [name for name in ("grid", "grid_separable", "fourier", SAME) if name in found]
        mib = {name: peak(name, Case(12, 4096), options.device, options.threads) for name in names}
        measured_peaks = tuple(Peak(12, 4096, name, size) for name, size in mib.items() if size is not None)
    final = result(measured_peaks, tuple(complete_products(clock, options.budget, options.repeats, sizes)))
    print("\n".join([*(f"{key}: {value}" for key, value in final.machine.items()), *final.skipped, ""]))
    print_bars(final.bars())
    write(final, options.out)


if __name__ == "__main__":
    main()
