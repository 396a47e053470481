"""Formulas are read, never run; what is not understood is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from isotropy.errors import AmbiguousRankError, InfeasibleError, IsotropyError, SchemaError, SymmetryError
from isotropy.physics import Ansatz, JetSpace, point_symmetries, variational_symmetries
from isotropy.physics.parts import read_formulas

REFUSED = {
    "u_t = u_xx + k*u": "'k'",
    "u_t = f(u)": "'f'",
    "u_t = __import__('os').system('touch hacked')": "__import__",
    "u_t = u.real": "'.real'",
    "u_t = u_xx = 0": '"="',
    "u_t = ": '"="',
    "": "empty",
    "u_t = u_xx +": "too early",
    "u_t = (u_xx": "not closed",
    "u_t = 2 u": "operator",
    "u_t = u/0": "division by 0",
    "u_t = u^1000000": "1000000",
    "u_t = log(0)": "zoo",
    "u_t = sqrt(-1)": "I",
    "u = 3": "without derivatives",
    "u_x = x_u": "differentiated",
    "u_t = u' + u_x": "u'",
    "u_t = sin": "sin without",
    "u_t = [1]": "'[1]'",
    "u_t = " + "(" * 170 + "u" + ")" * 170: "in each other",
    "u_t = u" + "^u" * 5000: "in each other",
    "u_t = 1e3000000*u": "1e3000000",
    "u_t = 1e-999999999*u": "1e-999999999",
    "u_t = " + "9" * 5000: "5,000 digits",
    "u_t = ((9^64)^64)^16": "4096 bits",
    "u_t = ((u^9)^9)*u_x": "powers up to 64",
    "u_t = (u + u_x + x + t)^24": "1000 terms",
    "u_t = " + "*".join(f"(u + u_x + x - {k})" for k in range(9)): "1000 terms",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_formula_is_refused_by_name(text: str) -> None:
    with pytest.raises(SchemaError) as caught:
        read_formulas(text)
    assert REFUSED[text] in caught.value.given + caught.value.expected
    assert caught.value.expected


def test_code_is_refused_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for code in ("__import__('os').mkdir('ran')", "exec(chr(105))", "open('ran', 'w')", "(lambda: open('ran', 'w'))()"):
        with pytest.raises(SchemaError):
            read_formulas(f"u_t = {code}")
    assert not list(tmp_path.iterdir())


def test_spellings_of_one_equation() -> None:
    assert read_formulas("u_t = " + "-" * 1501 + "u").sides == read_formulas("u_t = -u").sides
    assert read_formulas("u_t = " + "(" * 50 + "u" + ")" * 50).sides == read_formulas("u_t = u").sides
    assert read_formulas("q'' = -q**2").sides == read_formulas("q_tt = -q^2").sides
    assert read_formulas("y'' = x*y").space.independent == ("x",)
    assert read_formulas("u_xt = -2^2").sides == read_formulas("u_tx = -4").sides
    assert read_formulas("u_t = 1e-1*u_xx").sides == read_formulas("u_t = u_xx/10").sides
    names = read_formulas("u_theta_t = theta", ["t", "theta"], ["u"])
    assert str(names.sides[0][0]) == "u_t_theta"
    with pytest.raises(SchemaError):
        JetSpace(("x",), ("x",), 1)
    with pytest.raises(SchemaError):
        JetSpace(("x",), ("u_x",), 1)


@pytest.mark.parametrize("text", ["u_t^2 = u_x^2", "u_t = u_x; u_x = u_t", "u_t = v_tt; v_t = u_tt", "u_t - u_t = u^2"])
def test_equations_without_a_ranking_are_refused(text: str) -> None:
    with pytest.raises(SymmetryError, match="ranking"):
        point_symmetries(text, ansatz=1)


def test_questions_that_have_no_answer() -> None:
    with pytest.raises(InfeasibleError, match="30 unknowns"):
        point_symmetries("u_t = u_xx", ansatz=2, max_unknowns=29)
    with pytest.raises(SchemaError, match="variational"):
        point_symmetries("q_t^2/2")
    with pytest.raises(SchemaError, match="Lagrangian"):
        variational_symmetries("q_tt = 0")
    with pytest.raises(SchemaError, match="total derivative"):
        variational_symmetries("q*q_t")
    with pytest.raises(SchemaError, match="random"):
        point_symmetries("u_t = u_xx + exp(u)", method="exact")
    with pytest.raises(IsotropyError):
        Ansatz(degree=-1)


def test_a_small_coefficient_is_no_guess() -> None:
    with pytest.raises(AmbiguousRankError):
        point_symmetries("u_t = u_xx + exp(u) + u^2/1000000")
    assert point_symmetries("u_t = u_xx + u^3 + u^2/1000000").dim == 2  # exactly: no scaling
    assert point_symmetries("u_t = u_xx + u^3").dim == 3
