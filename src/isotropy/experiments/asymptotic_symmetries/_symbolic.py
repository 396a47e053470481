"""E1 and E2: dimensions of algebras; the general solution, its symmetries and charges, as formulas."""

from __future__ import annotations

from typing import Any

import sympy as sp
import torch

from isotropy.experiments.asymptotic_symmetries._config import SYSTEMS
from isotropy.experiments.asymptotic_symmetries._functions import smooth
from isotropy.physics import BMS3, Ansatz, Aspects, point_symmetries, surface_charge, variational_symmetries
from isotropy.physics.bms3 import (
    PHI,
    R,
    U,
    aspects_variation,
    asymptotic_killing,
    charge_from_conformal_data,
    conformal_completion,
    general_solution,
    modified_bracket,
    parameter_bracket,
)
from isotropy.random import spawn
from isotropy.runs import Run
from isotropy.study import Outcome, job

ANSATZE = {"full": Ansatz(2), "linear": Ansatz(2, phi="linear"), "base": Ansatz(2, phi="linear", xi="base")}


@job
def catalogue_job(run: Run, *, seed: int, system: str) -> Outcome:
    """The dimension of one algebra, and what the literature says."""
    text, phi, known = SYSTEMS[system]
    find = point_symmetries if "=" in text else variational_symmetries
    algebra = find(text, ansatz=ANSATZE[phi])
    return {"dimension": algebra.dim, "known": known, "simple part": algebra.levi.semisimple}


def _fields(*names: str) -> list[Any]:
    return [sp.Function(name)(PHI) for name in names]


def _left(parts: Any) -> int:
    """How many of these expressions are not 0."""
    return sum(sp.expand(part) != 0 for part in sp.flatten(parts))


def _no_more_than_a_derivative(density: sp.Expr, functions: list[Any]) -> int:
    """How many Euler-Lagrange equations of a density on the circle are not 0: it is a derivative where none is."""
    left = 0
    for name in functions:
        parts = [sp.diff(density, name.diff(PHI, n) if n else name) for n in range(6)]
        left += sp.expand(sum((-1) ** n * (part.diff(PHI, n) if n else part) for n, part in enumerate(parts))) != 0
    return left


@job
def solution_job(run: Run, *, seed: int) -> Outcome:
    """What is left of identities that have to vanish, by counts of expressions."""
    theta, xi, T, Y, T2, Y2, dtheta, dxi = _fields("Theta", "Xi", "T", "Y", "T2", "Y2", "dTheta", "dXi")
    G = sp.Symbol("G", positive=True)
    metric, vector = general_solution(theta, xi), asymptotic_killing(T, Y, theta, xi)
    moved_theta, moved_xi = aspects_variation(T, Y, theta, xi)

    def change(a: Any, b: Any) -> sp.Matrix:
        cross = b + U / 2 * sp.diff(a, PHI)
        return sp.Matrix([[a, 0, cross], [0, 0, 0], [cross, 0, 0]])

    charges = [
        surface_charge(metric, change(dtheta, dxi), vector, variant=variant, G=G)[0, 1] * 16 * sp.pi * G
        for variant in ("iyer-wald", "barnich-brandt")
    ]
    rest = sp.expand(charges[0] - T * dtheta - 2 * Y * dxi)
    gh = conformal_completion(theta, xi)
    density = charge_from_conformal_data(gh, gh.coords[1], [T + U * Y.diff(PHI), 0, Y], G=G)
    at_scri = sp.expand(16 * sp.pi * G * density - T * theta - 2 * Y * xi)
    bracket = modified_bracket((T, Y), (T2, Y2), theta, xi)
    wanted = asymptotic_killing(*parameter_bracket((T, Y), (T2, Y2)), theta, xi)
    return {
        "future": _left(metric.ricci),
        "past": _left(general_solution(theta, xi, past=True).ricci),
        "lie": _left(metric.lie(vector) - change(moved_theta, moved_xi)),
        "variants": _left([charges[0] - charges[1]]),
        "charge": _no_more_than_a_derivative(rest, [theta, xi, T, Y, dtheta, dxi]),
        "scri": _no_more_than_a_derivative(at_scri, [theta, xi, T, Y]),
        "bracket": _left([a - b for a, b in zip(bracket, wanted, strict=True)]),
        "radius": int(R in vector[1].free_symbols),
    }


@job
def central_job(run: Run, *, seed: int, samples: int, G: float) -> Outcome:
    """c2 G from differences of the finite action on aspects that are not constant: i {J_2, P_-2} less 4 P_0."""
    draw, group, step = spawn(seed, "aspects"), BMS3(G, samples), 1e-5
    x = Aspects(smooth(1, samples, 0.3, draw)[0] - 0.5, smooth(1, samples, 0.3, draw)[0])
    total, zero = 0j, torch.zeros(samples, dtype=torch.float64)
    for wave, factor in (((2 * group.phi).cos(), 1), (-(2 * group.phi).sin(), 1j)):
        along = step * torch.stack([zero, wave])  # exp(-2 i phi), its real and its imaginary part
        ends = [complex(x.pullback(sign * along).charges(2, G).J[2]) for sign in (1, -1)]
        total += factor * (ends[0] - ends[1]) / (2 * step)
    c2 = (1j * total - 4 * complex(x.charges(0, G).P[0])) * 12 / 8
    return {"c2": c2.real * G, "rest": abs(c2.imag)}
