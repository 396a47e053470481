"""Scaling: exponents against hand counts and against the terms themselves, Pi groups as whole lattices, weights."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import pytest
import sympy as sp
import torch

from isotropy import measure
from isotropy.errors import DegenerateError, DomainError, DtypeError, SchemaError, ShapeError
from isotropy.groups import Haar, Window
from isotropy.optics import canonicalise
from isotropy.physics import ScalingGroup, exponents_from_data, exponents_from_equation, pi_groups
from isotropy.testing import check_group

F = Fraction

# Equation, terms as {quantity: power} with derivatives counted by hand, and the dimension of its scalings.
EQUATIONS = {
    "u_t + u*u_x + u_xxx": ([{"u": 1, "t": -1}, {"u": 2, "x": -1}, {"u": 1, "x": -3}], 1),
    "u_t = u**2*u_xx + 2*u*u_x**2": ([{"u": 1, "t": -1}, {"u": 3, "x": -2}], 2),
    "u_t + u*u_x": ([{"u": 1, "t": -1}, {"u": 2, "x": -1}], 2),
    "u_tt = u_xx - sin(u)": ([{"u": 1, "t": -2}, {"u": 1, "x": -2}, {}, {"u": 1}], 0),
    "h_t + h**3*h_xxxx + 3*h**2*h_x*h_xxx": ([{"h": 1, "t": -1}, {"h": 4, "x": -4}], 2),
}


@pytest.mark.parametrize("equation", list(EQUATIONS))
def test_every_term_of_an_equation_is_multiplied_by_the_same_power(equation: str) -> None:
    terms, dim = EQUATIONS[equation]
    found = exponents_from_equation(equation)
    assert len(found) == dim
    for weights in found:
        assert all(isinstance(value, Fraction) for value in weights.values())
        if "sin" not in equation:
            assert len({sum((n * weights[q] for q, n in term.items()), F(0)) for term in terms}) == 1
    rank = sp.Matrix([[w[name] for name in sorted(w)] for w in found]).rank() if found else 0
    assert rank == dim


@pytest.mark.parametrize(
    ("equation", "fixed", "ratio"),
    [
        ("t**2 = a**3", (), ("t", "a", F(3, 2))),  # Kepler, and tau ~ l^{3/2}
        ("u_t = u_xx", ("u",), ("t", "x", F(2))),
        ("omega**2 = g*k", ("g",), ("omega", "k", F(1, 2))),
        ("a_t**2 = G/a", ("G",), ("a", "t", F(2, 3))),  # Einstein-de Sitter
        ("omega**2 = k**3", (), ("omega", "k", F(3, 2))),
        ("u_t = u_xx + u^3", (), ("u", "x", F(-1))),
        ("sqrt(a) - b^0.25", (), ("b", "a", F(2))),
        ("x''' = x**2", (), ("x", "t", F(-3))),
    ],
)
def test_exponents_are_the_exact_ones(equation: str, fixed: tuple[str, ...], ratio: tuple[str, str, Fraction]) -> None:
    above, below, expected = ratio
    (weights,) = exponents_from_equation(equation, fixed)
    assert weights[above] / weights[below] == expected
    assert all(weights[name] == 0 for name in fixed)


def test_sympy_says_the_same_as_text() -> None:
    t, x = sp.symbols("t x")
    u = sp.Function("u")(t, x)
    kdv = u.diff(t) + u * u.diff(x) + u.diff(x, 3)
    assert exponents_from_equation(kdv) == exponents_from_equation("u_t + u*u_x + u_xxx")
    assert exponents_from_equation(sp.Eq(u.diff(t), -u * u.diff(x))) == exponents_from_equation("u_t = -u*u_x")
    # One denominator: 1/(1 + y) = 1 says y = 0, of which every multiple is a solution.
    y = sp.Symbol("y")
    assert exponents_from_equation(1 / (1 + y) - 1) == [{"y": 1}]


def test_constants_of_nature_under_the_dilaton() -> None:
    """(hbar, c) ~ (-1/2, 1/2): Bohr radius -1, Compton period -3/2, c^3/(hbar G) 2, alpha 0."""
    equations = "alpha*hbar*c = e**2; l*m*e**2 = hbar**2; tau*m*c**2 = hbar; R*hbar*G = c**3"
    found = exponents_from_equation(equations, fixed=("m", "e", "G", "alpha"))
    (w,) = found
    assert [w[name] / w["c"] for name in ("hbar", "l", "tau", "R")] == [-1, -2, -3, 4]


@pytest.mark.parametrize(
    ("equation", "fixed", "said"),
    [
        ("u = = t", (), "'u = = t'"),
        ("u_t = u_t", (), "0 = 0"),
        ("u_t = u_xx", ("D",), "'D'"),
        ("x**pi = y", (), "x**pi"),
        ("x = sin", (), "sin without its argument"),
        ("__import__('os')", (), ""),
    ],
)
def test_what_is_no_equation_is_refused_by_name(equation: str, fixed: tuple[str, ...], said: str) -> None:
    with pytest.raises(SchemaError, match="given") as caught:
        exponents_from_equation(equation, fixed)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("table", "rank"),
    [
        ([[1, 0, 0], [1, 0, -1], [-3, 1, 0], [-1, 1, -1], [0, 1, 0]], 3),  # length, speed, density, viscosity, mass
        ([[2, 4], [1, 2], [3, 6], [0, 0]], 1),  # base dimensions that always come together
        ([[6], [10], [15]], 1),  # no entry divides another: a rational basis is no lattice
        ([[0, 2, 0], [4, 0, 2], [2, 2, 1], [0, 0, 3], [1, 1, 1]], 3),
        ([[1, 0], [0, 1]], 2),
    ],
)
def test_pi_groups_are_a_basis_of_all_integer_solutions(table: list[list[int]], rank: int) -> None:
    found = pi_groups(table)
    assert len(found) == len(table) - rank
    for row in found:
        assert [sum(w * d for w, d in zip(row, column, strict=True)) for column in zip(*table, strict=True)] == [
            0
        ] * len(table[0])
    if found:
        minors = [
            int(sp.Matrix([[row[i] for i in columns] for row in found]).det())
            for columns in itertools.combinations(range(len(table)), len(found))
        ]
        assert math.gcd(*minors) == 1  # index 1: nothing between the rows and the whole lattice
    assert pi_groups(torch.tensor(table)) == found


def test_tables_that_are_not_of_integers_are_refused() -> None:
    with pytest.raises(DtypeError, match=r"0\.5 in row 1"):
        pi_groups([[1, 0], [0.5, 1]])  # type: ignore[list-item]
    with pytest.raises(ShapeError, match="lengths"):
        pi_groups([[1, 0], [1]])


def test_noisy_power_laws_to_a_hundredth_from_200_rows() -> None:
    draw = torch.Generator().manual_seed(3)
    X = torch.exp(2 * torch.randn(200, 3, generator=draw, dtype=torch.float64)) * torch.tensor([1.0, 1e6, 1e-9])
    true = torch.tensor([1.5, -2.0, 1 / 3], dtype=torch.float64)
    y = 7 * (X.log() @ true + 0.1 * torch.randn(200, generator=draw, dtype=torch.float64)).exp()
    found = exponents_from_data(X, y)
    assert float((found.exponents - true).abs().max()) < 0.01
    assert found.constant == pytest.approx(7 * float((0 * true).exp()[0]), rel=0.2)
    assert found.noise == pytest.approx(0.1, rel=0.2)
    assert found.bend > 0.01
    assert exponents_from_data(X, y * (1 + X[:, 0])).bend < 1e-6  # no power law, and said so


def test_intervals_of_exponents_cover() -> None:
    draw = torch.Generator().manual_seed(0)
    X = torch.rand(12, 2, generator=draw, dtype=torch.float64) + 0.5
    inside = 0
    for _ in range(200):
        y = (X[:, 0] ** 2 * 0.3 * torch.randn(12, generator=draw, dtype=torch.float64).exp() ** 0.3).double()
        inside += 2.0 in exponents_from_data(X, y).intervals[0]
    assert 0.90 <= inside / 200 <= 0.985  # 95 %, three standard deviations of 200 draws


def test_functions_give_all_their_weights_and_no_more() -> None:
    draw = torch.Generator().manual_seed(1)
    X = torch.rand(60, 3, generator=draw, dtype=torch.float64) + 0.5
    one = exponents_from_data(lambda x: x[:, 0] ** 2 / x[:, 1] + 1e-3 * x[:, 2], X)  # a faint third input counts too
    assert one.weights.shape == (2, 4)
    assert one.gap > 1e6
    for row in one.weights:  # w_out = 2 w_0 - w_1, and w_2 = w_out
        assert float(2 * row[0] - row[1] - row[3]) == pytest.approx(0, abs=1e-7)
        assert float(row[2] - row[3]) == pytest.approx(0, abs=1e-5)
    none = exponents_from_data(lambda x: x[:, 0].sin() + x[:, 1] + x[:, 2] ** 2, X)
    assert none.weights.shape == (0, 4)


def test_nothing_is_claimed_of_a_learned_function_without_a_gap() -> None:
    draw = torch.Generator().manual_seed(1)
    X = torch.rand(200, 2, generator=draw, dtype=torch.float64) + 0.5
    learned = lambda x: x[:, 0] ** 1.5 / x[:, 1] * (1 + 1e-3 * torch.sin(9 * x[:, 0] + 5 * x[:, 1]))  # noqa: E731
    assert exponents_from_data(learned, X).weights.shape[0] == 0
    half = exponents_from_data(lambda x: x[:, 0].sin() / x[:, 1], X)  # exact in one input alone
    torch.testing.assert_close(half.weights.abs(), torch.tensor([[0.0, 0.5, 0.5]]).double().sqrt())
    found = exponents_from_data(learned, X, error=0.02)
    assert found.weights.shape == (2, 3)
    rough = lambda x: x[:, 0].sin() + x[:, 1]  # noqa: E731
    assert exponents_from_data(rough, X, error=0.02).weights.shape[0] == 0
    for weights in found.weights:
        assert float(1.5 * weights[0] - weights[1] - weights[2]) == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize(
    ("X", "error", "said"),
    [
        ([[1.0], [-2.0], [3.0], [4.0]], DomainError, "row 1 of X"),
        ([[1.0], [math.nan], [3.0], [4.0]], DomainError, "row 1 of X"),
        ([[1, 2], [2, 4], [3, 6], [4, 8]], DtypeError, "int64"),
        ([[1.0, 2.0], [2.0, 4.0], [3.0, 6.0], [4.0, 8.0]], DegenerateError, "dependent"),
        ([[2.0], [2.0], [2.0], [2.0]], DegenerateError, "does not vary"),
    ],
)
def test_rows_without_logarithms_are_refused(X: list[list[float]], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        exponents_from_data(torch.tensor(X), torch.ones(4))


KEPLER = ScalingGroup({"a": 1, "P": F(3, 2), "e": 0})


def test_a_scaling_group_goes_where_groups_go() -> None:
    check_group(KEPLER.group)
    draw = torch.Generator().manual_seed(0)
    x = {name: torch.rand(20, 1, generator=draw, dtype=torch.float64) + 0.5 for name in ("a", "P", "e")}
    law = lambda q: q["P"] ** 2 / q["a"] ** 3 * (1 + q["e"])  # noqa: E731  invariant
    off = lambda q: q["P"] / q["a"] ** 3  # noqa: E731
    window = Window(KEPLER.group, width=0.5)
    errors = [measure.equivariance_error(lambda f=f, **q: f(q), window, x, KEPLER.types, None).mean for f in (law, off)]
    assert errors[0] < 1e-12
    assert errors[1] > 0.1
    made = canonicalise(KEPLER.frame("P"), KEPLER.types, None, group=KEPLER.group).close(off)
    moved = KEPLER.act(3.0, x)
    torch.testing.assert_close(made(moved), made(x), rtol=1e-12, atol=0)
    torch.testing.assert_close(made(x), off(KEPLER.quotient(x, "P")), rtol=1e-12, atol=0)
    assert not isinstance(KEPLER.group, Haar)


def test_invariants_and_quotients_do_not_move() -> None:
    x = {"a": torch.tensor([2.0, 3.0]).double(), "P": torch.tensor([0.5, 4.0]).double(), "e": torch.ones(2).double()}
    moved = KEPLER.act(torch.tensor([0.1, 7.0]).double(), x)
    assert len(KEPLER.invariants()) == 2
    for powers in KEPLER.invariants():
        now, then = (math.prod(q[n] ** float(w) for n, w in powers.items()) for q in (moved, x))
        torch.testing.assert_close(now, then, rtol=1e-12, atol=0)
    for name, value in KEPLER.quotient(moved).items():
        torch.testing.assert_close(value, KEPLER.quotient(x)[name], rtol=1e-12, atol=0)
    with pytest.raises(DomainError, match="positive factor"):
        KEPLER.act(-1.0, x)
    with pytest.raises(SchemaError, match="'b'"):
        KEPLER.act(2.0, {"b": x["a"]})
    with pytest.raises(SchemaError, match="by='e'"):
        KEPLER.quotient(x, "e")
    with pytest.raises(SchemaError, match=r"1\.5"):
        ScalingGroup({"a": 1.5})


def test_too_few_distinct_rows_claim_no_scaling() -> None:
    for rows in ([[1.7]], [[1.7], [1.7], [1.7]], [[1.7], [0.6]]):
        with pytest.raises(DegenerateError, match="distinct row"):
            exponents_from_data(lambda x: x[:, 0].exp(), torch.tensor(rows))
    assert not len(exponents_from_data(lambda x: x[:, 0].exp(), torch.tensor([[1.7], [0.6], [1.1]])).weights)


def test_whole_numbers_are_scaled_as_real_ones() -> None:
    moved = KEPLER.act(0.5, {"a": torch.tensor([3]), "P": torch.tensor([5])})
    torch.testing.assert_close(moved, KEPLER.act(0.5, {"a": torch.tensor([3.0]), "P": torch.tensor([5.0])}))
    torch.testing.assert_close(KEPLER.quotient({"a": torch.tensor([3]), "P": torch.tensor([5])})["a"], torch.ones(1))
