"""What a force field takes from its training data before it learns: the sizes of energies, forces, neighbourhoods."""

from __future__ import annotations

from dataclasses import dataclass

from isotropy.errors import DomainError
from isotropy.nn.force_field._batches import ConfigurationBatches


@dataclass(frozen=True)
class Scales:
    """``shift``, the mean binding energy of an atom in eV; ``scale``, the root mean square of the components of forces
    in eV/Angstrom; ``neighbours``, how many atoms an atom sees on average.

    Raises DomainError unless scale and neighbours are positive.

    >>> Scales(shift=-4.2, scale=1.05, neighbours=14.0).scale
    1.05
    """

    shift: float = 0.0
    scale: float = 1.0
    neighbours: float = 1.0

    def __post_init__(self) -> None:
        if not (self.scale > 0 and self.neighbours > 0):
            raise DomainError(f"{self}", "scale > 0 and neighbours > 0")

    @classmethod
    def of(cls, batches: ConfigurationBatches) -> Scales:
        """Those of all configurations of the batches; a scale of 1 where there are no forces, or all are zero."""
        known = batches.data
        rms = 0.0 if known.forces is None else float(known.forces.square().mean().sqrt())
        return cls(
            float((known.energies / known.segments.sizes).mean()),
            rms if rms > 0 else 1.0,
            max(known.edges.shape[1] / max(len(known.positions), 1), 1.0),
        )
