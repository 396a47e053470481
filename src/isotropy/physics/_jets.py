"""Jet spaces: derivatives as coordinates, total derivatives, the Euler operator, prolongation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from itertools import combinations_with_replacement
from typing import Protocol, runtime_checkable

import sympy as sp

from isotropy.errors import SchemaError
from isotropy.physics._expressions import expanded, symbols_in

Index = tuple[int, ...]
"""An unordered multi-index: how often each independent variable is differentiated by."""


@runtime_checkable
class Field(Protocol):
    """What is prolonged: components along the variables, and a characteristic."""

    @property
    def xi(self) -> Mapping[str, sp.Expr]: ...
    @property
    def Q(self) -> Mapping[str, sp.Expr]: ...


class JetSpace:
    """The jets of functions ``dependent`` of variables ``independent``, all as symbols: x, u, u_x, u_xx, ...

    Derivatives commute, so u_xt and u_tx are one symbol, spelled in the order of ``independent``; after names of
    several letters an underscore separates them (u_theta_t). ``order`` is the highest derivative that ``jets()`` lists.

    Raises SchemaError for names that are empty, repeated, or no names.
    Source: Olver, Applications of Lie Groups to Differential Equations (1993), chapters 2 and 4.

    >>> space = JetSpace(("t", "x"), ("u",), 2)
    >>> space.D(space("u_t") * space("x"), "x"), space.euler(space("u_x") ** 2 / 2, "u")
    (u_t + u_tx*x, -u_xx)
    """

    def __init__(self, independent: Sequence[str], dependent: Sequence[str], order: int = 1) -> None:
        names = (*independent, *dependent)
        if not independent or not dependent or len(set(names)) < len(names):
            expected = "one name or more of each kind, none twice"
            raise SchemaError(f"variables {', '.join(independent)} and functions {', '.join(dependent)}", expected)
        for name in names:
            if not name.isidentifier() or "_" in name:
                raise SchemaError(f"the name {name!r}", "letters and digits, such as x or theta1")
        self.independent, self.dependent, self.order = tuple(independent), tuple(dependent), order

    def __repr__(self) -> str:
        return f"JetSpace({self.independent}, {self.dependent}, {self.order})"

    def __call__(self, name: str) -> sp.Symbol:
        """The symbol of a variable, a function or a derivative, however its indices are ordered."""
        symbol = sp.Symbol(name)
        if name in self.independent:
            return symbol
        jet = self.jet_of(symbol)
        if jet is None:
            raise SchemaError(f"the name {name!r}", f"a variable or derivative of {self}")
        return self.symbol(*jet)

    @cached_property
    def base(self) -> tuple[sp.Symbol, ...]:
        """The symbols of independent and dependent variables."""
        return tuple(sp.Symbol(name) for name in (*self.independent, *self.dependent))

    def symbol(self, dependent: str, index: Index) -> sp.Symbol:
        """The symbol of the derivative of ``dependent`` with this multi-index."""
        return _spelled(self.independent, dependent, index)

    def unit(self, at: int) -> Index:
        """The multi-index of the first derivative by one variable."""
        return tuple(int(i == at) for i in range(len(self.independent)))

    def jet_of(self, symbol: sp.Basic) -> tuple[str, Index] | None:
        """The function and the multi-index of a symbol, None for what is no jet of this space."""
        return _jet(self.independent, self.dependent, str(symbol)) if isinstance(symbol, sp.Symbol) else None

    def jets(self, order: int | None = None) -> Iterator[tuple[str, Index]]:
        """Every jet of every function up to ``order``, low orders first."""
        top = self.order if order is None else order
        for total in range(top + 1):
            for chosen in combinations_with_replacement(range(len(self.independent)), total):
                for name in self.dependent:
                    yield name, tuple(chosen.count(i) for i in range(len(self.independent)))

    def jets_in(self, expr: sp.Expr) -> dict[sp.Symbol, tuple[str, Index]]:
        """The jets that occur in an expression, in a fixed order."""
        return {s: jet for s in symbols_in(expr) if (jet := self.jet_of(s)) is not None}

    def order_of(self, expr: sp.Expr) -> int:
        """The order of the highest derivative in an expression; 0 without any."""
        return max((sum(index) for _, index in self.jets_in(expr).values()), default=0)

    def D(self, expr: sp.Expr, variable: str) -> sp.Expr:
        """The total derivative of an expression by an independent variable."""
        at = self.independent.index(variable)
        total = sp.diff(expr, sp.Symbol(variable))
        for symbol, (name, index) in self.jets_in(expr).items():
            total += sp.diff(expr, symbol) * self.symbol(name, raised(index, at))
        return total

    def D_index(self, expr: sp.Expr, index: Index) -> sp.Expr:
        """The total derivative by a whole multi-index."""
        for variable, times in zip(self.independent, index, strict=True):
            for _ in range(times):
                expr = self.D(expr, variable)
        return expr

    def euler(self, expr: sp.Expr, dependent: str) -> sp.Expr:
        """The Euler operator, sum_J (-D)_J d/du_J over unordered multi-indices, expanded."""
        total: sp.Expr = sp.S.Zero
        for symbol, (name, index) in self.jets_in(expr).items():
            if name == dependent:
                total += (-1) ** sum(index) * self.D_index(sp.diff(expr, symbol), index)
        return expanded(total)

    def prolong(self, v: Field, order: int) -> dict[sp.Symbol, sp.Expr]:
        """The components of the prolonged field along every variable and every jet up to ``order``.

        ``phi_J = D_J Q + xi^i u_Ji`` with the characteristic ``Q = phi - xi^i u_i`` (Olver, theorem 2.36).
        """
        components = {sp.Symbol(name): v.xi[name] for name in self.independent}
        for name, index in self.jets(order):
            moved = sum(
                (v.xi[x] * self.symbol(name, raised(index, i)) for i, x in enumerate(self.independent)), sp.S.Zero
            )
            components[self.symbol(name, index)] = expanded(self.D_index(v.Q[name], index) + moved)
        return components


def raised(index: Index, at: int, by: int = 1) -> Index:
    """The multi-index with one entry raised."""
    return (*index[:at], index[at] + by, *index[at + 1 :])


def less(index: Index, other: Index) -> Index:
    """The difference of two multi-indices."""
    return tuple(a - b for a, b in zip(index, other, strict=True))


def below(index: Index) -> Iterator[Index]:
    """Every multi-index that is at most ``index`` in each place."""
    if not index:
        yield ()
        return
    for first in range(index[0] + 1):
        for rest in below(index[1:]):
            yield (first, *rest)


@lru_cache(maxsize=65536)
def _spelled(independent: tuple[str, ...], dependent: str, index: Index) -> sp.Symbol:
    names = [name for name, times in zip(independent, index, strict=True) for _ in range(times)]
    between = "" if all(len(name) == 1 for name in names) else "_"
    return sp.Symbol(f"{dependent}_{between.join(names)}" if names else dependent)


@lru_cache(maxsize=65536)
def _jet(independent: tuple[str, ...], dependent: tuple[str, ...], text: str) -> tuple[str, Index] | None:
    name, _, suffix = text.partition("_")
    if name not in dependent:
        return None
    if name == text:
        return name, (0,) * len(independent)
    names = split_suffix(suffix, independent)
    return None if not names else (name, tuple(names.count(x) for x in independent))


def split_suffix(suffix: str, independent: Sequence[str]) -> list[str] | None:
    """The variables that the suffix of a jet differentiates by; None where it is not made of their names.

    >>> split_suffix("xxt", ["t", "x"]), split_suffix("theta_t", ["t", "theta"]), split_suffix("y", ["x"])
    (['x', 'x', 't'], ['theta', 't'], None)
    """
    if not suffix:
        return []
    for name in sorted(independent, key=len, reverse=True):
        if suffix.startswith(name):
            rest = split_suffix(suffix[len(name) :].removeprefix("_"), independent)
            if rest is not None:
                return [name, *rest]
    return None
