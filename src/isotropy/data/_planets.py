"""The planets as astropy's built-in ephemeris has them: real motions, computed without the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.data._dataset import Dataset, Recipe, motions
from isotropy.errors import DomainError, optional_import

INNER = ("mercury", "venus", "earth", "mars", "jupiter")
ALL = (*INNER, "saturn", "uranus", "neptune")
SUN = 0.01720209895**2  # G times the mass of the Sun, in AU^3 / day^2: Gauss's constant, squared
_J2000 = 2451545.0
_TILT = 84381.448 / 3600  # degrees: the mean obliquity of the ecliptic at J2000 (IAU 1976)
_STEP = 0.5  # days: differences of the fourth order of so small a step are exact to 1e-8 even for Mercury


@dataclass(frozen=True, kw_only=True)
class Planets(Recipe):
    """Where planets were, relative to the Sun, and how fast: AU, AU per day, AU per day squared, in ecliptic axes.

    ``steps`` moments of ``days`` since the year 2000; x and y span the ecliptic of J2000, z is its north. ``bodies``
    are the inner five (to Jupiter) or all eight; each is a cluster. Positions are those of astropy's built-in ephemeris
    (ERFA: Simon et al. 1994 for the planets, good to about 1e-4 over centuries, VSOP2000 for the Earth), whose
    velocities and accelerations are read off positions half a day apart. With ``velocities="ephemeris"`` velocities are
    its own, which are not quite the derivatives of its positions: they miss them by up to 3e-3 beyond Jupiter.

    Raises MissingExtraError without astropy (extra "physics").
    """

    bodies: Literal["inner", "all"] = "all"
    days: float = 4000.0
    steps: int = 600
    velocities: Literal["differences", "ephemeris"] = "differences"

    name = "planets"
    title = "Planets about the Sun"
    story = (
        "Where the planets were and how fast, over eleven years. One sun attracts them all by the inverse square, so "
        "rotations of space and translations of time should hold, and scaling, which takes 3/2 powers of lengths for "
        "times, as a symmetry of the equations. Planets disturb each other and the Sun itself moves; eight orbits in "
        "nearly one plane say little about what happens across it."
    )
    source = "astropy's built-in ephemeris (ERFA epv00 and plan94; Simon et al., Astron. Astrophys. 282, 1994)"
    licence = "computed by astropy (BSD 3-clause)"
    groups = ("O(3)", "SO(3)", "SO(2)@z", "Scale(3)")
    types = motions(3, cluster="planet")

    def __post_init__(self) -> None:
        if self.steps < 8 or not 0 < self.days <= 36_525:
            expected = "8 steps or more, at most 36,525 days, for which the ephemeris is good"
            raise DomainError(f"steps={self.steps}, days={self.days}", expected)

    def dataset(self) -> Dataset:
        """The moments of each planet, one planet after the other."""
        names = INNER if self.bodies == "inner" else ALL
        t = torch.linspace(0, self.days, self.steps, dtype=torch.float64)
        offsets = _STEP * torch.arange(-2, 3, dtype=torch.float64)
        moments = (t[:, None] + offsets).flatten()
        where = torch.stack([_heliocentric(name, moments) for name in names]).unflatten(1, (self.steps, 5))
        # Central differences of the fourth order, for the first and the second derivative.
        first = torch.tensor([1.0, -8.0, 0.0, 8.0, -1.0], dtype=torch.float64) / (12 * _STEP)
        second = torch.tensor([-1.0, 16.0, -30.0, 16.0, -1.0], dtype=torch.float64) / (12 * _STEP**2)
        q, v = where[:, :, 2], torch.einsum("k,pskd->psd", first, where)
        if self.velocities == "ephemeris":
            v = torch.stack([_heliocentric(name, t, "velocity") for name in names])
        a = torch.einsum("k,pskd->psd", second, where)
        planet = torch.arange(len(names)).repeat_interleave(self.steps)
        x = torch.cat([q, v], -1).flatten(0, 1)
        return self.made(x, a.flatten(0, 1), cluster=planet, time=t.repeat(len(names)))


def _heliocentric(
    name: str, days: Float[Tensor, " n"], what: Literal["position", "velocity"] = "position"
) -> Float[Tensor, "n 3"]:
    """Positions, or velocities, relative to the Sun in the axes of the ecliptic, in AU and days."""
    units = optional_import("astropy.units", "physics")
    from astropy.coordinates import get_body_barycentric_posvel
    from astropy.time import Time

    # Dynamical time: no table of leap seconds is asked for.
    when: Any = Time(_J2000, days.numpy(), format="jd", scale="tdb")
    which = 0 if what == "position" else 1
    moved: list[Any] = [get_body_barycentric_posvel(one, when, ephemeris="builtin")[which] for one in (name, "sun")]
    body, sun = moved
    unit = units.au if what == "position" else units.au / units.day
    x, y, z = np.asarray((body - sun).xyz.to_value(unit))
    tilt = np.deg2rad(_TILT)
    turned = np.stack([x, np.cos(tilt) * y + np.sin(tilt) * z, np.cos(tilt) * z - np.sin(tilt) * y], 1)
    return torch.from_numpy(np.ascontiguousarray(turned))
