"""What training makes small, and what reports say: errors of energies and of forces."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from isotropy.errors import DomainError
from isotropy.modes import evaluating
from isotropy.nn.force_field._batches import Configurations


@dataclass(frozen=True)
class EnergyForceLoss:
    """``energy (E - E')^2 / N + forces mean (F - F')^2`` for each configuration of N atoms, as ``fit`` takes it.

    The mean runs over the 3N components. Raises DomainError for configurations without forces, unless ``forces`` is 0.
    Source: the recipe of specification 05 §4.3, with weights 1 and 1000.

    >>> EnergyForceLoss().forces
    1000.0
    """

    energy: float = 1.0
    forces: float = 1000.0

    def __call__(self, model: nn.Module, batch: Configurations) -> Float[Tensor, " B"]:
        batch = batch.to(next(model.parameters()).device)
        energies, forces = predicted(model, batch)
        sizes = torch.bincount(batch.label, minlength=len(energies)).to(energies.dtype)
        loss = self.energy * (energies - batch.energies).square() / sizes
        if not self.forces:
            return loss
        if batch.forces is None:
            raise DomainError("configurations without forces", "forces (N, 3)", "or write EnergyForceLoss(forces=0.0)")
        squares = (forces - batch.forces).square().mean(-1)
        return loss + self.forces * torch.zeros_like(energies).index_add(0, batch.label, squares) / sizes


@dataclass(frozen=True)
class EnergyForceErrors:
    """Root mean squares and mean magnitudes: energies of configurations in eV, components of forces in eV/Angstrom.

    Those of forces are None where nobody knows the forces.
    """

    energy_rmse: float
    energy_mae: float
    force_rmse: float | None
    force_mae: float | None


def force_field_errors(model: nn.Module, batches: Iterable[Configurations]) -> EnergyForceErrors:
    """The errors of a model on all configurations of the batches, in evaluation mode; DomainError for none.

    >>> from isotropy.nn import ConfigurationBatches, GauntForceField
    >>> from isotropy.linalg import Segments
    >>> batches = ConfigurationBatches(torch.tensor([1]), torch.zeros(1, 3), Segments(torch.tensor([0]), 1),
    ...     torch.tensor([-13.5], dtype=torch.float64), isolated={1: -13.6}, r_max=3.0)
    >>> round(force_field_errors(GauntForceField({1: -13.6}, channels=2), batches).energy_mae, 3)
    0.1
    """
    energies: list[Tensor] = []
    forces: list[Tensor] = []
    with evaluating(model), torch.no_grad():
        for batch in batches:
            batch = batch.to(next(model.parameters()).device)
            energy, force = predicted(model, batch)
            energies.append((energy - batch.energies).double())
            if batch.forces is not None:
                forces.append((force - batch.forces).double().flatten())
    if not energies:
        raise DomainError("no configurations", "one or more")
    (e, mean_e), (f, mean_f) = _sizes(energies), _sizes(forces) if forces else (None, None)
    return EnergyForceErrors(e, mean_e, f, mean_f)


def _sizes(errors: list[Tensor]) -> tuple[float, float]:
    """The root of the mean square, and the mean magnitude."""
    x = torch.cat(errors)
    return float(x.square().mean().sqrt()), float(x.abs().mean())


def predicted(model: nn.Module, batch: Configurations) -> tuple[Float[Tensor, " B"], Float[Tensor, "N 3"]]:
    """Energies above those of the free atoms, and forces, of configurations that lie where the model does."""
    return model(batch.positions, batch.numbers, batch.edges, batch.label, len(batch), batch.shifts)
