"""Haar integrals over groups that are not compact: closed forms, invariance from both sides, rates."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import scipy.linalg
import torch
from torch import Tensor

from isotropy.errors import DomainError, EffectiveSampleWarning, ShapeError
from isotropy.groups import (
    SL,
    SO,
    Affine,
    Element,
    GLPlus,
    Group,
    SPDSpace,
    Window,
    integrate,
    linear,
    parse,
    translation,
)
from isotropy.groups.parts import matrix

FLOAT64 = torch.float64
Function = Callable[[Element], Tensor]
# Few draws carry a narrow integrand; the warning is tested for on its own.
pytestmark = pytest.mark.filterwarnings("ignore::isotropy.errors.EffectiveSampleWarning")


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def gaussian(g: Element) -> Tensor:
    """exp(-|A|^2 / 2) (2 pi)^(-n^2/2) |det A|^n: Lebesgue's Gaussian density with respect to Haar measure of GL+(n)."""
    A = matrix(g)
    n = A.shape[-1]
    return (-A.square().sum((-2, -1)) / 2).exp() * (2 * math.pi) ** (-n * n / 2) * torch.linalg.det(A).abs() ** n


@pytest.mark.parametrize("n", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_half_of_all_gaussian_matrices_have_a_positive_determinant(n: int) -> None:
    """Specification 02 §5.3: the constants C_n, the Jacobian and the chart at once, within 1 %."""
    size = 2**16 if n == 2 else 2**18
    found = integrate(gaussian, GLPlus(n), size, generator=generator(), rule="sobol")
    assert found.mean == pytest.approx(0.5, rel=0.01)
    assert found.measure == Window(GLPlus(n), 0.7, "logistic", compact="haar")
    assert found.ess is not None
    assert found.ess > size / 20
    plain = integrate(gaussian, GLPlus(n), 2**14, generator=generator(1))
    assert plain.low < 0.5 < plain.high


class FlatGL(GLPlus):
    """The mutant J = 1."""

    def haar_log_density(self, v: Tensor) -> Tensor:
        return GLPlus(self.n).haar_log_density(torch.zeros_like(v))


class LebesgueGL(GLPlus):
    """The mutant without |det|: Lebesgue measure of the matrices."""

    def haar_log_density(self, v: Tensor) -> Tensor:
        return super().haar_log_density(v) + self.n * matrix(self.algebra.hat(v)).diagonal(dim1=-2, dim2=-1).sum(-1)


def shifted(f: Function, C: Tensor, side: str) -> Function:
    return lambda g: f(C @ matrix(g) if side == "left" else matrix(g) @ C)


def invariant(G: GLPlus, n: int = 2**14) -> bool:
    """Whether the Gaussian integral keeps its value under five translations from both sides."""
    window = Window(G, 0.7, "logistic", compact="haar")
    shifts = matrix(GLPlus(G.n).sample((5,), generator=generator(7), dtype=FLOAT64, within=0.3))
    moved = [gaussian, *(shifted(gaussian, C, side) for C in shifts for side in ("left", "right"))]
    integrals = [integrate(f, window, n, generator=generator(i), rule="sobol") for i, f in enumerate(moved)]
    errors = [(found.high - found.low) / (2 * 1.96) for found in integrals]
    return all(
        abs(found.mean - integrals[0].mean) < 3 * math.hypot(error, errors[0])
        for found, error in zip(integrals, errors, strict=True)
    )


def test_integrals_are_invariant_from_both_sides_and_mutants_are_not() -> None:
    """Specification 02 §5.3."""
    assert invariant(GLPlus(2))
    assert not invariant(FlatGL(2))
    assert not invariant(LebesgueGL(2))


@pytest.mark.slow
def test_integrals_over_matrices_of_space_are_invariant_from_both_sides() -> None:
    assert invariant(GLPlus(3), 2**16)
    assert not invariant(FlatGL(3), 2**16)
    assert not invariant(LebesgueGL(3), 2**16)


# Specification 02 §5.4: a group convolution at one place, as two integrals that are equal by left invariance.
C = torch.tensor([[1.2, 0.3], [-0.2, 0.9]], dtype=FLOAT64)


def det2(A: Tensor) -> Tensor:
    return A[:, 0, 0] * A[:, 1, 1] - A[:, 0, 1] * A[:, 1, 0]


def signal(B: Tensor) -> Tensor:
    # tr S + tr S^-1 for S = B B^T, by minors.
    traces = B.square().sum((-2, -1)) * (1 + 1 / det2(B).square())
    return (-(traces - 4) / 2).exp() * (1 + 0.5 * B[:, 0, 1].sin())


def kernel(D: Tensor) -> Tensor:
    return (-(D - torch.eye(2, dtype=D.dtype)).square().sum((-2, -1)) / 0.72).exp() * det2(D) ** 2


def both_sides(group: GLPlus) -> tuple[Function, Function]:
    shift = C / torch.linalg.det(C).sqrt() if isinstance(group, SL) else C
    back = torch.linalg.inv(shift)
    return (lambda g: signal(back @ matrix(g)) * kernel(matrix(g))), (
        lambda g: signal(matrix(g)) * kernel(shift @ matrix(g))
    )


# The specification integrates over X, S = exp(X), in orthonormal coordinates; the group over those of X/2, which is a
# factor of two for each stretch, and GL+ with the constant that makes its measure |det A|^-n dA.
TO_SPECIFICATION = {SL(2): 4.0, GLPlus(2): 8.0 / math.exp(2.18445)}


@pytest.mark.parametrize(("group", "value"), [(SL(2), 0.5145), (GLPlus(2), 0.9933)])
def test_function_space_values(group: GLPlus, value: float) -> None:
    for side in both_sides(group):
        found = integrate(side, group, 2**17, generator=generator(), rule="sobol")
        assert found.mean * TO_SPECIFICATION[group] == pytest.approx(value, rel=2e-3)


SIZES = [2**k for k in range(4, 15, 2)]


def rate(group: GLPlus, rule: str, window: Window, weighted: bool = True, seeds: int = 10) -> tuple[float, float]:
    """The slope of log error against log n over 16 ... 16384, and the last relative error."""
    errors: list[float] = []
    for n in SIZES:
        gaps: list[float] = []
        for seed in range(seeds):
            g, log_weight = window.weighted(n, generator(seed), rule)
            weight = log_weight.exp() if weighted else torch.ones_like(log_weight)
            left, right = (float((weight * f(g)).mean()) for f in both_sides(group))
            scale = {SL(2): 0.5145, GLPlus(2): 0.9933}[group] / TO_SPECIFICATION[group] if weighted else right
            gaps.append((left - right) / scale)
        errors.append(math.sqrt(np.square(gaps).mean()))
    return float(np.polyfit(np.log(SIZES), np.log(errors), 1)[0]), errors[-1]


@pytest.mark.slow
@pytest.mark.parametrize("group", [SL(2), GLPlus(2)])
def test_equivariance_errors_fall_at_the_rate_of_their_points(group: GLPlus) -> None:
    """The proposal of the specification's table: normal, of scale 0.4 here (0.8 in X), with uniform rotations."""
    window = Window(group, 0.4, compact="haar")
    # Ten seeds scatter by 0.06 about -0.5.
    slope, last = rate(group, "mc", window, seeds=40)
    assert -0.6 <= slope <= -0.4
    slope, sobol = rate(group, "sobol", window)
    assert slope < -0.75
    assert sobol < last / 4
    _, published = rate(group, "sobol", window, weighted=False)
    # Without weights more points do not help: 1 and 7 % are left for ever (specification 02 §2.3).
    assert published > 5 * sobol


def test_the_published_mode_is_labelled() -> None:
    found = integrate(gaussian, GLPlus(2), 512, generator=generator(), weights="none")
    assert (found.weights, "not Haar measure" in str(found)) == ("none", True)
    assert "not Haar" not in str(integrate(gaussian, GLPlus(2), 512, generator=generator()))


# Windows.


@pytest.mark.parametrize("n", [2, 3, 4])
@pytest.mark.parametrize("rule", ["mc", "sobol"])
def test_rotations_of_a_window_are_uniform_in_every_dimension(n: int, rule: str) -> None:
    g, _ = Window(SL(n), 0.4, compact="haar").weighted(4096, generator(), rule)
    U, _, Vh = torch.linalg.svd(matrix(g))
    R = U @ Vh
    assert bool(SO(n).contains(R, 1e-9).all())
    # E R = 0 and E R_ij^2 = 1/n; of Sobol points the mean is an order nearer.
    most = 5 / math.sqrt(4096) / (4 if rule == "sobol" else 1)
    assert float(R.mean(0).abs().max()) < most
    assert float((R.square().mean(0) - 1 / n).abs().max()) < most


def test_equal_angles_leave_out_the_end_point() -> None:
    g, _ = Window(SL(2), 1e-9, compact="haar").weighted(64, generator(), "sobol")
    angles = torch.atan2(matrix(g)[:, 1, 0], matrix(g)[:, 0, 0]).sort().values
    assert torch.allclose(angles.diff(), torch.tensor(2 * math.pi / 64, dtype=FLOAT64), atol=1e-7)
    again, _ = Window(SL(2), 1e-9, compact="haar").weighted(64, generator(1), "sobol")
    assert float((matrix(g) - matrix(again)).abs().max()) > 1e-4, "the offset is random"


@pytest.mark.parametrize("shape", ["normal", "uniform", "logistic"])
@pytest.mark.parametrize("rule", ["mc", "sobol"])
def test_the_density_of_a_window_is_that_of_its_draws(shape: str, rule: str) -> None:
    """A density integrates to one: the volume of a ball of translations comes out, whatever the window."""
    window = Window(parse("T(2)"), 1.5, shape)
    found = integrate(
        lambda g: (translation(matrix(g)).square().sum(-1) < 1).double(),
        window,
        2**14,
        generator=generator(),
        rule=rule,
    )
    assert found.mean == pytest.approx(math.pi, rel=0.03)


@pytest.mark.parametrize(
    "name", ["GL+(2)", "SL(3)", "GL+(4)", "Affine(GL+(2))", "E(2)", "Similarity(3)", "Lorentz(4)", "Homography(2)"]
)
def test_pairs_are_inverse_and_nothing_is_inverted(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    group = parse(name)
    window = Window(group, 0.4, "logistic", compact="haar")
    monkeypatch.setattr(torch.linalg, "inv", None)
    g, inverse, log_weight = window.pairs(32, generator=generator(), rule="sobol")
    one = matrix(group.identity(dtype=FLOAT64))
    assert float((matrix(g) @ matrix(inverse) - one).abs().max()) < 1e-11
    assert bool(group.contains(g).all())
    assert log_weight.shape == (32,)
    again = window.weighted(32, generator(), "sobol")
    assert torch.equal(matrix(again[0]), matrix(g))
    assert torch.equal(again[1], log_weight)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: Window(SL(2), 0.5, compact="uniform"), DomainError),
        (lambda: Window(parse("T(2)"), 0.5, compact="haar"), DomainError),
        (lambda: Window(SL(2), (0.5, 0.5, 1.0), compact="haar"), ShapeError),
        (lambda: integrate(gaussian, SL(2), 64, generator=generator(), side="both"), DomainError),
    ],
)
def test_windows_refuse_what_they_cannot_mean(make: Callable[[], object], error: type[Exception]) -> None:
    with pytest.raises(error):
        make()


