"""Metrics, exact and at points, against what is known of them; surface charges in three and four dimensions."""

from __future__ import annotations

import time
from itertools import product
from typing import Any

import pytest
import sympy as sp
import torch

from isotropy.errors import DomainError, ShapeError
from isotropy.physics import Metric, NumericMetric, surface_charge

u, r, phi, t, x, M, a, G = sp.symbols("u r phi t x M a G", positive=True)


def fields(*names: str) -> list[Any]:
    return [sp.Function(name)(phi) for name in names]


Theta, Xi, T, Y = fields("Theta", "Xi", "T", "Y")


def bondi(theta: Any, xi: Any, sign: int = -1) -> Any:
    """The general solution at future null infinity (sign -1, u retarded) or past (sign +1, u advanced)."""
    N = xi + u / 2 * sp.diff(theta, phi)
    return sp.Matrix([[theta, sign, N], [sign, 0, 0], [N, 0, r**2]])


def asymptotic(theta: Any, xi: Any) -> list[Any]:
    f = T + u * Y.diff(phi)
    N = xi + u / 2 * sp.diff(theta, phi)
    return [f, -r * Y.diff(phi) + f.diff(phi, 2) - f.diff(phi) / r * N, Y - f.diff(phi) / r]


def varied(schwarzian: Any = 2) -> tuple[Any, Any]:
    dTheta = Y * Theta.diff(phi) + 2 * Y.diff(phi) * Theta - schwarzian * Y.diff(phi, 3)
    return dTheta, (
        Y * Xi.diff(phi) + 2 * Y.diff(phi) * Xi + T * Theta.diff(phi) / 2 + T.diff(phi) * Theta - T.diff(phi, 3)
    )


def kerr(mass: Any = M, spin: Any = a) -> sp.Matrix:
    """Boyer and Lindquist's metric in (t, r, x = cos(theta), phi)."""
    S, D, W = r**2 + spin**2 * x**2, r**2 - 2 * mass * r + spin**2, 1 - x**2
    cross = -2 * mass * spin * r * W / S
    last = W * (r**2 + spin**2 + 2 * mass * spin**2 * r * W / S)
    return sp.Matrix([[-(1 - 2 * mass * r / S), 0, 0, cross], [0, S / D, 0, 0], [0, 0, S / W, 0], [cross, 0, 0, last]])


@pytest.mark.parametrize("sign", [-1, 1], ids=["future", "past"])
def test_the_general_solution_is_flat(sign: int) -> None:
    g = Metric(bondi(Theta, Xi, sign), [u, r, phi])
    assert g.ricci == sp.zeros(3, 3)
    assert set(sp.flatten(g.riemann)) == {0}  # in three dimensions both say the same


def test_what_is_not_a_solution_is_not_flat() -> None:
    wrong = bondi(Theta, Xi)
    wrong[0, 2] = wrong[2, 0] = Xi + u * sp.Rational(101, 200) * Theta.diff(phi)
    assert Metric(wrong, [u, r, phi]).ricci != sp.zeros(3, 3)


def test_asymptotic_killing_vectors_move_solutions_to_solutions_at_all_r() -> None:
    moved = Metric(bondi(Theta, Xi), [u, r, phi]).lie(asymptotic(Theta, Xi))

    def change(dTheta: Any, dXi: Any) -> sp.Matrix:
        N = dXi + u / 2 * sp.diff(dTheta, phi)
        return sp.Matrix([[dTheta, 0, N], [0, 0, 0], [N, 0, 0]])

    assert (moved - change(*varied())).applyfunc(sp.expand) == sp.zeros(3, 3)
    assert (moved - change(*varied(sp.Rational(202, 100)))).applyfunc(sp.expand) != sp.zeros(3, 3)
    assert (moved - change(*varied(-2))).applyfunc(sp.expand) != sp.zeros(3, 3)


