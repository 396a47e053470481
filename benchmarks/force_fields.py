"""Force fields beside those of MACE and NequIP: errors against processor seconds, speed, memory, imports.

    isotropy bench force-fields --out runs/peers [--time 10min] [--molecule acac|3bpa] [--only ours,mace-small]
                                [--python PATH] [--seed 0]

Every model learns the same 450 configurations of 300 K for the same processor time of one core, and is measured on the
test sets of this and higher temperatures. Each peer runs in a process of its own, by the Python of ``--python`` (ours,
if none is given), where `pip install isotropy[peers]` and `pip install --no-deps mace-torch==0.3.16` were said. What is
done is kept in ``--out`` and not done again. The page docs/results/force-field.md tells what came out.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase import Atoms
from ase.io import read, write

from isotropy.cli._forcefield import seconds_of
from isotropy.data import Molecules, load_molecules
from isotropy.forcefield import evaluate_force_field
from isotropy.nn import GauntForceField, load_force_field
from isotropy.report import Block, Column, Curve, Curves, Table, Text, table_text, write_html

TESTS = {
    "acac": {"300 K": "test_300K", "600 K": "test_600K"},
    "3bpa": {"300 K": "mixed_300K", "600 K": "mixed_600K", "1200 K": "mixed_1200K"},
}
SIZES = {32: (4, 4, 2), 256: (8, 8, 4), 2048: (16, 16, 8)}  # sites of a cubic lattice
SPACING = 2.15  # Angstrom: the density of organic liquids, some 50 neighbours within 5 Angstrom


@dataclass(frozen=True)
class Entry:
    """A model to train: whose it is, and its settings."""

    peer: str
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])


ENTRIES = {
    "ours": Entry("ours"),
    "mace-small": Entry("mace", {"num_channels": 64, "max_L": 0}),
    "nequip-small": Entry("nequip", {"preset": "S"}),
    "mace-fast": Entry("mace", {"num_channels": 16, "max_L": 0}),
    "nequip-fast": Entry("nequip", {"num_layers": 2, "l_max": 1, "num_features": 16, "parity": False}),
}


def written(folder: Path, molecule: str, seed: int) -> dict[str, str]:
    """The sets as extended XYZ: whole energies under ``REF_energy``, those above free atoms under ``above``."""
    whole = load_molecules(molecule)
    train, valid = whole.parted(450, seed)
    sets = {"train": train, "valid": valid, **{k: load_molecules(molecule, v) for k, v in TESTS[molecule].items()}}
    paths: dict[str, str] = {}
    for name, molecules in sets.items():
        paths[name] = str(folder / f"{name.replace(' ', '')}.xyz")
        frames = frames_of(molecules)
        if name == "train":
            for number, energy in molecules.isolated.items():
                told = {"REF_energy": energy, "config_type": "IsolatedAtom"}
                frames.append(Atoms([number], [[0, 0, 0]], info=told))
        write(paths[name], frames, format="extxyz")
    return paths


def frames_of(molecules: Molecules) -> list[Atoms]:
    """Atoms of ase with both energies, and the forces twice: ase keeps ``forces`` for calculators."""
    found: list[Atoms] = []
    assert molecules.forces is not None
    free = molecules.references
    for k in range(len(molecules)):
        at = molecules.segments.label == k
        atoms = Atoms(molecules.numbers[at].numpy(), molecules.positions[at].numpy())
        atoms.info |= {"REF_energy": float(molecules.energies[k]), "above": float(molecules.energies[k] - free[k])}
        atoms.arrays["REF_forces"] = atoms.arrays["pulls"] = molecules.forces[at].numpy()
        found.append(atoms)
    return found


def boxes(folder: Path) -> dict[str, str]:
    """Periodic boxes of H, C and O of so many atoms, as dense as organic liquids."""
    rng, paths = np.random.default_rng(0), {}
    for size, sites in SIZES.items():
        places = SPACING * np.stack(np.meshgrid(*map(np.arange, sites), indexing="ij"), -1).reshape(-1, 3)
        cell = SPACING * np.array(sites)
        atoms = Atoms(np.resize([1, 6, 1, 8], size), places + rng.normal(0, 0.1, places.shape), cell=cell, pbc=True)
        atoms.info["above"], atoms.arrays["pulls"] = 0.0, np.zeros((size, 3))
        paths[str(size)] = str(folder / f"box-{size}.xyz")
        write(paths[str(size)], atoms, format="extxyz")
    return paths


def ours(
    folder: Path, entry: Entry, sets: Mapping[str, str], sizes: Mapping[str, str], time_s: float, seed: int
) -> dict[str, Any]:
    """The same figures of our force field, trained by the command that a chemist types."""
    field_at = folder / "field"
    told = [f"--set={name}={value}" for name, value in entry.settings.items()]
    command = ["forcefield", "train", sets["train"], "--valid", sets["valid"], "--out", str(field_at), "--resume"]
    keys = ["--seed", str(seed), "--time", f"{time_s:g}s", *told]
    memory = peak([sys.executable, "-m", "isotropy", *command, *keys])
    report = json.loads((field_at / "result.json").read_text())
    model = load_force_field(field_at)
    assert isinstance(model, GauntForceField)
    tests = {}
    for name, path in sets.items():
        if name not in ("train", "valid"):
            last = evaluate_force_field(model, path)["test"]
            tests[name] = {"energy": last.energy, "forces": last.forces}
    plan = json.loads((field_at / "plan.json").read_text())
    curve = report["curves"][0]
    each = time_s / plan["steps"]
    looks = [
        {"seconds": step * each, "step": step, "loss": loss, "energy": 1e3 * e, "forces": 1e3 * f}
        for step, loss, e, f in zip(
            curve["step"], curve["loss"], curve["valid/per_atom_rmse"], curve["valid/force_rmse"], strict=True
        )
    ]
    return {
        "import": imported(),
        "parameters": sum(p.numel() for p in model.parameters()),
        "steps": plan["steps"],
        "seconds": time_s,
        "curve": looks,
        "tests": tests,
        "memory_MiB": memory,
        "microseconds_per_atom": speeds(model, sizes),
    }


def peak(command: list[str]) -> float:
    """Runs a command and returns the most memory in MiB that it had; raises CalledProcessError where it fails."""
    with subprocess.Popen(command) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return used.ru_maxrss / 1024


def imported() -> float:
    """The processor time of importing what training and asking need."""
    code = "import time; began = time.process_time(); import isotropy.forcefield; print(time.process_time() - began)"
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


def speeds(model: GauntForceField, sizes: Mapping[str, str]) -> dict[str, float]:
    """Processor microseconds of energies and forces by the atom; the neighbours are known."""
    torch.set_num_threads(1)
    model.eval()
    found: dict[str, float] = {}
    for size, path in sizes.items():
        atoms: Any = read(path)
        positions, numbers = torch.tensor(atoms.positions, dtype=torch.float32), torch.tensor(atoms.numbers)
        graph = model.graph(positions, numbers, cell=torch.tensor(atoms.cell.array, dtype=torch.float32))
        model.predict_graph(positions, numbers, *graph), model.predict_graph(positions, numbers, *graph)
        times: list[float] = []
        while sum(times) < 3 and len(times) < 20:
            began = time.process_time()
            model.predict_graph(positions, numbers, *graph)
            times.append(time.process_time() - began)
        found[size] = 1e6 * min(times) / int(size)
    return found


def theirs(folder: Path, entry: Entry, plan: dict[str, Any], python: str) -> dict[str, Any]:
    """The figures of a peer, measured in its own Python."""
    out = folder / "found.json"
    told = {"peer": entry.peer, "settings": dict(entry.settings), "out": str(out), **plan}
    (folder / "plan.json").write_text(json.dumps(told, indent=1))
    driver = Path(__file__).with_name("_force_field_peers.py")
    # Their steps find their memory again as ours do: see runs.memory_kept.
    kept = {"MALLOC_MMAP_THRESHOLD_": str(2**30), "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1)}
    subprocess.run([python, str(driver), str(folder / "plan.json")], check=True, env={**os.environ, **kept})
    return json.loads(out.read_text())


def blocks(found: Mapping[str, dict[str, Any]], molecule: str, seconds: float) -> list[Block]:
    """All points: errors on each test set, speed, memory, imports, and learning curves, losses too."""
    tests = list(TESTS[molecule])
    columns = [Column("model"), Column("parameters", "number"), Column("steps", "number")]
    columns += [
        Column(f"{test}: {what}", "number", unit=unit)
        for test in tests
        for what, unit in (("forces", "meV/Å"), ("energy", "meV/atom"))
    ]
    rows = [
        (who, one["parameters"], one["steps"], *(one["tests"][t][k] for t in tests for k in ("forces", "energy")))
        for who, one in found.items()
    ]
    speed = [Column("model"), *(Column(f"{size} atoms", "number", unit="µs/atom") for size in SIZES)]
    speed += [Column("memory of training", "number", unit="MiB"), Column("imports", "number", unit="s")]
    times = [
        (who, *(one["microseconds_per_atom"][str(size)] for size in SIZES), one["memory_MiB"], one["import"])
        for who, one in found.items()
    ]

    def curves(key: str, label: str) -> Curves:
        lines = [Curve(w, [x["seconds"] for x in o["curve"]], [x[key] for x in o["curve"]]) for w, o in found.items()]
        axes: Any = {"xlabel": "processor seconds", "ylabel": label, "ylog": True, "half": True}
        return Curves(lines, title=f"{key.capitalize()} against processor seconds", name=f"peers-{key}", **axes)

    return [
        Text(f"{molecule}, {seconds:g} processor seconds of one core for each model", style="headline"),
        Table(columns, rows, title="Root mean square errors"),
        Table(speed, times, title="Energies and forces, memory, imports"),
        curves("forces", "validation, meV/Å"),
        curves("energy", "validation, meV/atom"),
        curves("loss", "loss, each in its own weights"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--time", default="10min")
    parser.add_argument("--molecule", choices=tuple(TESTS), default="acac")
    parser.add_argument("--only", default=",".join(ENTRIES))
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    unknown = set(asked.only.split(",")) - set(ENTRIES)
    if unknown:
        parser.error(f"--only {', '.join(sorted(unknown))}: write some of {', '.join(ENTRIES)}")
    out = asked.out / asked.molecule
    out.mkdir(parents=True, exist_ok=True)
    sets, sizes = written(out, asked.molecule, asked.seed), boxes(out)
    seconds = seconds_of(asked.time)
    plan = {"sets": sets, "sizes": sizes, "seconds": seconds, "seed": asked.seed}
    for name in asked.only.split(","):
        folder = out / name
        folder.mkdir(exist_ok=True)
        kept = folder / "entry.json"
        if not kept.exists():
            entry = ENTRIES[name]
            mine = entry.peer == "ours"
            one = (
                ours(folder, entry, sets, sizes, seconds, asked.seed)
                if mine
                else theirs(folder, entry, plan, asked.python)
            )
            kept.write_text(json.dumps(one, indent=1))
    done = {name: out / name / "entry.json" for name in ENTRIES}
    found = {name: json.loads(path.read_text()) for name, path in done.items() if path.exists()}
    shown = blocks(found, asked.molecule, seconds)
    print(*(table_text(block) for block in shown if isinstance(block, Table)), sep="\n")
    print(f"report: {write_html('Force fields beside MACE and NequIP', shown, out)}")


if __name__ == "__main__":
    main()
