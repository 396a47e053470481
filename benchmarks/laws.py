"""Laws against other ways to the same: ratios of processor seconds, side by side in one process, losses shown too.

``python benchmarks/laws.py [--quick] [--out FILE.md] [--peer PYTHON]``; ``--peer`` is an interpreter of its own with
einsteinpy 0.5.0. Closed programs are not run: Maple's PDEtools, GeM and SYM solve determining equations that are no
linear algebra (ansatz-free, with case distinctions of parameters) and Mathematica's xAct works with abstract indices,
which nothing here does.
"""

from __future__ import annotations

import argparse
import math
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import numpy as np
import sympy as sp
import torch

from isotropy.linalg import rational_nullspace
from isotropy.physics import Aspects, Metric, NumericMetric
from isotropy.storage import write_whole

Row = tuple[str, str, float, float, str]
"""Work, against what, our seconds, theirs, the goal."""

u, r, phi, t, x, M, a = sp.symbols("u r phi t x M a", positive=True)
STOPPED = 60  # processor seconds after which a peer is stopped

KERR = """
import sympy as sp
t, r, x, phi, M, a = sp.symbols("t r x phi M a", positive=True)
S, D, W = r**2 + a**2 * x**2, r**2 - 2 * M * r + a**2, 1 - x**2
c = -2 * M * a * r * W / S
g = [[-(1 - 2 * M * r / S), 0, 0, c], [0, S / D, 0, 0], [0, 0, S / W, 0],
     [c, 0, 0, W * (r**2 + a**2 + 2 * M * a**2 * r * W / S)]]
coords = (t, r, x, phi)
"""
BONDI = """
import sympy as sp
u, r, phi = sp.symbols("u r phi", positive=True)
Theta, Xi = sp.Function("Theta")(phi), sp.Function("Xi")(phi)
N = Xi + u / 2 * sp.diff(Theta, phi)
g, coords = [[Theta, -1, N], [-1, 0, 0], [N, 0, r**2]], (u, r, phi)
"""
PEER = """
from einsteinpy.symbolic import MetricTensor, RicciTensor
import time
began = time.process_time()
ricci = RicciTensor.from_metric(MetricTensor(g, coords))
assert all(sp.simplify(one) == 0 for one in sp.flatten(ricci.tensor()))
print(time.process_time() - began)
"""


def spent(work: Callable[[], object]) -> float:
    """Processor seconds of one run."""
    began = time.process_time()
    work()
    return time.process_time() - began


def within(limit: float, work: Callable[[], object]) -> float | None:
    """Processor seconds of one run in this process, or None where it was stopped at the limit."""

    def stop(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, max(limit, 1e-3))
    try:
        return spent(work)
    except TimeoutError:
        return None
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def metric_of(text: str) -> tuple[list[list[Any]], tuple[Any, ...]]:
    """The metric and the coordinates that one of the programs above makes, ours only."""
    made: dict[str, Any] = {}
    exec(text, made)
    return made["g"], made["coords"]


def with_simplify(g: list[list[Any]], coords: tuple[Any, ...]) -> None:
    """The Ricci tensor by our own formula on sympy's expressions, each simplified: what is done by hand."""
    n, simplify = len(coords), cast(Any, sp.simplify)
    G: Any = sp.Matrix(g)
    up: Any = G.inv().applyfunc(simplify)
    gamma: Any = [
        [
            [
                simplify(
                    sum(
                        up[k, e] * (G[e, i].diff(coords[j]) + G[e, j].diff(coords[i]) - G[i, j].diff(coords[e])) / 2
                        for e in range(n)
                    )
                )
                for j in range(n)
            ]
            for i in range(n)
        ]
        for k in range(n)
    ]
    for b in range(n):
        for d in range(b, n):
            total = sum(gamma[k][b][d].diff(coords[k]) - gamma[k][b][k].diff(coords[d]) for k in range(n))
            total += sum(
                gamma[k][k][e] * gamma[e][b][d] - gamma[k][d][e] * gamma[e][b][k] for k in range(n) for e in range(n)
            )
            assert simplify(total) == 0


def stopped(program: str, python: str) -> tuple[float, bool]:
    """Processor seconds of a program in an interpreter of its own, and whether it was stopped."""
    limit = f"import resource\nresource.setrlimit(resource.RLIMIT_CPU, ({STOPPED}, {STOPPED + 5}))\n"
    done = subprocess.run([python, "-c", limit + program], capture_output=True, text=True, check=False)
    if done.returncode == -signal.SIGXCPU:
        return float(STOPPED), True
    if done.returncode:
        raise RuntimeError(done.stderr)
    return float(done.stdout.split()[-1]), False