def test_both_charges_of_an_asymptotic_symmetry_are_those_of_the_formula() -> None:
    """16 pi G k^{ur} = T dTheta + 2 Y dXi and a derivative by phi, whatever r is."""
    hTheta, hXi = fields("hTheta", "hXi")
    h = bondi(hTheta, hXi, 0)
    h[2, 2] = 0
    g = Metric(bondi(Theta, Xi), [u, r, phi])
    k = [surface_charge(g, h, asymptotic(Theta, Xi), variant=v, G=G)[0, 1] for v in ("iyer-wald", "barnich-brandt")]
    assert sp.expand(k[0] - k[1]) == 0
    rest = sp.expand(16 * sp.pi * G * k[0] - T * hTheta - 2 * Y * hXi)
    assert rest != 0
    for name in (Theta, Xi, T, Y, hTheta, hXi):  # a total derivative has no Euler-Lagrange equations
        euler = sum((-1) ** n * sp.diff(sp.diff(rest, name.diff(phi, n) if n else name), phi, n) for n in range(6))
        assert sp.expand(euler) == 0


def test_the_mass_of_schwarzschild_is_its_charge_in_four_dimensions() -> None:
    F = 1 - 2 * G * M / r
    g = Metric(sp.diag(-F, 1 / F, r**2 / (1 - x**2), r**2 * (1 - x**2)), [t, r, x, phi])
    h = g.g.applyfunc(lambda entry: sp.diff(entry, M))
    k = surface_charge(g, h, [1, 0, 0, 0], G=G)
    assert (k + k.T).applyfunc(sp.cancel) == sp.zeros(4, 4)
    assert sp.simplify(4 * sp.pi * k[0, 1]) == 1  # over the sphere, where x has length 2 and phi 2 pi
    assert sp.simplify(k[0, 1] - surface_charge(g, h, [1, 0, 0, 0], variant="barnich-brandt", G=G)[0, 1]) == 0


def test_kerr_is_a_vacuum_in_seconds() -> None:
    start = time.process_time()
    assert Metric(kerr(), [t, r, x, phi]).ricci == sp.zeros(4, 4)
    assert time.process_time() - start < 10


def kerr_in_torch(point: torch.Tensor, sign: float = 1.0) -> torch.Tensor:
    _, R, X, _ = point
    m, spin = 1.0, 0.6
    S, D, W = R**2 + spin**2 * X**2, R**2 - 2 * m * R + spin**2, 1 - X**2
    o, cross = torch.zeros_like(R), -sign * 2 * m * spin * R * W / S
    last = W * (R**2 + spin**2 + sign * 2 * m * spin**2 * R * W / S)
    rows = [[2 * m * R / S - 1, o, o, cross], [o, S / D, o, o], [o, o, S / W, o], [cross, o, o, last]]
    return torch.stack([torch.stack(row) for row in rows])


