"""The three things that a person asks: train a force field on a file, look at it on another, move atoms by it."""

from __future__ import annotations

import copy
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, cast

from isotropy.data import Molecules
from isotropy.errors import DomainError, IsotropyError, SchemaError
from isotropy.forcefield._dynamics import Motion, moving
from isotropy.forcefield._frames import Frames, Keys, prepared, tensors_of
from isotropy.forcefield._look import batched, calibrated, look
from isotropy.forcefield._recipe import Recipe
from isotropy.forcefield._result import ForceFieldReport, SetErrors
from isotropy.forcefield._train import batches_of, member_of, steps_in, train_member
from isotropy.nn import (
    ForceFieldCommittee,
    GauntForceField,
    UnseenWarning,
    ase_calculator,
    load_force_field,
)
from isotropy.nn.parts import edge_lengths, members_of, symbol
from isotropy.random import derive
from isotropy.runs import Run, cores, map_jobs, memory_kept
from isotropy.study import answering, fingerprint, job_of

_EPOCHS = 100
_SHOWN = 500  # configurations to learn from whose errors are told: a part says as much as all
_TOLD = ("energy", "forces", "stress")  # of the frames of dynamics
_PLAN, _MODEL = "plan.json", "model.safetensors"


def train_force_field(
    path: str | Path,
    *,
    out: str | Path,
    valid: str = "0.1",
    time_s: float | None = None,
    epochs: int | None = None,
    members: int = 1,
    recipe: Recipe | None = None,
    keys: Keys | None = None,
    device: str = "cpu",
    resume: bool = False,
    seed: int = 0,
    dynamics: int = 400,
    audit: bool = True,
) -> ForceFieldReport:
    """A force field from a file of configurations, in the folder ``out``: model.safetensors, result.json, report.html.

    - ``valid``: what is held out: a share, a file, or "config_type=NAME".
    - ``time_s``: seconds of training, of the processor where that trains and else of the clock; a few steps are
      measured to know how many fit; or ``epochs``, 100 by default. ``members`` of a committee are jobs of one run and
      share the time.
    - ``recipe`` of the model and its training, ``keys`` of the labels, ``device``, ``seed``.
    - ``dynamics``: steps at constant energy that are looked at; ``audit``: whether laws of potentials are.

    A process that trains keeps the memory it has given back (``runs.memory_kept``), as long as it lives.
    A run that was interrupted goes on with ``resume``: on the CPU bit for bit. Raises SchemaError and DomainError for
    files that cannot be read and parts that do not fit, RunDirectoryError for a folder of another run.
    """
    began = time.monotonic()
    recipe, keys = recipe or Recipe(), keys or Keys()
    if time_s is not None and epochs is not None:
        raise SchemaError("a time and epochs", "one of the two")
    if members < 1 or (epochs is not None and epochs < 1) or (time_s is not None and not time_s > 0):
        raise DomainError(f"members={members}, epochs={epochs}, time={time_s}", "1 or more, and a positive time")
    frames = prepared(path, valid, keys, seed=seed)
    data = {"path": str(path), "valid": valid, "keys": asdict(keys), "seed": seed}
    settings = {
        **{key: value for key, value in data.items() if key != "keys"},
        **{f"{name}_key": given for name, given in asdict(keys).items() if given is not None},
        **({} if time_s is None else {"time": time_s}),
        **({} if epochs is None else {"epochs": epochs}),
        "members": members,
        "recipe": asdict(recipe),
        "device": device,
        "sha256": fingerprint(*tensors_of(frames)),
    }
    with answering(out, resume, settings, began=began) as answer:
        run = answer.run
        steps = _steps(run, frames, recipe, device, time_s, epochs, members)
        told = {"data": data, "recipe": recipe, "steps": steps, "device": device}
        jobs = [job_of(train_member, derive(seed, "member", k), where=f"members/{k}", **told) for k in range(members)]
        engine = "process" if members > 1 and cores() > 1 and device == "cpu" else "serial"
        outcomes: list[dict[str, Any]] = map_jobs(jobs, run, engine, progress=False, description="members")
        each = [member_of(run, outcome) for outcome in outcomes]
        model = each[0] if members == 1 else calibrated(ForceFieldCommittee(each), frames.valid)
        model.save(run.path / _MODEL)
        looks = {
            "training": look(model, frames.train[:_SHOWN], seed=seed),
            "validation": look(model, frames.valid, seed=seed),
        }
        precise = copy.deepcopy(model).double()
        notes = list(frames.notes)

        def checked(what: str, ask: Callable[[], Any]) -> Any:
            """A check that is not possible is worth a note, and not the training."""
            try:
                return ask()
            except IsotropyError as wrong:
                notes.append(f"{what} could not be looked at: {wrong}")
                return None

        laws, broken = (checked("laws", lambda: _laws(precise, frames.valid, seed)) if audit else None) or ({}, ())
        motion = checked("dynamics", lambda: _still(precise, frames.valid, dynamics, seed)) if dynamics else None
        result = ForceFieldReport(
            sets=tuple(SetErrors.of(name, one) for name, one in looks.items()),
            looks=looks,
            curves=tuple({k: tuple(v) for k, v in one["curve"].items()} for one in outcomes),
            references={symbol(number): energy for number, energy in frames.isolated.items()},
            known={symbol(number): where for number, where in frames.known.items()},
            residual=None if frames.residual is None else 1e3 * frames.residual,
            motion=motion,
            laws=laws,
            broken=broken,
            factors=model.factors if isinstance(model, ForceFieldCommittee) else (),
            steps=max(int(one["steps"]) for one in outcomes),
            members=members,
            where=str(out),
            data={"name": Path(path).name, "labels": dict(frames.train.names)},
            notes=tuple(notes),
        )
        return answer.write(replace(result, **answer.stamp()))


