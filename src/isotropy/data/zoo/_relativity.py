"""Relativistic kinematics: four-momenta, time first, under Lorentz(4) and what is left of it in a laboratory."""

from __future__ import annotations

import torch
from torch import Tensor

from isotropy.data.zoo._inputs import Inputs, dot
from isotropy.data.zoo._law import law

SPACETIME = {"space": 4}
TURNS = "SO(3)@(1,0,0,0)"
_BOOST = '"boosts along the beam", algebra=[[[0,0,0,1],[0,0,0,0],[0,0,0,0],[1,0,0,0]]]'
BEAM = f"MatrixGroup({_BOOST})"
_RAPIDITY = 0.2  # how far to boost: momenta so boosted still lie among the others


def _momenta(count: int) -> Inputs:
    """Momenta of any direction and masses of 0.5, as a detector at rest sees them."""

    def draw(n: int, generator: torch.Generator) -> Tensor:
        p = torch.randn(n, count, 3, generator=generator, dtype=torch.float64)
        return torch.cat([(p.square().sum(-1, keepdim=True) + 0.25).sqrt(), p], -1).flatten(1)

    return draw


@law(
    x='2*Vector("momentum")',
    y='Scalar("squared mass")',
    groups=f"Lorentz(4),{TURNS}",
    inputs=_momenta(2),
    dims=SPACETIME,
    width=_RAPIDITY,
)
def invariant_mass(x: Tensor) -> Tensor:
    """The squared mass of a pair, E^2 - p^2 of the sum of two four-momenta: the same for all observers."""
    total = x[..., :4] + x[..., 4:]
    return total[..., :1].square() - dot(total[..., 1:], total[..., 1:])


@law(
    x='2*Vector("momentum")',
    y='Scalar("product of energies")',
    groups=f"Lorentz(4),{TURNS}",
    inputs=_momenta(2),
    dims=SPACETIME,
    breaks={"Lorentz(4)": 0.277},  # by 3 million draws, +- 0.001
    width=_RAPIDITY,
)
def laboratory_energy(x: Tensor) -> Tensor:
    """The product of two energies: every observer has another, but all that are at rest agree."""
    return x[..., :1] * x[..., 4:5]


@law(
    x='2*Vector("momentum")',
    y='Scalar("transverse momentum")',
    groups=f"Lorentz(4),{TURNS},{BEAM}",
    inputs=_momenta(2),
    dims=SPACETIME,
    breaks={"Lorentz(4)": 0.571, TURNS: 1 / 3},  # the first by 3 million draws, +- 0.0015
    width=_RAPIDITY,
)
def transverse_momentum(x: Tensor) -> Tensor:
    """The squared momentum of a pair across the beam: boosts along the beam leave it alone, turns do not."""
    across = x[..., 1:3] + x[..., 5:7]
    return dot(across, across)
