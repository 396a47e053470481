"""Dimensions of symmetry algebras against the literature, whatever the letters, the factor, and not when perturbed."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
import sympy as sp
from equations_known import ACTIONS, MORE, TABLE, Case

from isotropy.errors import SchemaError
from isotropy.groups import LieAlgebra
from isotropy.physics import Ansatz, VectorField, point_symmetries, symmetries, variational_symmetries
from isotropy.physics._random import _snapped
from isotropy.physics.parts import Solved, put, read_formulas, symbols_in

KEPT = ("exp", "sin", "sqrt")
LETTERS = str.maketrans({"t": "s", "x": "a", "y": "b", "z": "c", "u": "w", "v": "h", "q": "r"})


def found(case: Case, text: str, ansatz: int | Ansatz | None = None) -> LieAlgebra:
    find = point_symmetries if "=" in text else variational_symmetries
    return find(text, ansatz=case.ansatz if ansatz is None else ansatz)


def in_other_letters(text: str) -> str:
    return re.sub(r"[a-z_]+", lambda name: name[0] if name[0] in KEPT else name[0].translate(LETTERS), text)


def times_a_million(text: str) -> str:
    return ";".join("=".join(f"1000000*({side})" for side in one.split("=")) for one in text.split(";"))


def moves_off_the_solutions(text: str, v: VectorField) -> float:
    """The largest |pr v(Delta)| at random points of the solutions, relative to its terms, by prolongation."""
    formula = read_formulas(text)
    solved = Solved.of(formula.space, formula.sides)
    worst = 0.0
    for delta in solved.deltas:
        parts = [
            component * sp.diff(delta, z) for z, component in formula.space.prolong(v, formula.space.order).items()
        ]
        symbols = symbols_in(*(solved.substituted(part) for part in parts))
        draws = np.random.default_rng(1).uniform(0.5, 1.5, len(symbols))
        point = {s: sp.Float(value) for s, value in zip(symbols, draws, strict=True)}
        values = [float(put(solved.substituted(part), point)) for part in parts]
        worst = max(worst, abs(sum(values)) / (1e-300 + sum(map(abs, values))))
    return worst


CASES = [pytest.param(case, id=case.text[:40]) for case in (*TABLE, *ACTIONS, *MORE)]


@pytest.mark.parametrize("case", CASES)
def test_the_dimension_is_that_of_the_literature(case: Case) -> None:
    algebra = found(case, case.text)
    assert algebra.dim == case.dim, case.source
    assert algebra.is_closed()


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_letters_and_factors_change_nothing_and_a_perturbation_takes_symmetries(case: Case) -> None:
    basis = case.ansatz.basis if isinstance(case.ansatz, Ansatz) else ()
    renamed = Ansatz(2, basis=[in_other_letters(text) for text in basis]) if basis else None
    assert found(case, in_other_letters(case.text), renamed).dim == case.dim
    assert found(case, times_a_million(case.text)).dim == case.dim
    assert found(case, case.perturbed).dim < case.dim


@pytest.mark.parametrize("case", [pytest.param(case, id=case.text[:40]) for case in (*TABLE, *MORE[:8])])
def test_every_field_is_a_symmetry_by_prolongation(case: Case) -> None:
    fields = found(case, case.text).realisation
    assert fields
    for v in fields:
        assert moves_off_the_solutions(case.text, v) < 1e-12
    v = fields[0]
    wrong = VectorField(
        v.space, v.xi, {name: phi + v.space(name) * v.space(v.space.independent[0]) ** 3 for name, phi in v.phi.items()}
    )
    assert moves_off_the_solutions(case.text, wrong) > 1e-3


def test_both_routes_find_one_algebra() -> None:
    for text in ("q'' = q^(-3)", "u_t + u*u_x = u_xx"):
        exact, drawn = (point_symmetries(text, method=method) for method in ("exact", "random"))
        assert exact.dim == drawn.dim
        assert drawn.gap > 1e9
        assert exact.gap == float("inf")
        assert exact.levi == drawn.levi
        # One basis of one span, with its signs, whatever rounding makes the larger of two equal entries.
        assert {str(field) for field in exact.realisation or ()} == {str(field) for field in drawn.realisation or ()}


EULER = "u_t + u*u_x + v*u_y + p_x = {}; v_t + u*v_x + v*v_y + p_y = {}; u_x + v_y = 0"


@pytest.mark.parametrize(
    ("text", "dim"),
    [
        (EULER.format("0", "0"), 10),
        (EULER.format("u_xx + u_yy", "v_xx + v_yy"), 9),
        ("u_t = -u*u_x-v*u_y-p_x+u_xx+u_yy; v_t = -u*v_x-v*v_y-p_y+v_xx+v_yy; u_x = -v_y", 9),
    ],
)
def test_fluids_whose_equations_bind_the_pressure_keep_their_symmetries(text: str, dim: int) -> None:
    # Three translations, boosts with constants and t, rotation, one or two scalings, p + 1 and p + t: Olver, example
    # 2.45, at degree 1. The pressure's own equation is a consequence that none of the three is solved for.
    found = point_symmetries(text, ansatz=1)
    assert found.dim == dim
    assert found.complete is None
    assert "consequences" in found.note
    assert "consequences" not in point_symmetries("x_tt = 0; y_tt = 0", ansatz=1).note


def test_a_source_that_is_not_rational_is_solved_at_random_points() -> None:
    forced = point_symmetries("u_t = u_xx + sin(x)", ansatz=1)  # t + 1, u + 1, u + x
    assert (forced.dim, math.isfinite(forced.gap)) == (3, True)
    # Those of the eight of q'' = 0, moved by q -> q + exp(t), whose coefficients hold no t*exp(t).
    assert point_symmetries("q'' = exp(t)", ansatz=Ansatz(2, basis=("exp(t)",))).dim == 4
    with pytest.raises(SchemaError, match="not rational"):
        point_symmetries("u_t = u_xx + sin(x)", ansatz=1, method="exact")


def test_an_equation_is_solved_for_what_no_other_side_raises() -> None:
    assert point_symmetries("u_t = u_txx - u_x - u*u_x").dim == 3  # BBM, whichever side is written first
    assert point_symmetries("u_t = u_tt", ansatz=1).dim == point_symmetries("u_tt = u_t", ansatz=1).dim > 0


def test_accelerations_that_equations_share_are_eliminated() -> None:
    apart = point_symmetries("x_tt = x^2/2; y_tt = -x^2/2", ansatz=1)
    assert point_symmetries("x_tt + y_tt = 0; x_tt - y_tt = x^2", ansatz=1).dim == apart.dim == 5
    coupled = "(x_t^2 + x_t*y_t + y_t^2)/2 - x^4"
    found = symmetries(coupled, ansatz=1)
    assert (found.dimension, variational_symmetries(coupled, ansatz=1).dim) == (5, 3)
    assert [row.certificate for row in found.basis] == [True] * 3 + [None] * 2


def test_known_algebras_come_out_of_equations() -> None:
    assert point_symmetries("q'' = 0").levi == (8, 0)
    assert variational_symmetries("(u_t^2 - u_x^2 - u_y^2)/2", ansatz=Ansatz(2, phi="linear", xi="base")).semisimple
    assert point_symmetries("u_t + u*u_x + u_xxx = 0").solvable
    heat = point_symmetries("u_t = u_xx", ansatz=Ansatz(2, phi="linear"))
    assert (heat.levi, heat.solvable) == ((3, 3), False)


def test_an_ansatz_that_is_too_small_says_so() -> None:
    assert point_symmetries("q'' = 0", ansatz=1).complete is None
    heat = point_symmetries("u_t = u_xx")
    assert heat.complete is False
    assert "larger ansatz" in heat.note
    assert not heat.is_closed()
    # sl(3) in all; exp(i t) and its powers are no polynomials, so what closes here is not what there is.
    oscillator = point_symmetries("q'' = -q")
    assert (oscillator.dim, oscillator.is_closed(), oscillator.complete) == (2, True, None)
    assert "--basis" in oscillator.note
    assert symmetries("q'' = -q").headline() == "2 symmetries of the equation; sought in fields of degree 2."


def test_the_basis_depends_on_the_span_alone() -> None:
    basis = np.array([[0, 1.0, -1, 0, 0], [2, 0, 0, 0, 3], [0, 0, 0, 1, 1]])
    turns = np.linalg.qr(np.random.default_rng(0).normal(size=(8, 3, 3)))[0]
    found = {_snapped(turn @ basis) for turn in turns}
    assert len(found) == 1
    assert all(row[max(k for k, value in enumerate(row) if value)] == 1 for row in found.pop())
