"""Electromagnetism, with magnetic fields and moments as the pseudovectors that they are; crystals."""

from __future__ import annotations

import torch
from torch import Tensor

from isotropy.data.zoo._inputs import beside, constant, cross, dot, length, normal, shell
from isotropy.data.zoo._law import law


@law(
    x='Scalar("charge") + Vector("electric field") + Vector("velocity") + Pseudovector("magnetic field")',
    y='Vector("force")',
    groups="O(3),SO(3),Inversion(3)",
    inputs=normal(10),
)
def lorentz_force(x: Tensor) -> Tensor:
    """q (E + v x B), the magnetic field declared as a pseudovector: all rotations and mirrors hold."""
    q, E, v, B = x.split((1, 3, 3, 3), -1)
    return q * (E + cross(v, B))


@law(
    x='Vector("electric field") + Vector("velocity") + Vector("magnetic field")',
    y='Vector("force")',
    groups="O(3),SO(3),Inversion(3)",
    inputs=normal(9),
    breaks=dict.fromkeys(("O(3)", "Inversion(3)"), 2 / 3),
)
def field_as_vector(x: Tensor) -> Tensor:
    """E + v x B with the magnetic field declared as a vector: mirrors seem broken, rotations hold."""
    E, v, B = x.split((3, 3, 3), -1)
    return E + cross(v, B)


@law(
    x='Vector("velocity")',
    y='Vector("force")',
    groups="O(3),O(2)@z,SO(2)@z,Inversion(3)",
    inputs=normal(3),
    breaks=dict.fromkeys(("O(3)", "O(2)@z"), 2 / (2 + 3 * 0.49)),
)
def cyclotron(x: Tensor) -> Tensor:
    """v x B - 0.7 v in a fixed field along z that is no input: turns about z and the inversion hold, mirrors do not."""
    return cross(x, constant(x, 0.0, 0.0, 1.0).expand_as(x)) - 0.7 * x


@law(
    x='Vector("electric field") + Pseudovector("magnetic field")',
    y='Vector("flux") + Scalar("energy")',
    groups="O(3),SO(3),O(2)@z",
    inputs=normal(6),
)
def poynting(x: Tensor) -> Tensor:
    """The flux E x B of light and its energy (E^2 + B^2) / 2."""
    E, B = x[..., :3], x[..., 3:]
    return torch.cat([cross(E, B), dot(x, x) / 2], -1)


@law(
    x='2*Pseudovector("moment") + Vector("separation")',
    y='Scalar("energy") + Pseudovector("torque")',
    groups="O(3),SO(3),Inversion(3)",
    inputs=beside(normal(6), shell(0.8, 1.4)),
)
def dipoles(x: Tensor) -> Tensor:
    """Two magnets: their energy, and the torque of the second one's field on the first."""
    m, other, d = x.split((3, 3, 3), -1)
    u = d / length(d)
    field = (3 * dot(other, u) * u - other) / length(d) ** 3
    return torch.cat([-dot(m, field), cross(m, field)], -1)


@law(
    x='Vector("place")',
    y='Vector("field")',
    groups="O(3),O(2)@z,Inversion(3)",
    inputs=shell(0.8, 1.5),
    breaks={"O(3)": 1.0, "Inversion(3)": 1.0},
)
def dipole_field(x: Tensor) -> Tensor:
    """The field of one electric dipole along z: it has that axis, and does not change sign with the place."""
    u, z = x / length(x), constant(x, 0.0, 0.0, 1.0)
    return (3 * u[..., 2:] * u - z) / length(x) ** 3


@law(
    x='Vector("current") + Vector("separation")',
    y='Pseudovector("magnetic field")',
    groups="O(3),SO(3),Inversion(3)",
    inputs=beside(normal(3), shell(0.7, 1.5)),
)
def biot_savart(x: Tensor) -> Tensor:
    """The magnetic field of a piece of wire, dl x r / |r|^3."""
    current, r = x[..., :3], x[..., 3:]
    return cross(current, r) / length(r) ** 3


@law(
    x='Pseudovector("moment")',
    y='Pseudovector("torque") + Scalar("energy")',
    groups="O(3),O(2)@z,SO(2)@z",
    inputs=normal(3),
    breaks=dict.fromkeys(("O(3)", "O(2)@z"), (1.0, 0.4)),
)
def compass(x: Tensor) -> Tensor:
    """A needle in a fixed field along z: its torque m x B, and its energy |m|^2 / 2 - m.B; mirrors turn the field."""
    B = constant(x, 0.0, 0.0, 1.0).expand_as(x)
    return torch.cat([cross(x, B), dot(x, x) / 2 - dot(x, B)], -1)


def _strain(n: int, generator: torch.Generator) -> Tensor:
    A = torch.randn(n, 3, 3, generator=generator, dtype=torch.float64)
    return ((A + A.mT) / 2).flatten(1)


@law(
    x='Tensor(2)("strain")',
    y='Tensor(2)("stress")',
    groups="O(3),O(2)@z,C(4)@z",
    inputs=_strain,
    # On strains, of which all six directions are alike, the law is 2.2 on the trace, 1.6 on the two other diagonal
    # directions and 0.8 on the rest: O(3) makes five alike, O(2)@z one of each kind.
    breaks={"O(3)": 0.64 * 1.2 / 11.88, "O(2)@z": 0.64 * 0.5 / 11.88},
)
def crystal(x: Tensor) -> Tensor:
    """The stress in a cubic crystal under strain: quarter turns about its axes hold, other turns do not."""
    e = x.unflatten(-1, (3, 3))
    one = torch.eye(3, dtype=x.dtype, device=x.device)
    trace = (e * one).sum((-2, -1), keepdim=True)
    return (0.2 * trace * one + 0.8 * e + 0.8 * e * one).flatten(-2)
