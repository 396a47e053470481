"""What is asked of sympy's expressions everywhere, with the types that sympy leaves open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple, cast

import sympy as sp

from isotropy.linalg import rational_nullspace


class Power(NamedTuple):
    """A power as it stands in an expression."""

    whole: sp.Expr
    base: sp.Expr
    exponent: sp.Expr


def expanded(expr: sp.Expr) -> sp.Expr:
    """Products multiplied out, roots of sums left whole: sympy's own ``expand`` writes b^(3/2) as b b^(1/2).

    >>> x, y = sp.symbols("x y")
    >>> expanded((x + y) * (1 + (x + y) ** sp.Rational(-3, 2)))
    x + x/(x + y)**(3/2) + y + y/(x + y)**(3/2)
    """
    roots = [p.whole for p in powers_in(expr) if isinstance(p.base, sp.Add) and not p.exponent.is_Integer]
    if not roots:
        return sp.expand(expr)
    hidden: dict[sp.Expr, sp.Expr] = {root: sp.Dummy(f"root{number}") for number, root in enumerate(roots)}
    return put(sp.expand(put(expr, hidden)), {dummy: root for root, dummy in hidden.items()})


def put(expr: sp.Expr, values: Mapping[Any, sp.Expr]) -> sp.Expr:
    """The expression with some of its parts replaced, all at once."""
    return cast(sp.Expr, expr.xreplace(dict(values)))


def symbols_in(*exprs: sp.Expr) -> list[sp.Symbol]:
    """The symbols of expressions, in a fixed order."""
    found: set[Any] = {symbol for expr in exprs for symbol in expr.free_symbols}
    return sorted(found, key=str)


def powers_in(expr: sp.Expr) -> list[Power]:
    """The powers in an expression, in a fixed order."""
    found: list[Any] = sorted(expr.atoms(sp.Pow), key=str)
    return [Power(power, power.base, power.exp) for power in found]


def terms_of(expr: sp.Expr) -> dict[sp.Expr, Fraction]:
    """The terms of a sum and their rational coefficients, none of them zero.

    >>> terms_of(sp.Symbol("u") / 2 + 3)
    {1: Fraction(3, 1), u: Fraction(1, 2)}
    """
    coefficients = cast(dict[sp.Expr, Any], expr.as_coefficients_dict())
    items = sorted(coefficients.items(), key=lambda item: str(item[0]))
    return {term: Fraction(int(c.p), int(c.q)) for term, c in items if c.is_Rational and c != 0}


def combination(columns: Sequence[Mapping[Any, Fraction]], goal: Mapping[Any, Fraction]) -> list[Fraction] | None:
    """Factors with which columns, as terms and coefficients, add up to a goal, as many zeros as may be; else None.

    >>> x, y = sp.symbols("x y")
    >>> combination([terms_of(x + y), terms_of(x - y)], terms_of(4 * x))
    [Fraction(2, 1), Fraction(2, 1)]
    """
    rows: dict[Any, dict[int, int | Fraction]] = {}
    for number, column in enumerate([*columns, goal]):
        for term, value in column.items():
            rows.setdefault(term, {})[number] = value
    solutions = rational_nullspace(list(rows.values()), len(columns) + 1)
    solution = next((s for s in solutions if s[-1]), None)  # in echelon form only the last one reaches the goal
    return None if solution is None else [-value / solution[-1] for value in solution[:-1]]


def rational(value: Fraction) -> sp.Rational:
    """A fraction as a number of sympy."""
    return cast(sp.Rational, sp.Rational(value.numerator, value.denominator))
