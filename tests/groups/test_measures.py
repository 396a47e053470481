"""Cubature, Haar draws, windows and integrals."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from isotropy.errors import DomainError, EffectiveSampleWarning, InfeasibleError, ShapeError
from isotropy.estimate import Estimate
from isotropy.groups import (
    SL,
    SO,
    Cubature,
    DiscreteMeasure,
    Element,
    GLPlus,
    Haar,
    O,
    S,
    Scale,
    T,
    Window,
    integrate,
    parse,
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def whole(g: Element) -> Tensor:
    assert isinstance(g, Tensor)
    return g


def mean(rule: DiscreteMeasure, f: Tensor) -> float:
    return float(rule.weight @ f)


def error(found: Estimate) -> float:
    """The standard error."""
    return (found.high - found.low) / (2 * 1.96)


# Cubature.


@pytest.mark.parametrize("degree", range(10))
def test_rotations_are_integrated_exactly_up_to_the_degree(degree: int) -> None:
    """E (R33)^p = 1/(p + 1) for even p, and powers of any linear form against a rule of much higher degree."""
    rule, reference = (Cubature(SO(3), p).discretise() for p in (degree, 24))
    A = torch.randn(5, 3, 3, generator=generator(), dtype=torch.float64) / 3
    for p in range(degree + 1):
        expected = 1 / (p + 1) if p % 2 == 0 else 0.0
        assert mean(rule, whole(rule.g)[:, 2, 2] ** p) == pytest.approx(expected, abs=1e-13)
        for form in A:
            values = [mean(r, (whole(r.g) * form).sum((-2, -1)) ** p) for r in (rule, reference)]
            assert values[0] == pytest.approx(values[1], abs=1e-12)


@pytest.mark.parametrize(("name", "degree"), [("SO(3)", p) for p in (0, 1, 2, 3, 5)] + [("SO(2)", 4), ("O(2)", 3)])
def test_one_degree_more_is_not_integrated_so_no_atom_is_spare(name: str, degree: int) -> None:
    rule, reference = (Cubature(parse(name), p).discretise() for p in (degree, 24))
    A = torch.randn(parse(name).degree, parse(name).degree, generator=generator(), dtype=torch.float64)
    values = [mean(r, (whole(r.g) * A).sum((-2, -1)) ** (degree + 1)) for r in (rule, reference)]
    assert abs(values[0] - values[1]) > 1e-6


@pytest.mark.parametrize(
    ("name", "degree", "atoms"),
    [
        ("SO(2)", 4, 5),
        ("O(2)", 4, 10),
        ("SO(3)", 2, 12),
        ("SO(3)", 4, 60),
        ("SO(3)", 6, 196),
        ("O(3)", 3, 24),
        ("O(3)", 4, 120),
        ("O(2)@z", 4, 10),
        ("C(4)@z", 9, 4),
        ("SO(3) x S(3)", 2, 72),
        ("SO(3) x Inversion(3)", 2, 24),
    ],
)
def test_atoms_are_few(name: str, degree: int, atoms: int) -> None:
    rule = Cubature(parse(name), degree).discretise()
    assert len(rule) == atoms
    assert rule.exact
    assert float(rule.weight.sum()) == pytest.approx(1, abs=1e-14)
    assert bool(parse(name).contains(rule.g).all())


@pytest.mark.parametrize(
    "name", ["SO(2)", "O(2)", "SO(3)", "O(3)", "O(2)@(1,2,2)", "D(3)", "SO(2).conjugate([[1,2],[0,1]])"]
)
@pytest.mark.parametrize("degree", [3, 4])
def test_averages_of_matrix_polynomials_are_invariant(name: str, degree: int) -> None:
    G = parse(name)
    rule = Cubature(G, degree).discretise()
    A = torch.randn(G.degree, G.degree, generator=generator(), dtype=torch.float64) / 3
    for h in whole(G.sample((4,), generator=generator(), dtype=torch.float64)):
        for moved in (h @ whole(rule.g), whole(rule.g) @ h):
            before, after = (mean(rule, (g * A).sum((-2, -1)) ** degree) for g in (whole(rule.g), moved))
            assert after == pytest.approx(before, abs=1e-12)


def test_groups_without_a_rule_say_so() -> None:
    for name in ("SO(4)", "SE(3)", "Scale(2)", 'SO(3) x T(3).on("time")'):
        assert not Cubature.knows(parse(name))
        with pytest.raises(DomainError, match="Window"):
            Cubature(parse(name), 2)


def test_a_cubature_can_be_drawn_from_with_its_weights() -> None:
    g = whole(Cubature(SO(3), 7).draw(20_000, generator()))
    assert float(g[:, 2, 2].square().mean()) == pytest.approx(1 / 3, abs=0.01)


# Sampling.


@pytest.mark.parametrize("name", ["SO(2)", "SO(3)", "SO(4)", "O(3)", "O(2)@z"])
def test_haar_moments_are_those_of_the_group(name: str) -> None:
    G, n = parse(name), 40_000
    g = whole(G.sample((n,), generator=generator(), dtype=torch.float64))
    d = G.degree - name.count("@")
    block = g[:, :d, :d]
    # E g_ij = 0 and E g_ij^2 = 1/d for SO(d) and O(d), d >= 2.
    assert float(block.mean(0).abs().max()) < 5 / math.sqrt(n)
    assert float((block.square().mean(0) - 1 / d).abs().max()) < 5 / math.sqrt(n)


def test_the_angle_of_a_random_rotation_has_density_one_minus_cosine() -> None:
    v = SO(3).coords(SO(3).sample((40_000,), generator=generator(), dtype=torch.float64))
    angle = torch.linalg.vector_norm(v, dim=-1)
    for a in (0.5, 1.0, 2.0, 3.0):
        share = float((angle < a).double().mean())
        assert share == pytest.approx((a - math.sin(a)) / math.pi, abs=4 * math.sqrt(0.25 / 40_000))


def test_permutations_are_drawn_uniformly() -> None:
    p = whole(S(3).sample((60_000,), generator=generator()))
    counts = torch.bincount(p @ torch.tensor([9, 3, 1]), minlength=27)
    counts = counts[counts > 0]
    assert len(counts) == 6
    # Chi-square of 5 degrees of freedom: above 25.7 with probability 1e-4.
    assert float(((counts - 10_000).double().square() / 10_000).sum()) < 25.7


def test_a_group_that_is_not_compact_needs_a_window() -> None:
    with pytest.raises(DomainError, match="within"):
        Scale(3).sample((2,), generator=generator())
    with pytest.raises(DomainError, match="Window"):
        Haar(T(2))
    s = whole(Scale(3).sample((20_000,), generator=generator(), dtype=torch.float64, within=0.5))[:, 0, 0]
    assert float(s.log().std()) == pytest.approx(0.5, abs=0.02)
    with pytest.raises(DomainError, match="measure on"):
        Scale(3).sample((2,), generator=generator(), within=Window(Scale(2), 0.5))


def test_a_window_draws_every_component_equally() -> None:
    g = whole(parse("E(2)").sample((10_000,), generator=generator(), within=[0.1, 1.0, 2.0]))
    assert float((torch.linalg.det(g) > 0).double().mean()) == pytest.approx(0.5, abs=0.02)
    assert float(g[:, 0, 2].std()) == pytest.approx(1, abs=0.1)
    assert float(g[:, 1, 2].std()) == pytest.approx(2, abs=0.1)


def test_a_uniform_window_stays_inside_its_width() -> None:
    t = whole(Window(T(2), 0.5, "uniform").draw(2000, generator()))[:, :2, 2]
    assert 0.49 < float(t.abs().max()) <= 0.5


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: Window(T(2), 0.0), DomainError),
        (lambda: Window(T(2), float("nan")), DomainError),
        (lambda: Window(T(2), (1.0,)), ShapeError),
        (lambda: Window(T(2), 1.0, "square"), DomainError),
        (lambda: Window(T(2), 1.0).discretise(4), DomainError),
        (lambda: Window(T(2), 1.0).discretise(4, generator=generator(), rule="grid"), DomainError),
        (lambda: Haar(SO(2)).discretise(0, generator=generator()), DomainError),
        (lambda: Haar(SO(2), side="both"), DomainError),
        (lambda: Cubature(SO(2), -1), DomainError),
    ],
)
def test_measures_refuse_what_they_cannot_mean(make: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        make()  # type: ignore[operator]


def test_a_discrete_measure_keeps_its_mass() -> None:
    atoms = torch.eye(2).expand(3, 2, 2)
    padded = DiscreteMeasure(atoms, torch.tensor([0.5, 0.5, 0.0]).log())
    assert padded.weight.tolist() == [0.5, 0.5, 0.0]
    with pytest.raises(DomainError, match="mass"):
        DiscreteMeasure(atoms, torch.zeros(3))
    with pytest.raises(ShapeError):
        DiscreteMeasure(atoms, torch.tensor([0.5, 0.5]).log())


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_equal_seeds_draw_equal_atoms_in_every_dtype(seed: int) -> None:
    once = Haar(O(3)).discretise(5, generator=generator(seed))
    again = Haar(O(3)).discretise(5, generator=generator(seed), dtype=torch.float32)
    assert torch.equal(whole(once.g).float(), whole(again.g))


# Integrals.


def gaussian(g: Element) -> Tensor:
    """exp(-|A|^2 / 2) (2 pi)^(-n^2/2) |det A|^n: Lebesgue's Gaussian density with respect to Haar measure of GL+(n)."""
    A = whole(g)
    n = A.shape[-1]
    return (-A.square().sum((-2, -1)) / 2).exp() * (2 * math.pi) ** (-n * n / 2) * torch.linalg.det(A).abs() ** n


