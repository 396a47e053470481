"""The answer of the experiment, and its report: speed, force fields, charged particles, mirror images."""

from dataclasses import dataclass
from typing import ClassVar

from isotropy.study import Published, Traced, bars, curves, numbers, parity, quoted, traces


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
            "efficiency",
            r"(?P<operation>.*), L = (?P<x>\d+)(?P<both>, with gradients)?",
            lambda m: f"{m['operation'].capitalize()}, {'forward and backward' if m['both'] else 'forward'}",
            section="Speed",
            caption="Medians over rounds in which all methods took turns, after a warm-up; construction is not timed.",
            xlabel="largest degree L",
            ylabel="milliseconds",
            ylog=True,
            half=True,
        ),
        traces(
            "learning",
            "step",
            "Learning curves: {}",
            {"force_rmse": "forces, meV/A", "energy_rmse": "energies, meV"},
            times=1e3,
            section="Force fields",
            caption="Root mean square errors on configurations that are watched, not trained on.",
            xlog=True,
            ylog=True,
        ),
        parity(
            "parity",
            "true",
            "predicted",
            "Parity: {}",
            section="Force fields",
            caption="Components of forces drawn from each test set.",
            xlabel="density functional theory, eV/A",
            ylabel="predicted, eV/A",
            half=True,
        ),
        traces(
            "dynamics",
            "femtoseconds",
            "Molecular dynamics: {}",
            shifted=True,
            section="Force fields",
            caption="Velocity Verlet in steps of 0.5 fs from 300 K, through ase; energies less their first values.",
            ylabel="meV per atom",
        ),
        bars("nbody", "Five particles, 1000 steps ahead", unit="MSE per coordinate", section="Charged particles"),
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