@pytest.mark.filterwarnings("error::isotropy.errors.EffectiveSampleWarning")
def test_few_draws_that_carry_an_integral_are_warned_of() -> None:
    with pytest.warns(EffectiveSampleWarning, match="of 4096"):
        integrate(both_sides(SL(2))[0], SL(2), 4096, generator=generator())


# Affine groups, and the space of stretches.


def test_left_and_right_haar_measure_of_affine_maps_differ_by_the_determinant() -> None:
    """f(g) = a(A) b(t): left Haar integrates a |det A|^-1, right Haar a, and each is invariant on its side only."""
    group = Affine(GLPlus(1))
    shift = matrix(group.from_coords(torch.tensor([0.4, 0.3], dtype=FLOAT64)))

    def bump(g: Element) -> Tensor:
        scale = linear(matrix(g))[:, 0, 0].log()
        return (-scale.square() / 2 - translation(matrix(g))[:, 0].square() / 2).exp() / (2 * math.pi)

    found: dict[tuple[str, str], float] = {}
    for side in ("left", "right"):
        for moved in ("no", "left", "right"):
            f: Function = bump if moved == "no" else shifted(bump, shift, moved)
            found[side, moved] = integrate(f, group, 2**15, generator=generator(), rule="sobol", side=side).mean
    # The scale is e^s, ds its Haar measure: E e^-s = e^(1/2) under a standard normal s.
    assert found["left", "no"] == pytest.approx(math.exp(0.5), rel=5e-3)
    assert found["right", "no"] == pytest.approx(1.0, rel=5e-3)
    assert found["left", "left"] == pytest.approx(found["left", "no"], rel=5e-3)
    assert found["right", "right"] == pytest.approx(found["right", "no"], rel=5e-3)
    # On the other side each is off by the determinant of the shift, e^0.4.
    assert found["left", "right"] == pytest.approx(found["left", "no"] * math.exp(0.4), rel=5e-3)
    assert found["right", "left"] == pytest.approx(found["right", "no"] * math.exp(-0.4), rel=5e-3)


