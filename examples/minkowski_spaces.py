"""Minkowski spaces of four dimensions that a supertranslation f(theta, phi) tells apart by C_AB, exactly, at all r.

python examples/minkowski_spaces.py
"""

import sympy as sp

from isotropy.physics import Metric

u, r, p, q = sp.symbols("u r p q")  # retarded time, radius, and the sphere by stereographic projection
n = sp.Matrix([2 * p, 2 * q, p**2 + q**2 - 1]) / (1 + p**2 + q**2)  # the direction of (p, q)
sphere = Metric(sp.diag(1, 1) * 4 / (1 + p**2 + q**2) ** 2, [p, q])
flat = Metric([[-1, -1, 0, 0], [-1, 0, 0, 0], [0, 0, *(r**2 * sphere.g).row(0)], [0, 0, *(r**2 * sphere.g).row(1)]],
              [u, r, p, q])  # fmt: skip


def supertranslated(f: sp.Expr) -> tuple[sp.Matrix, sp.Matrix]:
    """C_AB = -2 D_A D_B f + gamma_AB D^2 f, and what f d_u + D^2 f / 2 d_r - D^A f / r d_A changes in the metric."""
    slope = [sp.diff(f, x) for x in (p, q)]
    second = sphere.cov(slope, "d")
    hessian = sp.Matrix(2, 2, lambda a, b: second[a, b])
    laplacian = sp.cancel((sphere.inverse * hessian).trace())
    up = sphere.inverse * sp.Matrix(slope)
    C = (-2 * hessian + sphere.g * laplacian).applyfunc(sp.cancel)
    return C, flat.lie([f, laplacian / 2, -up[0] / r, -up[1] / r]).applyfunc(sp.cancel)


for name, f in {"1": sp.Integer(1), "z": n[2], "x": n[0], "xy": n[0] * n[1], "3z^2 - 1": 3 * n[2] ** 2 - 1}.items():
    C, h = supertranslated(f)
    same = (h[2:, 2:] - r * C).applyfunc(sp.cancel).is_zero_matrix  # at every r
    at = sp.sqrt(sp.cancel((sphere.inverse * C * sphere.inverse * C).trace()).subs({p: sp.Rational(1, 2), q: 0}))
    told = "Minkowski space itself" if h.is_zero_matrix else f"another vacuum, |C| = {at} there"
    print(f"f = {name:9} {told}; r C: {same}")
