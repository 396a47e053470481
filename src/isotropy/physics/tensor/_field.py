"""Rational functions with a derivation: coordinates, constants, and functions with their derivatives as generators.

In such a field an expression has one form, so that what vanishes is 0 when it is computed and nothing is simplified.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.polys.fields import field as rational_functions

from isotropy.errors import DomainError
from isotropy.physics._expressions import put

Element = Any
"""An element of one of sympy's fields of fractions, which carry no types."""


class FunctionField:
    """The field over the rationals of coordinates, constants and functions, whose derivatives are elements too.

    Sines and cosines of a coordinate x are written in tan(x/2), which is a generator as well; of functions the
    derivatives up to ``depth`` beyond those that occur are there. Raises DomainError for what is no rational function
    of these: roots, exponentials, functions of something that is no coordinate.

    >>> x = sp.Symbol("x")
    >>> home = FunctionField([x], [sp.sin(x), sp.Function("f")(x)], depth=1)
    >>> one = home.lift(sp.sin(x) ** 2 + sp.cos(x) ** 2)
    >>> one == 1, home.expr(home.diff(home.lift(sp.Function("f")(x) ** 2), 0))
    (True, 2*f(x)*Derivative(f(x), x))
    """

    def __init__(self, coords: Sequence[sp.Symbol], exprs: Iterable[sp.Expr], depth: int) -> None:
        self.coords = tuple(coords)
        exprs = [_in_half_angles(expr) for expr in exprs]
        generators = self._closed(_generators(exprs), depth)
        self._field: Any = rational_functions([*self.coords, *generators], sp.QQ)[0]
        self._tables: dict[tuple[sp.Expr, int], Element] = {}

    @property
    def zero(self) -> Element:
        return self._field.zero

    def lift(self, expr: sp.Expr | int) -> Element:
        """The element that an expression stands for."""
        expr = _in_half_angles(sp.sympify(expr))
        try:
            return self._field.from_expr(expr)
        except (ValueError, ZeroDivisionError) as error:
            strange = next(iter(sorted(_generators([expr]) - set(self._field.symbols), key=str)), expr)
            hint = "write roots and exponentials by other coordinates, such as x = cos(theta)"
            raise DomainError(f"{strange}", f"a rational function of {_names(self.coords)}", hint) from error

    def move(self, element: Element) -> Element:
        """An element of a smaller field as one of this."""
        return element.set_field(self._field)

    def expr(self, element: Element) -> sp.Expr:
        """The expression of an element, half angles written as sines and cosines again."""
        halves = [one for one in element.field.symbols if _half(one)]
        for half in halves:
            if any(part.degree(element.field.symbols.index(half)) > 0 for part in (element.numer, element.denom)):
                element = _whole_angles(element, half)
        return element.as_expr()

    def diff(self, element: Element, at: int) -> Element:
        """The derivative of an element by coordinate number ``at``."""
        used = {i for part in (element.numer, element.denom) for powers in part.itermonoms() for i in _where(powers)}
        total = self.zero
        for i in sorted(used):
            slope = self._slope(self._field.symbols[i], at)
            if slope:
                total = total + element.diff(self._field.gens[i]) * slope
        return total

    def joined(self, exprs: Iterable[sp.Expr], depth: int) -> FunctionField:
        """The field that holds these expressions and ``depth`` derivatives of their functions besides."""
        other = FunctionField(self.coords, exprs, depth)
        known = set(self._field.symbols)
        new = [symbol for symbol in other._field.symbols if symbol not in known]
        if not new:
            return self
        whole = FunctionField(self.coords, (), 0)
        whole._field = rational_functions([*self._field.symbols, *new], sp.QQ)[0]
        return whole

    def _closed(self, generators: set[sp.Expr], depth: int) -> list[sp.Expr]:
        fresh = set(generators)
        for _ in range(depth):
            slopes = {_diff(g, x) for g in fresh if not g.is_Symbol and not _half(g) for x in self.coords}
            fresh = {s for s in slopes if s != 0} - generators
            generators = generators | fresh
        for g in generators:
            self._check(g)
        return sorted(generators - set(self.coords), key=sp.default_sort_key)

    def _check(self, generator: sp.Expr) -> None:
        names = {str(x): x for x in self.coords}
        if generator.is_Symbol:
            if str(generator) in names and generator != names[str(generator)]:
                given = f"a symbol {generator} that is not the coordinate {generator}"
                raise DomainError(given, "one symbol for each name", "make symbols once, with the same assumptions")
            return
        call: Any = generator.args[0] if isinstance(generator, sp.Derivative) else generator
        if not (isinstance(call, AppliedUndef) or _half(call)) or not all(x in self.coords for x in call.args):
            hint = "write roots and exponentials by other coordinates, such as x = cos(theta)"
            given = f"{generator}"
            raise DomainError(given, f"rational functions, and functions of {_names(self.coords)} themselves", hint)

    def _slope(self, generator: sp.Expr, at: int) -> Element:
        key = (generator, at)
        if key not in self._tables:
            x = self.coords[at]
            if generator.is_Symbol:
                slope = self._field(int(generator == x))
            elif _half(generator):
                t = self._field.from_expr(generator)
                slope = (1 + t**2) / 2 if generator.args[0] == x else self.zero
            else:
                slope = self._field.from_expr(_diff(generator, x))
            self._tables[key] = slope
        return self._tables[key]


