"""Several force fields that learned the same from other starts: their mean, and how far they disagree."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from isotropy.errors import DomainError, counted
from isotropy.nn.force_field._model import GauntForceField
from isotropy.nn.force_field._prediction import Prediction
from isotropy.nn.force_field._saving import write_force_field
from isotropy.nn.force_field._seen import Seen

WITHIN = 1.645  # standard deviations of a normal distribution hold 90 % of its draws


class Spread(NamedTuple):
    """Standard deviations: of total energies ``(B,)`` in eV, and of a component of the forces on each atom ``(N,)`` in
    eV/Angstrom."""

    energy: Float[Tensor, " B"]
    forces: Float[Tensor, " N"]


class ForceFieldCommittee(nn.Module):
    """The mean of ``members``, and their spread times ``factors``, those that ``calibrated`` fits for energies, forces.

    All members know the same free atoms, see as far and compute in one dtype. Raises DomainError for fewer than
    two, or unequal ones.
    Source: Schran, Brezina, Marsalek, J. Chem. Phys. 153, 104105 (2020).

    >>> both = ForceFieldCommittee([GauntForceField({1: -13.6}, channels=2, radial=(4,), r_max=3.0) for _ in range(2)])
    >>> energy, forces = both.energy_forces(torch.tensor([[0.0, 0, 0], [0, 0, 9]]), torch.tensor([1, 1]))
    >>> round(energy.item(), 6), both.spread(torch.zeros(1, 3), torch.tensor([1])).energy.item()
    (-27.2, 0.0)
    """

    def __init__(self, members: Sequence[GauntForceField], factors: tuple[float, float] = (1.0, 1.0)) -> None:
        super().__init__()
        alike = {(one.r_max, tuple(sorted(one.isolated.items())), one.embedding.dtype) for one in members}
        if len(members) < 2 or len(alike) > 1:
            wanted = "two or more, of the same elements, energies of free atoms, r_max and dtype"
            raise DomainError(counted(len(members), "member"), wanted)
        self.members = nn.ModuleList(members)
        self.factors = float(factors[0]), float(factors[1])

    @property
    def first(self) -> GauntForceField:
        """The first member, whose elements, reach and experience are those of all."""
        return members_of(self)[0]

    @property
    def r_max(self) -> float:
        """How far atoms see, in Angstrom."""
        return self.first.r_max

    @property
    def isolated(self) -> dict[int, float]:
        """The energy in eV of each free atom, by atomic number."""
        return self.first.isolated

    @property
    def embedding(self) -> Tensor:
        """A parameter, for its dtype and device."""
        return self.first.embedding

    @property
    def seen(self) -> Seen | None:
        """What the training data showed."""
        return self.first.seen

    def predict_each(
        self,
        pos: Float[Tensor, "N 3"],
        numbers: Int[Tensor, " N"],
        batch: Int[Tensor, " N"] | None = None,
        cell: Float[Tensor, "*B 3 3"] | None = None,
        pbc: tuple[bool, bool, bool] | Bool[Tensor, "*P 3"] | None = None,
        *,
        stressed: bool = False,
    ) -> list[Prediction]:
        """What each member says; neighbours are looked for once."""
        graph = self.first.graph(pos, numbers, batch, cell, pbc, stressed=stressed)
        return [member.predict_graph(pos, numbers, *graph) for member in members_of(self)]

    def predict(
        self,
        pos: Float[Tensor, "N 3"],
        numbers: Int[Tensor, " N"],
        batch: Int[Tensor, " N"] | None = None,
        cell: Float[Tensor, "*B 3 3"] | None = None,
        pbc: tuple[bool, bool, bool] | Bool[Tensor, "*P 3"] | None = None,
        *,
        stressed: bool = False,
    ) -> Prediction:
        """The mean of all members, as ``GauntForceField.predict``."""
        return mean_of(self.predict_each(pos, numbers, batch, cell, pbc, stressed=stressed))

    def energy_forces(
        self,
        pos: Float[Tensor, "N 3"],
        numbers: Int[Tensor, " N"],
        batch: Int[Tensor, " N"] | None = None,
        cell: Float[Tensor, "*B 3 3"] | None = None,
        pbc: tuple[bool, bool, bool] | Bool[Tensor, "*P 3"] | None = None,
    ) -> tuple[Float[Tensor, " B"], Float[Tensor, "N 3"]]:
        """The mean energies and forces, as ``GauntForceField.energy_forces``."""
        found = self.predict(pos, numbers, batch, cell, pbc)
        return found.energy, found.forces

    def spread(
        self,
        pos: Float[Tensor, "N 3"],
        numbers: Int[Tensor, " N"],
        batch: Int[Tensor, " N"] | None = None,
        cell: Float[Tensor, "*B 3 3"] | None = None,
        pbc: tuple[bool, bool, bool] | Bool[Tensor, "*P 3"] | None = None,
    ) -> Spread:
        """How far the members disagree, times the factors."""
        each = self.predict_each(pos, numbers, batch, cell, pbc)
        return spread_of([one.energy for one in each], [one.forces for one in each], self.factors)

    def calibrated(self, energies: Float[Tensor, "2 B"], forces: Float[Tensor, "2 n"]) -> ForceFieldCommittee:
        """The committee with factors such that 90 % of errors lie within ``WITHIN`` of its spreads.

        ``energies`` and ``forces``: sizes of errors on frames that no member learned, and the spreads there without
        factors. An empty one leaves its factor.
        """
        found = [
            _factor(*each) if each.shape[1] else old for each, old in zip((energies, forces), self.factors, strict=True)
        ]
        return ForceFieldCommittee(members_of(self), (found[0], found[1]))

    def save(self, path: str | Path) -> Path:
        """Writes all members and the factors as one file of safetensors: ``load_force_field`` reads it."""
        return write_force_field(self, path, [one.made_of() for one in members_of(self)], self.seen, self.factors)

    def forward(
        self,
        positions: Float[Tensor, "N 3"],
        numbers: Int[Tensor, " N"],
        edges: Int[Tensor, "2 E"],
        label: Int[Tensor, " N"],
        count: int,
        shifts: Float[Tensor, "E 3"] | None = None,
        strained: bool = False,
    ) -> tuple[Tensor, ...]:
        """The mean of the members, as ``GauntForceField`` has it."""
        each = [member(positions, numbers, edges, label, count, shifts, strained) for member in self.members]
        return tuple(torch.stack(parts).mean(0) for parts in zip(*each, strict=True))


def members_of(model: GauntForceField | ForceFieldCommittee) -> list[GauntForceField]:
    """The members of a committee, or the one model."""
    return [model] if isinstance(model, GauntForceField) else [cast(GauntForceField, one) for one in model.members]


def mean_of(each: Sequence[Prediction]) -> Prediction:
    """The mean of predictions."""
    stresses = [one.stress for one in each if one.stress is not None]
    energy, forces, energies = (
        torch.stack(parts).mean(0) for parts in zip(*((p.energy, p.forces, p.energies) for p in each), strict=True)
    )
    return Prediction(energy, forces, torch.stack(stresses).mean(0) if stresses else None, energies)


def spread_of(
    energies: Sequence[Tensor], forces: Sequence[Tensor], factors: tuple[float, float] = (1.0, 1.0)
) -> Spread:
    """The standard deviation of members: of energies, and of a component of the force on each atom."""
    of_force = torch.stack(list(forces)).var(0).mean(-1).sqrt()
    return Spread(factors[0] * torch.stack(list(energies)).std(0), factors[1] * of_force)


def _factor(errors: Tensor, spreads: Tensor) -> float:
    """What spreads must be multiplied by so that 90 % of the errors lie within ``WITHIN`` of them."""
    return float((errors / spreads.clamp_min(1e-12)).quantile(0.9, interpolation="higher")) / WITHIN
