"""The Lie algebra that fields span: brackets, exact structure constants, and what a larger ansatz may add."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
import sympy as sp
import torch

from isotropy.groups import LieAlgebra
from isotropy.physics._exact import Solutions
from isotropy.physics._expressions import combination, expanded, rational, symbols_in, terms_of
from isotropy.physics._jets import JetSpace
from isotropy.physics._vector_field import VectorField
from isotropy.physics._zero import is_zero

Components = list[sp.Expr]
_Bracket = Callable[[VectorField, VectorField], Components]

_FITS = 1e-9  # residual of a bracket at random points, relative to its size; outside the span it is near 1
_LARGEST = 1000


def bracket(v: VectorField, w: VectorField) -> Components:
    """The components of [v, w]: v(w) - w(v)."""
    return [
        expanded(
            sum(
                (
                    a * sp.diff(q, z) - b * sp.diff(p, z)
                    for a, b, z in zip(v.components, w.components, v.space.base, strict=True)
                ),
                sp.S.Zero,
            )
        )
        for p, q in zip(v.components, w.components, strict=True)
    ]


def generalised_bracket(on_solutions: Callable[[sp.Expr], sp.Expr]) -> _Bracket:
    """The bracket of characteristics, pr_Q(R) - pr_R(Q), on the solutions (Olver, proposition 5.15)."""

    def both(v: VectorField, w: VectorField) -> Components:
        zeros: Components = [sp.S.Zero for _ in v.space.independent]
        moved = (_along(v, w.Q[name]) - _along(w, v.Q[name]) for name in v.space.dependent)
        return [*zeros, *(on_solutions(expr) for expr in moved)]

    return both


def _along(v: VectorField, expr: sp.Expr) -> sp.Expr:
    jets = v.space.jets_in(expr)
    return sum((v.space.D_index(v.Q[name], index) * sp.diff(expr, s) for s, (name, index) in jets.items()), sp.S.Zero)


def spanned(
    fields: Sequence[VectorField], touches: bool, gap: float, ansatz: str, between: _Bracket = bracket, remark: str = ""
) -> LieAlgebra:
    """The algebra of ``fields``; where a bracket leaves their span its constants are NaN and ``complete`` is False.

    Elsewhere ``complete`` is None: no ansatz proves that there is nothing outside it. ``remark`` ends the note.
    """
    k = len(fields)
    constants = [[[Fraction(0)] * k for _ in range(k)] for _ in range(k)]
    closed = True
    for i in range(k):
        for j in range(i):
            target = between(fields[i], fields[j])
            found = coordinates(fields, target)
            if found is None:
                closed = False
                continue
            constants[i][j], constants[j][i] = found, [-value for value in found]
    if not closed:
        note = f"Brackets of these fields leave {ansatz}: a larger ansatz holds more, perhaps without end.{remark}"
        nan = torch.full((k, k, k), math.nan, dtype=torch.float64)
        return LieAlgebra(nan, nan, gap, realisation=tuple(fields), complete=False, note=note)
    note = f"All symmetries in {ansatz}."
    if touches:
        note += " Some reach its highest degree: a larger ansatz may hold more."
    # Closed is not complete: q'' = -q has two symmetries in polynomials, a closed algebra, and eight in all.
    return LieAlgebra.abstract(constants, realisation=tuple(fields), gap=gap, complete=None, note=note + remark)


def coordinates(fields: Sequence[VectorField], target: Components) -> list[Fraction] | None:
    """The exact coordinates of a field in independent fields; None outside their span."""
    if all(expr == 0 for expr in target):
        return [Fraction(0)] * len(fields)
    solution = _by_terms(fields, target)
    return solution if solution is not None else _by_values(fields, target)


def _by_terms(fields: Sequence[VectorField], target: Components) -> list[Fraction] | None:
    """Terms compared as they are written: right whenever it answers, and enough for polynomials."""
    return combination([_terms(field.components) for field in fields], _terms(target))


def _terms(components: Components) -> dict[tuple[int, sp.Expr], Fraction]:
    return {(number, term): value for number, expr in enumerate(components) for term, value in terms_of(expr).items()}


def _by_values(fields: Sequence[VectorField], target: Components) -> list[Fraction] | None:
    """Values compared at random points, the fractions then proved: for functions with identities among them."""
    columns = [*(field.components for field in fields), target]
    if all(expr.is_polynomial() for column in columns for expr in column):
        return None
    symbols = symbols_in(*(expr for column in columns for expr in column))
    points = np.random.default_rng(0).uniform(0.3, 1.7, (len(symbols), 2 * len(fields) + 10))
    compiled = sp.lambdify(symbols, columns, "numpy")(*points)
    values = np.array([[np.broadcast_to(value, points.shape[1:]) for value in column] for column in compiled])
    values = values.reshape(len(columns), -1).T
    found, *_ = np.linalg.lstsq(values[:, :-1], values[:, -1], rcond=None)
    if np.linalg.norm(values[:, :-1] @ found - values[:, -1]) > _FITS * np.linalg.norm(values[:, -1]):
        return None
    exact = [Fraction(float(value)).limit_denominator(_LARGEST) for value in found]
    for number, expr in enumerate(target):
        combined = sum(
            (rational(c) * f.components[number] for c, f in zip(exact, fields, strict=True)),
            sp.S.Zero,
        )
        if not is_zero(combined - expr):
            return None
    return exact


def fields_of(
    space: JetSpace, solutions: Solutions, terms: Sequence[tuple[str, sp.Expr, bool]]
) -> tuple[list[VectorField], bool]:
    """The fields with these coefficients, and whether some reach the top of the ansatz."""
    fields: list[VectorField] = []
    touches = False
    for solution in solutions:
        components: dict[str, sp.Expr] = {}
        for value, (name, function, top) in zip(solution, terms, strict=True):
            if value:
                touches = touches or top
                term = rational(value) * function
                components[name] = components.get(name, sp.S.Zero) + term
        fields.append(VectorField(space, components, components))
    return fields, touches