@pytest.mark.parametrize("n", [2, 3])
def test_the_measure_of_stretches_is_invariant_and_known(n: int) -> None:
    """``int exp(-a tr S) det(S)^(a - (n+1)/2) dS = Gamma_n(a) a^-na`` (Muirhead 1982, theorem 2.1.11), at a = 3."""
    space, a = SPDSpace(n), 3.0
    S, log_weight = space.sample(2**15, generator=generator(), width=0.6, shape="logistic", rule="sobol")
    g = matrix(GLPlus(n).sample((), generator=generator(3), dtype=FLOAT64, within=0.2))
    gamma = n * (n - 1) / 4 * math.log(math.pi) + sum(math.lgamma(a - j / 2) for j in range(n))
    exact = math.exp(gamma - n * a * math.log(a))
    for T in (S, space.act(g, S)):
        f = (-a * T.diagonal(dim1=-2, dim2=-1).sum(-1)).exp() * torch.linalg.det(T) ** a
        found = float((log_weight.exp() * f).mean()) * math.exp(space.log_volume_of_coordinates)
        assert found == pytest.approx(exact, rel=0.02)


def test_stretches_have_coordinates_distances_and_geodesics() -> None:
    for space in (SPDSpace(3), SPDSpace(2, unit_det=True)):
        v = 0.5 * torch.randn(2, 8, space.dim, generator=generator(), dtype=FLOAT64)
        S, T = space.from_coords(v)
        assert bool(space.contains(S).all())
        assert torch.allclose(space.coords(S), v[0], atol=1e-12)
        g = matrix(space.group.sample((8,), generator=generator(), dtype=FLOAT64, within=0.5))
        far = space.distance(S, T)
        assert torch.allclose(space.distance(space.act(g, S), space.act(g, T)), far, atol=1e-10)
        assert torch.allclose(space.distance(S, space.geodesic(S, T, 0.25)), far / 4, atol=1e-10)
        assert bool(space.contains(space.geodesic(S, T, 0.25)).all())


