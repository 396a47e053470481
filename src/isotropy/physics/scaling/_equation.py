"""Exponents from an equation: every additive term has one weight, which is linear algebra over the rationals."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, cast

import sympy as sp

from isotropy.errors import SchemaError
from isotropy.linalg import rational_nullspace
from isotropy.physics._expressions import expanded
from isotropy.physics._jets import split_suffix
from isotropy.physics._reader import CONSTANTS, FUNCTIONS, _Parser, _tokens

Weights = dict[str, Fraction]
"""The weight of each quantity: ``lam ** weight`` multiplies it when everything is scaled by ``lam``."""

_DERIVATIVE = "\N{PARTIAL DIFFERENTIAL}"  # no name of a person's formula holds it


def exponents_from_equation(equation: str | sp.Basic, fixed: Sequence[str] = ()) -> list[Weights]:
    """Every scaling symmetry of an equation (meaning "= 0", or with its "="), a basis; empty where there is none.

    Text or an expression of sympy; several equations of a text are separated by ";". In text ``u_xx`` is the second
    derivative of u by x and ``u'`` that by t (or by the one variable there is); every other name is a quantity with a
    weight of its own, except those ``fixed``, whose weight is 0. Arguments of sin, exp and the like have weight 0, and
    so has an exponent that is no number. A vector of the basis has its smallest entry 1, so exponents can be read off.

    Raises SchemaError for text that cannot be read, for 0 = 0, a name in ``fixed`` that does not occur, and an
    irrational power.
    Source: dimensional analysis; specification 07 §2.1.

    >>> exponents_from_equation("t**2 = a**3")
    [{'a': Fraction(1, 1), 't': Fraction(3, 2)}]
    >>> exponents_from_equation("u_t + u*u_x + u_xxx")
    [{'t': Fraction(3, 1), 'u': Fraction(-2, 1), 'x': Fraction(1, 1)}]
    >>> exponents_from_equation("x'' = sin(x)", fixed=("t",))
    []
    """
    sides = _read(equation) if isinstance(equation, str) else _given(equation)
    book = _Book()
    for side in sides:
        if side == 0:
            raise SchemaError(f"{equation}, which says 0 = 0", "an equation that says something")
        book.one_weight(_terms(side))
    for name in fixed:
        if name not in book.names:
            known = ", ".join(sorted(book.names)) or "none"
            raise SchemaError(f"the fixed quantity {name!r}", f"a quantity of the equation: {known}")
        book.rows.append({name: Fraction(1)})
    names = sorted(book.names)
    at = {name: number for number, name in enumerate(names)}
    rows = [{at[name]: value for name, value in row.items()} for row in book.rows]
    return [dict(zip(names, _told(one), strict=True)) for one in rational_nullspace(rows, len(names))]


def _told(solution: Sequence[Fraction]) -> list[Fraction]:
    """The multiple whose smallest entry is 1; of the signs the one that most entries like, then the first."""
    smallest = min(abs(value) for value in solution if value)
    likes = sum((value > 0) - (value < 0) for value in solution)
    sign = math.copysign(1, likes or next(value for value in solution if value))
    return [value / smallest * int(sign) for value in solution]


class _Book:
    """The names of quantities met so far, and linear equations between their weights."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.rows: list[Weights] = []

    def one_weight(self, terms: Sequence[sp.Expr]) -> Weights:
        """The common weight of the terms of a sum."""
        first, *others = [self.weight(term) for term in terms]
        self.rows += [_plus(other, first, -1) for other in others]
        return first

    def weight(self, expr: sp.Expr) -> Weights:
        """The weight of an expression as a linear form in those of the names."""
        if expr.is_number:
            return {}
        if isinstance(expr, sp.Symbol):
            return self.named(expr.name)
        if isinstance(expr, sp.Add):
            return self.one_weight(_arguments(expr))
        if isinstance(expr, sp.Mul):
            total: Weights = {}
            for factor in _arguments(expr):
                total = _plus(total, self.weight(factor))
            return total
        if isinstance(expr, sp.Pow):
            return self.power(expr.base, expr.exp)
        if isinstance(expr, sp.Derivative):
            total = self.weight(cast(sp.Expr, expr.expr))
            for variable, times in cast(Any, expr).variable_count:
                total = _plus(total, self.weight(variable), -int(times))
            return total
        if isinstance(expr, sp.Abs):
            return self.weight(_arguments(expr)[0])
        if isinstance(expr, sp.Max | sp.Min):
            return self.one_weight(_arguments(expr))
        if isinstance(expr, sp.core.function.AppliedUndef):
            for argument in _arguments(expr):
                if not isinstance(argument, sp.Symbol):
                    raise SchemaError(f"{expr}, a function of {argument}", "functions of variables, such as u(t, x)")
                self.named(argument.name)
            return self.named(type(expr).__name__)
        if isinstance(expr, sp.Function):
            for argument in _arguments(expr):
                self.rows.append(self.weight(argument))
            return {}
        raise SchemaError(f"{expr} in an equation", "sums, products, powers, derivatives and functions")

    def named(self, name: str) -> Weights:
        """The weight of a quantity, or of a derivative that the text writes as u_xx."""
        base, *variables = name.split(_DERIVATIVE)
        self.names.update([base, *variables])
        total: Weights = {base: Fraction(1)}
        for variable in variables:
            total = _plus(total, {variable: Fraction(1)}, -1)
        return total

    def power(self, base: sp.Expr, exponent: sp.Expr) -> Weights:
        """Rational exponents multiply the weight; others leave no room for one."""
        if exponent.is_Float:
            exponent = cast(sp.Expr, sp.Rational(str(exponent)))
        if exponent.is_Rational:
            times = Fraction(int(cast(Any, exponent).p), int(cast(Any, exponent).q))
            return {name: times * value for name, value in self.weight(base).items()}
        inner = self.weight(base)
        if exponent.is_number and inner:
            raise SchemaError(f"the power {base}**{exponent}", "a rational exponent", "exponents are exact fractions")
        self.rows += [inner, self.weight(exponent)]
        return {}


