"""What training makes small, and what reports say: errors of energies and of forces."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from isotropy.errors import DomainError
from isotropy.nn.force_field._batches import Configurations


@dataclass(frozen=True)
class EnergyForceLoss:
    """``energy (E - E')^2 / N + forces mean (F - F')^2`` for each configuration of N atoms, as ``fit`` takes it.

    The mean runs over the 3N components. Source: the recipe of specification 05 §4.3, with weights 1 and 1000.

    >>> EnergyForceLoss().forces
    1000.0
    """

    energy: float = 1.0
    forces: float = 1000.0

    def __call__(self, model: nn.Module, batch: Configurations) -> Float[Tensor, " B"]:
        energies, forces = predicted(model, batch)
        squares = (forces - batch.forces).square().mean(-1)
        sizes = torch.bincount(batch.label, minlength=len(energies)).to(squares.dtype)
        by_molecule = torch.zeros_like(energies).index_add(0, batch.label, squares)
        return (self.energy * (energies - batch.energies).square() + self.forces * by_molecule) / sizes


@dataclass(frozen=True)
class EnergyForceErrors:
    """Root mean squares and mean magnitudes: energies of configurations in eV, components of forces in eV/Angstrom."""

    energy_rmse: float
    energy_mae: float
    force_rmse: float
    force_mae: float


def force_field_errors(model: nn.Module, batches: Iterable[Configurations]) -> EnergyForceErrors:
    """The errors of a model on all configurations of the batches, in evaluation mode; DomainError for none.

    >>> from isotropy.nn import ConfigurationBatches, GauntForceField
    >>> from isotropy.linalg import Segments
    >>> batches = ConfigurationBatches(torch.tensor([1]), torch.zeros(1, 3), Segments(torch.tensor([0]), 1),
    ...     torch.tensor([-13.5], dtype=torch.float64), isolated={1: -13.6}, r_max=3.0)
    >>> round(force_field_errors(GauntForceField({1: -13.6}, channels=2), batches).energy_mae, 3)
    0.1
    """
    mode = model.training
    model.eval()
    energies: list[Tensor] = []
    forces: list[Tensor] = []
    with torch.no_grad():
        for batch in batches:
            energy, force = predicted(model, batch)
            energies.append((energy.cpu() - batch.energies.cpu()).double())
            forces.append((force.cpu() - batch.forces.cpu()).double().flatten())
    model.train(mode)
    if not energies:
        raise DomainError("no configurations", "one or more")
    e, f = torch.cat(energies), torch.cat(forces)
    rmse = [float(x.square().mean().sqrt()) for x in (e, f)]
    mae = [float(x.abs().mean()) for x in (e, f)]
    return EnergyForceErrors(rmse[0], mae[0], rmse[1], mae[1])


def predicted(model: nn.Module, batch: Configurations) -> tuple[Float[Tensor, " B"], Float[Tensor, "N 3"]]:
    """Energies above those of the free atoms and forces, where the model lies."""
    device = next(model.parameters()).device
    positions, numbers, edges, label = (x.to(device) for x in batch[:4])
    return model(positions, numbers, edges, label, len(batch.energies))
