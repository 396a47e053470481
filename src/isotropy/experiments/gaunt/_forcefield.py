"""Force fields of one molecule, trained from scratch: what products on the sphere give for a number of steps (§4.3)."""

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from isotropy.data import Molecules, load_molecules
from isotropy.experiments.gaunt._config import ForceField, ForceFieldPlan
from isotropy.experiments.gaunt._dynamics import conservation, conserved
from isotropy.experiments.peers import with_clebsch_gordan_products
from isotropy.groups import O
from isotropy.measure import equivariance_error
from isotropy.nn import ConfigurationBatches, EnergyForceLoss, GauntForceField, Scales, force_field_errors
from isotropy.nn.parts import free_energies, predicted
from isotropy.random import derive, spawn
from isotropy.reps import Cloud, Scalar, Vector
from isotropy.runs import Run
from isotropy.study import Trace, job, part, size, train
from isotropy.train import Cosine, Row

# Of each molecule; forces are known of those at a temperature.
TESTS = {
    "acac": ("test_300K", "test_600K", "test_H_transfer", "test_dihedral"),
    "3bpa": ("mixed_300K", "mixed_600K", "mixed_1200K"),
}
ERRORS = {"energies": ("energy_rmse", "RMSE, meV"), "forces": ("force_rmse", "RMSE, meV/A")}
_AT_ONCE = 25  # configurations when nothing is learned
_SHOWN = 400  # pairs of components in a parity plot


@job
def forcefield_job(run: Run, *, seed: int, field: ForceField, plan: ForceFieldPlan) -> dict[str, Any]:
    """Trains on 300 K: errors in meV and meV/Angstrom on each test set, the curve, pairs for parity, invariance.

    The energy along the ``dynamics`` of the field, if any, is recorded too.
    """
    molecule, steps, dynamics = field.molecule, field.steps, field.dynamics
    known, validation = load_molecules(molecule).parted(plan.train, derive(seed, "validation"))
    batched = partial(batches_of, isolated=known.isolated, r_max=plan.r_max)
    learned = batched(known, plan.batch, seed=derive(seed, "batches"))
    seen = batched(validation, _AT_ONCE)
    model = built(plan, field, Scales.of(learned), known.isolated, seed)
    before = invariance(model, known[:8], seed)

    def look(row: Row, model: nn.Module) -> None:
        if row["epoch"] % plan.look_every == 0 or row["step"] >= steps:
            errors = force_field_errors(model, seen)
            row["energy_rmse"], row["force_rmse"] = errors.energy_rmse, errors.force_rmse

    history = train(
        model,
        EnergyForceLoss(float(plan.energy), float(plan.forces)),
        learned,
        plan,
        part(run, plan, "force-field", molecule, field.products, field.order, steps, seed),
        seed,
        optimizer=optimizer_of(model, plan),
        schedule=Cosine(warmup=plan.warmup),
        max_steps=steps,
        callbacks=[look],
    )
    tests = {name: load_molecules(molecule, name) for name in TESTS[molecule]}
    batches = {name: batched(test, _AT_ONCE) for name, test in tests.items()}
    called = f"{molecule}, {field.method}, {steps} steps, seed {seed}"
    looks = [row for row in history.rows if "force_rmse" in row]
    curve = {key: [row[key] for row in looks] for key in ("step", "energy_rmse", "force_rmse")}
    pairs = {name: parity(model, test, seed) for name, test in batches.items()}
    moving = conservation(model, tests[TESTS[molecule][0]], dynamics, seed) if dynamics else {}
    traces = [
        Trace("learning", called, curve),
        *(Trace("parity", f"{called}, {name}", both) for name, both in pairs.items() if both),
        *([Trace("dynamics", called, moving)] if dynamics else []),
    ]
    return {
        "errors": {name: _errors(model, test) for name, test in batches.items()},
        "validation": _errors(model, seen),
        "invariance": {"before": before, "after": invariance(model, known[:8], seed)},
        "dynamics": conserved(moving) if dynamics else {},
        "traces": traces,
        "parameters": size(model),
    }


def batches_of(
    molecules: Molecules, size: int, *, isolated: Mapping[int, float], r_max: float, seed: int | None = None
) -> ConfigurationBatches:
    """The configurations in batches, in an order drawn for each epoch where there is a ``seed``."""
    return ConfigurationBatches.of(
        molecules, r_max, isolated=isolated, batch_size=size, seed=seed or 0, shuffle=seed is not None
    )


def built(
    plan: ForceFieldPlan, field: ForceField, scales: Scales, isolated: Mapping[int, float], seed: int
) -> GauntForceField:
    """The model of §4.3, or the same with full Clebsch-Gordan products."""
    model = GauntForceField(
        isolated,
        scales=scales,
        channels=plan.channels,
        L_filter=plan.L_filter,
        L=plan.L,
        order=field.order,
        r_max=plan.r_max,
        radial=plan.radial,
        generator=spawn(seed, "weights"),
    )
    if field.products == "Clebsch-Gordan":
        with_clebsch_gordan_products(model, spawn(seed, "couplings"))
    return model.to(plan.device)


def optimizer_of(model: GauntForceField, plan: ForceFieldPlan) -> torch.optim.Adam:
    """That of §4.3; one call updates all weights, which are many and small."""
    rate, decay = float(plan.rate), float(plan.decay)
    return torch.optim.Adam(model.parameters(), lr=rate, amsgrad=True, weight_decay=decay, fused=True)


def invariance(model: GauntForceField, molecules: Molecules, seed: int) -> dict[str, float]:
    """How far O(3) moves the energies above those of free atoms, and the forces: relative rms, of one molecule."""
    numbers = molecules.numbers[: int(molecules.segments.sizes[0])]
    at = molecules.positions.to(model.embedding).unflatten(0, (len(molecules), -1))
    free = free_energies(model.isolated, numbers).sum()

    def both(x: Tensor) -> tuple[Tensor, Tensor]:
        label = torch.arange(len(x)).repeat_interleave(len(numbers)).to(x.device)
        energy, forces = model.energy_forces(x.flatten(0, 1), numbers.repeat(len(x)).to(x.device), label)
        # Without E0, next to which no error would be seen.
        return (energy - free.to(energy)).to(x)[:, None], forces.unflatten(0, (len(x), -1))

    poses, cloud = derive(seed, "poses"), Cloud(Vector)
    return {
        "energy": equivariance_error(lambda x: both(x)[0], O(3), at, cloud, Scalar, n=4, seed=poses).mean,
        "forces": equivariance_error(lambda x: both(x)[1], O(3), at, cloud, cloud, n=4, seed=poses).mean,
    }


def parity(model: GauntForceField, batches: ConfigurationBatches, seed: int) -> dict[str, list[float]]:
    """Some components of forces in eV/Angstrom, true and predicted, drawn from all of them; nothing without forces."""
    if batches.forces is None:
        return {}
    device = model.embedding.device
    found = torch.cat([predicted(model, batch.to(device))[1].cpu() for batch in batches]).flatten()
    rows = torch.randperm(len(found), generator=spawn(seed, "parity"))[:_SHOWN]
    return {"true": batches.forces.flatten()[rows].tolist(), "predicted": found[rows].tolist()}


def _errors(model: GauntForceField, batches: ConfigurationBatches) -> dict[str, float]:
    """Root mean squares and mean magnitudes in meV and meV/Angstrom; energies alone where there are no forces."""
    return {
        name: 1e3 * value for name, value in asdict(force_field_errors(model, batches)).items() if value is not None
    }
