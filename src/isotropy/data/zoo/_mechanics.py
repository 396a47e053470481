"""Mechanics: gravity, springs, drag, rigid bodies, orbits, handed quantities, and which bodies are alike."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from isotropy.data.synthetic._points import scale_defect
from isotropy.data.zoo._inputs import beside, constant, cross, dot, length, normal, shell, sizes, uniform
from isotropy.data.zoo._law import law

PLANE = {"space": 2}
_BULGE = 0.45**2 * 4 / 3 * 2 / 7 * (1 - 1.5**-7)
_T2, _T4 = (1.2**3 - 0.3**3) / 2.7, (1.2**5 - 0.3**5) / 4.5  # moments of a time between 0.3 and 1.2


@law(
    x='Vector("place")',
    y='Vector.weighted(-2)("acceleration")',
    groups="O(3),SO(3),Scale(3)",
    inputs=shell(0.7, 1.5),
    width=0.3,
)
def kepler(x: Tensor) -> Tensor:
    """A planet falls towards its sun as -r / |r|^3: the same in all directions, and with the power -2 of the size."""
    return -x / length(x) ** 3


@law(
    x='Vector("place")',
    y='Vector("acceleration")',
    groups="O(3),O(2)@z,Inversion(3)",
    inputs=normal(3, spread=(1.0, 1.0, 0.3)),
    moved="O(3)",
)
def ecliptic(x: Tensor) -> Tensor:
    """Gravity of a soft sun on bodies near one plane: the inputs prefer the plane, the law does not."""
    return -x / (dot(x, x) + 0.5) ** 1.5


@law(
    x='Vector("place")',
    y='Vector("acceleration")',
    groups="O(3),O(2)@z,Inversion(3)",
    inputs=shell(1.0, 1.5),
    # All of the bulge: its mean along r over directions is 0, that of its square 4/3.
    breaks={"O(3)": _BULGE / (2 / 3 * (1 - 1.5**-3) + _BULGE)},
)
def oblate(x: Tensor) -> Tensor:
    """Gravity of a flattened planet (J2, exaggerated): its axis is seen, its north pole is not."""
    r2, up = dot(x, x), x[..., 2:]
    bulge = (1 - 5 * up.square() / r2) * x + 2 * up * constant(x, 0.0, 0.0, 1.0)
    return -x / r2**1.5 - 0.45 * bulge / r2**2.5


@law(
    x='2*Scalar("mass") + 2*Point("place")',
    y='Vector("force")',
    groups="E(3),O(3),T(3)",
    inputs=beside(sizes(2), normal(6)),
    width=0.5,
)
def two_bodies(x: Tensor) -> Tensor:
    """Two soft bodies attract each other along the line between them, wherever they are."""
    mass, d = x[..., 0:1] * x[..., 1:2], x[..., 5:8] - x[..., 2:5]
    return mass * d / (dot(d, d) + 1.0) ** 1.5


@law(
    x='2*Point("place")',
    y='Vector("force")',
    groups="SE(3),SO(3),O(2)@z,T(3)",
    inputs=normal(6),
    breaks=dict.fromkeys(("SE(3)", "SO(3)"), 0.25 / (7.25 - 8 / math.sqrt(math.pi))),
    width=0.5,
)
def fall(x: Tensor) -> Tensor:
    """A spring pulls a body to another while both fall: everywhere alike, and one direction is down."""
    d = x[..., 3:] - x[..., :3]
    return (length(d) - 1) * d / length(d) + constant(x, 0.0, 0.0, -0.5)


@law(
    x='Vector("velocity")',
    y='Vector("force")',
    groups="O(3),SO(3),O(2)@x",
    inputs=normal(3, spread=(1.0, 0.6, 0.6)),
    breaks=dict.fromkeys(("O(3)", "SO(3)"), 0.3078),  # by 6 million draws, +- 0.0003
    moved="O(3),SO(3)",
)
def wind_drag(x: Tensor) -> Tensor:
    """Drag -|v - w| (v - w) in a steady wind along x: only turns about the wind hold."""
    v = x - constant(x, 0.8, 0.0, 0.0)
    return -length(v) * v


@law(
    x='Vector("velocity")',
    y='Vector("force")',
    groups="O(3),SO(3),Scale(3)",
    inputs=normal(3),
    breaks={"Scale(3)": 15 / 8 * scale_defect(0.5) / (27 / 4 + 8 * math.sqrt(2 / math.pi))},
    width=0.5,
)
def drag(x: Tensor) -> Tensor:
    """Drag that is linear when slow and quadratic when fast, -(1 + |v| / 2) v: no power of the speed."""
    return -(1 + length(x) / 2) * x


@law(
    x='Vector("velocity")',
    y='Vector("force")',
    groups="O(3),O(2)@x",
    inputs=normal(3, spread=0.25, mean=(2.0, 0.0, 0.0)),
    moved="O(3)",
)
def wind_tunnel(x: Tensor) -> Tensor:
    """Quadratic drag seen in a tunnel, where the air always comes from nearly one side: all rotations hold."""
    return -length(x) * x


@law(
    x='Vector("velocity") + Scalar("time")',
    y='Vector("displacement") + Scalar("energy")',
    groups="O(3),O(2)@z,O(2)@x",
    inputs=beside(normal(3), uniform(1, 0.3, 1.2)),
    breaks=dict.fromkeys(("O(3)", "O(2)@x"), (_T4 / (3 * _T2 + _T4), 4 * _T2 / (1.5 + 4 * (_T4 - _T2**2) + 4 * _T2))),
)
def projectile(x: Tensor) -> Tensor:
    """A stone thrown any way: where it is after a time, and its kinetic energy then; down is special."""
    v, t, g = x[..., :3], x[..., 3:], constant(x, 0.0, 0.0, -2.0)
    later = v + g * t
    return torch.cat([v * t + g * t.square() / 2, dot(later, later) / 2], -1)


@law(
    x='Pseudovector("spin")',
    y='Pseudovector("change of spin")',
    groups="SO(3),SO(2)@z,C(2)@z",
    inputs=normal(3),
    breaks={"SO(3)": 1.0, "SO(2)@z": 1 / 19},
)
def rigid_body(x: Tensor) -> Tensor:
    """Euler's equations of a free body with moments of inertia 1, 2, 3: only half turns about its axes hold."""
    return x.roll(-1, -1) * x.roll(-2, -1) * constant(x, -1.0, 1.0, -1 / 3)


