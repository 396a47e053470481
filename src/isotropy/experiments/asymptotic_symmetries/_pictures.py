"""Pictures: an atlas of orbits, Theta before and after a transformation, lines past a cone."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import torch

from isotropy.experiments.asymptotic_symmetries._config import CONES
from isotropy.experiments.asymptotic_symmetries._functions import constants, elements, smooth
from isotropy.experiments.asymptotic_symmetries._matching import geodesic
from isotropy.physics import BMS3, Aspects
from isotropy.random import spawn
from isotropy.report import Block, Curve, Curves, Points, Scatter

_N = 64
_SHOWN = 240
_CLASSES = ("elliptic", "hyperbolic", "parabolic", "exceptional")
_TIP = 0.25  # radius of the disc that marks the tip of a cone


def atlas(result: Any) -> Iterator[Block]:
    """Random aspects by their two invariants, a colour for each class and a marker for each winding."""
    draw = spawn(0, "atlas")
    means = torch.linspace(-5.0, 0.8, _SHOWN, dtype=torch.float64)[:, None]
    x = Aspects(smooth(_SHOWN, _N, 0.25, draw) + means, smooth(_SHOWN, _N, 0.4, draw) + 0.2)
    invariants = x.invariants()
    clouds: dict[tuple[str, int], list[tuple[float, float]]] = defaultdict(list)
    for i in range(_SHOWN):
        orbit = x[i].classify()
        place = (math.asinh(float(invariants.trace[i]) / 2), math.asinh(float(invariants.dual[i])))
        clouds[orbit.kind, orbit.winding].append(place)
    points = [
        Points(f"{kind}, winding {n}", [x for x, _ in at], [y for _, y in at], look=(_CLASSES.index(kind), n))
        for (kind, n), at in sorted(clouds.items())
    ]
    yield Scatter(
        points, xlabel="asinh(tr M / 2)", ylabel="asinh of its dual part", section="Orbits",
        title="An atlas of orbits",
        caption="Aspects drawn at random around constants from -5 to 0.8. Elliptic orbits lie between -0.88 and 0.88. "
        "A colour is a class, a marker a winding.",
        name="atlas",
    )  # fmt: skip


def before_and_after(result: Any) -> Iterator[Block]:
    """Theta of Minkowski space and of a cone, and what one element of BMS3 makes of them."""
    group = BMS3(modes=_N)
    g = elements(group, 1, spawn(3, "shown"))[0]
    angle = group.phi.tolist()
    lines: list[Curve] = []
    for i, (level, name) in enumerate(((-1.0, "Minkowski space"), (-0.36, "a cone"), (0.49, "a cosmology"))):
        x = constants(level, 0.0, 1, _N)[0]
        lines.append(Curve(name, angle, x.theta.tolist(), look=(i, 0)))
        lines.append(Curve(f"{name}, moved", angle, x.pullback(g).theta.tolist(), look=(i, 1)))
    yield Curves(
        lines, xlabel="phi", ylabel="Theta", section="Orbits", angle=True, title="The same spaces, seen by others",
        caption="The mass aspect before and after one superrotation; the invariants are the same.", name="moved",
    )  # fmt: skip


def scattering(result: Any) -> Iterator[Block]:
    """Null lines past the tip of a cone, and the angle between their ends."""
    lines = result.lines(CONES, "^deflection")
    if not lines:
        return
    clouds: list[Points] = []
    for theta in (-1.0, -0.64, -0.36):
        path = geodesic(theta, 8.0)
        fine = torch.linspace(0, len(path) - 1, 600, dtype=torch.float64)
        low = fine.long().clamp_max(len(path) - 2)
        part = (fine - low)[:, None]
        path = path[low] * (1 - part) + path[low + 1] * part
        x, y = path[:, 1] * path[:, 2].cos(), path[:, 1] * path[:, 2].sin()
        clouds.append(Points(f"Theta = {theta:g}", x.tolist(), y.tolist()))
    disc = [(_TIP * r * math.cos(k), _TIP * r * math.sin(k)) for r in (0.0, 0.5, 1.0) for k in range(12)]
    clouds.append(Points("tip", [x for x, _ in disc], [y for _, y in disc], tone="broken"))
    yield Scatter(
        clouds, plane=True, section="Matching", title="Past the tip of a cone",
        caption="One null line in Minkowski space and in two cones, in polar coordinates (r, phi), where the angle of "
        "a cone is stretched to 2 pi: its end is no longer at the antipode of its start.", name="scattering", half=True,
    )  # fmt: skip
    thetas = [float(line.method.removeprefix("Theta = ")) for line in lines]
    fine = torch.linspace(min(thetas), max(thetas), 60, dtype=torch.float64)
    yield Curves(
        [Curve("pi / sqrt(-Theta) - pi", fine.tolist(), (math.pi / (-fine).sqrt() - math.pi).tolist())],
        points=[Points("measured", thetas, [line.mean for line in lines])],
        xlabel="Theta", ylabel="deflection, radians", section="Matching", title="Deflection by a cone",
        name="deflection", half=True,
    )  # fmt: skip
