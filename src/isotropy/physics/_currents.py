"""From a symmetry of the action to its conserved current, with a certificate; and which currents say nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sympy as sp

from isotropy.errors import SymmetryError
from isotropy.physics._conditions import variation
from isotropy.physics._divergence import integrated_by_parts, potential
from isotropy.physics._expressions import expanded, put, symbols_in
from isotropy.physics._jets import Index, JetSpace, raised
from isotropy.physics._leading import Solved
from isotropy.physics._reader import read_function
from isotropy.physics._symmetries import Names, euler_lagrange, read_lagrangian
from isotropy.physics._vector_field import VectorField
from isotropy.physics._zero import is_zero


@dataclass(frozen=True, eq=False)
class Current:
    """A conserved current: ``P`` and the boundary part ``B`` by variable, D_i P^i = -Q . E(L).

    ``certificate`` says that the identity was checked, expanded, to be zero.
    """

    P: Mapping[str, sp.Expr]
    B: Mapping[str, sp.Expr]
    certificate: bool


def noether_current(L: str, v: VectorField, *, independent: Names = None, dependent: Names = None) -> Current:
    """The conserved current of the variational symmetry ``v`` of ``L``, of any order.

    ``P^i = A^i + xi^i L - B^i``, where A^i are the terms that integration by parts of pr_Q(L) leaves and
    D_i B^i = pr v(L) + L D_i xi^i; B comes from an ansatz first, then from the homotopy formula. Raises SymmetryError
    where that sum is no total divergence: then v is no symmetry of the action.
    Source: Olver, Applications of Lie Groups to Differential Equations (1993), theorem 4.29 and proposition 5.98.

    >>> space = JetSpace(("t",), ("q",), 1)
    >>> boost = VectorField(space, {}, {"q": space("t")})
    >>> current = noether_current("q_t^2/2", boost)
    >>> current.P["t"], current.B["t"], current.certificate
    (-q + q_t*t, q, True)
    """
    names = _names(v, independent, dependent)
    formula, lagrangian = read_lagrangian(L, *names)
    space = formula.space
    euler = dict(zip(space.dependent, euler_lagrange(space, lagrangian), strict=True))
    changed = variation(lagrangian, v)
    if not all(is_zero(space.euler(changed, name)) for name in space.dependent):
        raise SymmetryError(
            f"the field {v}, which is no symmetry of the action",
            "one that changes the Lagrangian by a total divergence",
            "variational_symmetries(L) lists them",
        )
    B = potential(space, changed)
    A = integrated_by_parts(space, lagrangian, v.Q)
    P = {x: expanded(A[x] + v.xi[x] * lagrangian - B[x]) for x in space.independent}
    divergence = sum((space.D(P[x], x) for x in space.independent), sp.S.Zero)
    worth = sum((v.Q[name] * euler[name] for name in space.dependent), sp.S.Zero)
    return Current(P, B, is_zero(divergence + worth))


def is_trivial(P: Mapping[str, sp.Expr | str], L: str, *, independent: Names = None, dependent: Names = None) -> bool:
    """Whether a conserved current says nothing: it vanishes on the solutions, or its divergence is zero identically.

    That is so exactly where its characteristic vanishes on the solutions. Raises SymmetryError for a current that the
    equations of ``L`` do not conserve.
    Source: Olver, Applications of Lie Groups to Differential Equations (1993), theorem 4.26.

    >>> wave = "u_t^2/2 - u_x^2/2"
    >>> is_trivial({"t": "u_x", "x": "-u_t"}, wave), is_trivial({"t": "u_t", "x": "-u_x"}, wave)
    (True, False)
    """
    formula, lagrangian = read_lagrangian(L, independent, dependent)
    space = formula.space
    solved = Solved.of(space, [(delta, sp.S.Zero) for delta in euler_lagrange(space, lagrangian)])
    components = {x: read_function(part, space) if isinstance(part, str) else part for x, part in P.items()}
    divergence = expanded(sum((space.D(part, x) for x, part in components.items()), sp.S.Zero))
    if not is_zero(solved.substituted(divergence)):
        raise SymmetryError(f"a current with the divergence {divergence}", "one that vanishes on the solutions")
    return all(is_zero(solved.substituted(Q)) for Q in characteristic(space, divergence, solved))


def characteristic(space: JetSpace, divergence: sp.Expr, solved: Solved) -> list[sp.Expr]:
    """Q with divergence = Q . Delta up to total divergences, for Delta = leading - rest, where Delta is small.

    Leading derivatives u_J are written as rest + delta, those of them as D(rest) + D(delta); the part that is linear in
    delta, integrated by parts, has Q in front of it.
    """
    offsets = [sp.Symbol(f"delta{k}") for k in range(len(solved.leading))]
    marked: dict[sp.Symbol, tuple[int, Index]] = {}

    def offset(at: int, index: Index) -> sp.Symbol:
        symbol = sp.Symbol(f"{offsets[at]}_{'_'.join(map(str, index))}")
        marked[symbol] = (at, index)
        return symbol

    def total(expr: sp.Expr, at: int) -> sp.Expr:
        moved = space.D(expr, space.independent[at])
        for symbol in [s for s in symbols_in(expr) if s in marked]:
            k, index = marked[symbol]
            moved += sp.diff(expr, symbol) * offset(k, raised(index, at))
        return moved

    def rewritten(expr: sp.Expr) -> sp.Expr:
        return put(expr, {s: replaced(s) for s in space.jets_in(expr)})

    def replaced(symbol: sp.Symbol) -> sp.Expr:
        found = solved.above(symbol)
        if found is None:
            return symbol
        at, difference = found
        expr = solved.rests[at] + offset(at, (0,) * len(space.independent))
        for i, times in enumerate(difference):
            for _ in range(times):
                expr = total(expr, i)
        return rewritten(expr)

    expr = expanded(rewritten(divergence))
    zeros = dict.fromkeys(marked, sp.S.Zero)
    parts: list[sp.Expr] = [sp.S.Zero for _ in solved.leading]
    for symbol, (at, index) in marked.items():
        slope = put(sp.diff(expr, symbol), zeros)
        parts[at] += (-1) ** sum(index) * space.D_index(slope, index)
    return parts


def _names(v: VectorField, independent: Sequence[str] | None, dependent: Sequence[str] | None) -> tuple[Names, Names]:
    """The variables: those given, else those of the field."""
    return independent or v.space.independent, dependent or v.space.dependent