_HALF = sp.Function("tan_half")


def _whole_angles(element: Element, half: Any) -> Element:
    """The element by c = cos(x) and s = sin(x) in place of t = tan(x/2).

    Both parts are multiplied by the same cos(x/2)^(2 m); then t^j becomes ((1 - c) / 2)^(j/2) ((1 + c) / 2)^(m - j/2),
    with a factor s / 2 where j is odd.
    """
    at, x = element.field.symbols.index(half), half.args[0]
    whole: Any = rational_functions([*element.field.symbols, sp.cos(x), sp.sin(x)], sp.QQ)[0]
    c, s = whole.gens[-2:]
    parts = (element.numer, element.denom)
    m = (max(powers[at] for part in parts for powers in part.itermonoms()) + 1) // 2
    moved: list[Element] = []
    for part in parts:
        total = whole.zero
        for powers, value in part.iterterms():
            j = powers[at]
            angle = ((1 - c) / 2) ** (j // 2) * ((1 + c) / 2) ** (m - (j + 1) // 2) * (s / 2 if j % 2 else 1)
            rest = (*powers[:at], 0, *powers[at + 1 :])
            total = total + whole(part.ring.from_dict({rest: value}).set_ring(whole.ring)) * angle
        moved.append(total)
    return moved[0] / moved[1]


def _half(expr: Any) -> bool:
    return getattr(expr, "func", None) == _HALF


def _diff(expr: sp.Expr, x: sp.Symbol) -> sp.Expr:
    return sp.diff(expr, x)


def _where(powers: tuple[int, ...]) -> list[int]:
    return [i for i, power in enumerate(powers) if power]


def _names(coords: Sequence[sp.Symbol]) -> str:
    return ", ".join(str(x) for x in coords)


def _in_half_angles(expr: sp.Expr) -> sp.Expr:
    """Trigonometric functions of a symbol by the tangent of half of it."""
    angles: set[Any] = expr.atoms(sp.sin, sp.cos, sp.tan, sp.cot)
    known: dict[Any, sp.Expr] = {}
    for call in angles:
        if isinstance(call.args[0], sp.Symbol):
            t = _HALF(call.args[0])
            sine, cosine = 2 * t / (1 + t**2), (1 - t**2) / (1 + t**2)
            forms = {sp.sin: sine, sp.cos: cosine, sp.tan: sine / cosine, sp.cot: cosine / sine}
            known[call] = forms[call.func]
    return put(expr, known) if known else expr


def _generators(exprs: Iterable[sp.Expr]) -> set[sp.Expr]:
    """What a rational function is made from: symbols outside functions, functions and derivatives as wholes."""
    found: set[sp.Expr] = set()
    waiting: list[Any] = list(exprs)
    while waiting:
        expr = waiting.pop()
        if expr.is_Number:
            continue
        if expr.is_Add or expr.is_Mul or (expr.is_Pow and expr.exp.is_Integer):
            waiting += expr.args if not expr.is_Pow else [expr.base]
        else:
            found.add(expr)
    return found