def _inertia(n: int, generator: torch.Generator) -> Tensor:
    r = torch.randn(n, 3, 3, generator=generator, dtype=torch.float64)
    spin = torch.randn(n, 3, generator=generator, dtype=torch.float64)
    A = r.mT @ r
    I = A.diagonal(dim1=1, dim2=2).sum(1)[:, None, None] * torch.eye(3, dtype=r.dtype) - A
    return torch.cat([I.flatten(1), spin], 1)


@law(
    x='Tensor(2)("inertia") + Pseudovector("spin")',
    y='Pseudovector("momentum") + Scalar("energy")',
    groups="O(3),SO(3),O(2)@z",
    inputs=_inertia,
)
def angular_momentum(x: Tensor) -> Tensor:
    """L = I w and the energy w.I w / 2 of a body with a known tensor of inertia: no direction is special."""
    I, spin = x[..., :9].unflatten(-1, (3, 3)), x[..., 9:]
    L = (I @ spin[..., None])[..., 0]
    return torch.cat([L, dot(L, spin) / 2], -1)


@law(
    x='Vector("place") + Vector("velocity")',
    y='Scalar("energy") + Pseudovector("momentum")',
    groups="O(3),SO(3),Inversion(3)",
    inputs=beside(shell(0.7, 1.5), normal(3)),
)
def orbit(x: Tensor) -> Tensor:
    """What an orbit keeps: the energy |v|^2 / 2 - 1 / |r|, and r x v, which is a pseudovector."""
    r, v = x[..., :3], x[..., 3:]
    return torch.cat([dot(v, v) / 2 - 1 / length(r), cross(r, v)], -1)


@law(
    x='Vector("place") + Vector("velocity")',
    y='Scalar("energy") + Vector("momentum")',
    groups="O(3),SO(3),Inversion(3)",
    inputs=beside(shell(0.7, 1.5), normal(3)),
    breaks=dict.fromkeys(("O(3)", "Inversion(3)"), (0.0, 1.0)),
)
def momentum_as_vector(x: Tensor) -> Tensor:
    """The same with r x v declared as a vector: the energy keeps its mirrors, the momentum loses them all."""
    return orbit.function(x)


@law(
    x='Vector("velocity") + Pseudovector("spin")',
    y='Pseudoscalar("helicity")',
    groups="O(3),SO(3),Inversion(3)",
    inputs=normal(6),
)
def helicity(x: Tensor) -> Tensor:
    """v.w of a spinning ball: a screw, whose sign a mirror turns; declared as what it is."""
    return dot(x[..., :3], x[..., 3:])


