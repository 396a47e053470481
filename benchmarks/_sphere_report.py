"""What ``tensor_products.py`` found: the bars it must meet, as tables, as a page with plots, and as Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from _sphere_complete import Complete
from _sphere_complete import table as complete_table
from _sphere_products import AUTO, CUE, EINSUM, FULL, METHODS, SAME, Case

from isotropy.report import Block, Chip, Column, Curve, Curves, Result, Table, Text, Tone

NAMES = (AUTO, *METHODS, SAME, FULL, CUE, EINSUM)
LABELS = {
    AUTO: "auto",
    "dense": "dense tensor",
    "grid": "grid",
    "grid_separable": "separable grid",
    "fourier": "Fourier",
    SAME: "e3nn, same function",
    FULL: "e3nn, all paths",
    CUE: "cuEquivariance",
    EINSUM: "naive einsum",
}
TONES: dict[str, Tone] = {CUE: "broken", EINSUM: "silent"}  # a seventh and an eighth colour
WINDOW = (4, 12)  # degrees over which slopes are fitted


@dataclass(frozen=True)
class Cell:
    """The median and smallest seconds of one contender in one case."""

    L: int
    rows: int
    truncated: bool
    backward: bool
    name: str
    seconds: float
    least: float
    samples: int
    form: str = ""  # which one auto took


@dataclass(frozen=True)
class Peak:
    """MiB that forward and backward need in a fresh process, full output."""

    L: int
    rows: int
    name: str
    mib: float


@dataclass(frozen=True)
class Bar:
    """What must hold: ``found`` at least, or at most, ``bound``; nothing found where it was not measured."""

    text: str
    found: float | None
    bound: float
    at_least: bool = True

    @property
    def verdict(self) -> str:
        if self.found is None:
            return "not measured"
        return "met" if (self.found >= self.bound) == self.at_least or self.found == self.bound else "not met"

    @property
    def wanted(self) -> str:
        return f"{'at least' if self.at_least else 'at most'} {self.bound:.3g}"


@dataclass(frozen=True, kw_only=True)
class TensorProducts(Result):
    """All cells of one run; ``machine`` says where, with what, and how it was timed."""

    kind: ClassVar[str] = "tensor_products"
    machine: dict[str, str]
    cells: tuple[Cell, ...]
    peaks: tuple[Peak, ...] = ()
    complete: tuple[Complete, ...] = ()
    costs: str = ""  # of this machine, as ``auto`` knows them
    skipped: tuple[str, ...] = ()

    def title(self) -> str:
        return "Products on the sphere: time and memory"

    def provenance(self) -> Mapping[str, object]:
        return {**self.machine, "seconds": f"{self.seconds:.0f}"}

    def rows(self) -> Sequence[Mapping[str, float | int | str | None]]:
        return [
            {
                "L": cell.L,
                "rows": cell.rows,
                "output": "0..L" if cell.truncated else "0..2L",
                "pass": "forward + backward" if cell.backward else "forward",
                "by": LABELS[cell.name],
                "ms": 1e3 * cell.seconds,
            }
            for cell in self.cells
        ]

    def at(self, case: Case, backward: bool, name: str) -> float | None:
        """Median seconds."""
        key = (case.L, case.rows, case.truncated, backward, name)
        found = [c.seconds for c in self.cells if (c.L, c.rows, c.truncated, c.backward, c.name) == key]
        return found[0] if found else None

    def cases(self) -> list[tuple[Case, bool]]:
        keys = {(c.truncated, c.rows, c.L, c.backward) for c in self.cells}
        return [(Case(L, rows, truncated), backward) for truncated, rows, L, backward in sorted(keys)]

    def ratio(self, slow: str, fast: str, case: Case, backward: bool = False) -> float | None:
        """How many times as long ``slow`` takes as ``fast``."""
        one, other = (self.at(case, backward, name) for name in (slow, fast))
        return one / other if one is not None and other is not None else None

    def losses(self) -> list[tuple[float, str]]:
        """By how much ``auto`` is slower than the best of our methods, in every case, largest first."""
        found: list[tuple[float, str]] = []
        for case, backward in self.cases():
            times = {m: self.at(case, backward, m) for m in METHODS}
            known = {m: t for m, t in times.items() if t is not None}
            auto = self.at(case, backward, AUTO)
            if auto is not None and known:
                best = min(known, key=lambda m: known[m])
                found.append((auto / known[best] - 1, f"{best} in {told(case, backward)}"))
        return sorted(found, reverse=True)

    def slope(self, name: str, rows: int, truncated: bool, backward: bool) -> float | None:
        """The exponent of L in the time, fitted over the degrees of ``WINDOW``; None for fewer than three."""
        low, high = WINDOW
        cells = [
            c for c in self.cells if (c.rows, c.truncated, c.backward, c.name) == (rows, truncated, backward, name)
        ]
        points = [(math.log(c.L), math.log(c.seconds)) for c in cells if low <= c.L <= high]
        return float(np.polyfit(*np.array(points).T, 1)[0]) if len(points) >= 3 else None

    def peak(self, name: str) -> float | None:
        found = [p.mib for p in self.peaks if p.name == name and (p.L, p.rows) == (12, 4096)]
        return found[0] if found else None

    def bars(self) -> list[Bar]:
        """The bars of the issue and of specification 05, §5.11 and §5.12, in that order."""

        def speed(L: int, rows: int, bound: float, slow: str = SAME, fast: str = AUTO) -> Bar:
            text = f"L = {L}, {rows} rows, full output, forward: {slow} / {fast}"
            return Bar(text, self.ratio(slow, fast, Case(L, rows)), bound)

        def share(one: str, other: str, bound: float) -> Bar:
            mine, theirs = self.peak(one), self.peak(other)
            found = mine / theirs if mine is not None and theirs else None
            return Bar(f"peak memory, L = 12, 4096 rows: {one} / {other}", found, bound, at_least=False)

        slopes = [self.slope("grid_separable", rows, False, False) for rows in sorted({c.rows for c in self.cells})]
        steepest = max((s for s in slopes if s is not None), default=None)
        cue = [self.ratio(CUE, AUTO, case, backward) for case, backward in self.cases()]
        least = min((r for r in cue if r is not None), default=None)
        losses = self.losses()
        return [
            speed(4, 32, 30),
            speed(4, 4096, 6),
            speed(12, 512, 40),
            Bar(
                "slope of grid_separable over L = 4..12, steepest, full output, forward", steepest, 3.0, at_least=False
            ),
            Bar("cuEquivariance / auto, in the worst case of all", least, 1),
            Bar(
                "auto over the best method, in the worst case of all", 1 + losses[0][0] if losses else None, 1.15, False
            ),
            speed(4, 32, 20, fast="grid"),
            speed(4, 4096, 4, fast="grid"),
            speed(12, 4096, 2, "grid", "grid_separable"),
            share("grid", "fourier", 1 / 4),
            share("grid_separable", "fourier", 1 / 3),
            share("grid", SAME, 1 / 2),
        ]

    def tables(self) -> list[Table]:
        """The bars, the times, the slopes, peak memory, and where auto loses."""
        tones = {"met": "holds", "not met": "broken", "not measured": "silent"}
        marks = {"met": "●", "not met": "○", "not measured": "–"}
        bars = [
            (bar.text, bar.wanted, figures(bar.found), Chip(bar.verdict, tones[bar.verdict], marks[bar.verdict]))  # type: ignore[arg-type]
            for bar in self.bars()
        ]
        tables = [Table([Column(c) for c in ("bar", "wanted", "found", "")], bars, section="Bars", title="Bars")]
        names = [name for name in NAMES if any(c.name == name for c in self.cells)]
        for truncated in sorted({c.truncated for c in self.cells}):
            rows = [
                (*self._case(case), *(self._both(case, name) for name in names))
                for case in dict.fromkeys(case for case, _ in self.cases() if case.truncated == truncated)
            ]
            head = [Column(c) for c in ("L", "rows", "auto is", *(LABELS[name] for name in names))]
            output = "0..L" if truncated else "0..2L"
            tables.append(Table(head, rows, section="Times", title=f"Output {output}: forward / with backward, ms"))
        if slopes := self._slopes(names):
            head = [Column(c) for c in ("by", "output", "rows", "pass", "exponent of L")]
            title = f"Exponents, fitted over L = {WINDOW[0]}..{WINDOW[1]}"
            tables.append(Table(head, slopes, section="Exponents", title=title))
        if self.peaks:
            peaks = [(LABELS[p.name], str(p.L), str(p.rows), figures(p.mib)) for p in self.peaks]
            head = [Column(c) for c in ("by", "L", "rows", "MiB")]
            tables.append(Table(head, peaks, section="Memory", title="Peak of forward and backward, full output"))
        if self.complete:
            tables.append(complete_table(self.complete, figures))
        losses = [(where, f"{100 * loss:.0f} %") for loss, where in self.losses() if loss > 0.05]
        if losses:
            head = [Column("faster than what auto takes"), Column("by")]
            tables.append(Table(head, losses, section="Auto", title="Where another method is more than 5 % faster"))
        return tables

    def _case(self, case: Case) -> tuple[str, str, str]:
        key = (case.L, case.rows, case.truncated, AUTO)
        both = [c.form for c in self.cells if (c.L, c.rows, c.truncated, c.name) == key and c.form]
        return str(case.L), str(case.rows), " / ".join(dict.fromkeys(both)) or "–"

    def _both(self, case: Case, name: str) -> str:
        times = [self.at(case, backward, name) for backward in (False, True)]
        return " / ".join(figures(None if t is None else 1e3 * t) for t in times) if any(times) else "–"

    def _slopes(self, names: Iterable[str]) -> list[tuple[str, ...]]:
        keys = sorted({(c.truncated, c.rows, c.backward) for c in self.cells})
        return [
            (LABELS[name], "0..L" if truncated else "0..2L", str(count), "both" if backward else "forward", figures(s))
            for name in names
            for truncated, count, backward in keys
            if (s := self.slope(name, count, truncated, backward)) is not None
        ]

    def blocks(self) -> Sequence[Block]:
        found: list[Block] = [Text(self.headline(), style="headline"), *self.tables(), *self._plots()]
        if self.costs:
            found.append(Text(f"```\n{self.costs}\n```", section="Auto", title="What this machine costs"))
        if self.skipped:
            found.append(Text("\n".join(f"- {line}" for line in self.skipped), section="Skipped", title="Not measured"))
        return found

    def headline(self) -> str:
        counted = [bar.verdict for bar in self.bars()]
        parts = (f"{counted.count(v)} {v}" for v in ("met", "not met", "not measured") if v in counted)
        return f"Of {len(counted)} bars: {', '.join(parts)}."

    def _plots(self) -> list[Block]:
        plots: list[Block] = []
        for truncated, backward, rows in sorted({(c.truncated, c.backward, c.rows) for c in self.cells}):
            here = [c for c in self.cells if (c.truncated, c.backward, c.rows) == (truncated, backward, rows)]
            curves = [
                Curve(LABELS[name], [c.L for c in mine], [1e3 * c.seconds for c in mine], tone=TONES.get(name))
                for name in NAMES[1:]  # auto is one of those that follow
                if (mine := sorted((c for c in here if c.name == name), key=lambda c: c.L))
            ]
            output = "truncated" if truncated else "full"
            done = "forward and backward" if backward else "forward"
            title = f"{rows} rows, {done}, {output} output"
            name = f"{output}-{'both' if backward else 'forward'}-{rows}"
            axes = {"xlabel": "degree L", "ylabel": "ms", "xlog": True, "ylog": True}
            plots.append(Curves(curves, **axes, section="Time against degree", title=title, name=name, half=True))
        return plots

    def markdown(self) -> str:
        """The page that can be committed as docs/results/tensor-products.md."""
        lines = ["# Time and memory of products on the sphere", ""]
        lines += [
            "What `isotropy bench tensor-products` measured. [Products on the sphere](../products-on-the-sphere.md)"
        ]
        lines += ["says what is multiplied, and which method to take when.", ""]
        lines += [f"- {key}: {value}" for key, value in sorted(self.machine.items())]
        lines += [f"- the whole run: {self.seconds:.0f} s", "", f"**{self.headline()}**"]
        for table in self.tables():
            lines += ["", f"## {table.title}", "", "| " + " | ".join(c.label for c in table.columns) + " |"]
            lines += ["|" + "---|" * len(table.columns)]
            lines += ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in table.rows]
        if self.costs:
            lines += ["", "## What this machine costs", "", "```", self.costs, "```"]
        if self.skipped:
            lines += ["", "## Not measured", "", *(f"- {line}" for line in self.skipped)]
        return "\n".join(lines) + "\n"


def told(case: Case, backward: bool) -> str:
    """A case in words."""
    output = "0..L" if case.truncated else "0..2L"
    return f"L = {case.L}, {case.rows} rows, {output}, {'both' if backward else 'forward'}"


def figures(value: float | None) -> str:
    """Three figures, and no powers of ten.

    >>> figures(1234.5), figures(0.01234), figures(None)
    ('1230', '0.0123', '–')
    """
    if value is None:
        return "–"
    if value == 0:
        return "0"
    return (
        f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"
        if abs(value) < 100
        else f"{float(f'{value:.3g}'):.0f}"
    )


def _cell(cell: object) -> str:
    if isinstance(cell, Chip):
        return "**not met**" if cell.word == "not met" else cell.word
    return str(cell)
