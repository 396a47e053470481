"""One member of a training: a job, so that a committee is several, and a run that was interrupted goes on."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import torch

from isotropy.data import Molecules
from isotropy.fields import from_json
from isotropy.forcefield._frames import Frames, Keys, prepared
from isotropy.forcefield._recipe import Recipe
from isotropy.nn import (
    ConfigurationBatches,
    EnergyForceLoss,
    GauntForceField,
    Scales,
    Seen,
    force_field_errors,
    load_force_field,
)
from isotropy.random import derive, spawn
from isotropy.runs import Run, memory_kept, threads_limited
from isotropy.study import train
from isotropy.train import Cosine, Row, fit

_WARM, _TIMED = 5, 40  # steps that are not counted, and that are, when a step is timed
_LOOKS = 40  # validations of a training: they cost a few per cent of it
_MODEL = "model.safetensors"


def train_member(
    run: Run, *, seed: int, data: dict[str, Any], recipe: dict[str, Any], steps: int, device: str, where: str
) -> dict[str, Any]:
    """Trains one force field in the folder ``where`` of the run and keeps it there; its learning curve."""
    memory_kept()
    plan: Recipe = from_json(recipe, Recipe, "recipe")
    frames = prepared(data["path"], data["valid"], Keys(**data["keys"]), seed=data["seed"])
    part = run.part(where)
    learned, held = batches_of(frames, frames.train, plan, seed), batches_of(frames, frames.valid, plan)
    model = started(frames, learned, plan, seed).to(device)
    per_epoch = len(learned)
    every = max(1, math.ceil(steps / per_epoch / _LOOKS))

    def noted(row: Row, model: Any) -> None:
        if row["validation"] is not None:
            row |= {f"valid/{name}": value for name, value in asdict(force_field_errors(model, held)).items()}

    history = train(
        model,
        loss_of(frames, plan),
        learned,
        plan,
        part,
        seed,
        optimizer=optimizer_of(model, plan),
        schedule=Cosine(warmup=min(plan.warmup, max(steps // 10, 1))),
        max_steps=steps,
        validation=held,
        validate_every=every,
        # Epochs that are not validated cannot be better: two validations in a row have to be no better.
        patience=None if plan.patience is None else max(plan.patience, 2 * every),
        clip=plan.clip,
        average=plan.average,
        precision=plan.precision or None,
        callbacks=[noted],
    )
    part.path.mkdir(parents=True, exist_ok=True)
    model.to("cpu").save(part.path / _MODEL)
    names = ("step", "loss", "validation", "valid/per_atom_rmse", "valid/force_rmse", "valid/stress_rmse")
    looks = [row for row in history.rows if row["validation"] is not None]
    curve = {name: [row.get(name) for row in looks] for name in names}
    return {"model": f"{where}/{_MODEL}", "curve": curve, "reason": history.reason, "steps": history.steps}


def batches_of(frames: Frames, some: Molecules, plan: Recipe, seed: int | None = None) -> ConfigurationBatches:
    """Configurations in batches, in an order drawn for each epoch where there is a seed."""
    return ConfigurationBatches.of(
        some,
        plan.r_max,
        isolated=frames.isolated,
        batch_size=plan.batch,
        seed=derive(seed or 0, "batches"),
        shuffle=seed is not None,
    )


def started(frames: Frames, learned: ConfigurationBatches, plan: Recipe, seed: int) -> GauntForceField:
    """The model before training: sizes by the recipe, scales, and what it has seen, by the configurations."""
    seen = Seen.of([learned.data], plan.r_max)
    model = GauntForceField(
        frames.isolated,
        scales=Scales.of(learned),
        channels=plan.channels,
        L_filter=plan.L_filter,
        L=plan.L,
        order=plan.order,
        interactions=plan.interactions,
        r_max=plan.r_max,
        repulsion=repelling(seen, list(frames.isolated)) if plan.repulsion else None,
        generator=spawn(seed, "weights"),
    )
    model.seen = seen
    return model


def repelling(seen: Seen, numbers: Sequence[int]) -> dict[str, float]:
    """Where the repulsion of each pair of elements begins: below what was seen, and no farther than a bond is long.

    What was seen only far apart may still bind. The length of a bond is the sum of covalent radii (Cordero et al.,
    Dalton Trans. 2008, 2832, as ase has them).
    """
    from ase.data import atomic_numbers, covalent_radii

    def bond(pair: str) -> float:
        return sum(float(covalent_radii[atomic_numbers[name]]) for name in pair.split("-"))

    return {pair: min(least, bond(pair)) for pair, least in seen.cutoffs(numbers).items()}


def loss_of(frames: Frames, plan: Recipe) -> EnergyForceLoss:
    """The loss of the recipe, without what no configuration to learn from knows."""
    forces = 0.0 if frames.train.forces is None else plan.forces
    stress = 0.0 if frames.train.stresses is None else plan.stress
    return EnergyForceLoss(plan.energy, forces, stress)


def optimizer_of(model: GauntForceField, plan: Recipe) -> torch.optim.Adam:
    """Adam; one call updates all weights, which are many and small."""
    return torch.optim.Adam(model.parameters(), lr=plan.rate, amsgrad=True, weight_decay=5e-7, fused=True)


def steps_in(seconds: float, frames: Frames, plan: Recipe, device: str) -> tuple[int, float]:
    """How many steps fit into so many seconds, validations included, and the seconds of one: some tried on a copy.

    Seconds of the processor where it trains, else of the clock.
    """
    memory_kept()
    clock = time.process_time if device == "cpu" else time.perf_counter
    learned = batches_of(frames, frames.train, plan, 0)
    model = started(frames, learned, plan, 0).to(device)
    trial = replace(plan, rate=1e-6)  # nothing is to be learned from them

    def timed(steps: int) -> float:
        tried = copy.deepcopy(model)
        began = clock()
        fit(
            tried, loss_of(frames, plan), learned, optimizer=optimizer_of(tried, trial), max_steps=steps, progress=False
        )
        return clock() - began

    with threads_limited(1):  # as the job trains
        timed(_WARM)
        each = timed(_TIMED) / _TIMED
    # An evaluation costs a third of a step for as many configurations; two, loss and errors, are made _LOOKS times.
    looking = 2 * _LOOKS * len(frames.valid) / plan.batch * each / 3
    return max(10, int(max(seconds - looking, 0.5 * seconds) / each)), each


def member_of(run: Run, outcome: dict[str, Any]) -> GauntForceField:
    """The force field that a job left."""
    model = load_force_field(run.path / outcome["model"])
    assert isinstance(model, GauntForceField)
    return model
