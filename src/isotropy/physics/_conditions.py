"""Determining equations: one column for each unknown of an ansatz, as sums of products that a back end evaluates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import sympy as sp

from isotropy.physics._ansatz import Term
from isotropy.physics._expressions import expanded
from isotropy.physics._jets import Index, JetSpace, below, less, raised
from isotropy.physics._vector_field import VectorField

Product = tuple[int, tuple[sp.Expr, ...]]
Column = list[list[Product]]
"""For each equation a sum of products."""


@dataclass(frozen=True, eq=False)
class Linearisation:
    """What ``deltas`` do to a characteristic: the equations that make it a symmetry, or a variational one.

    A field with characteristic Q is a symmetry of Delta = 0 where pr v(Delta), which is sum_J dDelta/du_J D_J Q and
    xi^i D_i Delta, is 0 on the solutions (Olver, theorem 2.31). The last part is 0 there by itself, but written out it
    takes away the derivatives of order n + 1: consequences of the equations that nobody looks for may bind those.
    A field is a variational symmetry of L with Delta = E(L) where E(Q . Delta) = D_Delta(Q) + D_Q*(Delta) = 0
    everywhere, as Delta is self-adjoint (Olver, theorem 5.68).
    """

    space: JetSpace
    deltas: Sequence[sp.Expr]

    def columns(self, terms: Sequence[Term], *, variational: bool) -> list[Column]:
        return [self._column(term, variational) for term in terms]

    def _column(self, term: Term, variational: bool) -> Column:
        column: Column = []
        for number, slopes in enumerate(self._slopes):
            products: list[Product] = []
            for (name, index), slope in slopes.items():
                products += [(sign, (slope, *factors)) for sign, factors in self._moved(term, name, index)]
            if variational:
                products += self._adjoint(term, self.space.dependent[number])
            elif term.component in self.space.independent:
                one = self.space.unit(self.space.independent.index(term.component))
                products.append((1, (term.function, derivative(self.space, self.deltas[number], one))))
            column.append(products)
        return column

    @property
    def _slopes(self) -> list[dict[tuple[str, Index], sp.Expr]]:
        return [
            {jet: expanded(sp.diff(delta, symbol)) for symbol, jet in self.space.jets_in(delta).items()}
            for delta in self.deltas
        ]

    def _moved(self, term: Term, name: str, index: Index) -> list[Product]:
        """D_J Q_name of the field of this term, by Leibniz' rule."""
        space = self.space
        if term.component in space.dependent:
            return [(1, (derivative(space, term.function, index),))] if name == term.component else []
        at = space.independent.index(term.component)
        products: list[Product] = []
        for part in below(index):
            rest = raised(less(index, part), at)
            factor = derivative(space, term.function, part)
            if factor != 0:
                products.append((-_binomial(index, part), (factor, space.symbol(name, rest))))
        return products

    def _adjoint(self, term: Term, name: str) -> list[Product]:
        """The part of D_Q*(Delta) along ``name``: sum_J (-D)_J (dQ/du_J . Delta)."""
        space, products, f = self.space, list[Product](), term.function
        delta = dict(zip(space.dependent, self.deltas, strict=True))
        if term.component in space.dependent:
            for symbol, (other, index) in space.jets_in(f).items():
                if other != name:
                    continue
                slope = sp.diff(f, symbol)
                for part in below(index):
                    factor = derivative(space, slope, less(index, part))
                    moved = derivative(space, delta[term.component], part)
                    products.append(((-1) ** sum(index) * _binomial(index, part), (factor, moved)))
            return products
        one = space.unit(space.independent.index(term.component))
        slope = sp.diff(f, sp.Symbol(name))
        if slope != 0:
            products += [(-1, (slope, space.symbol(other, one), delta[other])) for other in space.dependent]
        products += [(1, (derivative(space, f, one), delta[name])), (1, (f, derivative(space, delta[name], one)))]
        return products


def factors_in(columns: Sequence[Column]) -> set[sp.Expr]:
    """All that is multiplied in some columns."""
    return {factor for column in columns for products in column for _, factors in products for factor in factors}


def expression(column: Column, equation: int) -> sp.Expr:
    """One entry of a column, written out."""
    return sp.Add(*(sp.Mul(sign, *factors) for sign, factors in column[equation]))


def derivative(space: JetSpace, expr: sp.Expr, index: Index) -> sp.Expr:
    """D_J of an expression, expanded and remembered: the same ones are asked for by every equation."""
    return _derivative(_Key(space), expr, index)


class _Key:
    """A jet space by the names that decide its derivatives."""

    def __init__(self, space: JetSpace) -> None:
        self.space, self.names = space, (space.independent, space.dependent)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self.names == other.names

    def __hash__(self) -> int:
        return hash(self.names)


@lru_cache(maxsize=16384)
def _derivative(key: _Key, expr: sp.Expr, index: Index) -> sp.Expr:
    if not any(index):
        return expr
    first = next(i for i, times in enumerate(index) if times)
    lower = _derivative(key, expr, raised(index, first, -1))
    return expanded(key.space.D(lower, key.space.independent[first]))


def _binomial(index: Index, part: Index) -> int:
    return math.prod(math.comb(n, k) for n, k in zip(index, part, strict=True))


def variation(lagrangian: sp.Expr, v: VectorField) -> sp.Expr:
    """pr v(L) + L D_i xi^i, expanded: what a field changes in the action."""
    space = v.space
    total = sum((lagrangian * space.D(v.xi[x], x) for x in space.independent), sp.S.Zero)
    total += sum((v.xi[x] * space.D(lagrangian, x) for x in space.independent), sp.S.Zero)
    for symbol, (name, index) in space.jets_in(lagrangian).items():
        total += space.D_index(v.Q[name], index) * sp.diff(lagrangian, symbol)
    return expanded(total)


def strict_columns(space: JetSpace, lagrangian: sp.Expr, terms: Sequence[Term]) -> list[Column]:
    """One column for each unknown: what its field changes in the action."""
    columns: list[Column] = []
    for term in terms:
        part = {term.component: term.function}
        columns.append([[(1, (variation(lagrangian, VectorField(space, part, part)),))]])
    return columns
