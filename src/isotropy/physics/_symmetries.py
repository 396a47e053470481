"""Every symmetry of equations, or of an action, among the fields of an ansatz."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, TypeAlias

import sympy as sp

from isotropy.errors import SchemaError
from isotropy.groups import LieAlgebra
from isotropy.physics._ansatz import Ansatz, Term, polynomial_terms
from isotropy.physics._closure import bracket, fields_of, generalised_bracket, spanned
from isotropy.physics._conditions import Column, Linearisation, factors_in, strict_columns
from isotropy.physics._exact import Solutions, solve_exactly
from isotropy.physics._expressions import expanded
from isotropy.physics._jets import JetSpace
from isotropy.physics._leading import Solved
from isotropy.physics._random import solve_at_random
from isotropy.physics._reader import Formula, read_formulas

Method: TypeAlias = Literal["auto", "exact", "random"]
Names: TypeAlias = Sequence[str] | None

MAX_UNKNOWNS = 3000


def point_symmetries(
    equations: str | Sequence[str],
    *,
    independent: Names = None,
    dependent: Names = None,
    ansatz: int | Ansatz = 2,
    method: Method = "auto",
    max_unknowns: int = MAX_UNKNOWNS,
) -> LieAlgebra:
    """The Lie point symmetries of ``equations`` in an ansatz, as an algebra with its vector fields in ``realisation``.

    ``equations`` are texts such as ``"u_t = u_xx"``; several are a list, or separated by ";". Equations that are
    rational in variables and derivatives are solved over the rationals (``"exact"``); others at random points, with a
    spectral gap above 1e9, coefficients snapped to fractions and proved (``"random"``). Consequences of a
    system that are no derivatives of single equations are not looked for; where there are such, the note says so.

    Raises SchemaError for text that is no formula, SymmetryError (*ranking*) where equations are not solved for leading
    derivatives, InfeasibleError for more than ``max_unknowns``, AmbiguousRankError where the gap is missing.
    Source: Olver, Applications of Lie Groups to Differential Equations (1993), theorem 2.71.

    >>> algebra = point_symmetries("u_t = u_xxx + u*u_x")
    >>> algebra.dim, [str(field) for field in algebra.realisation][:3], algebra.solvable
    (4, ['∂_t', '∂_x', '-t*∂_x + ∂_u'], True)
    """
    formula = _formula(equations, independent, dependent)
    if any(right is None for _, right in formula.sides):
        raise SchemaError("a formula without =", "equations", "variational_symmetries(L) takes Lagrangians")
    ansatz = Ansatz(ansatz) if isinstance(ansatz, int) else ansatz
    terms = ansatz.terms(formula.space, max_unknowns)
    solved = Solved.of(formula.space, formula.sides)
    deltas = tuple(_numerator(delta) for delta in solved.deltas)
    columns = Linearisation(formula.space, deltas).columns(terms, variational=False)
    solutions, gap = _solve(columns, solved, method)
    fields, touches = fields_of(formula.space, solutions, terms)
    return spanned(fields, touches, gap, ansatz.words, remark=_unsought(ansatz) + _passive(solved))


def variational_symmetries(
    L: str,
    *,
    independent: Names = None,
    dependent: Names = None,
    ansatz: int | Ansatz = 2,
    kind: Literal["divergence", "strict"] = "divergence",
    method: Method = "auto",
    max_unknowns: int = MAX_UNKNOWNS,
) -> LieAlgebra:
    """The symmetries of the action of a Lagrangian ``L`` in an ansatz, an algebra as of ``point_symmetries``.

    ``"divergence"``: pr v(L) + L D_i xi^i is a total divergence, which leaves the equations E(L) = 0 as they are;
    ``"strict"``: it is zero. Each belongs to a conserved current, ``noether_current``; not every symmetry of the
    equations is here. Raises as ``point_symmetries`` does.

    >>> L = "q_t^2/2"
    >>> variational_symmetries(L).dim, variational_symmetries(L, kind="strict").dim, point_symmetries("q_tt = 0").dim
    (5, 3, 8)
    """
    formula, lagrangian = read_lagrangian(L, independent, dependent)
    ansatz = Ansatz(ansatz) if isinstance(ansatz, int) else ansatz
    terms = ansatz.terms(formula.space, max_unknowns)
    if kind == "strict":
        columns = strict_columns(formula.space, lagrangian, terms)
    else:
        columns = Linearisation(formula.space, euler_lagrange(formula.space, lagrangian)).columns(
            terms, variational=True
        )
    solutions, gap = _solve(columns, None, method)
    fields, touches = fields_of(formula.space, solutions, terms)
    return spanned(fields, touches, gap, ansatz.words, remark=_unsought(ansatz))


def generalised_symmetries(
    formula: str | Sequence[str],
    *,
    order: int,
    degree: int,
    independent: Names = None,
    dependent: Names = None,
    method: Method = "auto",
    max_unknowns: int = MAX_UNKNOWNS,
) -> LieAlgebra:
    """Symmetries whose characteristics are polynomials of total ``degree`` in derivatives up to ``order``.

    Of a Lagrangian (a text without "=") the variational ones, such as the Runge-Lenz vector of the Kepler problem; of
    equations all, up to what vanishes on the solutions, such as the hierarchy of the KdV equation. In ``realisation``
    xi is 0 and phi the characteristic. Raises as ``point_symmetries`` does.

    >>> found = generalised_symmetries("u_t = u_xxx + u*u_x", order=3, degree=2)
    >>> [str(field.Q["u"]) for field in found.realisation]
    ['u_x', 't*u_x + 1', 'u*u_x + u_xxx']
    """
    read = _formula(formula, independent, dependent)
    space = read.space
    variational = any(right is None for _, right in read.sides)
    wanted = [space.symbol(*jet) for jet in space.jets(order)]
    if variational:
        _, lagrangian = read_lagrangian(formula, independent, dependent)
        deltas, solved = euler_lagrange(space, lagrangian), None
        leading = Solved.of(space, [(delta, sp.S.Zero) for delta in deltas])
    else:
        leading = solved = Solved.of(space, read.sides)
        deltas = tuple(_numerator(delta) for delta in solved.deltas)
    wanted = [symbol for symbol in wanted if leading.closed(symbol) == symbol]
    terms = polynomial_terms(space, wanted, degree, max_unknowns)
    columns = Linearisation(space, deltas).columns(terms, variational=variational)
    solutions, gap = _solve(columns, solved, method)
    fields, _ = fields_of(space, solutions, [Term(name, f, False) for name, f, _ in terms])
    words = f"characteristics of degree {degree} in derivatives up to order {order}"
    between = generalised_bracket(leading.substituted) if order else bracket
    return spanned(fields, False, gap, words, between, "" if variational else _passive(leading))


def read_lagrangian(L: str | Sequence[str], independent: Names, dependent: Names) -> tuple[Formula, sp.Expr]:
    """The one formula without "=" in a text."""
    formula = _formula(L, independent, dependent)
    if len(formula.sides) != 1 or formula.sides[0][1] is not None:
        raise SchemaError(f"{L!r}", 'one Lagrangian, without "="', "point_symmetries takes equations")
    return formula, formula.sides[0][0]


def euler_lagrange(space: JetSpace, lagrangian: sp.Expr) -> tuple[sp.Expr, ...]:
    """E_a(L) for every function; raises SchemaError for a Lagrangian whose equations say nothing."""
    deltas = tuple(space.euler(lagrangian, name) for name in space.dependent)
    if all(delta == 0 for delta in deltas):
        raise SchemaError(f"the Lagrangian {lagrangian}, a total derivative", "one whose equations are not 0 = 0")
    return deltas


def _formula(given: str | Sequence[str], independent: Names, dependent: Names) -> Formula:
    return read_formulas(given if isinstance(given, str) else ";".join(given), independent, dependent)


def _solve(columns: Sequence[Column], solved: Solved | None, method: Method) -> tuple[Solutions, float]:
    # On the solutions the rests stand in the place of leading derivatives.
    factors = factors_in(columns) | (set() if solved is None else set(solved.rests))
    rational = all(_rational(factor) for factor in factors)
    if method == "exact" and not rational:
        raise SchemaError("functions that are not rational", 'method="random"', "sin, exp, roots and pi need it")
    if method == "exact" or (method == "auto" and rational):
        return solve_exactly(columns, solved), math.inf
    return solve_at_random(columns, solved)


def _rational(expr: sp.Expr) -> bool:
    numbers = expr.atoms(sp.NumberSymbol) | {p for p in expr.atoms(sp.Pow) if p.base.is_number and not p.is_Rational}
    return not numbers and bool(expr.is_rational_function(*expr.free_symbols))


def _numerator(delta: sp.Expr) -> sp.Expr:
    """The equation without denominators, which change no symmetry."""
    return expanded(sp.numer(sp.together(delta))) if _rational(delta) else delta


def _unsought(ansatz: Ansatz) -> str:
    """What no degree of polynomials says anything about."""
    if ansatz.basis:
        return ""
    return " Functions that are not polynomials are sought only where --basis (basis=) names them."


def _passive(solved: Solved) -> str:
    """What to say of equations that bind more derivatives than they are solved for."""
    if solved.passive():
        return ""
    return " These equations have consequences that were not looked for: they may have more symmetries."
