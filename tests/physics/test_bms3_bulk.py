"""BMS3 in the bulk by formulas: brackets at all r, the conformal completion, charges from scri alone."""

from __future__ import annotations

from typing import Any

import pytest
import sympy as sp

from isotropy.errors import DomainError
from isotropy.physics import Metric
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

Theta, Xi, T1, Y1, T2, Y2 = (sp.Function(name)(PHI) for name in ("Theta", "Xi", "T1", "Y1", "T2", "Y2"))
G = sp.Symbol("G", positive=True)


def test_the_modified_bracket_closes_at_all_r() -> None:
    found = modified_bracket((T1, Y1), (T2, Y2), Theta, Xi)
    wanted = asymptotic_killing(*parameter_bracket((T1, Y1), (T2, Y2)), Theta, Xi)
    assert [sp.expand(a - b) for a, b in zip(found, wanted, strict=True)] == [0, 0, 0]
    one, other = asymptotic_killing(T1, Y1, Theta, Xi), asymptotic_killing(T2, Y2, Theta, Xi)
    lie = sum(one[k] * sp.diff(other[1], x) - other[k] * sp.diff(one[1], x) for k, x in enumerate((U, R, PHI)))
    assert sp.expand(lie - wanted[1]) != 0  # without the changes of the solution it does not


def test_variations_represent_the_bracket_with_a_sign() -> None:
    def then(first: Any, second: Any) -> list[Any]:
        """delta_second of the change by first."""
        e = sp.Dummy("e")
        dTheta, dXi = aspects_variation(second[0], second[1], Theta, Xi)
        changed = [
            part.subs({Theta: Theta + e * dTheta, Xi: Xi + e * dXi}).doit()
            for part in aspects_variation(first[0], first[1], Theta, Xi)
        ]
        return [sp.diff(part, e).subs(e, 0) for part in changed]

    a, b = (T1, Y1), (T2, Y2)
    bracket = aspects_variation(*parameter_bracket(a, b), Theta, Xi)
    for seen, other, wanted in zip(then(b, a), then(a, b), bracket, strict=True):
        assert sp.expand(seen - other + wanted) == 0  # delta_1 acts on the change by 2, less the reverse


def completed() -> tuple[Metric, sp.Symbol]:
    gh = conformal_completion(Theta, Xi)
    return gh, gh.coords[1]


def test_curvature_of_the_completion() -> None:
    """Ricci of g from that of Omega^2 g is 0, and the aspects are the Schouten tensor at scri."""
    gh, O = completed()
    n = [0, 1, 0]
    slope, up = gh.cov(n, "d"), gh.inverse
    divergence = sum(up[a, b] * slope[a, b] for a in range(3) for b in range(3))
    norm = up[1, 1]
    ricci = sp.Matrix(
        3, 3, lambda a, b: gh.ricci[a, b] + slope[a, b] / O + gh.g[a, b] * (divergence / O - 2 * norm / O**2)
    )
    physical = Metric(gh.g / O**2, gh.coords)
    assert (ricci - physical.ricci).applyfunc(sp.cancel) == sp.zeros(3, 3)
    assert physical.ricci == sp.zeros(3, 3)
    S = gh.schouten.applyfunc(lambda entry: sp.cancel(entry).subs(O, 0))
    cross = Xi + U / 2 * Theta.diff(PHI)
    assert (S - sp.Matrix([[0, Theta / 2, 0], [Theta / 2, 0, cross], [0, cross, -Theta / 2]])).applyfunc(
        sp.expand
    ) == sp.zeros(3, 3)


def test_symmetries_of_scri_are_conformal() -> None:
    gh, O = completed()
    f = T1 + U * Y1.diff(PHI)
    moved = gh.lie([f, -O * Y1.diff(PHI) * -1, Y1]).applyfunc(lambda entry: sp.expand(entry).subs(O, 0))
    # On scri, with the part along Omega that keeps Omega zero there: L gh = 2 Y' gh where both are tangent to scri.
    tangent = moved.extract([0, 2], [0, 2]) - 2 * Y1.diff(PHI) * gh.g.extract([0, 2], [0, 2]).subs(O, 0)
    assert tangent.applyfunc(sp.expand) == sp.zeros(2, 2)


def no_more_than_a_derivative(density: Any, along: Any, functions: list[Any]) -> bool:
    """Whether a density is a derivative along the cut: its Euler-Lagrange equations vanish."""
    for name in functions:
        parts = [sp.diff(density, name.diff(along, n) if n else name) for n in range(5)]
        total = sum((-1) ** n * (part.diff(along, n) if n else part) for n, part in enumerate(parts))
        if sp.simplify(sp.expand(total)) != 0:
            return False
    return True


def test_charges_come_from_scri_alone() -> None:
    gh, O = completed()
    density = charge_from_conformal_data(gh, O, [T1 + U * Y1.diff(PHI), 0, Y1], G=G)
    rest = sp.expand(16 * sp.pi * G * density - T1 * Theta - 2 * Y1 * Xi)
    assert no_more_than_a_derivative(rest, PHI, [Theta, Xi, T1, Y1])
    assert not no_more_than_a_derivative(rest + T1 * Theta / 100, PHI, [Theta, Xi, T1, Y1])


def test_charges_do_not_depend_on_coordinates() -> None:
    """In v = u + h(phi) the cut is another one: the same charge, as it is conserved."""
    gh, O = completed()
    v, h = sp.Symbol("v", positive=True), sp.Function("h")(PHI)
    back = {U: v - h}
    jacobian = sp.Matrix([[1, 0, -sp.diff(h, PHI)], [0, 1, 0], [0, 0, 1]])  # d(u, Omega, phi) / d(v, Omega, phi)
    moved = (jacobian.T * gh.g.subs(back) * jacobian).applyfunc(sp.expand)
    f = (T1 + U * Y1.diff(PHI)).subs(back)
    density = charge_from_conformal_data(Metric(moved, [v, O, PHI]), O, [f + sp.diff(h, PHI) * Y1, 0, Y1], G=G)
    rest = sp.expand(16 * sp.pi * G * density - T1 * Theta - 2 * Y1 * Xi)
    assert no_more_than_a_derivative(rest, PHI, [Theta, Xi, T1, Y1])


def test_frames_that_are_not_bondis_are_refused() -> None:
    gh, O = completed()
    with pytest.raises(DomainError, match="Bondi frame"):
        charge_from_conformal_data(Metric(gh.g * (1 + sp.Function("w")(PHI)) ** 2, gh.coords), O, [1, 0, 0])
    with pytest.raises(DomainError, match="Omega"):
        charge_from_conformal_data(gh, sp.Symbol("w"), [1, 0, 0])


def test_past_null_infinity_has_the_same_variations() -> None:
    """Advanced time is v = -u with Xi and T of the other sign; derived from the past metric itself."""
    f = T1 + U * Y1.diff(PHI)
    slope, cross = f.diff(PHI), Xi + U / 2 * Theta.diff(PHI)
    xi = [f, -R * Y1.diff(PHI) - f.diff(PHI, 2) - slope * cross / -R * -1, Y1 + slope / R]
    xi[1] = -R * Y1.diff(PHI) - f.diff(PHI, 2) - slope / R * cross
    moved = general_solution(Theta, Xi, past=True).lie(xi)
    dTheta, dXi = aspects_variation(T1, Y1, Theta, Xi)
    N = dXi + U / 2 * dTheta.diff(PHI)
    assert (moved - sp.Matrix([[dTheta, 0, N], [0, 0, 0], [N, 0, 0]])).applyfunc(sp.expand) == sp.zeros(3, 3)
