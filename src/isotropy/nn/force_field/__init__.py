"""Energies and forces of molecules, by equivariant messages and many-body products on the sphere."""

from __future__ import annotations

from isotropy.nn.force_field._batches import ConfigurationBatches, Configurations
from isotropy.nn.force_field._calculator import ase_calculator
from isotropy.nn.force_field._loss import EnergyForceErrors, EnergyForceLoss, force_field_errors
from isotropy.nn.force_field._model import GauntForceField
from isotropy.nn.force_field._neighbours import Neighbours, neighbour_list
from isotropy.nn.force_field._radial import RadialBasis, polynomial_cutoff
from isotropy.nn.force_field._scales import Scales

__all__ = [
    "ConfigurationBatches",
    "Configurations",
    "EnergyForceErrors",
    "EnergyForceLoss",
    "GauntForceField",
    "Neighbours",
    "RadialBasis",
    "Scales",
    "ase_calculator",
    "force_field_errors",
    "neighbour_list",
    "polynomial_cutoff",
]
