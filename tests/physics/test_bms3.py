"""BMS3 by numbers: actions, charges, orbits, matching and vacua, each derived from the finite action."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product
from typing import Any
from unittest.mock import patch

import pytest
import torch
from torch import Tensor

from isotropy.errors import DomainError, DtypeError, ShapeError
from isotropy.groups import NotADiffeomorphism
from isotropy.physics import BMS3, Aspects, NumericMetric, match_past_future, vacuum_fingerprint
from isotropy.physics.bms3 import PrecisionWarning, antipodal, monodromy
from isotropy.testing import check_group

N = 128
LEVELS = (-1.0, -0.36, 0.0, 0.49)
GROUP = BMS3(modes=N)


def smooth(count: int, size: float, seed: int, modes: int = 3, samples: int = N) -> Tensor:
    """Random trigonometric polynomials ``(count, samples)``."""
    draw = torch.Generator().manual_seed(seed)
    a, b = torch.randn(2, count, modes, generator=draw, dtype=torch.float64) * size
    m = torch.arange(1, modes + 1)
    angle = m[:, None] * torch.arange(samples, dtype=torch.float64) * 2 * math.pi / samples
    return (a / m**2) @ angle.cos() + (b / m**2) @ angle.sin()


def elements(count: int, seed: int, size: float = 0.12) -> Tensor:
    return GROUP.element(smooth(count, size, seed), smooth(count, 0.5, seed + 1))


def some(count: int, seed: int) -> Aspects:
    return Aspects(smooth(count, 0.3, seed) - 0.5, smooth(count, 0.3, seed + 1) + 0.2)


def constants(theta: float, xi: float, count: int = 1) -> Aspects:
    one = torch.ones(count, N, dtype=torch.float64)
    return Aspects(theta * one, xi * one)


def gap(x: Aspects, y: Aspects) -> float:
    return float(torch.maximum((x.theta - y.theta).abs(), (x.xi - y.xi).abs()).max())


@pytest.mark.slow
def test_it_keeps_the_contract_of_a_group() -> None:
    check_group(BMS3(modes=96))


def test_pullback_is_a_right_action_and_act_a_left_one() -> None:
    g, h, x = elements(6, 0), elements(6, 2), some(6, 4)
    assert gap(x.pullback(g).pullback(h), x.pullback(GROUP.compose(g, h))) < 1e-6
    assert gap(GROUP.act(g, GROUP.act(h, x)), GROUP.act(GROUP.compose(g, h), x)) < 1e-6
    assert gap(x.pullback(g).pullback(h), x.pullback(GROUP.compose(h, g))) > 1e-2
    assert gap(x.pullback(GROUP.identity(6, dtype=torch.float64)), x) < 1e-9


def test_angular_momentum_by_dual_numbers_is_the_formula() -> None:
    """F'^2 (Xi + alpha Theta' / 2 + alpha' Theta - alpha''')(F), its pieces written as functions of phi."""
    x = Aspects.from_function(lambda p: p.cos(), lambda p: (2 * p).sin(), N)
    p, phi = 0.2 * GROUP.phi.sin(), GROUP.phi
    F, slope = phi + p, 1 + 0.2 * phi.cos()
    alpha = (2 * phi).cos()
    wanted = (2 * F).sin() - (2 * F).cos() * F.sin() / 2 - 2 * (2 * F).sin() * F.cos() - 8 * (2 * F).sin()
    moved = x.pullback(GROUP.element(p, alpha)).xi
    torch.testing.assert_close(moved, slope**2 * wanted, rtol=0, atol=1e-9)


def test_the_variation_is_the_derivative_of_the_action_and_the_formula() -> None:
    x = Aspects.from_function(lambda p: p.cos(), lambda p: (2 * p).sin(), N)
    phi = GROUP.phi
    Y, T = (3 * phi).sin(), (2 * phi).cos()
    found = x.variation(T, Y)
    theta = -Y * phi.sin() + 2 * 3 * (3 * phi).cos() * phi.cos() + 2 * 27 * (3 * phi).cos()
    xi = Y * 2 * (2 * phi).cos() + 6 * (3 * phi).cos() * (2 * phi).sin()
    xi = xi - T * phi.sin() / 2 - 2 * (2 * phi).sin() * phi.cos() - 8 * (2 * phi).sin()
    assert gap(found, Aspects(theta, xi)) < 1e-9
    step = 1e-4
    ends = [x.pullback(sign * step * torch.stack([Y, T])) for sign in (1, -1)]
    slopes = [(one - other) / (2 * step) for one, other in zip(*((e.theta, e.xi) for e in ends), strict=True)]
    assert gap(found, Aspects(*slopes)) < 1e-3  # cubes of the third mode times step^2


def brackets(G: Any, shift: int, aspects: Aspects, a: tuple[str, int], b: tuple[str, int]) -> complex:
    """i {a, b} from differences of the finite action: {Q_a, Q_b} = delta_b Q_a, delta by real and imaginary parts."""
    phi, step = GROUP.phi, 1e-5

    def charge(x: Aspects, mode: tuple[str, int]) -> complex:
        found = x.charges(abs(mode[1]), G, shift)
        value = complex((found.P if mode[0] == "P" else found.J)[..., abs(mode[1])])
        return value if mode[1] >= 0 else value.conjugate()

    total = 0j
    for part, factor in ((lambda t: t.cos(), 1), (lambda t: t.sin(), 1j)):
        wave, zero = part(b[1] * phi), torch.zeros_like(phi)
        along = torch.stack([wave, zero] if b[0] == "J" else [zero, wave])
        ends = [charge(aspects.pullback(sign * step * along), a) for sign in (1, -1)]
        total += factor * (ends[0] - ends[1]) / (2 * step)
    return 1j * total


@pytest.mark.parametrize(("G", "shift"), [(1, 0), (Fraction(1, 2), 1), (3, 1)])
def test_brackets_and_central_charges_come_out_of_the_finite_action(G: Any, shift: int) -> None:
    """At G other than 1, on aspects that are not constant; a hundredth more in c2 or in a constant is seen."""
    aspects, group = some(1, 7)[0], BMS3(G, N, shift)
    charges = aspects.charges(8, float(G), shift)

    def value(found: dict[Any, Any], more: float = 1.0, central: float = 1.0) -> complex:
        total = 0j
        for key, factor in found.items():
            if key == "1":
                total += float(factor) * central
            else:
                series = charges.P if key[0] == "P" else charges.J
                mode = complex(series[abs(key[1])])
                total += float(factor) * more * (mode if key[1] >= 0 else mode.conjugate())
        return total

    for a, b in ((("J", 2), ("P", -2)), (("J", 3), ("P", -3)), (("J", 2), ("J", -1)), (("P", 1), ("J", 2))):
        seen, told = brackets(float(G), shift, aspects, a, b), group.bracket(a, b)
        assert abs(seen - value(told)) < 1e-6 * (1 + abs(seen)), (a, b)
        assert abs(seen - value(told, more=1.01)) > 1e-4 * abs(seen)
        if "1" in told:
            assert abs(seen - value(told, central=1.01)) > 1e-4 * abs(seen)
    assert abs(brackets(float(G), shift, aspects, ("P", 2), ("P", -2))) < 1e-6
    assert group.c1 == 0
    assert group.c2 == Fraction(3) / Fraction(G)


def jacobi(group: BMS3, a: Any, b: Any, c: Any, constant: Fraction = Fraction(1)) -> dict[Any, Any]:
    total: dict[Any, Any] = {}
    for x, y, z in ((a, b, c), (b, c, a), (c, a, b)):
        for key, factor in group.bracket(x, y).items():
            if key == "1":
                continue
            weight = factor * (constant if {x, y} == {("J", 1), ("P", 2)} else 1)
            for end, other in group.bracket(key, z).items():  # type: ignore[arg-type]
                total[end] = total.get(end, 0) + weight * other
    return {key: value for key, value in total.items() if value}


def test_the_identity_of_jacobi_holds_exactly_and_notices_a_hundredth() -> None:
    group = BMS3(Fraction(2, 3), 32, 1)
    modes = [*product("JP", range(-6, 7))]
    for a, b, c in product([("J", m) for m in range(-6, 7)], modes[::2], modes[1::2]):
        assert not jacobi(group, a, b, c)
    assert jacobi(group, ("J", 1), ("P", 2), ("J", -3), Fraction(101, 100))
    assert jacobi(group, ("J", 1), ("P", 2), ("J", 2), Fraction(101, 100))


def test_the_algebra_carries_its_cocycle() -> None:
    """{Q_a, Q_b} on the vacuum of zero is central alone; ``algebra.central`` is what the action leaves there."""
    group = BMS3(2, N, 0)
    algebra, zero = group.algebra, constants(0.0, 0.0)[0]
    basis = algebra.basis
    assert isinstance(basis, Tensor)
    assert algebra.central is not None
    for i, j in ((2, 10), (3, 13), (4, 14)):
        moved = zero.variation(basis[j, 1], basis[j, 0])
        seen = float(moved.charge(basis[i, 1], basis[i, 0], 2.0))
        assert seen == pytest.approx(float(algebra.central[i, j]), abs=1e-9)
    assert float(algebra.central.abs().max()) > 1e-3


@pytest.mark.parametrize("level", LEVELS)
def test_invariants_survive_two_hundred_transformations(level: float) -> None:
    x = constants(level, 0.3, 50)
    before, after = x.invariants(), x.pullback(elements(50, 20)).invariants()
    assert float((after.trace - before.trace).abs().max()) < 1e-9
    assert float((after.dual - before.dual).abs().max()) < 1e-8
    root = math.sqrt(abs(level))
    wave, quotient = (math.cosh, math.sinh) if level > 0 else (math.cos, math.sin)
    spin = 2 * math.pi * 0.3 * (quotient(math.pi * root) / root if root else math.pi)
    assert float(before.trace[0]) == pytest.approx(2 * wave(math.pi * root), abs=1e-12)
    assert float(before.dual[0]) == pytest.approx(spin, abs=1e-12)


def test_a_hundredth_of_the_schwarzian_breaks_the_invariants() -> None:
    from isotropy.physics.bms3 import _aspects

    whole = _aspects.schwarzian
    with patch.object(_aspects, "schwarzian", lambda p: 1.01 * whole(p)):
        after = constants(-0.36, 0.3, 4).pullback(elements(4, 20)).invariants()
    before = constants(-0.36, 0.3, 4).invariants()
    assert float((after.trace - before.trace).abs().max()) > 1e-5
    assert float((after.dual - before.dual).abs().max()) > 1e-5


def test_invariants_have_gradients() -> None:
    theta, xi = smooth(2, 0.3, 3, samples=16) - 0.5, smooth(2, 0.3, 4, samples=16)
    inputs = (theta.requires_grad_(), xi.requires_grad_())
    assert torch.autograd.gradcheck(lambda a, b: tuple(Aspects(a, b).invariants()), inputs, fast_mode=True)


@pytest.mark.parametrize(("samples", "apart"), [(32, 1e-10), (64, 1e-12), (128, 1e-13)])
@pytest.mark.parametrize("waves", [{0: 30.0, 3: 20.0}, {0: -3.0, 2: 2.0, 5: 1.0}], ids=["steep", "mixed"])
def test_few_samples_give_the_transfer_matrix_of_many(waves: dict[int, float], samples: int, apart: float) -> None:
    """Bounds are some two to four times what the sixth order in the step leaves on the second, the faster of both."""

    def once_round(n: int) -> Tensor:
        angle = 2 * math.pi * torch.arange(n, dtype=torch.float64) / n
        return monodromy(torch.stack([size * (m * angle).cos() for m, size in waves.items()]).sum(0))

    fine = once_round(4096)
    assert float((once_round(samples) - fine).abs().max() / fine.abs().max()) < apart


def test_derivatives_of_the_trace_are_exact_at_zero() -> None:
    """Of constant Theta = x the trace is 2 cosh(pi sqrt(x)): its k-th derivative at 0 is 2 pi^2k k! / (2k)!."""
    x = torch.zeros((), dtype=torch.float64, requires_grad=True)
    derivative = monodromy(x.expand(16)).diagonal().sum()
    for k in (1, 2, 3):
        (derivative,) = torch.autograd.grad(derivative, x, create_graph=True)
        exact = 2 * math.pi ** (2 * k) * math.factorial(k) / math.factorial(2 * k)
        assert derivative.item() == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize(
    ("level", "kind", "winding"),
    [
        (-1.0, "exceptional", 1),
        (-4.0, "exceptional", 2),
        (-0.36, "elliptic", 0),
        (-1.7, "elliptic", 1),
        (-5.0, "elliptic", 2),
        (0.0, "parabolic", 0),
        (0.49, "hyperbolic", 0),
    ],
)
def test_orbits_are_found_again(level: float, kind: str, winding: int) -> None:
    x = constants(level, 0.0 if kind == "exceptional" else 0.3)[0].pullback(elements(1, 30)[0])
    found = x.classify()
    assert (found.kind, found.winding) == (kind, winding)
    assert found.representative is not None
    assert found.element is not None
    assert found.representative.theta[0].item() == pytest.approx(level, abs=1e-8)
    assert found.representative.xi[0].item() == pytest.approx(0.0 if kind == "exceptional" else 0.3, abs=1e-6)
    assert gap(found.representative.pullback(found.element), x) < 1e-6
    assert gap(GROUP.act(found.element, x), found.representative) < 1e-4


def test_a_spinning_excess_and_an_orbit_without_constants() -> None:
    spinning = constants(-1.0, 0.2)[0].pullback(elements(1, 31)[0]).classify()
    assert spinning.representative is not None
    assert spinning.representative.xi[0].item() == pytest.approx(0.2, abs=1e-7)
    strong = Aspects.from_function(lambda phi: -1 + 1.5 * phi.cos(), lambda phi: 0.0, N).classify()
    assert (strong.kind, strong.winding, strong.representative) == ("hyperbolic", 1, None)


def test_energy_is_bounded_below_on_the_orbit_of_minkowski_space_alone() -> None:
    """The second variation of P_0 under F = phi + e sin n phi is e^2 n^2 (n^2 + Theta) / (16 G)."""
    step = 1e-3
    for level, n in product((-4.0, -1.0, 0.49), (1, 2, 3)):
        p = step * (n * GROUP.phi).sin()
        x = constants(level, 0.0)[0]
        change = x.pullback(GROUP.element(p, 0 * p)).charges(0, 2.0).P.real - x.charges(0, 2.0).P.real
        wanted = n**2 * (n**2 + level) / 32
        assert float(change) / step**2 == pytest.approx(wanted, rel=1e-4, abs=1e-4), (level, n)


def test_charges_of_past_and_future_agree_and_matching_commutes_with_the_group() -> None:
    past, T, Y = some(50, 40), smooth(50, 1.0, 42), smooth(50, 1.0, 43)
    future = match_past_future(past)
    difference = future.charge(antipodal(T), antipodal(Y)) - past.charge(T, Y)
    assert float(difference.abs().max()) < 1e-12
    assert float((future.charge(T, Y) - past.charge(T, Y)).abs().max()) > 1e-2
    assert float((future.charge(-antipodal(T), antipodal(Y)) - past.charge(T, Y)).abs().max()) > 1e-2
    g = elements(50, 44)
    assert gap(match_past_future(past.pullback(g)), future.pullback(antipodal(g))) < 1e-6


def test_a_vacuum_is_fixed_by_poincare_and_by_nothing_else() -> None:
    vacuum, phi = constants(-1.0, 0.0)[0], GROUP.phi
    z = torch.polar(torch.ones_like(phi), phi)
    a = torch.tensor(0.3 + 0.2j, dtype=torch.complex128)
    moved = (z + a) / (1 + a.conj() * z)  # PSL(2, R) on the circle
    p = torch.angle(moved / z)
    poincare = GROUP.element(p, 0.4 + 0.3 * phi.cos() - 0.2 * phi.sin())
    assert gap(vacuum.pullback(poincare), vacuum) < 1e-10
    assert gap(vacuum.pullback(GROUP.element(p, 0.01 * (2 * phi).cos())), vacuum) > 1e-3
    assert gap(vacuum.pullback(GROUP.element(p + 0.01 * (2 * phi).cos(), 0 * p)), vacuum) > 1e-3


def test_fingerprints_tell_vacua_apart() -> None:
    vacuum, phi = constants(-1.0, 0.0)[0], GROUP.phi
    step = 1e-4
    moved = vacuum.pullback(GROUP.element(step * (2 * phi).cos(), step * (3 * phi).sin()))
    P, J = vacuum_fingerprint(moved, 4).modes
    # Theta changes by -2 p' - 2 p''' (12 e at m = 2), Xi by -(alpha' + alpha''') (24 e at m = 3), to first order.
    assert float(P[0].abs()) == pytest.approx(12 * step / 16, rel=1e-2)
    assert float(J[1].abs()) == pytest.approx(24 * step / 8, rel=1e-2)
    boosted = moved.pullback(torch.stack([step * phi.sin(), step * phi.cos()]))
    again = vacuum_fingerprint(boosted, 4).modes
    assert float((again.P - P).abs().max()) < 1e-6
    with pytest.raises(DomainError, match="Minkowski"):
        vacuum_fingerprint(constants(-0.36, 0.0)[0])


def test_the_metric_of_aspects_is_flat() -> None:
    x = some(1, 50)[0]
    points = torch.tensor([[0.3, 2.0, 1.0], [1.0, 5.0, 4.0]], dtype=torch.float64)
    for past in (False, True):
        engine = NumericMetric(lambda point, past=past: x.metric(*point, past=past))
        assert float(engine.ricci(points).abs().max()) < 1e-9
        assert float(engine.christoffel(points).abs().max()) > 0.1


def test_single_precision_warns_of_third_derivatives() -> None:
    x = Aspects(torch.full((64,), -1.0), torch.zeros(64))
    with pytest.warns(PrecisionWarning, match="float32"):
        x.pullback(torch.zeros(2, 64))
    with pytest.warns(PrecisionWarning, match="float32"):
        x.variation(torch.zeros(64), torch.ones(64))


def test_odd_numbers_of_samples_work_too() -> None:
    phi = BMS3(modes=99).phi
    x = Aspects.from_function(lambda p: -0.36 + 0.1 * p.cos(), lambda p: 0.1 * (2 * p).sin(), 99)
    y = x.pullback(torch.stack([0.1 * phi.sin(), phi.cos()]))
    assert float((x.invariants().trace - y.invariants().trace).abs()) < 1e-10
    assert float(match_past_future(x).theta[0]) == pytest.approx(-0.46, abs=1e-12)


def test_bad_aspects_and_elements_are_refused() -> None:
    ones = torch.ones(16, dtype=torch.float64)
    with pytest.raises(DomainError, match="0 and 2 pi"):
        Aspects.from_function(lambda phi: phi, lambda phi: 0.0)
    with pytest.raises(ShapeError, match="one shape"):
        Aspects(ones, ones[:8])
    with pytest.raises(DtypeError, match="real"):
        Aspects(ones.to(torch.complex128), ones.to(torch.complex128))
    with pytest.raises(DomainError, match="not finite"):
        Aspects(ones * math.nan, ones)
    group = BMS3(modes=16)
    with pytest.raises(NotADiffeomorphism, match="F' > 0"):
        group.element(1.2 * group.phi.sin(), ones)
    with pytest.raises(NotADiffeomorphism, match="F' > 0"):
        Aspects(ones, ones).pullback(torch.stack([1.2 * group.phi.sin(), ones]))
    with pytest.raises(DtypeError, match="float64"):
        group.element(torch.zeros(16, dtype=torch.long), ones)
    with pytest.raises(ShapeError, match="16"):
        group.element(torch.zeros(8), torch.zeros(8))
    for G in (0, -1.0, math.nan):
        with pytest.raises(DomainError, match="positive"):
            BMS3(G)
        with pytest.raises(DomainError, match="positive"):
            Aspects(ones, ones).charges(G=float(G))
    with pytest.raises(DomainError, match="J"):
        group.bracket(("L", 2), ("P", 1))
    with pytest.raises(ShapeError, match="classify"):
        constants(-1.0, 0.0, 2).classify()
