"""The constants of the cost model, measured once on each machine and kept in the user's cache folder."""

from __future__ import annotations

import hashlib
import math
import os
import platform
import re
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from isotropy.errors import SchemaError
from isotropy.nn.gaunt._carriers import Carrier, carrier
from isotropy.nn.gaunt._costs import FORMS, Prices, ProductCosts
from isotropy.nn.gaunt._method import Method
from isotropy.nn.gaunt._shipped import SHIPPED
from isotropy.nn.gaunt._work import Size, work
from isotropy.storage import cache_folder, write_whole

SAMPLES = (
    *((1, 2, 32), (3, 6, 32), (8, 8, 32), (8, 16, 32), (11, 11, 32)),
    *((3, 6, 512), (6, 6, 512), (7, 14, 128), (4, 8, 1024), (7, 7, 512)),
)
"""L1 = L2, L3 and rows of the products that are timed: about where one form overtakes the other."""

PIECES = (0, 1 << 20, 640 << 10, 320 << 10)
"""Sizes in bytes of the arrays in which many rows are tried, all at once first: the later ones must gain 5 %."""

BUDGET = 0.3
"""Seconds for all samples in turns, a third of it for pieces; three turns are taken in any case."""

Call = Callable[[], object]
_known: dict[int, ProductCosts] = {}
_one_at_a_time = threading.Lock()


def product_costs(*, refresh: bool = False) -> ProductCosts:
    """What products on the sphere cost on this machine: the constants by which ``method="auto"`` chooses.

    Measured in less than a second when the first product is made, never at a call; kept in the user's cache folder (or
    in ISOTROPY_CACHE; "off" keeps nothing) for each processor, number of threads and version of torch, and read from
    there by other processes: a process chooses by one set of constants. ``refresh`` measures anew, for the products
    made from then on. Where it cannot be measured, it is what was measured on the ``machine`` that it names; so it is
    where ISOTROPY_COSTS is "shipped", by which all machines choose alike. ``print`` shows all constants.

    >>> costs = product_costs()
    >>> costs == product_costs()
    True
    """
    if os.environ.get("ISOTROPY_COSTS", "") == "shipped":
        return SHIPPED
    threads = torch.get_num_threads()
    with _one_at_a_time:
        if refresh or threads not in _known:
            _known[threads] = _kept(f"{processor()}, {threads} threads", threads, refresh)
        return _known[threads]


def processor() -> str:
    """The processor by name and numbers (one name may stand for several), and the instructions that torch takes."""
    path = Path("/proc/cpuinfo")
    told = path.read_text() if path.is_file() else ""
    words = [re.search(rf"^{name}\s*:\s*(.*)$", told, re.MULTILINE) for name in ("model name", "cpu family", "model")]
    named = " ".join(word.group(1) for word in words if word) or platform.processor() or platform.machine()
    return f"{named}, {torch.backends.cpu.get_cpu_capability()}, torch {torch.__version__}"


def _kept(machine: str, threads: int, refresh: bool) -> ProductCosts:
    """What the file of this machine says; else what is measured now, and kept where that can be."""
    folder = cache_folder("products")
    path = folder and folder / f"{hashlib.blake2b(machine.encode(), digest_size=10).hexdigest()}.json"
    if path and not refresh:
        with suppress(OSError, SchemaError):
            found = ProductCosts.from_json(path.read_text())
            if found.machine == machine:
                return found
    measured = _measured(machine, threads)
    if path and measured is not SHIPPED:
        with suppress(OSError):  # a folder that cannot be written costs each process its own measurement
            write_whole(path, measured.to_json().encode())
    return measured


def _measured(machine: str, threads: int) -> ProductCosts:
    """In a thread of its own, which no mode, device or gradient of the caller reaches."""
    found: list[ProductCosts] = []

    def run() -> None:
        with suppress(RuntimeError, ArithmeticError):
            torch.set_num_threads(threads)  # which threads do not inherit
            # The processor's own time is blind to what else runs, but knows of one thread only.
            fine = time.get_clock_info("thread_time").resolution < 1e-6
            found.append(measure(machine, time.thread_time if threads == 1 and fine else time.perf_counter))

    thread = threading.Thread(target=run, name="product costs")
    thread.start()
    thread.join()
    return found[0] if found else SHIPPED


