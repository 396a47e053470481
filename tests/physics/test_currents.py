"""Conserved currents: certified by their divergence, and constant along solutions that nothing here computed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import sympy as sp
from scipy.integrate import solve_ivp

from isotropy.errors import SymmetryError
from isotropy.physics import (
    Ansatz,
    JetSpace,
    VectorField,
    generalised_symmetries,
    is_trivial,
    noether_current,
    point_symmetries,
    symmetries,
    variational_symmetries,
)
from isotropy.physics.parts import Solved, is_zero, read_formulas, symbols_in

KEPLER = "(x_t^2 + y_t^2)/2 + 1/sqrt(x^2 + y^2)"
BASE = Ansatz(2, phi="linear", xi="base")


def spread_along_a_solution(L: str, P: sp.Expr) -> float:
    """How far a quantity of mechanics moves along a numerical solution of E(L) = 0, relative to its size."""
    formula = read_formulas(L)
    space = formula.space
    solved = Solved.of(space, [(space.euler(formula.sides[0][0], name), sp.S.Zero) for name in space.dependent])
    n = len(space.dependent)
    state = [*map(sp.Symbol, space.dependent), *(space.symbol(name, (1,)) for name in space.dependent)]
    forces: Callable[..., list[float]] = sp.lambdify(
        [sp.Symbol("t"), *state], [solved.closed(space.symbol(name, (2,))) for name in space.dependent]
    )
    value: Callable[..., float] = sp.lambdify([sp.Symbol("t"), *state], P)
    start = [1.0, 0.3, 0.2, 0.1, 1.1, 0.4]
    start = [*start[:n], *start[3 : 3 + n]]
    found = solve_ivp(
        lambda t, z: [*z[n:], *forces(t, *z)],
        (0.5, 2.5),
        start,
        method="DOP853",
        rtol=1e-12,
        atol=1e-13,
        dense_output=True,
    )
    values = np.array([value(t, *found.sol(t)) for t in np.linspace(0.5, 2.5, 20)])
    return float(np.ptp(values) / (1 + np.abs(values).max()))


@pytest.mark.parametrize(
    ("L", "ansatz"), [("q'^2/2", 2), ("q'^2/2 - 1/(2*q^2)", 2), (KEPLER, 2), ("t^2*(q_t^2/2 - q^6/6)", 2)]
)
def test_currents_of_mechanics_are_constant_along_solutions(L: str, ansatz: int) -> None:
    fields = variational_symmetries(L, ansatz=ansatz).realisation
    assert fields
    for v in fields:
        current = noether_current(L, v)
        assert current.certificate
        assert not is_trivial(current.P, L)
        assert spread_along_a_solution(L, current.P["t"]) < 1e-9
        assert spread_along_a_solution(L, current.P["t"] + v.space("t") * v.space(v.space.dependent[0])) > 1e-2


@pytest.mark.parametrize(
    ("L", "ansatz"), [("q_tt^2/2", 3), ("u_t*u_x/2 + u_x^3/6 - u_xx^2/2", 2), ("u_t^2/2 - u_x^2/2 - u^2/2", BASE)]
)
def test_the_divergence_of_a_current_is_minus_Q_times_the_equations(L: str, ansatz: int | Ansatz) -> None:
    for v in variational_symmetries(L, ansatz=ansatz).realisation or ():
        current = noether_current(L, v)
        space, lagrangian = v.space, read_formulas(L).sides[0][0]
        name = space.dependent[0]
        divergence = sum((space.D(current.P[x], x) for x in space.independent), sp.S.Zero)
        assert is_zero(divergence + v.Q[name] * space.euler(lagrangian, name))
        assert not is_zero(divergence - v.Q[name] * space.euler(lagrangian, name))  # the sign is a convention, and kept


def wave_that_is_bent() -> Callable[[float, np.ndarray], tuple[np.ndarray, ...]]:
    """u, u_t, u_x of one numerical solution of u_tt = u_xx - u^3, periodic, at any time from 0 to 1 and any x."""
    n = 48
    k = np.fft.fftfreq(n, 1 / n)
    x = 2 * np.pi * np.arange(n) / n
    start = np.concatenate([np.sin(x) + 0.5 * np.cos(2 * x), 0.7 * np.cos(x)])
    found = solve_ivp(
        lambda _, z: np.concatenate([z[n:], np.fft.ifft(-(k**2) * np.fft.fft(z[:n])).real - z[:n] ** 3]),
        (0, 1), start, method="DOP853", rtol=1e-11, atol=1e-12, dense_output=True,
    )  # fmt: skip

    def at(t: float, points: np.ndarray) -> tuple[np.ndarray, ...]:
        z = found.sol(t)
        u, w = np.fft.fft(z[:n]) / n, np.fft.fft(z[n:]) / n
        waves = np.exp(1j * k * points[:, None])
        return (waves @ u).real, (waves @ w).real, (waves @ (1j * k * u)).real

    return at


def test_what_a_field_loses_flows_out_along_a_numerical_solution() -> None:
    L = "u_t^2/2 - u_x^2/2 - u^4/4"
    at, (nodes, weights) = wave_that_is_bent(), np.polynomial.legendre.leggauss(24)
    low, high = 0.3, 2.1  # not a period: currents that know x are no periodic functions
    inside, moments = low + (high - low) * (nodes + 1) / 2, (nodes + 1) / 2
    ends = np.array([low, high])
    fields = variational_symmetries(L, ansatz=BASE).realisation or ()
    assert len(fields) == 3  # two translations and the boost
    for v in fields:
        current = noether_current(L, v)
        density, flow = (
            sp.lambdify([*map(sp.Symbol, ("t", "x", "u", "u_t", "u_x"))], current.P[name]) for name in ("t", "x")
        )

        def held(t: float, density: Callable[..., np.ndarray] = density) -> float:
            return float(weights @ (density(t, inside, *at(t, inside)) * np.ones(len(inside)))) * (high - low) / 2

        out = [np.diff(flow(t, ends, *at(t, ends)) * np.ones(2))[0] for t in moments]
        lost, flown = held(0.0) - held(1.0), float(weights @ np.array(out)) / 2
        assert abs(lost - flown) < 1e-7
        assert abs(lost + flown) > 1e-2  # with a wrong sign of the flow


def test_a_strict_symmetry_is_a_divergence_symmetry_where_every_condition_cancels() -> None:
    # Reparametrised lengths: d/dt, d/dx, d/dy and nothing else at degree 0, each with conditions of rounding only.
    for kind in ("strict", "divergence"):
        assert variational_symmetries("sqrt(x_t^2+y_t^2)", ansatz=0, kind=kind).dim == 3
        assert variational_symmetries("sqrt(x_t^2+y_t^2)", ansatz=1, kind=kind).dim == 7


def test_a_relativistic_particle_has_the_poincare_group_of_the_plane() -> None:
    assert variational_symmetries("-sqrt(1 - x_t^2 - y_t^2)", ansatz=1).dim == 6


def test_strict_and_divergence_symmetries_differ_and_scaling_is_of_the_equations_only() -> None:
    L = "q_t^2/2"
    assert variational_symmetries(L, kind="strict").dim == 3
    assert variational_symmetries(L).dim == 5
    equations = "x_tt = -x/(x^2 + y^2)^(3/2); y_tt = -y/(x^2 + y^2)^(3/2)"
    assert (point_symmetries(equations).dim, variational_symmetries(KEPLER).dim) == (3, 2)
    space = JetSpace(("t",), ("x", "y"), 2)
    scaling = VectorField(space, {"t": 3 * space("t")}, {"x": 2 * space("x"), "y": 2 * space("y")})
    with pytest.raises(SymmetryError, match="no symmetry of the action"):
        noether_current(KEPLER, scaling)


def test_the_characteristic_is_annihilated_by_the_euler_operator_of_its_product() -> None:
    # The condition that finds variational symmetries, by the operator that it does not use.
    for v in variational_symmetries("(u_t^2 - u_x^2)/2", ansatz=BASE).realisation or ():
        equation = v.space.euler(read_formulas("(u_t^2 - u_x^2)/2").sides[0][0], "u")
        assert v.space.euler(v.Q["u"] * equation, "u") == 0


@pytest.mark.slow
def test_runge_lenz_comes_from_a_generalised_ansatz() -> None:
    L = "(x_t^2 + y_t^2 + z_t^2)/2 + 1/sqrt(x^2 + y^2 + z^2)"
    found = generalised_symmetries(L, order=1, degree=2)
    assert found.dim == 7  # energy, three of angular momentum, three of the Runge-Lenz vector
    spreads = [spread_along_a_solution(L, noether_current(L, v).P["t"]) for v in found.realisation or ()]
    assert max(spreads) < 1e-9


@pytest.mark.slow
def test_the_hierarchy_of_kdv() -> None:
    found = generalised_symmetries("u_t = u_xxx + u*u_x", order=5, degree=3)
    assert found.dim == 5
    fifth = "u_xxxxx + 5*u*u_xxx/3 + 10*u_x*u_xx/3 + 5*u^2*u_x/6"
    expected = read_formulas(f"u_t = {fifth}").sides[0][1]
    assert expected is not None
    highest = [v.Q["u"] for v in found.realisation or () if v.space.order_of(v.Q["u"]) == 5]
    assert len(highest) == 1
    assert any(
        is_zero(highest[0] * c - expected)
        for c in (1, sp.Rational(5, 6), sp.Rational(6, 5), *highest[0].atoms(sp.Rational))
    )


def test_the_headline_claims_only_what_was_answered() -> None:
    length = symmetries("sqrt(x_t^2+y_t^2)", ansatz=0)  # the geodesics of the plane have no parameter of their own
    assert (length.dimension, length.of_equations) == (3, False)
    assert length.headline().startswith("3 symmetries of the action, each with its conserved current; the equations")
    damped = symmetries("exp(-t)*(q_t^2/2 - q^4/4)")
    assert damped.of_equations
    assert damped.headline().startswith(f"{damped.dimension} symmetr")
    assert "0 of the action; sought" in damped.headline()


@pytest.mark.parametrize("L", ["q_t^2/2 - q*exp(-t^2)", "q_t^2/2 - q*sin(t)/t", "q_t^2/2 + t^64*q"])
def test_currents_with_integrals_and_high_powers_are_typeset(L: str) -> None:
    found = symmetries(L, ansatz=0)
    assert found.basis[0].certificate
    assert found.blocks()


def test_jets_commute_and_prolong_as_in_the_book() -> None:
    space = JetSpace(("t", "x"), ("u",), 2)
    expr = space("u") * space("u_xt") ** 2 + sp.sin(space("x") * space("u_t"))
    assert is_zero(space.D(space.D(expr, "t"), "x") - space.D(space.D(expr, "x"), "t"))
    assert space("u_xt") == space("u_tx")
    # Olver (1993), example 2.38: rotations of the (x, u) plane have phi_x = 1 + u_x^2, phi_xx = 3 u_x u_xx.
    plane = JetSpace(("x",), ("u",), 2)
    components = plane.prolong(VectorField(plane, {"x": -plane("u")}, {"u": plane("x")}), 2)
    assert components[plane("u_x")] == 1 + plane("u_x") ** 2
    assert components[plane("u_xx")] == 3 * plane("u_x") * plane("u_xx")
    # u_xy is one symbol: ordered pairs would count it twice.
    assert space.euler(space("u_tx") ** 2, "u") == 2 * space("u_ttxx")
    assert symbols_in(space.euler(space.D(expr, "x"), "u")) == []
