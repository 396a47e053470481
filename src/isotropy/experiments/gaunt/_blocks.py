"""The report of the experiment: claims with their numbers, our tables and figures, published numbers apart."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence

from isotropy.experiments._claims import Verdict, claim_blocks
from isotropy.experiments._scores import Score
from isotropy.experiments.gaunt._published import PUBLISHED
from isotropy.experiments.gaunt._records import EFFICIENCY, NBODY, Line
from isotropy.report import Bar, Bars, Block, Cloud, Curve, Curves, Scatter, Table

_DEGREE = re.compile(r"(.*), L = (\d+)(, with gradients)?")


def blocks_of(table: Table, scores: Sequence[Score], lines: Sequence[Line], claims: Sequence[Verdict]) -> list[Block]:
    """All blocks, in order."""
    figures = [*_times(scores), *_learning(lines), *_parity(lines), *_dynamics(lines), *_particles(scores)]
    return [*claim_blocks(claims), *figures, _ours(table), PUBLISHED]


def _ours(table: Table) -> Table:
    return dataclasses.replace(
        table,
        section="Numbers",
        title="Numbers of this run",
        caption="Force fields: root mean square errors on configurations that nobody trained on. n-body: five charged "
        "particles, 1000 steps ahead.",
        notes=(),
        name="numbers",
    )


def _times(scores: Sequence[Score]) -> Iterator[Block]:
    """Milliseconds by degree, one figure for each operation without and with gradients."""
    found: dict[tuple[str, bool], dict[str, dict[int, float]]] = {}
    for score in scores:
        match = _DEGREE.fullmatch(score.setting) if score.task == EFFICIENCY else None
        if match:
            key = (match[1], match[3] is not None)
            found.setdefault(key, {}).setdefault(score.method, {})[int(match[2])] = score.mean
    for (operation, backward), methods in found.items():
        what = "forward and backward" if backward else "forward"
        yield Curves(
            tuple(Curve(method, list(times), list(times.values())) for method, times in methods.items()),
            section="Speed",
            title=f"{operation.capitalize()}, {what}",
            caption="Medians over rounds in which all methods took turns, after a warm-up; construction is not timed.",
            xlabel="largest degree L",
            ylabel="milliseconds",
            ylog=True,
            half=True,
            name=f"time-{operation}-{'both' if backward else 'forward'}",
        )


def _learning(lines: Sequence[Line]) -> Iterator[Block]:
    for what, title in (("force_rmse", "forces, meV/A"), ("energy_rmse", "energies, meV")):
        curves = [
            Curve(line.name, line.columns["step"], [1e3 * value for value in line.columns[what]])
            for line in lines
            if line.figure == "learning"
        ]
        if curves:
            yield Curves(
                tuple(curves),
                section="Force fields",
                title=f"Learning curves: {title}",
                caption="Root mean square errors on configurations that are watched, not trained on.",
                xlabel="step",
                ylabel=title,
                xlog=True,
                ylog=True,
                name=f"learning-{what}",
            )


def _parity(lines: Sequence[Line]) -> Iterator[Block]:
    trainings: dict[str, list[Cloud]] = {}
    for line in lines:
        if line.figure == "parity":
            name, _, test = line.name.rpartition(", ")
            trainings.setdefault(name, []).append(Cloud(test, line.columns["true"], line.columns["predicted"]))
    for number, (name, clouds) in enumerate(trainings.items()):
        yield Scatter(
            tuple(clouds),
            section="Force fields",
            title=f"Parity: {name}",
            caption="Components of forces drawn from each test set.",
            xlabel="density functional theory, eV/A",
            ylabel="predicted, eV/A",
            diagonal=True,
            half=True,
            name=f"parity-{number}",
        )


def _dynamics(lines: Sequence[Line]) -> Iterator[Block]:
    for number, line in enumerate(line for line in lines if line.figure == "dynamics"):
        t = line.columns["femtoseconds"]
        start = line.columns["kinetic"][0]
        yield Curves(
            (
                Curve("total", t, line.columns["total"]),
                Curve("kinetic, less its start", t, [value - start for value in line.columns["kinetic"]]),
            ),
            section="Force fields",
            title=f"Molecular dynamics: {line.name}",
            caption="Velocity Verlet in steps of 0.5 fs from 300 K, through ase; energies less their first values.",
            xlabel="femtoseconds",
            ylabel="meV per atom",
            name=f"dynamics-{number}",
        )


def _particles(scores: Sequence[Score]) -> Iterator[Block]:
    bars = [
        Bar(f"{score.method}, {score.setting}", score.mean, min(score.values), max(score.values))
        for score in scores
        if score.task == NBODY and score.unit == "MSE per coordinate"
    ]
    if bars:
        yield Bars(
            bars,
            section="Charged particles",
            title="Five charged particles, 1000 steps ahead",
            caption="The mean over seeds, the whisker from the lowest to the highest.",
            xlabel="test MSE per coordinate",
            interval_label="range over seeds",
            name="n-body",
        )
