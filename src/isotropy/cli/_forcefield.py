"""``isotropy forcefield``: from a file of energies and forces to a force field, its errors, and atoms that it moves."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from isotropy.cli._app import commands
from isotropy.cli._options import Device, ReportOut, Resume, Seed, Settings, examples, settings_of, tell
from isotropy.errors import SchemaError, counted

forcefield = commands("forcefield", "Train a force field, look at its errors, move atoms by it.")

EnergyKey = Annotated[str | None, typer.Option("--energy-key", help="What the file calls energies (eV).")]
ForcesKey = Annotated[str | None, typer.Option("--forces-key", help="What the file calls forces (eV/A).")]
StressKey = Annotated[str | None, typer.Option("--stress-key", help="... stresses (eV/A^3) or virials (eV).")]
_SECONDS = {"s": 1, "min": 60, "h": 3600}


class Ensemble(StrEnum):
    """What stays constant."""

    nve = "nve"
    nvt = "nvt"
    npt = "npt"


@forcefield.command(
    short_help="A force field from a file of energies, forces and stresses.",
    epilog=examples(
        "isotropy forcefield train data.xyz --out runs/ff --time 10min",
        "isotropy forcefield train data.xyz --valid valid.xyz --epochs 200 --members 4 --out runs/ff",
        "isotropy forcefield train data.xyz --energy-key dft_energy --forces-key dft_forces --out runs/ff",
    ),
)
def train(
    data: Annotated[Path, typer.Argument(help="Configurations as ase reads them: .xyz, .extxyz, .traj, .db, ...")],
    out: Annotated[Path, typer.Option("--out", help="The directory of this run: model, report, checkpoints.")],
    valid: Annotated[
        str, typer.Option("--valid", help="What is held out: a share, a file, or config_type=NAME.")
    ] = "0.1",
    time: Annotated[
        str | None, typer.Option("--time", help="Training time of a core, such as 10min, 90s or 2h.")
    ] = None,
    epochs: Annotated[int | None, typer.Option("--epochs", min=1, help="Or: passes over the data (100).")] = None,
    members: Annotated[int, typer.Option("--members", min=1, help="A committee of so many.")] = 1,
    energy_key: EnergyKey = None,
    forces_key: ForcesKey = None,
    stress_key: StressKey = None,
    setting: Settings = [],  # noqa: B006  typer copies its defaults
    device: Device = "cpu",
    seed: Seed = 0,
    resume: Resume = False,
) -> None:
    """A force field from a file of energies, forces and stresses: trained, looked at, and saved whole.

    Labels are found under their usual names, free atoms among single atoms with config_type=IsolatedAtom or by least
    squares. --set changes the recipe (channels, r_max, rate, forces, patience, ...).
    """
    from isotropy.fields import from_text
    from isotropy.forcefield import Keys, Recipe, train_force_field

    recipe = from_text(Recipe, settings_of(setting), of="the recipe")
    found = train_force_field(
        data,
        out=out,
        valid=valid,
        time_s=None if time is None else seconds_of(time),
        epochs=epochs,
        members=members,
        recipe=recipe,
        keys=Keys(energy_key, forces_key, stress_key),
        device=device,
        resume=resume,
        seed=seed,
    )
    tell(found, out, steps=found.next_steps)


@forcefield.command(
    short_help="The errors of a force field on other configurations.",
    epilog=examples("isotropy forcefield evaluate runs/ff test.xyz --out runs/test"),
)
def evaluate(
    model: Annotated[Path, typer.Argument(help="The directory of a training, or a file of model.save.")],
    data: Annotated[Path, typer.Argument(help="Configurations as ase reads them.")],
    out: ReportOut = None,
    energy_key: EnergyKey = None,
    forces_key: ForcesKey = None,
    stress_key: StressKey = None,
    seed: Seed = 0,
) -> None:
    """The errors of a force field on configurations that it may never have seen, and what is new about them."""
    from isotropy.forcefield import Keys, evaluate_force_field

    found = evaluate_force_field(model, data, keys=Keys(energy_key, forces_key, stress_key), out=out, seed=seed)
    tell(found, out)


@forcefield.command(
    "md",
    short_help="Molecular dynamics by a force field.",
    epilog=examples("isotropy forcefield md runs/ff start.xyz --steps 1000 --temperature 300 --out way.xyz"),
)
def dynamics(
    model: Annotated[Path, typer.Argument(help="The directory of a training, or a file of model.save.")],
    start: Annotated[Path, typer.Argument(help="Where to start: the last structure of a file.")],
    steps: Annotated[int, typer.Option("--steps", min=1, help="How many.")] = 1000,
    step: Annotated[float | None, typer.Option("--step", help="fs; by default 1, or 0.5 with hydrogen.")] = None,
    temperature: Annotated[float, typer.Option("--temperature", help="K, of the momenta and the thermostat.")] = 300.0,
    ensemble: Annotated[Ensemble, typer.Option("--ensemble", help="nve, nvt, or npt.")] = Ensemble.nve,
    pressure: Annotated[float, typer.Option("--pressure", help="GPa, of npt.")] = 0.0,
    every: Annotated[int, typer.Option("--every", min=1, help="Steps between two frames.")] = 10,
    out: Annotated[Path | None, typer.Option("--out", help="A file (.xyz) for the frames.")] = None,
    seed: Seed = 0,
) -> None:
    """Molecular dynamics by a force field, in double precision; says how the energy drifts and what was never seen."""
    if out is not None and (out.is_dir() or out.suffix not in (".xyz", ".extxyz")):
        raise SchemaError(f"--out {out}", "a file for frames, such as way.xyz")
    from isotropy.forcefield import run_dynamics

    found: Any = run_dynamics(
        model, start, steps, out=out, step=step, temperature=temperature, ensemble=ensemble.value, pressure=pressure,
        every=every, seed=seed,
    )  # fmt: skip
    told = f"{counted(steps, 'step')} of {found.step:g} fs ({ensemble.value}) at {found.temperature:.0f} K on average"
    print(told)
    if ensemble is Ensemble.nve:
        print(f"drift of the total energy: {found.drift:.3g} meV/atom/ps")
    elif found.volume:
        print(f"volume: {found.volume[0]:.2f} to {found.volume[-1]:.2f} A^3")
    if out is not None:
        print(f"frames: {out}")


def seconds_of(text: str) -> float:
    """Seconds in a time such as 10min; raises SchemaError for what is none.

    >>> seconds_of("90s"), seconds_of("1.5h")
    (90.0, 5400.0)
    """
    match = re.fullmatch(r"([0-9]*\.?[0-9]+) ?(s|min|h)", text.strip())
    if match is None or not float(match[1]) > 0:
        raise SchemaError(f"--time {text}", "a number and s, min or h", "--time 10min")
    return float(match[1]) * _SECONDS[match[2]]
