"""Equations solved for leading derivatives: what each of these and their derivatives is on the solutions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations

import sympy as sp

from isotropy.errors import SymmetryError
from isotropy.physics._expressions import expanded, put
from isotropy.physics._jets import Index, JetSpace, less, raised
from isotropy.physics._zero import is_zero

_HIGHEST = 16  # a derivative beyond this order is one that the substitutions raise again and again


@dataclass(eq=False)
class Solved:
    """Equations ``deltas[k] = 0`` as ``leading[k] = rests[k]``, and the closed forms of derivatives of those.

    Derivatives that several equations share are eliminated, each equation solved by those before it.

    Raises SymmetryError, with the word *ranking*, where an equation can be solved for no derivative, where two would
    be solved for one, and where substitutions run in a circle.

    >>> space = JetSpace(("t", "x"), ("u",), 2)
    >>> Solved.of(space, [(space("u_t"), space("u_xx"))]).closed(space("u_tt"))
    u_xxxx
    """

    space: JetSpace
    deltas: tuple[sp.Expr, ...]
    leading: tuple[sp.Symbol, ...]
    rests: tuple[sp.Expr, ...]
    _known: dict[sp.Symbol, sp.Expr] = field(default_factory=dict[sp.Symbol, sp.Expr])
    _open: set[sp.Symbol] = field(default_factory=set[sp.Symbol])

    @classmethod
    def of(cls, space: JetSpace, sides: Sequence[tuple[sp.Expr, sp.Expr | None]]) -> Solved:
        deltas, leading, rests = list[sp.Expr](), list[sp.Symbol](), list[sp.Expr]()
        for left, right in sides:
            delta = expanded(left - (0 if right is None else right))
            deltas.append(delta)
            known = dict(zip(leading, rests, strict=True))
            if any(delta.has(symbol) for symbol in known):  # as accelerations that several equations share
                left, right = expanded(put(delta, known)), sp.S.Zero
                delta = left
            symbol, rest = _solve(space, left, right, delta, leading)
            rests = [expanded(put(one, {symbol: rest})) for one in rests]
            leading.append(symbol)
            rests.append(rest)
        solved = cls(space, tuple(deltas), tuple(leading), tuple(rests))
        for symbol in leading:
            solved.closed(symbol)
        return solved

    def passive(self) -> bool:
        """Whether equations for one function agree on the lowest derivative that both give: no more follows from them.

        >>> space = JetSpace(("t", "x"), ("u",), 2)
        >>> Solved.of(space, [(space("u_xx"), sp.S.Zero), (space("u_x"), space("u_t"))]).passive()
        False
        """
        jets = [self.space.jet_of(symbol) for symbol in self.leading]
        for (i, first), (k, other) in combinations([(n, jet) for n, jet in enumerate(jets) if jet is not None], 2):
            if first[0] != other[0]:
                continue
            both = tuple(map(max, first[1], other[1]))
            ways = [self.space.D_index(self.rests[n], less(both, jet[1])) for n, jet in ((i, first), (k, other))]
            try:
                agree = is_zero(self.substituted(ways[0]) - self.substituted(ways[1]))
            except SymmetryError:  # the substitutions pass the highest order: nothing is known
                return False
            if not agree:
                return False
        return True

    def closed(self, symbol: sp.Symbol) -> sp.Expr:
        """A jet on the solutions: itself, or an expression in derivatives that no equation is solved for."""
        if symbol in self._known:
            return self._known[symbol]
        jet, found = self.space.jet_of(symbol), self.above(symbol)
        if jet is None or found is None:
            return symbol
        at, difference = found
        if symbol in self._open or sum(jet[1]) > _HIGHEST:
            raise SymmetryError(
                f"equations whose substitutions run in a circle at {symbol}",
                "a ranking: each equation solved for a derivative that the others do not raise again",
                "solve each equation for its highest derivative by one variable, such as u_t = ...",
            )
        self._open.add(symbol)
        if sum(difference) == 0:
            expr = self.rests[at]
        else:  # one derivative of a simpler closed form
            first = next(i for i, times in enumerate(difference) if times)
            lower = self.space.symbol(jet[0], raised(jet[1], first, -1))
            expr = self.space.D(self.closed(lower), self.space.independent[first])
        self._known[symbol] = result = self.substituted(expr)
        self._open.discard(symbol)
        return result

    def substituted(self, expr: sp.Expr) -> sp.Expr:
        """The expression on the solutions, expanded."""
        replaced = {s: self.closed(s) for s in self.space.jets_in(expr)}
        replaced = {s: to for s, to in replaced.items() if s != to}
        return expanded(put(expr, replaced)) if replaced else expanded(expr)

    def above(self, symbol: sp.Symbol) -> tuple[int, Index] | None:
        """The equation of which this jet is a derivative of the leading one, and by how much."""
        jet = self.space.jet_of(symbol)
        for at, leading in enumerate(self.leading):
            first = self.space.jet_of(leading)
            if jet is not None and first is not None and jet[0] == first[0]:
                difference = less(jet[1], first[1])
                if min(difference) >= 0:
                    return at, difference
        return None


def _raised_in(space: JetSpace, left: sp.Expr, right: sp.Expr) -> bool:
    """Whether the other side holds this derivative or one of it, as u_t = u_txx does: then it does not lead."""
    low = space.jet_of(left)
    return low is not None and any(
        name == low[0] and min(less(index, low[1])) >= 0 for name, index in space.jets_in(right).values()
    )


def _solve(
    space: JetSpace, left: sp.Expr, right: sp.Expr | None, delta: sp.Expr, taken: Sequence[sp.Symbol]
) -> tuple[sp.Symbol, sp.Expr]:
    """The derivative that this equation is solved for, and what it equals."""
    jets = {s: index for s, (_, index) in space.jets_in(delta).items() if sum(index) and s not in taken}
    if right is not None and left in jets and not _raised_in(space, left, right):
        return sp.Symbol(str(left)), right
    linear = [(s, sp.diff(delta, s)) for s in jets]
    linear = [(s, sp.cancel(slope)) for s, slope in linear if expanded(sp.diff(slope, s)) == 0]
    if not linear:
        given = f"{left} = {0 if right is None else right}"
        raise SymmetryError(
            f"the equation {given}, which can be solved for no derivative",
            "a ranking: a leading derivative that stands alone and to the first power",
            "solve it for one, such as u_t = ...",
        )
    symbol, slope = min(linear, key=lambda one: (not one[1].is_number, -sum(jets[one[0]]), [-n for n in jets[one[0]]]))
    return symbol, expanded(-put(delta, {symbol: sp.S.Zero}) / slope)
