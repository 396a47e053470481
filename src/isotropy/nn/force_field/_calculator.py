"""The force field as a calculator of ase, the Atomic Simulation Environment: dynamics, relaxations, vibrations."""

import warnings
from functools import lru_cache
from typing import Any

import torch

from isotropy.errors import DomainError, MissingExtraError
from isotropy.modes import evaluating
from isotropy.nn.force_field._committee import ForceFieldCommittee, mean_of, members_of, spread_of
from isotropy.nn.force_field._model import GauntForceField
from isotropy.nn.force_field._neighbours import edge_lengths
from isotropy.nn.force_field._prediction import Graph
from isotropy.nn.force_field._seen import Seen, UnseenWarning

_VOIGT = (0, 1, 2, 1, 0, 0), (0, 1, 2, 2, 2, 1)  # xx yy zz yz xz xy, the order of ase


def ase_calculator(model: GauntForceField | ForceFieldCommittee) -> Any:
    """An ``ase.calculators.calculator.Calculator`` of energies (eV), forces (eV/Angstrom) and, of what has a volume and
    repeats, stresses (eV/Angstrom^3, Voigt) by ``model``; ``energies`` are those of single atoms.

    It follows the positions, numbers, cell and periodic directions of the atoms that it is attached to
    (``atoms.calc = ase_calculator(model)``), and works in the dtype and on the device of the model. It asks the model
    in eval mode and leaves each of its parts in its own. It can be pickled and copied, without the atoms that it was
    last asked about.
    Of a committee it tells the mean, and ``calc.results["energy_spread"]`` (eV) and ``["forces_spread"]`` (eV/Angstrom,
    for each atom). Where atoms are closer, denser or of another element than training showed, it gives an
    UnseenWarning, once of each kind.
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
        def __init__(self, model: GauntForceField | ForceFieldCommittee) -> None:
            super().__init__()
            self.model = model
            self.told: set[str] = set()
            self.implemented_properties = ["energy", "free_energy", "energies", "forces", "stress"]

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
            # Stresses come with the forces, at little cost, wherever there is a volume to divide by.
            stressed = cell is not None and bool(now.cell.rank == 3)
            members = members_of(self.model)
            with evaluating(self.model):
                graph = members[0].graph(positions, numbers, cell=cell, pbc=(x, y, z), stressed=stressed)
                each = [member.predict_graph(positions, numbers, *graph) for member in members]
            self._tell(members[0].seen, positions, numbers, graph)
            found = mean_of(each)
            self.results["energy"] = self.results["free_energy"] = float(found.energy)
            self.results["energies"] = found.energies.cpu().numpy()
            self.results["forces"] = found.forces.to(torch.float64).cpu().numpy()
            if found.stress is not None:
                self.results["stress"] = found.stress[0].to(torch.float64).cpu().numpy()[_VOIGT]
            if isinstance(self.model, ForceFieldCommittee):
                spread = spread_of([one.energy for one in each], [one.forces for one in each], self.model.factors)
                self.results["energy_spread"] = float(spread.energy)
                self.results["forces_spread"] = spread.forces.to(torch.float64).cpu().numpy()

        def _tell(self, seen: Seen | None, positions: torch.Tensor, numbers: torch.Tensor, graph: Graph) -> None:
            """Warns of what training never showed, once of each kind."""
            if seen is None:
                return
            lengths = edge_lengths(positions, graph.edges, graph.shifts)
            for kind, sentence in seen.strange(numbers, graph.edges, lengths).items():
                if kind not in self.told:
                    self.told.add(kind)
                    warnings.warn(sentence, UnseenWarning, stacklevel=4)

    return ForceFieldCalculator
