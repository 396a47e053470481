"""Surface charges of gravity: what a symmetry of a gauge theory conserves lives on surfaces of codimension two."""

from __future__ import annotations

from typing import Any

import sympy as sp

from isotropy.errors import DomainError, ShapeError
from isotropy.physics.tensor._metric import Metric, entry

VARIANTS = ("iyer-wald", "barnich-brandt")


def surface_charge(metric: Metric, h: Any, xi: Any, *, variant: str = "iyer-wald", G: sp.Expr | float = 1) -> Any:
    """The density k^{mu nu} ``(n, n)`` whose integral over a surface is the change of the charge of ``xi`` under ``h``.

    ``h (n, n)`` is a variation of the metric, ``xi (n,)`` a vector with upper index, indices are moved by the metric:
    ``k = sqrt|g| / (8 pi G) [mu nu] (xi^nu D^mu h - xi^nu D_s h^{mu s} + xi_s D^nu h^{mu s} + h D^nu xi^mu / 2 -
    h^{nu s} D_s xi^mu)``, to which "barnich-brandt" adds ``h^{nu s} (D^mu xi_s + D_s xi^mu) / 2``; both agree where xi
    is a Killing vector. Where sqrt|g| has a rational root it is the one without a sign. Any dimension.

    Raises DomainError for an unknown variant and for G that is zero or negative, ShapeError for other sizes.
    Source: Iyer and Wald, gr-qc/9403028; Barnich and Brandt, hep-th/0111246.

    >>> t, r, p, m, e = sp.symbols("t r p m e")
    >>> cone = Metric(sp.diag(-m, 1 / m, r**2), [t, r, p])
    >>> h = sp.Matrix(3, 3, lambda i, j: sp.diff(cone.g[i, j], m))
    >>> sp.simplify(surface_charge(cone, h, [1, 0, 0])[0, 1])
    -1/(16*pi)
    """
    if variant not in VARIANTS:
        raise DomainError(f"variant={variant!r}", " or ".join(map(repr, VARIANTS)))
    if sp.sympify(G).is_positive is False:
        raise DomainError(f"G={G}", "a positive constant")
    n = metric.n
    h_low, v = sp.Matrix(h), sp.Matrix(sp.Array(xi).tolist() if not isinstance(xi, sp.MatrixBase) else xi)
    if h_low.shape != (n, n) or v.shape != (n, 1):
        raise ShapeError(f"h of shape {h_low.shape} and xi of shape {v.shape}", f"({n}, {n}) and ({n},)")
    bracket = _bracket(metric, h_low, v, variant)
    return sp.Matrix(n, n, lambda i, j: _root(metric) / (16 * sp.pi * G) * bracket[int(i), int(j)])


def _bracket(metric: Metric, h_low: sp.Matrix, v: sp.Matrix, variant: str) -> sp.Matrix:
    """Twice the antisymmetric part of the bracket, without prefactors."""
    n, span = metric.n, range(metric.n)
    home = metric.field.joined([*h_low.flat(), *v.flat()], 1)
    zero = home.zero
    up = [[home.move(metric.inverse_components[i, j]) for j in span] for i in span]
    g = [[home.move(metric.components[i, j]) for j in span] for i in span]
    gamma = {key: home.move(value) for key, value in metric.gamma.items()}
    h = [[home.lift(entry(h_low, i, j)) for j in span] for i in span]
    xi = [home.lift(entry(v, i, 0)) for i in span]

    def dot(a: Any, b: Any) -> Any:
        return sum((x * y for x, y in zip(a, b, strict=True) if x and y), zero)

    mixed = [[dot(up[a], [h[s][b] for s in span]) for b in span] for a in span]  # h^a_b
    h_up = [[dot(mixed[a], up[b]) for b in span] for a in span]
    trace = sum((mixed[a][a] for a in span), zero)
    xi_low = [dot(g[a], xi) for a in span]
    Dh = [[[home.diff(h_up[a][b], c) for c in span] for b in span] for a in span]  # D_c h^ab
    Dxi = [[home.diff(xi[a], c) for c in span] for a in span]  # D_c xi^a
    for (a, c, e), value in gamma.items():
        Dxi[a][c] = Dxi[a][c] + value * xi[e]
        for b in span:
            term = value * h_up[e][b]
            Dh[a][b][c] = Dh[a][b][c] + term
            Dh[b][a][c] = Dh[b][a][c] + term  # twice where a is b
    d_trace = [home.diff(trace, c) for c in span]

    def term(mu: int, nu: int) -> Any:
        total = xi[nu] * dot(up[mu], d_trace) - xi[nu] * sum((Dh[mu][s][s] for s in span), zero)
        total += sum((xi_low[s] * dot(up[nu], Dh[mu][s]) for s in span if xi_low[s]), zero)
        total += trace * dot(up[nu], Dxi[mu]) / 2 - dot(h_up[nu], Dxi[mu])
        if variant == "barnich-brandt":
            # h^{nu s} D^mu xi_s is h^nu_s D^mu xi^s.
            total += dot(h_up[nu], Dxi[mu]) / 2
            total += sum((mixed[nu][s] * dot(up[mu], Dxi[s]) for s in span), zero) / 2
        return total

    half = [[term(mu, nu) if mu != nu else zero for nu in span] for mu in span]
    return sp.Matrix(n, n, lambda i, j: home.expr(half[int(i)][int(j)] - half[int(j)][int(i)]))


def _root(metric: Metric) -> sp.Expr:
    """sqrt|g|, rational where det g is plus or minus a square."""
    det = metric.determinant_element
    constant, root = sp.S.One, sp.S.One
    for part, sign in ((det.numer, 1), (det.denom, -1)):
        content, factors = part.sqf_list()
        constant *= sp.Rational(str(content)) ** sign
        for factor, power in factors:
            expr = metric.field.expr(metric.field.lift(factor.as_expr()))
            root *= expr ** (sign * power // 2) if power % 2 == 0 else sp.sqrt(sp.Abs(expr)) ** (sign * power)
    return sp.sqrt(sp.Abs(constant)) * root