def test_kerr_at_a_thousand_points_in_a_second() -> None:
    points = torch.rand(1000, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * torch.tensor(
        [1, 5, 1.6, 6]
    )
    points = points + torch.tensor([0, 3, -0.8, 0])
    engine = NumericMetric(kerr_in_torch)
    start = time.process_time()
    ricci = engine.ricci(points)
    assert time.process_time() - start < 1
    assert float(ricci.abs().max()) < 1e-10
    assert float(engine.riemann(points).abs().max()) > 1e-2
    turned = NumericMetric(lambda point: kerr_in_torch(point, sign=-1.0))
    assert float(turned.ricci(points).abs().max()) > 1e-3


def test_points_and_formulas_agree() -> None:
    """On a metric without symmetries; the identities of Riemann hold for the formulas besides."""
    p, q, s = sp.symbols("p q s")
    g = sp.Matrix([[1, 0, p], [0, -2 - p * sp.sin(s), 0], [p, 0, q]])
    exact = Metric(g, [p, q, s])

    def fn(point: torch.Tensor) -> torch.Tensor:
        P, Q, S = point
        o = torch.zeros_like(P)
        rows = [[o + 1, o, P], [o, -2 - P * S.sin(), o], [P, o, Q]]
        return torch.stack([torch.stack(row) for row in rows])

    at = {p: 0.3, q: -0.4, s: 0.7}
    point = torch.tensor([list(at.values())], dtype=torch.float64)
    engine = NumericMetric(fn)
    for name in ("christoffel", "riemann", "ricci"):
        formula = getattr(exact, name)
        flat = [float(one.xreplace({k: sp.Float(v, 30) for k, v in at.items()}).evalf()) for one in sp.flatten(formula)]
        torch.testing.assert_close(getattr(engine, name)(point).flatten(), torch.tensor(flat, dtype=torch.float64))
    R = engine.riemann(point)[0]
    torch.testing.assert_close(R + R.permute(0, 2, 3, 1) + R.permute(0, 3, 1, 2), torch.zeros_like(R))
    low = torch.einsum("ea,abcd->ebcd", engine(point)[0], R)
    torch.testing.assert_close(low, low.permute(2, 3, 0, 1))


def test_the_covariant_derivative_keeps_the_metric_and_contracts_to_zero() -> None:
    g = Metric([[1, x, 0], [x, t, 0], [0, 0, 1 + x * r]], [t, x, r])
    assert set(sp.flatten(g.cov(g.g))) == {0}
    einstein = g.ricci - g.g * g.scalar / 2
    slope = g.cov(einstein)
    divergence = [sum(g.inverse[b, c] * slope[k, b, c] for b, c in product(range(3), repeat=2)) for k in range(3)]
    assert [sp.cancel(one) for one in divergence] == [0, 0, 0]
    assert sp.cancel(g.cov(sp.eye(3), "ud")[0, 0, 0]) == 0


def test_the_schouten_tensor_of_a_sphere() -> None:
    theta, psi = sp.symbols("theta psi")
    sphere = Metric(sp.diag(1, sp.sin(theta) ** 2, sp.sin(theta) ** 2 * sp.sin(psi) ** 2), [theta, psi, phi])
    assert sphere.scalar == 6
    assert (sphere.schouten - sphere.g / 2).applyfunc(sp.simplify) == sp.zeros(3, 3)
    with pytest.raises(DomainError, match="at least 3"):
        _ = Metric(sp.eye(2), [t, x]).schouten


def test_bad_metrics_are_refused_by_name() -> None:
    with pytest.raises(ShapeError, match=r"\(2, 3\)"):
        Metric([[1, 0, 0], [0, 1, 0]], [t, x])
    with pytest.raises(DomainError, match="determinant is 0"):
        Metric([[1, 1], [1, 1]], [t, x])
    with pytest.raises(DomainError, match="not symmetric"):
        Metric([[1, 1], [0, 1]], [t, x])
    with pytest.raises(DomainError, match="not the coordinate r"):
        Metric([[1, 0], [0, r**2]], ["r", "phi"])  # a positive r beside a plain one: nothing would depend on it
    for strange in (sp.sqrt(x), sp.exp(x), sp.Function("f")(x + t), sp.sin(2 * x)):
        with pytest.raises(DomainError, match="rational function"):
            Metric([[1, 0], [0, strange]], [t, x])
    with pytest.raises(DomainError, match="different"):
        Metric(sp.eye(2), [t, t])
    flat = Metric(sp.eye(2), [t, x])
    with pytest.raises(ShapeError, match="every axis"):
        flat.lie([1, 0, 0])
    with pytest.raises(ShapeError, match="u and d"):
        flat.cov(sp.eye(2), "ux")
    with pytest.raises(DomainError, match="iyer-wald"):
        surface_charge(flat, sp.eye(2), [1, 0], variant="komar")
    with pytest.raises(DomainError, match="positive"):
        surface_charge(flat, sp.eye(2), [1, 0], G=0)
    with pytest.raises(DomainError, match="row 1"):
        NumericMetric(torch.diag).ricci(torch.tensor([[1.0, 2.0], [0.0, 1.0]]))
