"""Formulas from text, read and never run: jets, primes, powers and the usual functions; all else is refused by name."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import sympy as sp

from isotropy.errors import SchemaError, counted
from isotropy.physics._jets import JetSpace, split_suffix

FUNCTIONS: dict[str, Callable[[sp.Expr], sp.Expr]] = {
    **{name: getattr(sp, name) for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "asin", "acos", "atan")},
    **{"exp": sp.exp, "log": sp.log, "ln": sp.log, "sqrt": sp.sqrt},
}
CONSTANTS = {"pi": sp.pi}
_INTEGRALS = ("erf", "erfi", "Si", "Ci", "Shi", "Chi", "Ei", "li", "asinh", "acosh", "atanh", "Abs", "sign")
_PRINTED = {**FUNCTIONS, **{name: getattr(sp, name) for name in _INTEGRALS}}  # what integration brings into currents

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)"
    r"|(?P<name>[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)*'*)|(?P<sign>\*\*|[-+*/^()]))"
)
_DEEPEST = 60  # brackets within brackets; a formula of a person has ten
_LARGEST_POWER = 64  # beyond it an expansion fills the memory
_LARGEST_SUM = 1000  # terms when all is multiplied out
_LARGEST_NUMBER = 4096  # bits of a number to a power
_LARGEST_EXPONENT = 300  # of a number such as 1e-7; floating point ends there


@dataclass(frozen=True)
class Formula:
    """What a text says: for each equation ``(left, right)``, or one Lagrangian whose ``right`` is None."""

    space: JetSpace
    sides: tuple[tuple[sp.Expr, sp.Expr | None], ...]


def read_formulas(
    text: str, independent: Sequence[str] | None = None, dependent: Sequence[str] | None = None
) -> Formula:
    """Equations separated by ";", or a Lagrangian, with their variables; those not given are told from derivatives.

    Raises SchemaError for a symbol or function that is not known, naming it, and for what is no formula.

    >>> read_formulas("q'' = -q").sides, read_formulas("u_xt = 0.5*u^2").space
    (((q_tt, -q),), JetSpace(('t', 'x'), ('u',), 2))
    """
    parts = [part for part in text.split(";") if part.strip()]
    if not parts:
        raise SchemaError("an empty formula", "an equation such as u_t = u_xx, or a Lagrangian")
    sides = [part.split("=") for part in parts]
    if any(len(side) > 2 or not all(one.strip() for one in side) for side in sides):
        raise SchemaError(f"{text!r}", 'one "=" with something on either side, equations separated by ";"')
    tokens = [[_tokens(one) for one in side] for side in sides]
    names = [token for side in tokens for one in side for token in one if token[0].isalpha()]
    space = _space(names, independent, dependent)
    read = [[_Parser(one, _resolver(space)).whole() for one in side] for side in tokens]
    order = max(space.order_of(one) for side in read for one in side)
    space = JetSpace(space.independent, space.dependent, order)
    return Formula(space, tuple((side[0], side[1] if len(side) == 2 else None) for side in read))


def read_function(text: str, space: JetSpace) -> sp.Expr:
    """One expression on a known space, such as a function of an ansatz."""
    return _Parser(_tokens(text), _resolver(space)).whole()


def _tokens(text: str) -> list[str]:
    tokens: list[str] = []
    at, text = 0, text.rstrip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            rest = text[at:].strip()
            raise SchemaError(f"{rest[:20]!r} in a formula", "numbers, names, + - * / ^ ** and brackets")
        tokens.append(found.group().strip())
        at = found.end()
    return tokens


def _space(names: Sequence[str], independent: Sequence[str] | None, dependent: Sequence[str] | None) -> JetSpace:
    """The variables: functions are what is differentiated, variables what they are differentiated by."""
    plain = sorted({name for name in names if name not in FUNCTIONS and name not in CONSTANTS})
    primed = {name.rstrip("'") for name in plain if name.endswith("'")}
    suffixed = [name.rstrip("'").partition("_") for name in plain if "_" in name]
    functions = sorted(primed | {base for base, _, _ in suffixed}) if dependent is None else list(dependent)
    if not functions:
        hint = "name the functions with --dependent (dependent=)"
        raise SchemaError("a formula without derivatives", "derivatives such as u_t, u_xx or q''", hint)
    bare = [name for name in plain if "_" not in name and not name.endswith("'") and name not in functions]
    if independent is None:
        letters = {letter for _, _, suffix in suffixed for letter in suffix if letter != "_"}
        if not letters:
            if len(bare) > 1:
                _refuse(bare[-1], functions, bare[:1])
            letters = set(bare) or {"t"}
        independent = sorted(letters, key=lambda name: (name != "t", name))
    if primed and len(independent) > 1:
        raise SchemaError(
            f"{sorted(primed)[0]}' beside {counted(len(independent), 'variable')}", "derivatives such as u_t and u_xx"
        )
    twice = set(independent) & set(functions)
    if twice:
        name = sorted(twice)[0]
        hint = "name them with --independent and --dependent (independent=, dependent=)"
        raise SchemaError(f"{name}, which is differentiated and differentiated by", "a variable or a function", hint)
    for name in bare:
        if name not in independent:
            _refuse(name, functions, independent)
    return JetSpace(independent, functions, 0)


def _refuse(name: str, functions: Sequence[str], independent: Sequence[str]) -> None:
    known = f"functions {', '.join(functions)} of {', '.join(independent)}, numbers, pi, {', '.join(FUNCTIONS)}"
    hint = "write a number for a constant; name variables with --independent, functions with --dependent"
    raise SchemaError(f"the unknown symbol {name!r}", known, hint)


def _resolver(space: JetSpace) -> Callable[[str], sp.Expr]:
    def resolve(name: str) -> sp.Expr:
        if name in CONSTANTS:
            return CONSTANTS[name]
        base = name.rstrip("'")
        primes = len(name) - len(base)
        if primes:
            if len(space.independent) > 1:
                raise SchemaError(
                    f"{name} beside {counted(len(space.independent), 'variable')}", "derivatives such as u_t"
                )
            if base in space.dependent:
                return space.symbol(base, (primes,))
        if base in space.independent and not primes:
            return sp.Symbol(base)
        head, _, suffix = base.partition("_")
        if head in space.dependent and not primes:
            names = split_suffix(suffix, space.independent)
            if names is not None:
                return space.symbol(head, tuple(names.count(x) for x in space.independent))
        _refuse(name, space.dependent, space.independent)
        raise AssertionError

    return resolve


@dataclass
class _Parser:
    """Recursive descent: sums of products of powers; a minus binds less than a power, as on paper."""

    tokens: list[str]
    resolve: Callable[[str], sp.Expr]
    at: int = 0
    depth: int = field(default=0)
    functions: Mapping[str, Callable[[sp.Expr], sp.Expr]] = field(default_factory=lambda: FUNCTIONS)
    bounded: bool = True

    def whole(self) -> sp.Expr:
        result = self.sum()
        if self.at < len(self.tokens):
            raise SchemaError(f"{self.tokens[self.at]!r} in a formula", "an operator between two terms, such as 2*u")
        if self.bounded and _multiplied_out(result) > _LARGEST_SUM:
            raise SchemaError("a product of long sums", f"up to {_LARGEST_SUM} terms when all is multiplied out")
        if result.has(sp.zoo, sp.nan, sp.oo, -sp.oo, sp.I):
            raise SchemaError(f"a formula that is {result}", "real numbers")
        return result

    def next(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self) -> str:
        token, self.at = self.next(), self.at + 1
        return token

    def sum(self) -> sp.Expr:
        total = self.product()
        while self.next() in ("+", "-"):
            total = total + self.product() if self.take() == "+" else total - self.product()
        return total

    def product(self) -> sp.Expr:
        total = self.signed()
        while self.next() in ("*", "/"):
            if self.take() == "*":
                total *= self.signed()
                continue
            by = self.signed()
            if by == 0:
                raise SchemaError("a division by 0", "a denominator that is not 0")
            total /= by
        return total

    def signed(self) -> sp.Expr:
        negative = False
        while self.next() in ("+", "-"):
            negative ^= self.take() == "-"
        return -self.power() if negative else self.power()

    def power(self) -> sp.Expr:
        base = self.atom()
        if self.next() not in ("^", "**"):
            return base
        self.take()
        self.deeper()
        exponent = self.signed()
        self.depth -= 1
        if not self.bounded:
            return base**exponent
        if exponent.is_number and not abs(exponent) <= _LARGEST_POWER:
            raise SchemaError(f"the power {exponent}", f"powers up to {_LARGEST_POWER}")
        if base == 0 and not exponent.is_positive:
            raise SchemaError(f"0 to the power {exponent}", "a base that is not 0")
        _bound(base, exponent)
        return base**exponent

    def atom(self) -> sp.Expr:
        token = self.take()
        if not token:
            raise SchemaError("a formula that ends too early", "a number, a name or a bracket")
        if token == "(":
            return self.bracket()
        if token[0].isdigit() or token[0] == ".":
            return _number(token) if self.bounded else sp.Rational(token)
        if token[0].isalpha() and self.next() == "(":
            if token not in self.functions:
                raise SchemaError(f"the unknown function {token!r}", f"one of {', '.join(self.functions)}")
            self.take()
            return self.functions[token](self.bracket())
        if token[0].isalpha():
            if token in self.functions:
                raise SchemaError(f"{token} without its argument", f"{token}(...)")
            return self.resolve(token)
        raise SchemaError(f"{token!r} in a formula", "a number, a name or a bracket")

    def deeper(self) -> None:
        self.depth += 1
        if self.bounded and self.depth > _DEEPEST:
            raise SchemaError(f"more than {_DEEPEST} brackets or powers in each other", "a shorter formula")

    def bracket(self) -> sp.Expr:
        self.deeper()
        inside = self.sum()
        if self.take() != ")":
            raise SchemaError("a bracket that is not closed", "as many ) as (")
        self.depth -= 1
        return inside


def _number(token: str) -> sp.Expr:
    exponent = token.lower().partition("e")[2]
    if exponent and (len(exponent) > 6 or abs(int(exponent)) > _LARGEST_EXPONENT):
        raise SchemaError(f"the number {token[:20]}", f"exponents up to {_LARGEST_EXPONENT}")
    if len(token) > _LARGEST_NUMBER // 4:
        raise SchemaError(f"a number of {counted(len(token), 'digit')}", f"at most {_LARGEST_NUMBER // 4}")
    return sp.Rational(token)


def _bound(base: sp.Expr, exponent: sp.Expr) -> None:
    """Raises SchemaError for a power that is harmless as it stands and fills the memory when multiplied out."""
    if not exponent.is_number:
        return
    given = f"the power {exponent} of a power or a large number"
    size = math.ceil(abs(exponent))
    inner = base.exp if isinstance(base, sp.Pow) else sp.S.One
    if inner.is_number and abs(inner * exponent) > _LARGEST_POWER:
        raise SchemaError(given, f"powers up to {_LARGEST_POWER}")
    if isinstance(base, sp.Rational) and max(abs(base.p), base.q).bit_length() * size > _LARGEST_NUMBER:
        raise SchemaError(given, f"numbers of up to {_LARGEST_NUMBER} bits")


def _multiplied_out(expr: sp.Expr) -> int:
    """How many terms an expression has at most when products and powers of sums are multiplied out."""
    if isinstance(expr, sp.Add):
        return sum(_multiplied_out(one) for one in sp.Add.make_args(expr))
    if isinstance(expr, sp.Mul):
        return math.prod(_multiplied_out(one) for one in sp.Mul.make_args(expr))
    if isinstance(expr, sp.Pow) and expr.exp.is_Integer:
        times = abs(int(expr.exp))
        return math.comb(_multiplied_out(expr.base) + times - 1, times)
    return 1


def read_printed(text: str) -> sp.Expr:
    """An expression that sympy printed, its names taken as they stand; for typesetting what was found.

    >>> read_printed("u_x**2/2 - sin(t)")
    u_x**2/2 - sin(t)
    """
    resolve: Callable[[str], sp.Expr] = lambda name: CONSTANTS.get(name, sp.Symbol(name))  # noqa: E731
    return _Parser(_tokens(text), resolve, functions=_PRINTED, bounded=False).whole()