def evaluate_force_field(
    model: str | Path | GauntForceField | ForceFieldCommittee,
    path: str | Path,
    *,
    keys: Keys | None = None,
    out: str | Path | None = None,
    seed: int = 0,
) -> ForceFieldReport:
    """The errors of a force field, or of the one in a folder, on a file of configurations.

    What training never showed, elements, distances and densities, is said in ``notes``. Raises SchemaError for files
    that cannot be read, a KeyError for elements that the model does not know.
    """
    field = load_force_field(model) if isinstance(model, str | Path) else model
    molecules = (keys or Keys()).read(path)
    told = "a model" if not isinstance(model, str | Path) else str(model)
    with answering(out, False, {"model": told, "data": str(path), "seed": seed}) as answer:
        found = look(field, molecules, seed=seed)
        result = ForceFieldReport(
            sets=(SetErrors.of("test", found),),
            looks={"test": found},
            references={symbol(number): energy for number, energy in sorted(field.isolated.items())},
            factors=field.factors if isinstance(field, ForceFieldCommittee) else (),
            members=len(members_of(field)),
            data={"name": Path(path).name, "labels": dict(molecules.names)},
            notes=(*molecules.notes, *unseen(field, molecules)),
        )
        return answer.write(replace(result, **answer.stamp()))


def run_dynamics(
    model: str | Path | GauntForceField | ForceFieldCommittee,
    start: str | Path | Any,
    steps: int,
    *,
    out: str | Path | None = None,
    step: float | None = None,
    temperature: float = 300.0,
    ensemble: str = "nve",
    pressure: float = 0.0,
    every: int = 10,
    seed: int = 0,
) -> Motion:
    """Moves the last structure of a file, or atoms of ase, in double precision; see ``moving`` for what the words mean.

    With ``out`` the way is written there as extended XYZ, with energies, forces and stresses: whole at the end, or as
    far as it came where an error or the person ends it. An UnseenWarning tells when atoms come where training
    never was.
    """
    field = load_force_field(model) if isinstance(model, str | Path) else model
    atoms = _last(start) if isinstance(start, str | Path) else start
    atoms.calc = ase_calculator(copy.deepcopy(field).double())
    memory_kept()  # a sixth of a step was the system's time, for memory that each step gave back

    def move(note: Callable[[Any], None] | None = None) -> Motion:
        return moving(
            atoms, steps, step=step, temperature=temperature, ensemble=ensemble, pressure=pressure, every=every,
            seed=seed, note=note,
        )  # fmt: skip

    with warnings.catch_warnings():
        warnings.simplefilter("always", UnseenWarning)
        return move() if out is None else _written(Path(out), move)


