"""The answer of the experiment, and its report: speed, force fields, charged particles, mirror images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from isotropy.experiments.gaunt._config import EFFICIENCY, NBODY, ForceField
from isotropy.report import Block, Curve, Curves, Points, Scatter
from isotropy.runs import Job
from isotropy.study import Done, Outcome, Published, Scored, bars, curves, numbers, quoted

Numbers = Sequence[float]


@dataclass(frozen=True)
class Line:
    """What one training leaves for a figure: columns of numbers under a name.

    ``figure`` is "learning" (step, energy_rmse, force_rmse; eV, Angstrom), "parity" (true, predicted; eV/Angstrom) or
    "dynamics" (femtoseconds, total, kinetic; meV per atom).
    """

    figure: str
    name: str
    columns: Mapping[str, Numbers]


def _learning(result: GauntProducts) -> Iterator[Block]:
    for what, title in (("force_rmse", "forces, meV/A"), ("energy_rmse", "energies, meV")):
        drawn = [
            Curve(line.name, line.columns["step"], [1e3 * value for value in line.columns[what]])
            for line in result.lines
            if line.figure == "learning"
        ]
        if drawn:
            yield Curves(
                drawn,
                section="Force fields",
                title=f"Learning curves: {title}",
                caption="Root mean square errors on configurations that are watched, not trained on.",
                xlabel="step",
                ylabel=title,
                xlog=True,
                ylog=True,
                name=f"learning-{what}",
            )


def _parity(result: GauntProducts) -> Iterator[Block]:
    trainings: dict[str, list[Points]] = {}
    for line in result.lines:
        if line.figure == "parity":
            name, _, test = line.name.rpartition(", ")
            trainings.setdefault(name, []).append(Points(test, line.columns["true"], line.columns["predicted"]))
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


def _dynamics(result: GauntProducts) -> Iterator[Block]:
    for number, line in enumerate(line for line in result.lines if line.figure == "dynamics"):
        t, total, kinetic = (line.columns[key] for key in ("femtoseconds", "total", "kinetic"))
        yield Curves(
            [Curve("total", t, total), Curve("kinetic, less its start", t, [value - kinetic[0] for value in kinetic])],
            section="Force fields",
            title=f"Molecular dynamics: {line.name}",
            caption="Velocity Verlet in steps of 0.5 fs from 300 K, through ase; energies less their first values.",
            xlabel="femtoseconds",
            ylabel="meV per atom",
            name=f"dynamics-{number}",
        )


@dataclass(frozen=True, kw_only=True)
class GauntProducts(Scored):
    """Products of functions on the sphere: how fast, and how good in molecules, particles, mirror images (§4)."""

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
        _learning,
        _parity,
        _dynamics,
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
    lines: tuple[Line, ...] = ()

    @classmethod
    def told(cls, config: Any, done: Sequence[Done]) -> dict[str, Any]:
        """The scores, and the lines of figures, which show trainings from the first seed."""
        first = [(trial.job, outcome) for trial, outcome in done if trial.job.seed == config.seed]
        lines = tuple(line for job, outcome in first if "curve" in outcome for line in _lines(job, outcome))
        return {**super().told(config, done), "lines": lines}


def _lines(job: Job, outcome: Outcome) -> Iterator[Line]:
    given, rows = job.arguments, outcome["curve"]
    method = ForceField(given["molecule"], given["steps"], given["products"], given["order"]).method
    name = f"{given['molecule']}, {method}, {given['steps']} steps, seed {job.seed}"
    yield Line("learning", name, {key: [row[key] for row in rows] for key in ("step", "energy_rmse", "force_rmse")})
    for test, columns in outcome["parity"].items():
        if columns:
            yield Line("parity", f"{name}, {test}", columns)
    if outcome["dynamics"]:
        yield Line("dynamics", name, outcome["dynamics"])
