"""Determining equations with rational coefficients: collected monomial by monomial and solved over the rationals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import sympy as sp
from sympy.polys.rings import ring

from isotropy.linalg import rational_nullspace
from isotropy.physics._conditions import Column, factors_in
from isotropy.physics._expressions import expanded, symbols_in
from isotropy.physics._leading import Solved

Solutions = tuple[tuple[Fraction, ...], ...]
_Poly = Any  # sympy's elements of polynomial rings and rational-function fields carry no types


def solve_exactly(columns: Sequence[Column], solved: Solved | None) -> Solutions:
    """The combinations of columns that vanish: on the solutions where ``solved`` is given, else everywhere."""
    factors = factors_in(columns)
    symbols = set(symbols_in(*factors))
    closed = {} if solved is None else {s: form for s in symbols if (form := solved.closed(s)) != s}
    parametric = {*symbols_in(*closed.values()), *symbols}
    order = sorted(parametric, key=str)
    if not order:
        order = [sp.Symbol("x")]
    polynomials = ring([str(s) for s in order], sp.QQ)[0]
    polynomial = all(factor.is_polynomial(*order) for factor in factors)
    home = polynomials if polynomial else polynomials.to_field()
    lifted = {factor: home.from_expr(expanded(factor)) if polynomial else home.from_expr(factor) for factor in factors}
    rows: list[dict[int, Fraction]] = []
    for equation in range(len(columns[0]) if columns else 0):
        entries = [_sum(home, column[equation], lifted) for column in columns]
        if not polynomial:
            entries = _over_one_denominator(polynomials, entries)
        if closed:
            entries = _on_solutions(polynomials, entries, closed, order)
        rows += _collected(entries)
    return rational_nullspace(rows, len(columns))


def _sum(home: Any, products: Sequence[tuple[int, tuple[sp.Expr, ...]]], lifted: dict[sp.Expr, _Poly]) -> _Poly:
    total = home.zero
    for sign, factors in products:
        term = home(sign)
        for factor in factors:
            term = term * lifted[factor]
            if not term:
                break
        total = total + term
    return total


def _over_one_denominator(polynomials: Any, entries: Sequence[_Poly]) -> list[_Poly]:
    """The numerators of fractions brought to one denominator, which is a factor of the whole equation."""
    common = polynomials.one
    for entry in entries:
        common = common.lcm(entry.denom)
    return [entry.numer * common.exquo(entry.denom) for entry in entries]


def _on_solutions(
    polynomials: Any, entries: list[_Poly], closed: dict[sp.Symbol, sp.Expr], order: list[sp.Symbol]
) -> Any:
    """The entries with closed forms in place of the derivatives that equations are solved for, over one denominator.

    u -> N / D in a polynomial of degree d in u is sum_k c_k N^k D^(d-k) up to the factor D^d; one d for all columns.
    """
    places = {order.index(symbol): sp.fraction(sp.together(form)) for symbol, form in closed.items()}
    highest = {
        at: max((monomial[at] for entry in entries for monomial in entry.itermonoms()), default=0) for at in places
    }
    used = [at for at, degree in highest.items() if degree]
    tops = {at: polynomials.from_expr(expanded(places[at][0])) for at in used}
    bottoms = {at: polynomials.from_expr(expanded(places[at][1])) for at in used}
    factors: dict[tuple[int, ...], _Poly] = {}

    def factor(powers: tuple[int, ...]) -> _Poly:
        if powers not in factors:
            product = polynomials.one
            for at, k in zip(used, powers, strict=True):
                for base, times in ((tops[at], k), (bottoms[at], highest[at] - k)):
                    product = product * (base**times if times else polynomials.one)
            factors[powers] = product
        return factors[powers]

    result: list[_Poly] = []
    for entry in entries:
        parts: dict[tuple[int, ...], dict[tuple[int, ...], Any]] = defaultdict(dict)
        for monomial, coefficient in entry.iterterms():
            rest = tuple(0 if at in places else k for at, k in enumerate(monomial))
            parts[tuple(monomial[at] for at in used)][rest] = coefficient
        total = polynomials.zero
        for powers, rest in parts.items():
            total = total + polynomials.from_dict(rest) * factor(powers)
        result.append(total)
    return result


def _collected(entries: Sequence[_Poly]) -> list[dict[int, Fraction]]:
    """One equation for each monomial."""
    rows: dict[tuple[int, ...], dict[int, Fraction]] = defaultdict(dict)
    for number, entry in enumerate(entries):
        for monomial, value in entry.iterterms():
            rows[monomial][number] = Fraction(int(value.numerator), int(value.denominator))
    return list(rows.values())
