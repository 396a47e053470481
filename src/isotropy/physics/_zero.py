"""Is this expression zero? Proved in a polynomial ring with roots, exponentials and angles as further unknowns."""

from __future__ import annotations

import math
import random
from typing import Any

import sympy as sp

from isotropy.physics._expressions import expanded, powers_in, put, symbols_in

_DIGITS = 40
_AGREE = 30  # so many digits that agree are no accident
_TRIES = 4


def is_zero(expr: sp.Expr) -> bool:
    """Whether an expression vanishes identically where it is real: by proof, or else refuted at random points.

    Roots, exponentials, logarithms and angles become unknowns of a polynomial, which is reduced by their relations
    (g^n = base, s^2 + c^2 = 1). What is neither zero there nor different from zero at random points (40 digits) counts
    as zero only when sympy's ``simplify`` says so.

    >>> x, y = sp.symbols("x y")
    >>> is_zero(sp.sqrt(x**2 + y**2) ** 3 - (x**2 + y**2) * sp.sqrt(x**2 + y**2)), is_zero(sp.sin(2 * x) - sp.sin(x))
    (True, False)
    """
    expr = expanded(expr)
    if expr == 0 or _reduced(expr) == 0:
        return True
    if expr.is_rational_function() or _differs(expr):
        return False
    return sp.simplify(expr) == 0


def _reduced(expr: sp.Expr) -> sp.Expr:
    expr = sp.expand_trig(expr.rewrite(sp.tan, sp.sin)) if expr.has(sp.tan) else sp.expand_trig(expr)
    relations: list[tuple[sp.Expr, sp.Symbol]] = []
    roots: dict[sp.Expr, int] = {}
    for power in powers_in(expr):
        if isinstance(power.exponent, sp.Rational) and not power.exponent.is_Integer:
            roots[power.base] = math.lcm(roots.get(power.base, 1), int(power.exponent.q))
    known: dict[sp.Expr, sp.Expr] = {}
    for number, (base, degree) in enumerate(roots.items()):
        root = sp.Symbol(f"root{number}", positive=True)
        relations.append((root**degree - base, root))
        for power in powers_in(expr):
            if power.base == base and power.exponent.is_Rational:
                known[power.whole] = root ** (power.exponent * degree)
    expr = put(expr, known)
    angles: set[Any] = {f.args[0] for f in expr.atoms(sp.sin, sp.cos)}
    for number, angle in enumerate(sorted(angles, key=str)):
        sine, cosine = sp.symbols(f"sine{number} cosine{number}")
        expr = put(expr, {sp.sin(angle): sine, sp.cos(angle): cosine})
        relations.append((sine**2 + cosine**2 - 1, sine))
    functions: list[Any] = sorted(expr.atoms(sp.Function), key=str)
    expr = put(expr, {function: sp.Symbol(f"function{number}") for number, function in enumerate(functions)})
    top = sp.numer(sp.together(expr))
    for relation, symbol in relations:
        top = sp.rem(expanded(top), relation, symbol) if top.has(symbol) else top
        top = sp.numer(sp.together(top))
    return expanded(top)


def _differs(expr: sp.Expr) -> bool:
    """Whether some random point tells the expression from zero; points are positive, where roots and logs are real."""
    draw = random.Random(0)
    symbols = symbols_in(expr)
    terms: list[sp.Expr] = list(sp.Add.make_args(expr))
    for _ in range(_TRIES):
        point = {symbol: sp.Rational(draw.randint(500, 1500), 1000) for symbol in symbols}
        value = sp.Abs(put(expr, point).evalf(_DIGITS))
        size = sum((sp.Abs(put(term, point).evalf(15)) for term in terms), sp.S.One)
        if value.is_number and value > size * sp.Float(10) ** -_AGREE:
            return True
    return False