@law(
    x='3*Vector("bond")',
    y='Scalar("rotation of light")',
    groups="O(3),SO(3),O(2)@z,SO(2)@z",
    inputs=normal(9),
    breaks=dict.fromkeys(("O(3)", "O(2)@z"), 6 / (6 + 3 * 6 / 4)),
)
def handed_molecule(x: Tensor) -> Tensor:
    """A molecule of three bonds turns light by its signed volume, and by its size: mirror images do not agree."""
    a, b, c = x[..., :3], x[..., 3:6], x[..., 6:]
    return dot(a, cross(b, c)) + dot(x, x) / 2


@law(
    x='3*Point("corner")',
    y='Scalar("area")',
    groups="E(2),SE(2),O(2),T(2)",
    inputs=normal(6),
    dims=PLANE,
    breaks={"E(2)": 1.0, "O(2)": 1.0},
    width=0.5,
)
def signed_area(x: Tensor) -> Tensor:
    """The area of a triangle, positive when its corners go round to the left: a mirror changes its sign."""
    a, b = x[..., 2:4] - x[..., :2], x[..., 4:] - x[..., :2]
    return (a[..., :1] * b[..., 1:] - a[..., 1:] * b[..., :1]) / 2


@law(
    x='Vector("place")',
    y='Scalar("energy")',
    groups="O(2),C(6),D(3),C(3)",
    inputs=shell(0.5, 1.5, d=2),
    dims=PLANE,
    # Var r^2 = 121/80 - (13/12)^2, and the rest has half of 0.7^2.
    breaks=dict.fromkeys(("O(2)", "C(6)"), 0.245 / (0.245 + 121 / 80 - (13 / 12) ** 2)),
)
def three_valleys(x: Tensor) -> Tensor:
    """The energy r^2 + 0.7 cos 3t of an atom over a triangle of others: thirds of a turn, and mirrors."""
    a, b = x[..., :1], x[..., 1:]
    return dot(x, x) + 0.7 * (a**3 - 3 * a * b.square()) / length(x) ** 3


def _pairs(x: Tensor, weights: Tensor) -> Tensor:
    """Minus the sum over pairs of three places in the plane of the product of their weights, over a soft distance."""
    places = x.unflatten(-1, (3, 2))
    sides = places - places.roll(-1, -2)
    charge = weights * weights.roll(-1, -1)
    return -(charge / (sides.square().sum(-1) + 0.5).sqrt()).sum(-1, keepdim=True)


BODIES = {"space": 2, "nodes": 3}


@law(x='(Nodes*Vector)("place")', y='Scalar("energy")', groups="O(2) x S(3),O(2),S(3)", inputs=normal(6), dims=BODIES)
def like_bodies(x: Tensor) -> Tensor:
    """The energy of three equal stars: which is which makes no difference."""
    return _pairs(x, constant(x, 1.0, 1.0, 1.0))


@law(
    x='(Nodes*Vector)("place")',
    y='Scalar("energy")',
    groups="O(2) x S(3),O(2),S(3)",
    inputs=normal(6),
    dims=BODIES,
    breaks=dict.fromkeys(("O(2) x S(3)", "S(3)"), 0.1237),  # by 6 million draws, +- 0.0002
)
def unlike_bodies(x: Tensor) -> Tensor:
    """The energy of three stars of masses 1, 1 and 4: turning them changes nothing, exchanging them does."""
    return _pairs(x, constant(x, 1.0, 1.0, 4.0))


@law(
    x='Vector("shift")',
    y='Vector("force")',
    groups='S(4).on("space"),MatrixGroup("turns of the ring", discrete=[[[0,0,0,1],[1,0,0,0],[0,1,0,0],[0,0,1,0]]])',
    inputs=normal(4),
    dims={"space": 4},
    # Of each row of springs (-2, 1, 0, 1) exchanges leave the diagonal and the mean of the rest.
    breaks={'S(4).on("space")': 2 / 3 / (6 + 3 + 15 / 16)},
)
def ring(x: Tensor) -> Tensor:
    """Four beads on a ring, each tied to its neighbours by springs: the ring may turn, beads may not be exchanged."""
    return x.roll(1, -1) + x.roll(-1, -1) - 2 * x - x**3 / 4


@law(
    x='2*Point("velocity")',
    y='Vector("force")',
    groups="E(2),O(2),T(2)",
    inputs=normal(4),
    dims=PLANE,
    # Half of E|1.5 t|^2 over a window of 0.7, of 2 (2.5^2 + 1) about the mean.
    breaks=dict.fromkeys(("E(2)", "T(2)"), 2.25 * 0.49 / 14.5),
    width=0.7,
)
def ground_friction(x: Tensor) -> Tensor:
    """Friction of a body against another, on which all who drive by agree, and against the ground."""
    v, other = x[..., :2], x[..., 2:]
    return other - v - 1.5 * v
