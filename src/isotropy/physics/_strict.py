"""The strict variational condition: pr v(L) + L D_i xi^i = 0."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from isotropy.physics._ansatz import Term
from isotropy.physics._conditions import Column
from isotropy.physics._expressions import expanded
from isotropy.physics._jets import JetSpace
from isotropy.physics._vector_field import VectorField


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
