"""The answer of the experiment, and its report: speed, force fields, charged particles, mirror images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from isotropy.experiments.gaunt._config import EFFICIENCY, NBODY
from isotropy.report import Block, Points, Scatter
from isotropy.study import Published, Show, Traced, bars, curves, numbers, quoted, traces


def _learning(column: str, what: str) -> Show:
    return traces(
        "learning",
        "step",
        f"Learning curves: {what}",
        column,
        times=1e3,
        section="Force fields",
        caption="Root mean square errors on configurations that are watched, not trained on.",
        xlabel="step",
        ylabel=what,
        xlog=True,
        ylog=True,
    )


def _parity(result: GauntProducts) -> Iterator[Block]:
    trainings: dict[str, list[Points]] = {}
    for trace in result.traces:
        if trace.figure == "parity":
            name, _, test = trace.name.rpartition(", ")
            trainings.setdefault(name, []).append(Points(test, trace.columns["true"], trace.columns["predicted"]))
    for number, (name, clouds) in enumerate(trainings.items()):
        yield Scatter(
            clouds,
            section="Force fields",
            title=f"Parity: {name}",
            caption="Components of forces drawn from each test set.",
            xlabel="density functional theory, eV/A",
            ylabel="predicted, eV/A",
            diagonal=True,
            half=True,
            name=f"parity-{number}",
        )


@dataclass(frozen=True, kw_only=True)
class GauntProducts(Traced):
    """Products of functions on the sphere: how fast, and how good in molecules, particles, mirror images (§4).

    Traces are of "learning" (step, energy_rmse, force_rmse; eV, Angstrom), "parity" (true, predicted; eV/Angstrom) and
    "dynamics" (femtoseconds, total, kinetic; meV per atom).
    """

    kind: ClassVar[str] = "gaunt_products"
    heading = "Gaunt tensor products, reproduced"
    shown = (
        curves(
            EFFICIENCY,
            r"(?P<operation>.*), L = (?P<x>\d+)(?P<both>, with gradients)?",
            lambda m: f"{m['operation'].capitalize()}, {'forward and backward' if m['both'] else 'forward'}",
            section="Speed",
            caption="Medians over rounds in which all methods took turns, after a warm-up; construction is not timed.",
            xlabel="largest degree L",
            ylabel="milliseconds",
            ylog=True,
            half=True,
        ),
        _learning("force_rmse", "forces, meV/A"),
        _learning("energy_rmse", "energies, meV"),
        _parity,
        traces(
            "dynamics",
            "femtoseconds",
            "Molecular dynamics: {}",
            shifted=True,
            section="Force fields",
            caption="Velocity Verlet in steps of 0.5 fs from 300 K, through ase; energies less their first values.",
            xlabel="femtoseconds",
            ylabel="meV per atom",
        ),
        bars(
            NBODY,
            "Five charged particles, 1000 steps ahead",
            unit="MSE per coordinate",
            section="Charged particles",
            xlabel="test MSE per coordinate",
            name="n-body",
        ),
        numbers(
            "Force fields: root mean square errors on configurations that nobody trained on. n-body: five charged "
            "particles, 1000 steps ahead."
        ),
        quoted,
    )
    published = Published.read(
        __name__,
        "For orientation only: wider networks, trained for hours on GPUs. Where the paper says L it means degrees "
        "0..L-1, which are L-1 here, and its times of e3nn include compilation; the test sets of 3BPA are not those "
        "that are used here; the numbers of acetylacetone are recalled.",
    )
