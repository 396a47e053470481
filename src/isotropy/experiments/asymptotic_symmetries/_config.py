"""Sizes of the experiment, and the names of its tasks."""

from __future__ import annotations

from dataclasses import dataclass

from isotropy.study import Configuration

CATALOGUE, SOLUTION, ORBITS = "E1 catalogue", "E2 solution", "E3 orbits"
ENERGY, MATCHING, CONES = "E4 energy", "E5 matching", "E5 cones"
PLANETS, LEARNED = "E6 planets", "E7 learned"

KEPLER = "(x_t^2 + y_t^2)/2 + 1/sqrt(x^2 + y^2)"
KLEIN_GORDON = "(u_t^2 - u_x^2 - u^2)/2"
WAVE = "(u_t^2 - u_x^2 - u_y^2)/2"
PHI4 = "(u_t^2 - u_x^2 - u_y^2 - u_z^2)/2 - u^4/4"
SYSTEMS: dict[str, tuple[str, str, int]] = {
    "free particle": ("q'' = 0", "full", 8),
    "free particle, action": ("q'^2/2", "full", 5),
    "inverse cube": ("q'' = q^(-3)", "full", 3),
    "inverse cube, action": ("q'^2/2 - 1/(2*q^2)", "full", 3),
    "Kepler": ("x_tt = -x/(x^2+y^2)^(3/2); y_tt = -y/(x^2+y^2)^(3/2)", "full", 3),
    "Kepler, action": (KEPLER, "full", 2),
    "Korteweg, de Vries": ("u_t + u*u_x + u_xxx = 0", "full", 4),
    "Burgers": ("u_t + u*u_x = u_xx", "full", 5),
    "heat": ("u_t = u_xx", "linear", 6),
    "Klein, Gordon, action": (KLEIN_GORDON, "linear", 3),
    "wave in 2+1, action": (WAVE, "base", 10),
    "phi^4 in 3+1, action": (PHI4, "base", 15),
}
"""A formula, the ansatz (phi of any form, linear in u, or that with xi of the variables alone), and the dimension that
the literature gives."""

LEVELS = (-1.0, -0.36, 0.0, 0.49)
"""Values of Theta: Minkowski space, a cone, the null orbifold, a cosmology."""


@dataclass(frozen=True)
class Config(Configuration):
    """``samples`` of functions on the circle, random ``elements`` on each orbit, ``steps`` of the descent of energy,
    ``functions`` for matching, values of Theta of the ``cones``, ``reach`` of geodesics in impact parameters,
    ``moments`` of each planet, ``orbits`` to learn a Lagrangian from in ``training`` steps."""

    samples: int = 256
    elements: int = 250
    steps: int = 400
    functions: int = 50
    cones: tuple[float, ...] = (-0.95, -0.81, -0.64, -0.49, -0.36)
    reach: float = 1e6
    moments: int = 400
    orbits: int = 40
    training: int = 4000
