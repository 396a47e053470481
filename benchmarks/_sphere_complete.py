"""Products with all paths beside each other: what each reaches with how many weights, and what a call takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from _sphere_products import Built
from _sphere_timing import Clock, call, medians

from isotropy.nn import GauntProduct, VectorProduct, expressivity
from isotropy.nn.gaunt._engine import SphereProduct
from isotropy.random import spawn
from isotropy.report import Column, Table

SIZES = ((2, 512), (4, 512), (6, 512), (8, 512))
"""L of both inputs and of the output, and rows: 16 channels each."""

COUNTED_UP_TO = 4
"""The highest L whose reach is counted: ranks are of matrices of (L+1)^6 rows."""

CHANNELS = 16
Make = Callable[[int, int], SphereProduct]


def _complete(**settings: object) -> Make:
    return lambda L, channels: GauntProduct(L, L, L, include_odd=True, channels=channels, **settings)  # type: ignore[arg-type]


def _vector(**settings: object) -> Make:
    return lambda L, channels: VectorProduct(L, L, L, channels=channels, **settings)  # type: ignore[arg-type]


MADE: dict[str, Make] = {
    "Gaunt and bracket, by degree": _complete(weights="degree"),
    "fields, by degree": _vector(weights="degree"),
    "Gaunt and bracket, 2 ranks": _complete(weights="rank", rank=2),
    "Gaunt and bracket, 2 ranks apart": _complete(weights="rank", rank=2, shared=False),
    "fields, 2 ranks": _vector(weights="rank", rank=2),
    "Gaunt and bracket, 3 ranks apart": _complete(weights="rank", rank=3, shared=False),
    "fields, 2 ranks apart": _vector(weights="rank", rank=2, shared=False),
}
"""From a proper feature each to the pair of a proper and a pseudo one."""


@dataclass(frozen=True)
class Complete:
    """One product with all paths: weights of a channel, maps that they reach of all paths, seconds of a call."""

    L: int
    rows: int
    name: str
    weights: int
    reached: int | None
    paths: int
    forward: float
    both: float

    @property
    def times(self) -> tuple[float, float]:
        return self.forward, self.both


def measured(clock: Clock, budget: float, repeats: int, sizes: tuple[tuple[int, int], ...] = SIZES) -> list[Complete]:
    """All of ``MADE`` for each size, in turns."""
    found: list[Complete] = []
    for L, rows in sizes:
        generator = spawn(0, "complete products", L)
        x, y = (torch.randn(rows // CHANNELS, CHANNELS, (L + 1) ** 2, generator=generator) for _ in range(2))
        x, y = x.to(clock.device), y.to(clock.device)
        products = {name: make(L, CHANNELS).requires_grad_(False).to(clock.device) for name, make in MADE.items()}
        times = [
            medians({name: call(Built(f), x, y, backward) for name, f in products.items()}, clock, budget, repeats)
            for backward in (False, True)
        ]
        seconds = {name: (times[0][name][0], times[1][name][0]) for name in MADE}
        found += [_reach(L, rows, name, *seconds[name]) for name in MADE]
    return found


def _reach(L: int, rows: int, name: str, forward: float, both: float) -> Complete:
    one = MADE[name](L, 1)
    reached = expressivity(one).dimension if L <= COUNTED_UP_TO else None
    paths = sum(min(a + b, L) - abs(a - b) + 1 for a in range(L + 1) for b in range(L + 1))
    return Complete(L, rows, name, sum(w.numel() for w in one.parameters()), reached, paths, forward, both)


def table(found: tuple[Complete, ...], figures: Callable[[float], str]) -> Table:
    """Side by side, times as multiples of the first one's."""
    rows = [
        (
            *(str(one.L), one.name, str(one.weights)),
            f"{'–' if one.reached is None else one.reached} of {one.paths}",
            *(f"{figures(1e3 * s)} ({s / t:.2f})" for s, t in zip(one.times, _first(found, one).times, strict=True)),
        )
        for one in found
    ]
    head = ("L", "product", "weights", "maps reached", "forward, ms (times the first)", "with backward")
    title = f"Products with all paths, output 0..L, {found[0].rows} rows ({CHANNELS} channels)"
    return Table([Column(c) for c in head], rows, section="All paths", title=title)


def _first(found: tuple[Complete, ...], like: Complete) -> Complete:
    return next(one for one in found if (one.L, one.rows) == (like.L, like.rows))