def metrics(peer: str | None) -> list[Row]:
    """Ricci tensors, exact."""
    rows: list[Row] = []
    for name, text in (("Ricci of the general solution", BONDI), ("Ricci of Kerr, x = cos(theta)", KERR)):
        ours = spent(lambda text=text: Metric(*metric_of(text)).ricci.flat())
        if peer:
            theirs, cut = stopped(text + PEER, peer)
            goal = ">= 10, stopped" if cut else ">= 3"
            rows.append((name, "einsteinpy 0.5.0" + (", stopped" if cut else ""), ours, theirs, goal))
        if name.startswith("Ricci of Kerr"):
            # Its own interpreter, so that it can be stopped.
            here = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
            program = here + "import time, laws\nbegan = time.process_time()\n"
            program += "laws.with_simplify(*laws.metric_of(laws.KERR))\nprint(time.process_time() - began)"
            theirs, cut = stopped(program, __import__("sys").executable)
            rows.append((name, "our formula with simplify" + (", stopped" if cut else ""), ours, theirs, ">= 20"))
    return rows


def kerr_at(point: torch.Tensor) -> torch.Tensor:
    """Kerr's metric for mass 1 and spin 0.6."""
    _, R, X, _ = point
    spin = 0.6
    S, D, W = R**2 + spin**2 * X**2, R**2 - 2 * R + spin**2, 1 - X**2
    o, cross = torch.zeros_like(R), -2 * spin * R * W / S
    last = W * (R**2 + spin**2 + 2 * spin**2 * R * W / S)
    rows = [[2 * R / S - 1, o, o, cross], [o, S / D, o, o], [o, o, S / W, o], [cross, o, o, last]]
    return torch.stack([torch.stack(row) for row in rows])


