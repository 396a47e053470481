"""Total divergences: the terms of integration by parts, and B with D_i B^i = f."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import sympy as sp

from isotropy.errors import SymmetryError
from isotropy.physics._expressions import combination, expanded, powers_in, put, rational, terms_of
from isotropy.physics._jets import JetSpace, raised
from isotropy.physics._zero import is_zero

Parts = dict[str, sp.Expr]

_ROUNDS = 4  # candidates of candidates; each round lowers an order or raises a power by one
_CANDIDATES = 600


def integrated_by_parts(space: JetSpace, f: sp.Expr, Q: Mapping[str, sp.Expr]) -> Parts:
    """A^i with pr_Q(f) = Q . E(f) + D_i A^i, moving one derivative at a time.

    ``Q_J g -> D_i (Q_{J-i} g) - Q_{J-i} D_i g``.
    """
    parts: Parts = dict.fromkeys(space.independent, sp.S.Zero)
    for symbol, (name, index) in space.jets_in(f).items():
        slope, left = sp.diff(f, symbol), list(index)
        while any(left):
            at = next(i for i, times in enumerate(left) if times)
            left[at] -= 1
            parts[space.independent[at]] += space.D_index(Q[name], tuple(left)) * slope
            slope = -space.D(slope, space.independent[at])
    return {x: expanded(part) for x, part in parts.items()}


def potential(space: JetSpace, f: sp.Expr) -> Parts:
    """B^i with D_i B^i = f, for a total divergence f: by an ansatz, else by the homotopy formula."""
    if is_zero(f):
        return dict.fromkeys(space.independent, sp.S.Zero)
    for found in (_by_ansatz(space, f), _by_homotopy(space, f)):
        if found is not None and is_zero(sum((space.D(b, x) for x, b in found.items()), -f)):
            return found
    raise SymmetryError(
        f"the total divergence {f}", "one whose integral is found by the ansatz or the homotopy formula"
    )


def _by_ansatz(space: JetSpace, f: sp.Expr) -> Parts | None:
    """B as a combination of the antiderivatives of single terms, and of terms that those bring along."""
    candidates: dict[tuple[str, sp.Expr], dict[sp.Expr, Fraction]] = {}
    lowest = _lowest(f)
    goal, terms = _coefficients(f, lowest), [*terms_of(expanded(f))]
    for _ in range(_ROUNDS):
        fresh: set[sp.Expr] = set()
        for term in terms:
            for at, x in enumerate(space.independent):
                for made in _antiderivatives(space, term, at):
                    if (x, made) not in candidates and len(candidates) < _CANDIDATES:
                        moved = space.D(made, x)
                        candidates[x, made] = _coefficients(moved, lowest)
                        fresh |= set(terms_of(expanded(moved)))
        found = combination([*candidates.values()], goal)
        if found is not None:
            parts = [(x, rational(c) * made) for (x, made), c in zip(candidates, found, strict=True) if c]
            return {x: sum((part for name, part in parts if name == x), sp.S.Zero) for x in space.independent}
        terms = sorted(fresh, key=str)
    return None


def _antiderivatives(space: JetSpace, term: sp.Expr, at: int) -> list[sp.Expr]:
    """What may have this term in its derivative by a variable: a factor of it, or the variable, integrated."""
    variable = sp.Symbol(space.independent[at])
    made = [sp.integrate(term, variable)] if term.has(variable) and term.is_polynomial(variable) else [term * variable]
    for symbol, (name, index) in space.jets_in(term).items():
        if index[at]:
            lower = space.symbol(name, raised(index, at, -1))
            factor = term / symbol
            made.append(factor * lower)
            made += _integrals(factor, lower)
    return [key for one in made for key in terms_of(expanded(one))]


def _integrals(factor: sp.Expr, by: sp.Symbol) -> list[sp.Expr]:
    """Antiderivatives of a factor, or what may be one: a power of something is the derivative of the next power."""
    if factor.is_rational_function(by):
        return [sp.integrate(factor, by)]
    powers = [power for power in powers_in(factor) if power.base.has(by)]
    higher = [factor / power.whole * power.base ** (power.exponent + 1) / by for power in powers]
    return [factor * by, *higher, *([factor / sp.diff(factor, by) * factor] if factor.has(sp.exp) else [])]


def _lowest(f: sp.Expr) -> dict[sp.Expr, sp.Expr]:
    """The least power of each sum, less one for the derivative of a candidate."""
    least: dict[sp.Expr, sp.Expr] = {}
    for power in powers_in(f):
        if isinstance(power.base, sp.Add) and power.exponent.is_Rational:
            least[power.base] = sp.Min(least.get(power.base, power.exponent), power.exponent)
    return {base: exponent - 1 for base, exponent in least.items()}


def _coefficients(expr: sp.Expr, lowest: Mapping[sp.Expr, sp.Expr]) -> dict[sp.Expr, Fraction]:
    """Terms and their coefficients, powers of one sum brought to one power so that r^2 / r^3 is 1 / r."""
    expr = expanded(expr)
    lowered: dict[sp.Expr, sp.Expr] = {}
    for power in powers_in(expr):
        if power.base in lowest:
            steps = power.exponent - lowest[power.base]
            if steps.is_Integer and 0 < int(steps) <= 2 * _ROUNDS:
                whole = power.base ** lowest[power.base]
                lowered[power.whole] = sp.Add(
                    *(term * whole for term in expanded(power.base**steps).as_ordered_terms())
                )
    return terms_of(expanded(put(expr, lowered)))


def _by_homotopy(space: JetSpace, f: sp.Expr) -> Parts | None:
    """B = int_0^1 A[u - u0](f) at u0 + s (u - u0) ds, from u0 = 0 or, where that is singular, from u0 = 1.

    Source: Olver (1993), equation 5.151, with a shifted base point.
    """
    s = sp.Symbol("homotopy", positive=True)
    functions = space.dependent
    for base in (0, 1):
        start = {space.symbol(*jet): sp.Integer(base if not any(jet[1]) else 0) for jet in space.jets_in(f).values()}
        start |= {sp.Symbol(name): sp.Integer(base) for name in functions}
        at_start = put(f, start)
        if at_start.has(sp.nan, sp.zoo, sp.oo):
            continue
        parts = integrated_by_parts(space, f, {name: sp.Symbol(name) - base for name in functions})
        result: Parts = {}
        for x, part in parts.items():
            jets = space.jets_in(part)
            path = {
                symbol: start.get(symbol, sp.S.Zero) + s * (symbol - start.get(symbol, sp.S.Zero)) for symbol in jets
            }
            along = expanded(put(part, path))
            if any(not power.exponent.is_Integer and power.base.has(s) for power in powers_in(along)):
                return None  # integrals of roots, with the other variables as parameters, may take for ever
            result[x] = sp.integrate(along, (s, 0, 1))
        first = space.independent[0]
        result[first] += sp.integrate(at_start, sp.Symbol(first))
        if not any(part.has(sp.Integral, sp.nan, sp.zoo, sp.oo) for part in result.values()):
            return {x: expanded(part) for x, part in result.items()}
    return None
