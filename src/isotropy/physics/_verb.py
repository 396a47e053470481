"""The question as a person asks it: every symmetry of a formula, which belong to the action, what each conserves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from isotropy.errors import SchemaError, SymmetryError
from isotropy.groups import LieAlgebra
from isotropy.linalg import independent_rows
from isotropy.physics._ansatz import Ansatz
from isotropy.physics._closure import coordinates, spanned
from isotropy.physics._currents import noether_current
from isotropy.physics._jets import JetSpace
from isotropy.physics._reader import read_formulas
from isotropy.physics._result import Generator, Symmetries
from isotropy.physics._symmetries import (
    MAX_UNKNOWNS,
    Names,
    euler_lagrange,
    point_symmetries,
    variational_symmetries,
)
from isotropy.physics._vector_field import VectorField


def symmetries(
    formula: str,
    *,
    independent: Names = None,
    dependent: Names = None,
    ansatz: int | Ansatz = 2,
    max_unknowns: int = MAX_UNKNOWNS,
) -> Symmetries:
    """Every symmetry of an equation, a system or a Lagrangian (a text without "=") in an ansatz, ready to be reported.

    Of a Lagrangian: the symmetries of its equations, those of its action first, each with its conserved current.
    Raises as ``point_symmetries`` and ``variational_symmetries`` do.

    >>> found = symmetries("q_t^2/2 - 1/(2*q^2)")
    >>> found.dimension, [row.variational for row in found.basis], found.basis[0].current
    (3, [True, True, True], {'t': '-q_t**2/2 - 1/(2*q**2)'})
    """
    read = read_formulas(formula, independent, dependent)
    sought = Ansatz(ansatz).words if isinstance(ansatz, int) else ansatz.words
    equations = all(right is not None for _, right in read.sides)
    algebra = (point_symmetries if equations else variational_symmetries)(
        formula, independent=independent, dependent=dependent, ansatz=ansatz, max_unknowns=max_unknowns
    )
    if equations:
        return _told(formula, algebra, None, sought)
    of_action = algebra.dim
    try:
        whole = _of_equations(read.space, formula, ansatz, max_unknowns)
    except SymmetryError as error:
        note = f"{algebra.note} Of the equations themselves nothing was found: {error.given}."
        return replace(_told(formula, replace(algebra, note=note), of_action, sought), of_equations=False)
    return _told(formula, _completed(algebra, whole), of_action, sought)


def _of_equations(space: JetSpace, formula: str, ansatz: int | Ansatz, max_unknowns: int) -> LieAlgebra:
    """The symmetries of the equations of a Lagrangian."""
    lagrangian = read_formulas(formula, space.independent, space.dependent).sides[0][0]
    equations = [f"{delta} = 0" for delta in euler_lagrange(space, lagrangian) if delta != 0]
    return point_symmetries(
        equations,
        independent=space.independent,
        dependent=space.dependent,
        ansatz=ansatz,
        max_unknowns=max_unknowns,
    )


def _completed(action: LieAlgebra, equations: LieAlgebra) -> LieAlgebra:
    """The algebra of the equations in a basis that begins with that of the action."""
    ours: Sequence[VectorField] = action.realisation or ()
    theirs: Sequence[VectorField] = equations.realisation or ()
    known = [coordinates(theirs, field.components) for field in ours]
    if any(one is None for one in known):
        raise SchemaError("symmetries of the action that are none of the equations", "a wider ansatz for the equations")
    k = len(theirs)
    rows = [{i: value for i, value in enumerate(one or ()) if value} for one in known] + [{i: 1} for i in range(k)]
    chosen = [at - len(ours) for at in independent_rows(rows, k) if at >= len(ours)]
    fields = [*ours, *(theirs[i] for i in chosen)]
    found = spanned(fields, False, min(action.gap, equations.gap), "")
    return replace(found, note=equations.note, complete=equations.complete)


def _told(formula: str, algebra: LieAlgebra, of_action: int | None, sought: str) -> Symmetries:
    fields: Sequence[VectorField] = algebra.realisation or ()
    rows: list[Generator] = []
    for number, field in enumerate(fields):
        variational = None if of_action is None else number < of_action
        current = noether_current(formula, field) if variational else None
        rows.append(
            Generator(
                xi={x: str(expr) for x, expr in field.xi.items()},
                phi={u: str(expr) for u, expr in field.phi.items()},
                variational=variational,
                current=None if current is None else {x: str(expr) for x, expr in current.P.items()},
                certificate=None if current is None else current.certificate,
            )
        )
    closed = algebra.is_closed()
    exact = algebra.rational if closed and algebra.rational is not None else None
    flags = {name: getattr(algebra, name) if closed else None for name in ("solvable", "nilpotent", "semisimple")}
    levi = {"semisimple": algebra.levi.semisimple, "radical": algebra.levi.radical} if closed else None
    return Symmetries(
        formula=formula,
        dimension=algebra.dim,
        basis=tuple(rows),
        structure=None if exact is None else tuple(tuple(tuple(map(str, row)) for row in rows) for rows in exact),
        flags=flags,
        levi=levi,
        note=algebra.note,
        sought=sought,
    )
