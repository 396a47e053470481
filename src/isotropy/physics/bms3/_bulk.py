"""BMS3 in the bulk, as formulas: the general solution, its symmetries at all r, and charges from scri alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import sympy as sp

from isotropy.errors import DomainError
from isotropy.physics.tensor import Metric

U, R, PHI = sp.symbols("u r phi", positive=True)
"""The coordinates of Bondi: retarded (or advanced) time, radius, angle."""

Parameters = tuple[sp.Expr, sp.Expr]
"""A supertranslation T(phi) and a superrotation Y(phi)."""


def general_solution(theta: sp.Expr, xi: sp.Expr, *, past: bool = False) -> Metric:
    """``Theta du^2 - 2 du dr + 2 (Xi + u Theta' / 2) du dphi + r^2 dphi^2``; + 2 dv dr at past null infinity.

    >>> general_solution(sp.Function("Theta")(PHI), sp.Function("Xi")(PHI)).ricci.is_zero_matrix
    True
    """
    one, cross = sp.Integer(1 if past else -1), xi + U / 2 * sp.diff(theta, PHI)
    return Metric([[theta, one, cross], [one, 0, 0], [cross, 0, R**2]], [U, R, PHI])


def asymptotic_killing(T: sp.Expr, Y: sp.Expr, theta: sp.Expr, xi: sp.Expr) -> tuple[sp.Expr, sp.Expr, sp.Expr]:
    """The vector field of T and Y, which moves solutions to solutions at all r:
    ``f d_u + (-r Y' + f'' - f' (Xi + u Theta' / 2) / r) d_r + (Y - f' / r) d_phi`` with ``f = T + u Y'``.
    """
    f = T + U * sp.diff(Y, PHI)
    slope = sp.diff(f, PHI)
    radial = -R * sp.diff(Y, PHI) + sp.diff(f, PHI, 2) - slope / R * (xi + U / 2 * sp.diff(theta, PHI))
    return f, radial, Y - slope / R


def aspects_variation(T: sp.Expr, Y: sp.Expr, theta: sp.Expr, xi: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """The changes of Theta and Xi; the second is the dual part of the first, d/de of Theta + 2 e Xi, Y + e T."""
    e = sp.Dummy("e")
    mass = _mass(Y + e * T, theta + 2 * e * xi)
    return _mass(Y, theta), sp.expand(sp.diff(mass, e).subs(e, 0) / 2)


def _mass(Y: sp.Expr, theta: sp.Expr) -> sp.Expr:
    return sp.expand(Y * sp.diff(theta, PHI) + 2 * sp.diff(Y, PHI) * theta - 2 * sp.diff(Y, PHI, 3))


def parameter_bracket(first: Parameters, second: Parameters) -> Parameters:
    """``Y = Y1 Y2' - Y2 Y1'`` and its dual part, ``T = Y1 T2' - T2 Y1' + T1 Y2' - Y2 T1'``."""
    (T1, Y1), (T2, Y2) = first, second

    def bracket(a: sp.Expr, b: sp.Expr) -> sp.Expr:
        return a * sp.diff(b, PHI) - b * sp.diff(a, PHI)

    return sp.expand(bracket(Y1, T2) + bracket(T1, Y2)), sp.expand(bracket(Y1, Y2))


def modified_bracket(
    first: Parameters, second: Parameters, theta: sp.Expr, xi: sp.Expr
) -> tuple[sp.Expr, sp.Expr, sp.Expr]:
    """``[xi1, xi2] - delta_1 xi2 + delta_2 xi1``: the bulk vectors depend on the solution, which they move.

    ``theta`` and ``xi`` are functions such as Theta(phi). The result is `asymptotic_killing` of `parameter_bracket`.
    Source: Barnich and Troessaert, 1001.1541.
    """
    one, other = asymptotic_killing(*first, theta, xi), asymptotic_killing(*second, theta, xi)
    coords, e = (U, R, PHI), sp.Dummy("e")

    def moved(vector: Sequence[sp.Expr], by: Parameters) -> list[sp.Expr]:
        dtheta, dxi = aspects_variation(*by, theta, xi)
        change: dict[Any, Any] = {theta: theta + e * dtheta, xi: xi + e * dxi}
        return [sp.diff(part.subs(change).doit(), e).subs(e, 0) for part in vector]

    lie = [
        sum((one[k] * sp.diff(other[i], x) - other[k] * sp.diff(one[i], x) for k, x in enumerate(coords)), sp.S.Zero)
        for i in range(3)
    ]
    mine, theirs = moved(other, first), moved(one, second)
    a, b, c = (sp.expand(lie[i] - mine[i] + theirs[i]) for i in range(3))
    return a, b, c


def conformal_completion(theta: sp.Expr, xi: sp.Expr) -> Metric:
    """The metric ``Omega^2 g`` in (u, Omega, phi), Omega = 1/r, which reaches scri at Omega = 0."""
    omega = sp.Symbol("Omega", positive=True)
    cross = omega**2 * (xi + U / 2 * sp.diff(theta, PHI))
    return Metric([[omega**2 * theta, 1, cross], [1, 0, 0], [cross, 0, 1]], [U, omega, PHI])


def charge_from_conformal_data(gh: Metric, Omega: sp.Symbol, xi: Sequence[sp.Expr | int], *, G: Any = 1) -> sp.Expr:
    """The density of the charge of ``xi`` along a cut of scri, from the unphysical Schouten tensor alone.

    ``gh`` is the completed metric of dimension 3, one of its coordinates is the defining function ``Omega``; the last
    of the others is the angle along the cut, the first labels cuts. With n = grad Omega, the null vector l across the
    cut (l.n = 1) and S the Schouten tensor, the density is ``S(xi, l) sqrt(gh(e, e)) / (8 pi G)``. Every object is a
    tensor at scri. It is a function of the coordinates of the cut and equals ``(T Theta + 2 Y Xi) / (16 pi G)`` up to a
    derivative along the cut. Raises DomainError where Omega is no coordinate and unless n is null and constant at scri.
    Source: Schoeller, 2003.07243.
    """
    if gh.n != 3 or Omega not in gh.coords:
        raise DomainError(f"Omega={Omega} of {gh.n} coordinates", f"one of three, {gh.coords}")
    at = gh.coords.index(Omega)
    time, angle = (i for i in range(3) if i != at)

    def scri(expr: Any) -> sp.Expr:
        return cast(sp.Expr, sp.cancel(sp.sympify(expr)).subs(Omega, 0))

    up = gh.inverse
    gradient = [sp.Integer(int(i == at)) for i in range(3)]
    if scri(up[at, at]) != 0 or any(scri(one) != 0 for one in sp.flatten(gh.cov(gradient, "d"))):
        raise DomainError("a frame in which n is not null and constant at scri", "a Bondi frame: D_a n_b = 0 there")
    low: list[sp.Expr] = [sp.S.Zero] * 3
    low[time] = 1 / scri(up[time, at])
    low[at] = -scri(up[time, time]) * low[time] ** 2 / 2
    across = [sum((scri(up[b, c]) * low[c] for c in range(3)), sp.S.Zero) for b in range(3)]
    S = gh.schouten
    total = sum(
        (scri(S[a, b]) * scri(xi[a]) * across[b] for a in range(3) for b in range(3) if across[b] != 0), sp.S.Zero
    )
    return sp.expand(total * sp.sqrt(scri(gh.g[angle, angle])) / (8 * sp.pi * G))
