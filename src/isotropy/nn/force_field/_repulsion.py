"""What keeps atoms apart where no data say it: the screened repulsion of nuclei."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from isotropy.errors import SchemaError
from isotropy.nn.force_field._batches import symbol
from isotropy.nn.force_field._interaction import polynomial_cutoff
from isotropy.nn.gaunt._constants import Constants
from isotropy.settings import Settled

_COULOMB = 14.39964548  # e^2 / (4 pi eps0), in eV Angstrom
_SCREEN = 0.8854 * 0.529177  # of the Bohr radius, in Angstrom
_SHARES = 0.18175, 0.50986, 0.28022, 0.02817
_RATES = 3.1998, 0.94229, 0.4029, 0.20162
_POWER = 6  # of the cutoff: MACE's


class Repulsion(Settled, Constants):
    """The energy Z Z' e^2 / r phi(r / a) of each pair of atoms, faded out towards the distance ``begins`` of its kind.

    ``begins``: that distance in Angstrom by pairs of elements, "Cu-Zr" in alphabetical order; a pair that is not named
    is not repelled. Up to the smallest distance of the training data the repulsion is exactly 0 on all of them.
    phi is a sum of four exponentials, a = 0.8854 a0 / (Z^0.23 + Z'^0.23).
    Source: Ziegler, Biersack, Littmark, The Stopping and Range of Ions in Solids (1985).

    >>> near = Repulsion([1], {"H-H": 1.0})(torch.tensor([[0.2], [1.0]]), torch.zeros(2, 2, dtype=torch.int64))
    >>> [round(value, 2) for value in near.tolist()]
    [33.24, 0.0]
    """

    def __init__(self, numbers: Sequence[int], begins: Mapping[str, float]) -> None:
        super().__init__()
        names = [symbol(number) for number in numbers]
        strange = sorted(begins.keys() - {"-".join(sorted((a, b))) for a in names for b in names})
        if strange or not all(value > 0 for value in begins.values()):
            given = f"repulsion of {', '.join(strange)}" if strange else f"repulsion={dict(begins)}"
            raise SchemaError(
                given, f"distances in Angstrom for pairs of {', '.join(names)}, such as {names[0]}-{names[0]}"
            )
        self.numbers = list(numbers)
        self.begins = {pair: float(begins[pair]) for pair in sorted(begins)}
        table = [[self.begins.get("-".join(sorted((a, b))), 0.0) for b in names] for a in names]
        self.constant("reach", torch.tensor(table, dtype=torch.float64))
        self.constant("Z", torch.tensor(numbers, dtype=torch.float64))

    def settings(self) -> dict[str, Any]:
        return {"numbers": self.numbers, "begins": self.begins}

    def forward(self, length: Float[Tensor, "E 1"], types: Int[Tensor, "2 E"]) -> Float[Tensor, " E"]:
        """The energy in eV of each pair, at a distance in Angstrom; ``types``: the places of both elements."""
        r = length[:, 0]
        one, other = self.Z[types[0]], self.Z[types[1]]
        x = r * (one**0.23 + other**0.23) / _SCREEN
        phi = torch.zeros_like(x)
        for share, rate in zip(_SHARES, _RATES, strict=True):
            phi = phi + share * torch.exp(-rate * x)
        # A reach of 0 is one that no pair has: any small number has a finite slope.
        reach = self.reach[types[0], types[1]].clamp_min(1e-3)
        return _COULOMB * one * other / r * phi * polynomial_cutoff(r / reach, _POWER)
