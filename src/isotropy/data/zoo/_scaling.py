"""Scaling laws: each unit of measurement is a space of its own, on which Scale(1) acts; exponents are weights."""

from __future__ import annotations

import torch
from torch import Tensor

from isotropy.data.synthetic._points import scale_defect
from isotropy.data.zoo._inputs import beside, normal, sizes, uniform
from isotropy.data.zoo._law import law


def _scale(unit: str) -> str:
    return f'Scale(1).on("{unit}")'


def _measured(name: str, **exponents: str | int) -> str:
    """The type of a positive number with these exponents of units."""
    weights = [f'Scalar.weighted("{power}").on("{unit}")' for unit, power in exponents.items()]
    return f'({"*".join(weights)})("{name}")'


_WIDTH = 0.3  # of windows on log scale
LENGTH, MASS, TIME, AMOUNT, VOLUME = map(_scale, ("length", "mass", "time", "amount", "volume"))


@law(
    x=f"{_measured('axis', length=1, volume=1)} + {_measured('mass', mass=1)}",
    y=_measured("period", length="3/2", volume=3, mass="-1/2"),
    groups=f"{LENGTH} x {MASS},{LENGTH},{MASS},{VOLUME}",
    inputs=sizes(2),
    breaks={VOLUME: scale_defect(0.3 * 1.5) / 2},
    width=_WIDTH,
)
def third_law(x: Tensor) -> Tensor:
    """Kepler's third law: periods go with the power 3/2 of the axis and -1/2 of the mass; as a volume they do not."""
    return x[..., :1] ** 1.5 / x[..., 1:] ** 0.5


@law(
    x=f"{_measured('string', length=1)} + {_measured('gravity', length=1, time=-2)}",
    y=_measured("period", time=1),
    groups=f"{LENGTH} x {TIME},{LENGTH},{TIME}",
    inputs=sizes(2),
    width=_WIDTH,
)
def pendulum(x: Tensor) -> Tensor:
    """The period sqrt(l / g) of a pendulum: the units of length and time may be chosen freely."""
    return (x[..., :1] / x[..., 1:]).sqrt()


@law(
    x=f'{_measured("viscosity", viscosity=1)} + {_measured("radius", length=1)} + Vector("velocity")',
    y='(Scalar.weighted(1).on("viscosity")*Scalar.weighted(1).on("length")*Vector)("force")',
    groups=f"O(3),SO(3),{LENGTH}",
    inputs=beside(sizes(2), normal(3)),
    width=_WIDTH,
)
def stokes(x: Tensor) -> Tensor:
    """The drag of a small ball in a thick fluid, - viscosity x radius x v: linear in each."""
    return -x[..., :1] * x[..., 1:2] * x[..., 2:]


def _gas(n: int, generator: torch.Generator) -> Tensor:
    x = beside(sizes(1), uniform(1, 1.0, 2.5), uniform(1, 0.8, 1.5))(n, generator)
    return torch.cat([x[:, :1], x[:, :1] * x[:, 1:2], x[:, 2:]], 1)


_V2, _V3, _V4 = ((1 - 2.5 ** (1 - k)) / (1.5 * (k - 1)) for k in (2, 3, 4))  # E v^-k of the molar volume
_T1, _T2 = 1.15, (1.5**3 - 0.8**3) / 2.1  # moments of the temperature
_B2 = 4 * _T2 - 2 * _T1 + 0.25  # E (2 T - 1 / 2)^2


@law(
    x=f'{_measured("amount", amount=1)} + {_measured("volume", amount=1, volume=1)} + Scalar("temperature")',
    y=_measured("pressure", volume=-1),
    groups=f"{AMOUNT},{VOLUME}",
    inputs=_gas,
    breaks={VOLUME: scale_defect(0.5) / 2 * _B2 * _V4 / (_T2 * _V2 + (4 * _T2 - _T1) * _V3 + _B2 * _V4)},
    width=0.5,
)
def real_gas(x: Tensor) -> Tensor:
    """T / v + (2 T - 1/2) / v^2, v the molar volume: twice the gas in twice the volume presses alike, in half more."""
    molar, T = x[..., 1:2] / x[..., :1], x[..., 2:]
    return T / molar + (2 * T - 0.5) / molar.square()
