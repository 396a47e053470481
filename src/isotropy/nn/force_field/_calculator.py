"""The force field as a calculator of ase, the Atomic Simulation Environment: dynamics, relaxations, vibrations."""

from functools import lru_cache
from typing import Any

import torch

from isotropy.errors import DomainError, MissingExtraError
from isotropy.modes import evaluating
from isotropy.nn.force_field._model import GauntForceField


def ase_calculator(model: GauntForceField) -> Any:
    """An ``ase.calculators.calculator.Calculator`` of energies (eV) and forces (eV/Angstrom) by ``model``.

    It follows the positions, numbers, cell and periodic directions of the atoms that it is attached to
    (``atoms.calc = ase_calculator(model)``), and works in the dtype and on the device of the model. It asks the model
    in eval mode and leaves each of its parts in its own. It can be pickled and copied, without the atoms that it was
    last asked about.
    Raises MissingExtraError without the extra [molecules], and the errors of ``energy_forces``.

    >>> from ase import Atoms
    >>> atoms = Atoms("H2", [[0, 0, 0], [0, 0, 9]])
    >>> atoms.calc = ase_calculator(GauntForceField({1: -13.6}, channels=4, radial=(8,), r_max=3.0))
    >>> round(atoms.get_potential_energy(), 6)
    -27.2
    """
    return _calculator()(model)


@lru_cache(maxsize=1)
def _calculator() -> Any:
    try:
        from ase.calculators.calculator import Calculator, all_changes
    except ImportError as missing:
        raise MissingExtraError.of("ase", "molecules") from missing

    class ForceFieldCalculator(Calculator):
        def __init__(self, model: GauntForceField) -> None:
            super().__init__()
            self.model = model
            self.implemented_properties = ["energy", "free_energy", "forces"]

        def __reduce__(self) -> tuple[Any, ...]:
            # The class is made when it is first asked for, where no pickle finds it: made anew, around the model.
            return ase_calculator, (self.model,)

        def calculate(
            self, atoms: Any = None, properties: Any = ("energy",), system_changes: Any = all_changes
        ) -> None:
            super().calculate(atoms, properties, system_changes)
            now: Any = self.atoms
            like = self.model.embedding
            positions = torch.as_tensor(now.positions).to(like)
            numbers = torch.as_tensor(now.numbers).to(like.device, torch.int64)
            x, y, z = (bool(periodic) for periodic in now.pbc)
            if (x or y or z) and not now.cell.any():
                raise DomainError(
                    f"atoms with pbc={[x, y, z]} and no cell",
                    "a cell that repeats",
                    "atoms.cell = ..., or atoms.pbc = False",
                )
            cell = torch.as_tensor(now.cell.array).to(like) if x or y or z else None
            with evaluating(self.model):
                energy, forces = self.model.energy_forces(positions, numbers, cell=cell, pbc=(x, y, z))
            self.results["energy"] = self.results["free_energy"] = float(energy)
            self.results["forces"] = forces.to(torch.float64).cpu().numpy()

    return ForceFieldCalculator
