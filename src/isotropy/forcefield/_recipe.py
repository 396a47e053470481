"""How a force field is made and trained: every size, weight and rate in one place."""

from __future__ import annotations

from dataclasses import dataclass

from isotropy.errors import DomainError


@dataclass(frozen=True)
class Recipe:
    """The sizes of ``GauntForceField``, the weights of ``EnergyForceLoss``, and what ``fit`` needs.

    - ``r_max`` in Angstrom, ``channels``, ``L``, ``L_filter``, ``order``, ``interactions``: those of the model.
    - ``repulsion``: whether nuclei repel each other below nine tenths of the smallest distances of the training data.
    - ``energy``, ``forces``, ``stress``: weights of the loss; what no configuration knows is left out.
    - ``batch`` configurations at a step, ``rate`` of Adam after ``warmup`` steps, then half a cosine to 0.
    - ``average``: the decay of a moving average of the weights; ``clip`` of the norm of gradients; ``patience``: epochs
      without a better validation after which training stops (None: never), and two validations at least.
    - ``precision``: "", single precision, and no other yet.

    Raises DomainError for sizes and rates that are not positive, and other precisions.

    >>> Recipe(rate=0.02).channels
    32
    """

    r_max: float = 5.0
    channels: int = 32
    L: int = 1
    L_filter: int = 3
    order: int = 3
    interactions: int = 2
    repulsion: bool = True
    energy: float = 10.0
    forces: float = 1000.0
    stress: float = 1e5
    batch: int = 5
    rate: float = 0.05
    warmup: int = 50
    average: float = 0.99
    clip: float = 100.0
    patience: int | None = None
    precision: str = ""

    def __post_init__(self) -> None:
        if not (self.r_max > 0 and self.rate > 0 and self.clip > 0 and self.batch >= 1):
            given = f"r_max={self.r_max}, rate={self.rate}, clip={self.clip}, batch={self.batch}"
            raise DomainError(given, "positive numbers")
        if self.precision:
            raise DomainError(
                f"precision={self.precision!r}",
                "'', single precision: half the digits would round distances between atoms to some 0.01 Angstrom",
            )
        if min(self.energy, self.forces, self.stress) < 0 or not self.energy + self.forces + self.stress > 0:
            given = f"weights energy={self.energy}, forces={self.forces}, stress={self.stress}"
            raise DomainError(given, "0 or more, and one above 0")