@pytest.mark.filterwarnings("ignore::isotropy.errors.EffectiveSampleWarning")
@pytest.mark.parametrize(("n", "widths"), [(1, (3.0,)), (2, (1.2, 1.2, 1.2, 2.5))])
def test_the_haar_measure_of_gl_is_lebesgue_over_the_determinant(n: int, widths: tuple[float, ...]) -> None:
    """Half of the Gaussian matrices have a positive determinant: the constants, the Jacobian and the chart at once."""
    found = integrate(gaussian, Window(GLPlus(n), widths), 100_000, generator=generator())
    assert found.high - found.low < 0.04
    assert found.mean == pytest.approx(0.5, abs=4 * error(found))


def test_a_turn_by_more_than_a_half_is_not_counted_twice() -> None:
    """The window reaches round the circle several times; the volume of the circle is 1 all the same."""
    found = integrate(lambda g: torch.ones(len(whole(g))), Window(SO(2), 3.0), 20_000, generator=generator())
    assert found.mean == pytest.approx(1, abs=4 * error(found))
    assert found.high - found.low < 0.05


@pytest.mark.parametrize("name", ["SO(3)", "O(3)", "SO(2)@z"])
def test_haar_measure_of_a_compact_group_is_a_probability_in_its_chart(name: str) -> None:
    found = integrate(lambda g: torch.ones(len(whole(g))), Window(parse(name), 2.5), 40_000, generator=generator())
    assert found.mean == pytest.approx(1, abs=4 * error(found))
    assert found.high - found.low < 0.05