def unseen(model: GauntForceField | ForceFieldCommittee, molecules: Molecules) -> tuple[str, ...]:
    """What the configurations show that training never did, a sentence for each kind."""
    seen = members_of(model)[0].seen
    if seen is None:
        return ()
    data = batched(molecules, model).data
    return tuple(seen.strange(data.numbers, data.edges, edge_lengths(data.positions, data.edges, data.shifts)).values())


def _steps(
    run: Run, frames: Frames, recipe: Recipe, device: str, time_s: float | None, epochs: int | None, members: int
) -> int:
    """How many steps to take: decided once, so that a run that goes on has the same end."""
    if run.has(_PLAN):
        return int(cast(Mapping[str, Any], run.read(_PLAN))["steps"])
    if time_s is None:
        steps, each = len(batches_of(frames, frames.train, recipe, 0)) * (epochs or _EPOCHS), None
    else:
        at_once = min(members, cores()) if device == "cpu" else 1
        steps, each = steps_in(time_s * at_once / members, frames, recipe, device)
    run.write(_PLAN, {"steps": steps, "seconds_per_step": each})
    return steps


def _laws(
    model: GauntForceField | ForceFieldCommittee, molecules: Molecules, seed: int
) -> tuple[dict[str, float], tuple[str, ...]]:
    """The relative error of each law of potentials on the first configuration, and those that fail."""
    from isotropy.discovery import audit_calculator  # minutes of imports that a resumed training need not wait for

    with warnings.catch_warnings():
        # Structures are blown up there to look at neighbours that leave.
        warnings.simplefilter("ignore", UnseenWarning)
        found = audit_calculator(ase_calculator(model), _atoms(molecules), groups="E(3)", seed=seed)
    return {check.name: check.relative for check in found}, tuple(check.name for check in found.broken)


def _still(model: GauntForceField | ForceFieldCommittee, molecules: Molecules, steps: int, seed: int) -> Motion:
    atoms = _atoms(molecules)
    atoms.calc = ase_calculator(model)
    return moving(atoms, steps, every=max(1, steps // 40), seed=seed)


def _atoms(molecules: Molecules) -> Any:
    """The first configuration as atoms of ase."""
    from ase import Atoms

    one = molecules[:1]
    if one.cell is None or one.pbc is None:
        return Atoms(one.numbers.numpy(), one.positions.numpy())
    return Atoms(one.numbers.numpy(), one.positions.numpy(), cell=one.cell[0].numpy(), pbc=one.pbc[0].numpy())


def _last(path: str | Path) -> Any:
    from isotropy.data import read_structures

    return read_structures(path)[-1]


def _written(path: Path, move: Callable[[Callable[[Any], None]], Motion]) -> Motion:
    """What ``move`` finds, and the frames that it notes in a file: one after another in a draft, not in memory."""
    import ase.io
    from ase.calculators.singlepoint import SinglePointCalculator

    from isotropy.storage import write_whole

    ended: list[Motion | BaseException] = []

    def fill(draft: Path) -> None:
        with draft.open("w") as file:

            def note(now: Any) -> None:
                frame = now.copy()
                said = {name: value for name, value in now.calc.results.items() if name in _TOLD}
                frame.calc = SinglePointCalculator(frame, **said)
                ase.io.write(file, frame, format="extxyz")

            try:
                ended.append(move(note))
            except BaseException as wrong:
                if not file.tell():
                    raise  # nothing moved, and a file that was there before stays
                ended.append(wrong)

    write_whole(path, fill)
    if isinstance(ended[0], BaseException):
        raise ended[0]
    return ended[0]