def points(count: int) -> Row:
    """Ricci at points: all at once, or one after the other."""
    at = torch.rand(count, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + torch.tensor(
        [0, 3, -0.5, 0]
    )
    engine = NumericMetric(kerr_at)
    engine.ricci(at[:2])
    ours = min(spent(lambda: engine.ricci(at)) for _ in range(3))
    some = at[: count // 10]
    theirs = spent(lambda: [engine.ricci(one[None]) for one in some]) * 10
    return f"Ricci at {count} points", "one point at a time", ours, theirs, ">= 20"


def orbits(count: int, N: int) -> Row:
    """Invariants with their gradients by Theta and Xi, against a loop over DOP853 that only gives their values."""
    from scipy.integrate import solve_ivp

    draw = torch.Generator().manual_seed(0)
    angle = 2 * math.pi * torch.arange(N, dtype=torch.float64) / N
    m = torch.arange(1, 4)
    theta, xi = (torch.randn(2, count, 3, generator=draw, dtype=torch.float64) * 0.3) @ (m[:, None] * angle).cos()
    theta, xi = (theta - 0.5).requires_grad_(), xi.requires_grad_()

    def ours() -> None:
        trace, dual = Aspects(theta, xi).invariants()
        torch.autograd.grad((trace + dual).sum(), (theta, xi))

    ours()
    modes = np.fft.rfft(theta.detach().numpy()) / N
    duals = np.fft.rfft(xi.detach().numpy()) / N

    def theirs(i: int) -> float:
        k = np.arange(4)

        def value(c: np.ndarray, at: float) -> float:
            return float(c[0].real + 2 * (c[1:4] * np.exp(1j * k[1:] * at)).sum().real)

        def motion(at: float, y: np.ndarray) -> np.ndarray:
            q, p = value(modes[i], at) / 4, value(duals[i], at) / 2
            return np.concatenate([y[2:4], q * y[0:2], y[6:8], q * y[4:6] + p * y[0:2]])

        start = np.array([1.0, 0, 0, 1, 0, 0, 0, 0])
        end = solve_ivp(motion, (0, 2 * math.pi), start, method="DOP853", rtol=1e-12, atol=1e-12).y[:, -1]
        return end[0] + end[3]

    trace = Aspects(theta, xi).invariants().trace.detach()
    few = max(4, count // 16)
    began = time.process_time()
    found = [theirs(i) for i in range(few)]
    loop = (time.process_time() - began) * count / few
    assert max(abs(one - float(other)) for one, other in zip(found, trace, strict=False)) < 1e-8
    return (
        f"invariants of {count} orbits, N = {N}, with gradients",
        "a loop over DOP853, values only",
        min(spent(ours) for _ in range(3)),
        loop,
        ">= 20",
    )


Systems = list[tuple[list[dict[int, Any]], int]]


def determining(degree: int) -> Row:
    """The determining equations of the table of E1 by our solver, and the same matrices by sympy's nullspace.

    Kepler's are not among them: its square roots are evaluated at random points, not solved over the rationals.
    """
    import isotropy.physics._exact as exact
    from isotropy.experiments.asymptotic_symmetries import _config as config
    from isotropy.experiments.asymptotic_symmetries._symbolic import ANSATZE
    from isotropy.physics import point_symmetries, variational_symmetries

    systems: Systems = []
    whole = exact.rational_nullspace

    def kept(rows: Any, n: int, *more: Any, **named: Any) -> Any:
        systems.append((list(rows), n))
        return whole(rows, n, *more, **named)

    exact.rational_nullspace = kept  # type: ignore[assignment]
    try:
        for text, form, _ in config.SYSTEMS.values():
            find = point_symmetries if "=" in text else variational_symmetries
            # Fields of degree 4 of phi^4 in 3+1 take minutes to write down, before anything is solved.
            if degree == 2 or text != config.PHI4:
                find(text, ansatz=replace(ANSATZE[form], degree=degree))
    finally:
        exact.rational_nullspace = whole
    largest = max(systems, key=lambda each: len(each[0]) * each[1])
    sizes = f"{len(systems)} systems, the largest {len(largest[0])} x {largest[1]}"
    return solved(f"determining equations, degree {degree} ({sizes})", systems)


def solved(name: str, systems: Systems) -> Row:
    """Seconds of both for these systems, the better of three runs; sympy is asked once where it takes long."""
    ours = theirs = 0.0
    for rows, n in systems:
        ours += min(spent(lambda rows=rows, n=n: rational_nullspace(rows, n)) for _ in range(3))
        dense = sp.zeros(len(rows), n)
        for i, row in enumerate(rows):
            for j, value in row.items():
                exact = Fraction(value)
                dense[i, j] = sp.Rational(exact.numerator, exact.denominator)
        first = within(STOPPED - theirs, dense.nullspace)
        if first is None:
            return name, f"sympy {sp.__version__}, Matrix.nullspace, stopped", ours, float(STOPPED), ">= 20"
        # While a timer runs, the clock of the processor moves in ticks: too coarse for what is short.
        theirs += first if first > 5 else min(spent(dense.nullspace) for _ in range(3))
    return name, f"sympy {sp.__version__}, Matrix.nullspace", ours, theirs, ">= 20"


def random_systems(sizes: Sequence[tuple[int, int]]) -> list[Row]:
    """Sparse integer systems of rank n - 5, four entries a row before the rows are mixed: sizes of larger ansatze."""
    rows: list[Row] = []
    for m, n in sizes:
        draw = np.random.default_rng(m)
        hidden = draw.integers(-3, 4, (5, n))
        system: list[dict[int, Any]] = []
        while len(system) < m:
            # Five entries that the five hidden solutions solve: a null vector of a 5 x 6 block.
            columns = draw.choice(n, 6, replace=False)
            found = rational_nullspace([{i: int(row[c]) for i, c in enumerate(columns)} for row in hidden], 6)
            system.append({int(c): value for c, value in zip(columns, found[0], strict=True) if value})
        rows.append(solved(f"a sparse system, {m} x {n}", [(system, n)]))
    return rows


def quantity(count: int) -> Row:
    """J of a Lagrangian network on many rows, and one gradient of the network: how many of these it costs."""
    from isotropy.dynamics import LagrangianNetwork, LearnedNoether

    q, v = torch.randn(2, count, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    L = LagrangianNetwork(torch.zeros(2), 1.0, 1.0).requires_grad_(False)
    J = LearnedNoether(L).conserved([[0.0, -1.0], [1.0, 0.0]])

    def gradient() -> None:
        both = [part.clone().requires_grad_() for part in (q, v)]
        torch.autograd.grad(L(*both).sum(), both)

    gradient()
    ours, theirs = (min(spent(work) for _ in range(3)) for work in (lambda: J(q, v), gradient))
    return f"J on {count} rows", "one gradient of the network", ours, theirs, ">= 1/3"


def table(rows: list[Row]) -> str:
    """The rows as Markdown."""
    lines = ["| work | against | ours, s | theirs, s | times faster | goal |", "|---|---|---|---|---|---|"]
    lines += [f"| {w} | {p} | {o:.3g} | {s:.3g} | {s / o:.3g} | {g} |" for w, p, o, s, g in rows]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--peer")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = [determining(2)]
    if not options.quick:
        rows += [determining(4), *random_systems([(400, 80), (1000, 120)])]
    rows += [points(200 if options.quick else 1000), orbits(32 if options.quick else 256, 256)]
    rows.append(quantity(10_000 if options.quick else 100_000))
    if not options.quick:
        rows += metrics(options.peer)
    text = table(rows)
    print(text)
    if options.out:
        write_whole(options.out, (text + "\n").encode())


if __name__ == "__main__":
    main()