def bump(g: Element) -> Tensor:
    """A function on SL(2) that forgets rotations on the right and decays with the size of the stretch."""
    return (-2 * whole(g).square().sum((-2, -1))).exp()


def shifted(f: object, h: Tensor) -> object:
    return lambda g: f(h @ whole(g))  # type: ignore[operator]


def test_integrals_over_a_group_do_not_move_with_the_integrand() -> None:
    window = Window(SL(2), (0.6, 0.6, 2.5))
    h = SL(2).from_coords(torch.tensor([0.25, 0.1, 0.7], dtype=torch.float64))
    there, moved = (
        integrate(f, window, 40_000, generator=generator(seed), rule="sobol")  # type: ignore[arg-type]
        for seed, f in enumerate((bump, shifted(bump, h)))
    )
    assert abs(there.mean - moved.mean) < 3 * math.hypot(error(there), error(moved))
    flat = [
        integrate(f, window, 40_000, generator=generator(seed), weights="none")  # type: ignore[arg-type]
        for seed, f in enumerate((bump, shifted(bump, h)))
    ]
    gap = math.hypot(error(flat[0]), error(flat[1]))
    assert abs(flat[0].mean - flat[1].mean) > 6 * gap, (
        "the mean under the window is not invariant, and must not seem so"
    )


def test_an_integral_over_cubature_has_no_interval_and_over_draws_it_covers() -> None:
    exact = integrate(lambda g: whole(g)[:, 0, 0] ** 2, Cubature(SO(3), 2), generator=generator())
    assert exact.mean == exact.low == exact.high == pytest.approx(1 / 3, abs=1e-14)
    hits = sum(
        1 / 3 in integrate(lambda g: whole(g)[:, 0, 0] ** 2, Haar(SO(3)), 400, generator=generator(seed))
        for seed in range(200)
    )
    # 95 % of 200, within three standard errors of a binomial.
    assert 190 - 9.3 <= hits <= 200


def test_a_window_too_narrow_is_noticed() -> None:
    def wide(g: Element) -> Tensor:
        return (-whole(g)[:, 0, 1].square() / 200).exp()

    def far(g: Element) -> Tensor:
        return (-(whole(g)[:, 0, 1] - 3).square() / 0.02).exp()

    with pytest.warns(EffectiveSampleWarning):
        integrate(wide, Window(T(1), 0.5), 1000, generator=generator())
    with pytest.raises(InfeasibleError, match="widen"):
        integrate(far, Window(T(1), 0.5), 1000, generator=generator())
    right = integrate(wide, Window(T(1), 12.0), 20_000, generator=generator())
    assert right.mean == pytest.approx(math.sqrt(200 * math.pi), rel=0.03)
    with pytest.raises(ShapeError):
        integrate(lambda g: whole(g), Haar(SO(2)), 8, generator=generator())
