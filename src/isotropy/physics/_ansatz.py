"""The fields among which symmetries are sought: monomials, and functions that the user adds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Literal, NamedTuple

import sympy as sp

from isotropy.errors import InfeasibleError, SchemaError, counted
from isotropy.physics._jets import JetSpace
from isotropy.physics._reader import read_function


class Term(NamedTuple):
    """One unknown of an ansatz: the field ``function * d/d(component)``; ``top`` where a larger ansatz goes on."""

    component: str
    function: sp.Expr
    top: bool


@dataclass(frozen=True)
class Ansatz:
    """Coefficients of vector fields: polynomials of total ``degree`` in variables and functions, and ``basis``.

    ``phi="linear"`` keeps the components along functions linear in them and homogeneous, with coefficients of that
    degree in the variables; ``xi="base"`` lets the components along variables depend on variables only: both are what
    linear equations need, whose algebras are infinite otherwise. Each text of ``basis``, such as ``"sin(t)"``, stands
    by itself and times products of at most two of the functions. Raises SchemaError for a negative degree or another
    word.

    >>> len(Ansatz(degree=1).terms(JetSpace(("t",), ("q",), 2)))
    6
    """

    degree: int = 2
    phi: Literal["full", "linear"] = "full"
    xi: Literal["full", "base"] = "full"
    basis: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.degree < 0 or self.phi not in ("full", "linear") or self.xi not in ("full", "base"):
            raise SchemaError(f"{self}", 'a degree of 0 or more, phi "full" or "linear", xi "full" or "base"')

    @property
    def words(self) -> str:
        """The ansatz in words, as answers say what was searched."""
        words = f"fields of degree {self.degree}"
        words += ", linear in the functions" if self.phi == "linear" else ""
        words += ", variables moved by variables only" if self.xi == "base" else ""
        return words + (f", with {', '.join(self.basis)}" if self.basis else "")

    def terms(self, space: JetSpace, max_unknowns: int | None = None) -> list[Term]:
        """The unknowns on the variables of ``space``; raises InfeasibleError where they are more than allowed."""
        base = [sp.Symbol(name) for name in space.independent]
        functions = [sp.Symbol(name) for name in space.dependent]
        extra = [read_function(text, space) for text in self.basis]
        alone, both = _monomials(base, self.degree), _monomials([*base, *functions], self.degree)
        products = [expr for expr, _ in _monomials(functions, 2)]
        flat, full = [(f, False) for f in extra], [(f * product, False) for f in extra for product in products]
        xi = [*alone, *flat] if self.xi == "base" else [*both, *full]
        linear = [(expr * u, top) for expr, top in [*alone, *flat] for u in functions]
        phi = linear if self.phi == "linear" else [*both, *full]
        terms = [Term(name, *one) for name in space.independent for one in xi]
        terms += [Term(name, *one) for name in space.dependent for one in phi]
        return bounded(terms, max_unknowns)


def polynomial_terms(space: JetSpace, jets: Sequence[sp.Symbol], degree: int, max_unknowns: int | None) -> list[Term]:
    """Characteristics that are polynomials of total ``degree`` in variables and ``jets``."""
    base = [sp.Symbol(name) for name in space.independent]
    monomials = _monomials([*base, *jets], degree)
    return bounded([Term(name, *one) for name in space.dependent for one in monomials], max_unknowns)


def bounded(terms: list[Term], max_unknowns: int | None) -> list[Term]:
    if max_unknowns is not None and len(terms) > max_unknowns:
        hint = 'a lower degree, phi="linear", xi="base", or a larger max_unknowns'
        raise InfeasibleError(
            f"an ansatz with {counted(len(terms), 'unknown')}", f"at most max_unknowns={max_unknowns}", hint
        )
    return terms


def _monomials(symbols: Sequence[sp.Symbol], degree: int) -> list[tuple[sp.Expr, bool]]:
    """Monomials up to ``degree``, low ones first, and whether they are of the highest."""
    products = (
        (sp.Mul(*chosen), total)
        for total in range(degree + 1)
        for chosen in combinations_with_replacement(symbols, total)
    )
    return [(product, total == degree) for product, total in products]
