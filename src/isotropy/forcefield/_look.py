"""A force field beside what is known of configurations: errors by quantity, element, kind and size, pairs, coverage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from isotropy.data import Molecules
from isotropy.errors import DomainError
from isotropy.modes import evaluating
from isotropy.nn import ConfigurationBatches, ForceFieldCommittee, GauntForceField
from isotropy.nn.parts import WITHIN, compared, members_of, predicted, spread_of, symbol
from isotropy.random import spawn

_AT_ONCE = 10  # configurations when nothing is learned
_SHOWN = 400  # pairs in a parity plot
_BINS = 6  # sizes of forces that errors are told of
UNITS = {"energy": "meV/atom", "forces": "meV/Å", "stress": "meV/Å³"}
Pairs = Mapping[str, list[float]]


@dataclass(frozen=True)
class BySize:
    """The root mean square error in meV/Angstrom of atoms whose force is between ``low`` and ``high`` eV/Angstrom."""

    low: float
    high: float
    atoms: int
    rmse: float


@dataclass(frozen=True)
class Look:
    """Root mean square errors, ``rmse``, in meV/atom, meV/Angstrom and meV/Angstrom^3, of what is known of so many
    ``configurations`` with so many ``atoms``; ``mae`` the mean sizes.

    ``by_element`` and ``by_kind``: of forces on atoms of an element, in configurations of one config_type; ``by_size``
    of forces. ``pairs``: some that are known and predicted, in eV. ``coverage``: of energies and forces, the share of
    errors within the 90 % level of a committee. ``neighbours``: how many atoms have so many, by that number.
    """

    configurations: int
    atoms: int
    rmse: Mapping[str, float]
    mae: Mapping[str, float]
    by_element: Mapping[str, float] = field(default_factory=dict[str, float])
    by_kind: Mapping[str, float] = field(default_factory=dict[str, float])
    by_size: tuple[BySize, ...] = ()
    pairs: Mapping[str, Pairs] = field(default_factory=dict[str, Pairs])
    coverage: Mapping[str, float] = field(default_factory=dict[str, float])
    neighbours: Mapping[str, int] = field(default_factory=dict[str, int])


def look(model: GauntForceField | ForceFieldCommittee, molecules: Molecules, *, seed: int = 0) -> Look:
    """Errors of a model on molecules whose labels are known. Raises DomainError for none, a KeyError for elements that
    the model does not know."""
    if not len(molecules):
        raise DomainError("no configurations", "one or more")
    batches = batched(molecules, model)
    found = _asked(model, batches)
    off = {name: (said - true).double() for name, (true, said) in found.pairs.items()}
    rmse = {name: 1e3 * float(x.square().mean().sqrt()) for name, x in off.items() if x.numel()}
    mae = {name: 1e3 * float(x.abs().mean()) for name, x in off.items() if x.numel()}
    names = {"atom": "energy", "forces": "forces", "stress": "stress"}
    by_element, by_kind, by_size = _forces(found, molecules, off)
    crowd = torch.bincount(batches.data.edges[1], minlength=len(molecules.numbers))
    values, counts = crowd.unique(return_counts=True)
    return Look(
        len(molecules),
        len(molecules.numbers),
        {new: rmse[old] for old, new in names.items() if old in rmse},
        {new: mae[old] for old, new in names.items() if old in mae},
        by_element,
        by_kind,
        by_size,
        _shown(found, molecules, seed),
        found.coverage(model),
        {str(value): count for value, count in zip(values.tolist(), counts.tolist(), strict=True)},
    )


def batched(
    molecules: Molecules,
    model: GauntForceField | ForceFieldCommittee,
    *,
    isolated: Mapping[int, float] | None = None,
    size: int = _AT_ONCE,
) -> ConfigurationBatches:
    """All configurations in their order, in the dtype of the model, above the free atoms that it knows."""
    dtype = model.embedding.dtype
    known = model.isolated if isolated is None else isolated
    return ConfigurationBatches.of(molecules, model.r_max, isolated=known, batch_size=size, shuffle=False, dtype=dtype)


@dataclass(frozen=True, eq=False)
class Asked:
    """Known and predicted values by quantity, which atoms have known forces, and how far members disagree on them."""

    pairs: Mapping[str, tuple[Tensor, Tensor]]
    pulled: Tensor
    spreads: Mapping[str, Tensor]

    def sizes(self, name: str) -> Tensor:
        """``(2, n)``: the sizes of errors, and the spreads, one for each energy, and for each component of a force."""
        true, said = self.pairs[name]
        spread = self.spreads[name]
        off = (said - true).abs()
        return torch.stack([off.flatten(), spread[:, None].expand_as(off).flatten() if off.dim() > 1 else spread])

    def coverage(self, model: GauntForceField | ForceFieldCommittee) -> dict[str, float]:
        """The share of errors within the 90 % level of a committee."""
        if not isinstance(model, ForceFieldCommittee):
            return {}
        shares: dict[str, float] = {}
        for name, factor in zip(("energy", "forces"), model.factors, strict=True):
            if name in self.spreads and self.spreads[name].numel():
                off, spread = self.sizes(name)
                shares[name] = float((off <= WITHIN * factor * spread).double().mean())
        return shares


def _asked(model: GauntForceField | ForceFieldCommittee, batches: ConfigurationBatches) -> Asked:
    parts: dict[str, list[tuple[Tensor, Tensor]]] = {}
    pulled: list[Tensor] = []
    spreads: dict[str, list[Tensor]] = {"energy": [], "forces": []}
    members = members_of(model)
    with evaluating(model), torch.no_grad():
        for batch in batches:
            batch = batch.to(model.embedding.device)
            each = [predicted(member, batch, batch.stresses is not None) for member in members]
            energies = torch.stack([one[0] for one in each])
            forces = torch.stack([one[1] for one in each])
            slopes = [one[2] for one in each if one[2] is not None]
            mean = torch.stack(slopes).mean(0) if slopes else None
            for name, pair in compared(batch, energies.mean(0), forces.mean(0), mean).items():
                parts.setdefault(name, []).append((pair[0].cpu(), pair[1].cpu()))
            at = batch.known("forces")[batch.label].cpu()
            pulled.append(at)
            if len(members) > 1:
                spread = spread_of(list(energies), list(forces))
                spreads["energy"].append(spread.energy.cpu()[batch.known("energy").cpu()])
                spreads["forces"].append(spread.forces.cpu()[at])
    pairs = {name: (torch.cat([a for a, _ in both]), torch.cat([b for _, b in both])) for name, both in parts.items()}
    held = {name: torch.cat(each) for name, each in spreads.items() if each and name in pairs}
    return Asked(pairs, torch.cat(pulled), held)


def calibrated(model: ForceFieldCommittee, molecules: Molecules) -> ForceFieldCommittee:
    """The committee with factors fitted on molecules that no member learned."""
    found = _asked(model, batched(molecules, model))
    empty = torch.empty(2, 0)
    return model.calibrated(*(found.sizes(name) if name in found.spreads else empty for name in ("energy", "forces")))


def _forces(
    found: Asked, molecules: Molecules, off: Mapping[str, Tensor]
) -> tuple[dict[str, float], dict[str, float], tuple[BySize, ...]]:
    """Errors of forces by element, by config_type and by the size of the force."""
    if "forces" not in off or not len(off["forces"]):
        return {}, {}, ()

    def rms(rows: Tensor) -> float:
        return 1e3 * float(off["forces"][rows].square().mean().sqrt())

    numbers = molecules.numbers[found.pulled]
    by_element = {symbol(int(number)): rms(numbers == number) for number in numbers.unique()}
    by_kind: dict[str, float] = {}
    if molecules.kind is not None:
        kinds = molecules.kind[molecules.segments.label][found.pulled]
        by_kind = {molecules.kinds[int(kind)] or "none": rms(kinds == kind) for kind in kinds.unique()}
    size = found.pairs["forces"][0].double().norm(dim=-1)
    ends = size.quantile(torch.linspace(0, 1, _BINS + 1, dtype=torch.float64)).unique()
    bins = torch.bucketize(size, ends[1:-1], right=True)  # each with its lower end, the last with both
    by_size = tuple(
        BySize(float(ends[k]), float(ends[min(k + 1, len(ends) - 1)]), int((bins == k).sum()), rms(bins == k))
        for k in bins.unique().tolist()
    )
    return by_element, by_kind, by_size


def _shown(found: Asked, molecules: Molecules, seed: int) -> dict[str, Pairs]:
    """Some pairs of each quantity, forces by element, drawn from all."""
    shown: dict[str, Pairs] = {}
    generator = spawn(seed, "parity")
    given: list[tuple[str, Tensor, Tensor]] = [
        (name, *found.pairs[old]) for name, old in (("energy", "atom"), ("stress", "stress")) if old in found.pairs
    ]
    if "forces" in found.pairs:
        numbers = molecules.numbers[found.pulled]
        true, said = found.pairs["forces"]
        given += [(f"forces, {symbol(int(n))}", true[numbers == n], said[numbers == n]) for n in numbers.unique()]
    for name, true, said in given:
        rows: Any = torch.randperm(true.numel(), generator=generator)[:_SHOWN]
        if true.numel():
            shown[name] = {"known": true.flatten()[rows].tolist(), "predicted": said.flatten()[rows].tolist()}
    return shown
