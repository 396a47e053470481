"""Determining equations with other functions: evaluated at random points, decided by a gap, snapped and proved."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import sympy as sp
import torch
from numpy.typing import NDArray

from isotropy.errors import AmbiguousRankError, SymmetryError
from isotropy.linalg import nullspace, rational_nullspace
from isotropy.physics._conditions import Column, Product, expression, factors_in
from isotropy.physics._exact import Solutions
from isotropy.physics._expressions import rational, symbols_in
from isotropy.physics._leading import Solved
from isotropy.physics._zero import is_zero

Array = NDArray[np.float64]

_GAP = 1e9  # what separates rounding from coefficients
_STEP = 1e3  # a step within the part that is not null: a coefficient so small that it may be meant as zero
_LARGEST = 1000  # denominators of coefficients; determining equations have small ones
_SNAPPED = 1e-7  # how near a coefficient must be to its fraction; the gap leaves errors of about 1e-9
_CANCELS = 1e-12  # of what is added up: a whole column below it is rounding, and its solution is proved anyway
_SEED = 20


def solve_at_random(columns: Sequence[Column], solved: Solved | None) -> tuple[Solutions, float]:
    """The combinations of columns that vanish, and the gap of the spectrum that counts them.

    Raises AmbiguousRankError where the spectrum has no gap, or a small coefficient that may be meant as zero;
    SymmetryError where solutions are not rational or are refused by the symbolic check.
    """
    n = len(columns)
    matrix, sizes = _evaluated(columns, solved, 3 * n + 10)
    scale = np.linalg.norm(sizes, axis=0)  # of what is added up: a column that cancels is rounding, and stays small
    matrix[:, np.linalg.norm(matrix, axis=0) <= _CANCELS * scale] = 0.0  # else a spectrum of rounding alone has gaps
    scale[scale == 0] = 1.0
    found = nullspace(torch.from_numpy(matrix / scale), min_gap=_GAP)
    spectrum = found.spectrum[: n - found.dim]
    steps = spectrum[:-1] / spectrum[1:]
    if len(steps) and float(steps.max()) > _STEP:
        raise AmbiguousRankError(
            f"a spectrum with a step of {float(steps.max()):.1e} above the gap",
            "coefficients of comparable size",
            "write exact zeros for coefficients that are meant as zero, or scale variables so that all are near 1",
        )
    solutions = _snapped(found.basis.numpy().T / scale)
    for solution in solutions:
        if not all(vanishes(columns, solution, solved, k) for k in range(len(columns[0]))):
            raise SymmetryError(
                "a solution at random points that is none everywhere", "coefficients that are fractions"
            )
    return solutions, found.gap


def vanishes(columns: Sequence[Column], solution: Sequence[Fraction], solved: Solved | None, equation: int) -> bool:
    """Whether a combination of columns is zero as an expression."""
    terms = [rational(c) * expression(columns[j], equation) for j, c in enumerate(solution) if c]
    total = sp.Add(*terms)
    return is_zero(total if solved is None else solved.substituted(total))


def _evaluated(columns: Sequence[Column], solved: Solved | None, count: int) -> tuple[Array, Array]:
    """The columns at random points of the jet space, or of the solutions: (equations * count, n), finite rows only.

    Beside them the same sums with absolute values.
    """
    factors = sorted(factors_in(columns), key=str)
    symbols = set(symbols_in(*factors))
    closed = {} if solved is None else {s: form for s in symbols if (form := solved.closed(s)) != s}
    free = sorted((symbols | set(symbols_in(*closed.values()))) - set(closed), key=str)
    # Positive points: there roots and logarithms are real; small ones among them, where sqrt(1 - v^2) is.
    points = np.random.default_rng(_SEED).uniform(0.3, 1.7, (len(free), 4 * count))
    points = points * np.repeat([1.0, 0.5, 0.25, 0.12], count)
    with np.errstate(all="ignore"):
        at = dict(zip(free, points, strict=True))
        at |= zip(closed, _all_at([*closed.values()], free, points), strict=True)
        names = [*at]
        stacked = np.stack([at[name] for name in names]) if names else np.zeros((0, 4 * count))
        values = dict(zip(factors, _all_at(factors, names, stacked), strict=True))
        for factor, value in values.items():
            seen = np.abs(value[np.isfinite(value)])
            if seen.size and seen.max() < _CANCELS and is_zero(solved.substituted(factor) if solved else factor):
                values[factor] = value * 0.0  # zero, though not as it is written: its rounding is no coefficient
        rows = np.array([[_total(products, values, 4 * count) for products in column] for column in columns])
    good = np.isfinite(rows).all(axis=(0, 1, 2))
    if int(good.sum()) < count:
        raise SymmetryError(
            "a formula that is real at few positive points", "one that is real where variables are positive"
        )
    kept = rows[..., good][..., :count]
    matrix, sizes = (np.moveaxis(kept[:, :, part], 0, -1).reshape(-1, len(columns)) for part in (0, 1))
    return matrix, sizes


def _total(products: Sequence[Product], values: dict[sp.Expr, Array], count: int) -> Array:
    total = np.zeros((2, count))
    for sign, factors in products:
        term = sign * math.prod((values[factor] for factor in factors), start=np.ones(count))
        total = total + np.stack([term, np.abs(term)])
    return total


def _all_at(exprs: Sequence[sp.Expr], symbols: Sequence[sp.Symbol], points: Array) -> list[Array]:
    compiled = sp.lambdify(list(symbols), list(exprs), "numpy")
    return [np.broadcast_to(np.asarray(value, dtype=np.float64), points.shape[1:]) for value in compiled(*points)]


def _snapped(basis: Array) -> Solutions:
    """The span of the rows as fractions: reduced by the largest pivots, snapped, then in its one echelon form."""
    rows = np.array(basis)
    for at in range(len(rows)):
        flat = int(np.argmax(np.abs(rows[at:] / np.abs(rows).max(axis=1, keepdims=True)[at:])))
        row, column = at + flat // rows.shape[1], flat % rows.shape[1]
        rows[[at, row]] = rows[[row, at]]
        rows[at] /= rows[at, column]
        others = np.arange(len(rows)) != at
        rows[others] -= rows[others, column][:, None] * rows[at]
    exact = [[Fraction(float(v)).limit_denominator(_LARGEST) for v in row] for row in rows]
    error = max(
        (abs(float(e) - v) for es, row in zip(exact, rows, strict=True) for e, v in zip(es, row, strict=True)),
        default=0,
    )
    if error > _SNAPPED:
        hint = "scale the variables so that the coefficients become fractions"
        raise SymmetryError(
            "symmetries whose coefficients are no small fractions", f"denominators up to {_LARGEST}", hint
        )
    # Entries of one size are pivots by chance, so that signs and factors would differ from run to run.
    short = sorted(_echelon(exact), key=lambda row: (sum(1 for v in row if v), [not v for v in row]))
    return tuple(tuple(row) for row in short)  # translations first


def _echelon(rows: Sequence[Sequence[Fraction]]) -> list[Sequence[Fraction]]:
    """The reduced echelon form from the last column on: a 1 ends each row, and the others are 0 there.

    It depends on the span alone, as what is orthogonal to all that is orthogonal to the rows.
    """
    across = rows
    for _ in range(2):
        sparse = [{at: value for at, value in enumerate(row) if value} for row in across]
        across = rational_nullspace(sparse, len(rows[0]) if rows else 0)
    return list(reversed(across))