def test_distances_of_stretches_are_those_of_generalised_eigenvalues() -> None:
    """|log l| over the roots l of det(T - l S) = 0, which scipy finds without a square root of S."""
    S, T = SPDSpace(3).from_coords(0.5 * torch.randn(2, 8, 6, generator=generator(), dtype=FLOAT64))
    theirs = [np.linalg.norm(np.log(scipy.linalg.eigvalsh(t, s))) for s, t in zip(S.numpy(), T.numpy(), strict=True)]
    assert torch.allclose(SPDSpace(3).distance(S, T), torch.as_tensor(theirs), atol=1e-10)


def test_stretches_outside_their_space_are_refused() -> None:
    with pytest.raises(DomainError, match="matrix 1"):
        SPDSpace(2).coords(torch.stack([torch.eye(2), -torch.eye(2)]))
    with pytest.raises(DomainError, match="determinant"):
        SPDSpace(2, unit_det=True).act(2 * torch.eye(2), torch.eye(2))
    with pytest.raises(DomainError, match="outside"):
        SPDSpace(2, unit_det=True).coords(2 * torch.eye(2))
    with pytest.raises(ShapeError):
        SPDSpace(2).contains(torch.eye(3))


def test_a_group_with_a_probability_is_drawn_from_it() -> None:
    found = integrate(lambda g: matrix(g)[:, 0, 0] ** 2, "SO(3)", 4096, generator=generator())
    assert 1 / 3 in found
    group: Group = parse("SO(3)")
    assert getattr(found.measure, "group", None) == group