def _plus(one: Weights, other: Weights, times: int = 1) -> Weights:
    return {name: one.get(name, Fraction(0)) + times * other.get(name, Fraction(0)) for name in one | other}


def _arguments(expr: sp.Basic) -> tuple[sp.Expr, ...]:
    return cast(tuple[sp.Expr, ...], expr.args)


def _terms(side: sp.Expr) -> tuple[sp.Expr, ...]:
    """The terms of an equation, over one denominator and multiplied out: 1/(1 + x) = 1 says x = 0."""
    numerator = sp.fraction(sp.together(side))[0]
    return sp.Add.make_args(expanded(numerator))


def _given(equation: sp.Basic) -> list[sp.Expr]:
    if isinstance(equation, sp.Equality):
        left, right = _arguments(equation)
        return [expanded(left - right)]
    if not isinstance(equation, sp.Expr):
        raise SchemaError(f"{equation} of type {type(equation).__name__}", "text, an expression or an Eq of sympy")
    return [expanded(equation)]


def _read(text: str) -> list[sp.Expr]:
    """The equations of a text as expressions that are to vanish."""
    parts = [part.split("=") for part in text.split(";") if part.strip()]
    if not parts or any(len(part) > 2 or not all(side.strip() for side in part) for part in parts):
        raise SchemaError(f"the equation {text!r}", 'text such as "u_t = u_xx", equations separated by ";"')
    tokens = [[_tokens(side) for side in part] for part in parts]
    resolve = _resolver({token for part in tokens for side in part for token in side if token[0].isalpha()})
    read = [[_Parser(side, resolve).whole() for side in part] for part in tokens]
    return [expanded(part[0] - (part[1] if len(part) == 2 else sp.S.Zero)) for part in read]


def _resolver(names: set[str]) -> Callable[[str], sp.Expr]:
    """What the names of a text stand for: constants, quantities, or derivatives of these."""
    plain = {name for name in names if "_" not in name and not name.endswith("'")} - {*FUNCTIONS, *CONSTANTS}
    letters = {letter for name in names if "_" in name for letter in name.partition("_")[2] if letter.isalpha()}

    def resolve(name: str) -> sp.Expr:
        if name in CONSTANTS:
            return CONSTANTS[name]
        base = name.rstrip("'")
        head, _, suffix = base.partition("_")
        by = split_suffix(suffix, sorted(plain | letters))
        if by is None:
            raise SchemaError(f"{name}, the derivative of {head} by {suffix!r}", "names of variables behind the _")
        primes = len(name) - len(base)
        if primes and len(letters) > 1:
            raise SchemaError(f"{name} beside derivatives by {', '.join(sorted(letters))}", f"{base}_t, say")
        by += [next(iter(letters), "t")] * primes
        return sp.Symbol(_DERIVATIVE.join([head, *by]))

    return resolve
