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
    """``energy (E - E')^2 / N + forces mean (F - F')^2 + stress mean (s - s')^2 + virial mean ((s - s') V)^2 / N``.

    For each configuration of N atoms and volume V, as ``fit`` takes it; means run over the 3N components of forces, and
    the 9 of the stress. E is in eV, F in eV/Angstrom, s in eV/Angstrom^3, and V s, the virial but for its sign, in eV.
    What is not known of a configuration adds nothing. Raises DomainError for a weight of what no configuration of a
    batch can know: write 0.0 for it. Source: the recipe of specification 05 §4.3, with weights 1 and 1000.

    >>> EnergyForceLoss().forces, EnergyForceLoss(stress=1e5).virial
    (1000.0, 0.0)
    """

    energy: float = 1.0
    forces: float = 1000.0
    stress: float = 0.0
    virial: float = 0.0

    def __call__(self, model: nn.Module, batch: Configurations) -> Float[Tensor, " B"]:
        batch = batch.to(next(model.parameters()).device)
        strained = bool(self.stress or self.virial) and batch.stresses is not None
        if (self.stress or self.virial) and batch.stresses is None:
            given = "configurations without stresses"
            raise DomainError(given, "stresses (B, 3, 3)", "or write EnergyForceLoss(stress=0.0, virial=0.0)")
        energies, forces, slopes = predicted(model, batch, strained)
        sizes = torch.bincount(batch.label, minlength=len(energies)).to(energies.dtype)
        loss = _where(batch, 0, self.energy * (energies - batch.energies).square() / sizes)
        if self.forces:
            if batch.forces is None:
                given = "configurations without forces"
                raise DomainError(given, "forces (N, 3)", "or write EnergyForceLoss(forces=0.0)")
            squares = (forces - batch.forces).square().mean(-1)
            pulls = self.forces * torch.zeros_like(energies).index_add(0, batch.label, squares) / sizes
            loss = loss + _where(batch, 1, pulls)
        if slopes is not None and batch.stresses is not None and batch.volumes is not None:
            size = batch.volumes[:, None, None]
            off = (slopes / size - batch.stresses).square().mean((1, 2))
            loss = loss + _where(batch, 2, off * (self.stress + self.virial * batch.volumes.square() / sizes))
        return loss


def _where(batch: Configurations, column: int, terms: Tensor) -> Tensor:
    """The terms of the configurations whose label is known, 0 of the others."""
    return terms if batch.labelled is None else torch.where(batch.labelled[:, column], terms, 0.0)


@dataclass(frozen=True)
class EnergyForceErrors:
    """Root mean squares (``energy_rmse``, ``force_rmse``) and mean magnitudes (``energy_mae``, ``force_mae``) of
    energies of configurations in eV, and components of forces in eV/Angstrom; ``per_atom_rmse``: of energies by their
    atoms in eV/atom, ``stress_rmse``: of components of stresses in eV/Angstrom^3.

    Those of what nobody knows are None.
    """

    energy_rmse: float | None
    energy_mae: float | None
    force_rmse: float | None
    force_mae: float | None
    per_atom_rmse: float | None = None
    stress_rmse: float | None = None


def force_field_errors(model: nn.Module, batches: Iterable[Configurations]) -> EnergyForceErrors:
    """The errors of a model on all configurations of the batches, in evaluation mode; DomainError for none.

    >>> from isotropy.nn import ConfigurationBatches, GauntForceField
    >>> from isotropy.linalg import Segments
    >>> batches = ConfigurationBatches(torch.tensor([1]), torch.zeros(1, 3), Segments(torch.tensor([0]), 1),
    ...     torch.tensor([-13.5], dtype=torch.float64), isolated={1: -13.6}, r_max=3.0)
    >>> round(force_field_errors(GauntForceField({1: -13.6}, channels=2), batches).energy_mae, 3)
    0.1
    """
    off: dict[str, list[Tensor]] = {"energy": [], "atom": [], "forces": [], "stress": []}
    with evaluating(model), torch.no_grad():
        for batch in batches:
            batch = batch.to(next(model.parameters()).device)
            for name, (true, said) in compared(batch, *predicted(model, batch, batch.stresses is not None)).items():
                off[name].append((said - true).double().flatten())
    if not off["energy"]:
        raise DomainError("no configurations", "one or more")
    (e, mean_e), (f, mean_f) = _sizes(off["energy"]), _sizes(off["forces"])
    return EnergyForceErrors(e, mean_e, f, mean_f, _sizes(off["atom"])[0], _sizes(off["stress"])[0])


def compared(
    batch: Configurations, energies: Tensor, forces: Tensor, slopes: Tensor | None = None
) -> dict[str, tuple[Tensor, Tensor]]:
    """What is known and what is predicted, of what is known: energies ``energy`` and by the ``atom``, above those of
    free atoms, ``forces (n, 3)`` and ``stress (b, 3, 3)``."""
    known = batch.known("energy")
    true, said = batch.energies[known], energies[known]
    sizes = batch.segments.sizes[known].to(true)
    found = {"energy": (true, said), "atom": (true / sizes, said / sizes)}
    if batch.forces is not None:
        pulled = batch.known("forces")[batch.label]
        found["forces"] = batch.forces[pulled], forces[pulled]
    if batch.stresses is not None and batch.volumes is not None and slopes is not None:
        known = batch.known("stress")
        found["stress"] = batch.stresses[known], (slopes / batch.volumes[:, None, None])[known]
    return found


def _sizes(errors: list[Tensor]) -> tuple[float, float] | tuple[None, None]:
    """The root of the mean square, and the mean magnitude; None where there is nothing."""
    if not any(len(each) for each in errors):
        return None, None
    x = torch.cat(errors)
    return float(x.square().mean().sqrt()), float(x.abs().mean())


def predicted(
    model: nn.Module, batch: Configurations, strained: bool = False
) -> tuple[Float[Tensor, " B"], Float[Tensor, "N 3"], Float[Tensor, "B 3 3"] | None]:
    """Energies above those of the free atoms, forces and, if asked, slopes of the energies by a strain in eV, of
    configurations that lie where the model does."""
    given = (batch.positions, batch.numbers, batch.edges, batch.label, len(batch), batch.shifts)
    energies, forces, *slopes = model(*given, True) if strained else model(*given)
    return energies, forces, slopes[0] if slopes else None