def measure(machine: str, clock: Callable[[], float]) -> ProductCosts:
    """The constants by least squares from the times of some products; ArithmeticError where times make no sense."""
    forward: dict[tuple[Method, Size, int], Call] = {}
    gradients: dict[tuple[Method, Size, int], Call] = {}
    for method in FORMS:
        for L, L3, rows in SAMPLES:
            key = method, Size(L, L, L3), rows
            form = carrier(method, L, L, L3, "integral", even=True, odd=False).to(torch.float32)
            x, y = (torch.ones(rows, (L + 1) ** 2, dtype=torch.float32) for _ in range(2))
            forward[key] = partial(_forward, form, x, y)
            gradients[key] = partial(_gradients, form, x.clone().requires_grad_(), y.clone().requires_grad_())
    times = _least([*forward.values(), *gradients.values()], clock)
    prices: list[dict[Method, Prices]] = [
        {form: _fitted(form, {key: s for key, s in zip(calls, part, strict=True) if key[0] == form}) for form in FORMS}
        for calls, part in ((forward, times[: len(forward)]), (gradients, times[len(forward) :]))
    ]
    found = ProductCosts(machine, prices[0], prices[1], _best_piece(clock))
    return replace(found, kept=_kept_price(found, clock)) if found.piece else found


def _forward(form: Carrier, x: Tensor, y: Tensor) -> Tensor:
    with torch.no_grad():
        return form.project(form.times(form.value(x, 1), form.value(y, 2)), None)


def _gradients(form: Carrier, x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
    out = form.project(form.times(form.value(x, 1), form.value(y, 2)), None)
    return torch.autograd.grad(out, (x, y), torch.ones_like(out))


def _least(calls: list[Call], clock: Callable[[], float], budget: float = BUDGET) -> list[float]:
    """The smallest seconds of each call, over turns of all: what else runs on the machine only ever adds."""
    least = [math.inf] * len(calls)
    for call in calls:
        call()  # the first one sets up what later ones find
    begin, turns = clock(), 0
    while turns < 3 or (clock() - begin < budget and turns < 30):
        for number, call in enumerate(calls):
            start = clock()
            call()
            least[number] = min(least[number], clock() - start)
        turns += 1
    if not all(0 < seconds < math.inf for seconds in least):
        raise ArithmeticError("a clock that stands still")
    return least


def _fitted(form: Method, times: Mapping[tuple[Method, Size, int], float]) -> Prices:
    """The prices, none below zero, with the least sum of squares of relative errors: of all supports the best one."""
    rows: list[list[float]] = []
    for (_, size, count), seconds in times.items():
        done = work(form, size)
        parts = (done.steps, done.operations * count / 1e6, (done.numbers * count + done.table) / 1e6)
        rows.append([part / seconds for part in parts])
    A = torch.tensor(rows, dtype=torch.float64)
    one = torch.ones(len(A), dtype=torch.float64)
    best, least = torch.zeros(3, dtype=torch.float64), math.inf
    for chosen in ([0, 1, 2], [0, 1], [0, 2], [1, 2], [0], [1], [2]):
        found = torch.zeros(3, dtype=torch.float64)
        found[chosen] = torch.linalg.lstsq(A[:, chosen], one).solution
        error = float((A @ found - one).square().sum())
        if bool((found >= 0).all()) and error < least:
            best, least = found, error
    return Prices(*best.tolist())


def _best_piece(clock: Callable[[], float]) -> int:
    """In arrays of how many bytes many rows are fastest; 0, all at once, where others gain less than 5 %."""
    size, rows = Size(5, 5, 10), 4096
    form = carrier("grid", 5, 5, 10, "integral", even=True, odd=False).to(torch.float32)
    x = torch.ones(rows, 36, dtype=torch.float32)

    def taken(piece: int) -> Tensor:
        count = piece // (4 * work("grid", size).array) if piece else rows
        return torch.cat([_forward(form, part, part) for part in x.split(count)])

    times = dict(zip(PIECES, _least([partial(taken, piece) for piece in PIECES], clock, BUDGET / 3), strict=True))
    best = 0
    for piece in PIECES[1:]:
        if times[piece] < 0.95 * times[best]:
            best = piece
    return best


def _kept_price(costs: ProductCosts, clock: Callable[[], float]) -> float:
    """What a number costs more where gradients are taken of many pieces: the mean of both forms over what they cost in
    one piece, not below 0."""
    size, rows = Size(4, 4, 8), 4096
    x = torch.ones(rows, 25, dtype=torch.float32).requires_grad_()

    def taken(form: Carrier, count: int) -> tuple[Tensor, ...]:
        out = torch.cat(
            [form.project(form.times(form.value(part, 1), form.value(part, 2)), None) for part in x.split(count)]
        )
        return torch.autograd.grad(out, x, torch.ones_like(out))

    calls: list[Call] = [
        partial(
            taken,
            carrier(form, 4, 4, 8, "integral", even=True, odd=False).to(torch.float32),
            costs.rows_in_a_piece(form, size),
        )
        for form in FORMS
    ]
    more = [
        (seconds - costs.seconds(form, size, rows, True)) / (1e-6 * rows * work(form, size).numbers)
        for form, seconds in zip(FORMS, _least(calls, clock, 0.0), strict=True)
    ]
    return max(sum(more) / len(more), 0.0)
