"""Which parameters the data see: exact fields, pushed through the model at points that did not find them; none else."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from isotropy.errors import AmbiguousRankError, DomainError, DtypeError, IsotropyError, ShapeError
from isotropy.physics import AffineField, orbit_proposal, orbit_redraw, parameter_symmetries, sloppy_directions

T = torch.linspace(0.1, 3.0, 12, dtype=torch.float64)


def draws(low: list[float], high: list[float], K: int = 20, seed: int = 0) -> Tensor:
    u = torch.rand(K, len(low), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    a, b = (torch.tensor(x, dtype=torch.float64) for x in (low, high))
    return a + (b - a) * u


def pushed(model: Callable[[Tensor], Tensor], field: AffineField, thetas: Tensor, step: float = 0.3) -> float:
    """How far predictions move along the orbit, in parts of what a step as long does along the gradient."""
    worst = 0.0
    for theta in thetas:
        there = field.flow(theta, step)
        moved = (model(there) - model(theta)).norm() / model(theta).norm()
        worst = max(worst, float(moved))
        assert float(((there - theta) / theta).abs().max()) > 1e-3, "the field moves nothing"
    return worst


def rotation(theta: Tensor) -> Tensor:
    """Seen only through a^2 + (b/1000)^2: metres and millimetres."""
    return (theta[0] ** 2 + (theta[1] / 1000) ** 2) * T


def units(theta: Tensor) -> Tensor:
    """A product whose factors differ by 1e12."""
    return theta[0] * theta[1] * torch.exp(-theta[2] * T)


def combination(theta: Tensor) -> Tensor:
    return torch.sin((theta[0] + 2 * theta[1]) * T)


def rates(theta: Tensor) -> Tensor:
    return torch.exp(-theta[0] * T) + 0.5 * torch.exp(-theta[1] * T)


CASES: dict[str, tuple[Callable[[Tensor], Tensor], list[float], list[float], int]] = {
    "a rotation in mixed units": (rotation, [1.0, 1000.0], [2.0, 2000.0], 1),
    "a scaling, units 1e6 apart": (units, [1e-6, 1e6, 0.5], [3e-6, 3e6, 1.0], 1),
    "one combination of two": (combination, [0.5, 0.5], [1.0, 1.0], 3),
    "two rates, nearly equal": (rates, [1.0, 1.001], [1.001, 1.002], 0),
    "two rates apart": (rates, [1.0, 2.0], [1.5, 3.0], 0),
}


@pytest.mark.parametrize("name", CASES)
def test_as_many_fields_as_the_model_has_and_each_holds_elsewhere(name: str) -> None:
    model, low, high, dim = CASES[name]
    found = parameter_symmetries(model, draws(low, high))
    assert found.dim == dim
    assert found.gap > 1e6
    assert found.spectrum is not None
    assert len(found.spectrum) == len(low) * (len(low) + 1)
    for field in found.realisation or ():
        assert pushed(model, field, draws(low, high, 6, seed=9)) < 1e-7
    assert found.is_closed(1e-6)


def test_fields_are_told_in_the_users_units() -> None:
    (turn,) = parameter_symmetries(rotation, draws([1.0, 1000.0], [2.0, 2000.0])).realisation or ()
    assert float(turn.A[0, 1] / turn.A[1, 0]) == pytest.approx(-1e-6, rel=1e-6)
    assert float(turn.b.abs().max()) < 1e-6 * float(turn.A.abs().max())
    torch.testing.assert_close(turn(torch.tensor([3.0, 4.0]).double()), turn.A @ torch.tensor([3.0, 4.0]).double())


def test_logarithmic_coordinates_find_what_is_affine_there() -> None:
    """a b^(ln a) is seen: (ln a)(ln b) + ln a has no affine field in a and b; ln a = x, 1 + ln b = y is a hyperbola."""
    model = lambda theta: theta[0].log() * (1 + theta[1].log()) * T  # noqa: E731
    thetas = draws([1.5, 1.5], [4.0, 4.0])
    assert parameter_symmetries(model, thetas).dim == 0
    found = parameter_symmetries(model, thetas, log=True)
    assert found.dim == 1
    assert pushed(model, (found.realisation or ())[0], draws([1.5, 1.5], [4.0, 4.0], 5, seed=4)) < 1e-8
    one = parameter_symmetries(lambda theta: (theta[0].log() + theta[1]) * T, thetas, log=[0])
    assert one.dim == 3


def test_a_parameter_that_is_not_read_is_told() -> None:
    found = parameter_symmetries(lambda theta: theta[0] * T, draws([1.0, 5.0], [2.0, 9.0]))
    assert found.dim == 3  # any affine motion of the second
    for field in found.realisation or ():
        assert float(field(draws([1.0, 5.0], [2.0, 9.0], 3, seed=2))[:, 0].abs().max()) < 1e-9


def test_nearly_a_symmetry_is_no_symmetry() -> None:
    model = lambda theta: (theta[0] + theta[1] + 1e-9 * theta[1] ** 2) * T  # noqa: E731
    with pytest.raises(AmbiguousRankError, match="spectrum"):
        parameter_symmetries(model, draws([1.0, 1.0], [2.0, 2.0]))
    sloppy = sloppy_directions(model, torch.tensor([1.0, 1.0]).double(), weights=torch.ones(12))
    assert float(sloppy.singular_values[0]) == pytest.approx(math.sqrt(2) * float(T.norm()), rel=1e-6)
    assert 0 < float(sloppy.singular_values[1]) < 1e-8


def test_sloppy_directions_are_those_of_the_dense_information() -> None:
    model, theta = rates, torch.tensor([1.0, 1.4]).double()
    A = torch.randn(12, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    C = A @ A.mT + 3 * torch.eye(12).double()
    W = torch.linalg.inv(torch.linalg.cholesky(C))
    found = sloppy_directions(model, theta, weights=W, project="offset")
    J = torch.stack([-T * torch.exp(-T), -0.5 * T * torch.exp(-1.4 * T)], 1)
    P, one = torch.linalg.inv(C), torch.ones(12, 1).double()
    left = P - P @ one @ one.mT @ P / (one.mT @ P @ one)  # the offset minimised away
    values = torch.linalg.eigvalsh(J.mT @ left @ J)
    torch.testing.assert_close(found.singular_values.square().flip(0), values, rtol=1e-6, atol=0)
    again = sloppy_directions(model, theta, weights=W, project=one)
    torch.testing.assert_close(again.singular_values, found.singular_values)
    halved = sloppy_directions(model, theta, weights=W, scale=torch.tensor([0.5, 0.5]))
    whole = sloppy_directions(model, theta, weights=W)
    torch.testing.assert_close(2 * halved.singular_values, whole.singular_values)


def test_moves_along_orbits_keep_the_measure() -> None:
    """A scaling flow of densities on (0, inf): with the factor, Metropolis-Hastings keeps a uniform law uniform."""
    for log in ((), (0,)):
        A, b = (torch.ones(1, 1), torch.zeros(1)) if not log else (torch.zeros(1, 1), torch.ones(1))
        move = orbit_proposal([AffineField(A.double(), b.double(), log)], 1.0)
        random = np.random.RandomState(0)
        at = random.uniform(0, 1, (4000, 1))
        for _ in range(10):
            new, factor = move(at, random)
            accept = (new[:, 0] < 1) & (np.log(random.uniform(size=len(at))) < factor)
            at = np.where(accept[:, None], new, at)
        assert abs(at.mean() - 0.5) < 4 / math.sqrt(12 * 4000)
        assert abs((at < 0.1).mean() - 0.1) < 4 * math.sqrt(0.09 / 4000)


@pytest.mark.parametrize("log", [(), (0,)])
def test_draws_along_an_orbit_are_from_the_prior_there(log: tuple[int, ...]) -> None:
    """A scaling of (0, 1): one step from anywhere stays uniform there and forgets where it was."""
    A, b = (torch.ones(1, 1), torch.zeros(1)) if not log else (torch.zeros(1, 1), torch.ones(1))
    inside = lambda x: np.where((x[:, 0] > 0) & (x[:, 0] < 1), 0.0, -np.inf)  # noqa: E731
    redraw = orbit_redraw([AffineField(A.double(), b.double(), log)], inside, 8.0, points=64)
    random = np.random.RandomState(0)
    start = random.uniform(0, 1, (4000, 1))
    at = start
    for _ in range(4):
        at, change = redraw(at, random)
        assert not change.any()
    for power in (1, 2, 5):  # moments of the uniform law
        sd = math.sqrt((1 / (2 * power + 1) - 1 / (power + 1) ** 2) / 4000)
        assert abs((at**power).mean() - 1 / (power + 1)) < 4 * sd
    assert abs(np.corrcoef(start[:, 0], at[:, 0])[0, 1]) < 4 / math.sqrt(4000)


def test_draws_along_two_orbits_keep_what_is_seen_and_tell_the_prior() -> None:
    """A slope on the prior: its change is told, the combination that data see stays."""
    shear = AffineField(torch.zeros(3, 3).double(), torch.tensor([1.0, -1.0, 0.0]).double())
    stretch = AffineField(torch.diag(torch.tensor([0.0, 0.0, 1.0]).double()), torch.zeros(3).double())
    log_prior = lambda x: -(x**2).sum(1) / 2  # noqa: E731
    random = np.random.RandomState(1)
    start = random.standard_normal((3000, 3))
    at, change = orbit_redraw([shear, stretch], log_prior, [6.0, 4.0])(start, random)
    np.testing.assert_allclose(at[:, 0] + at[:, 1], start[:, 0] + start[:, 1], atol=1e-12)
    np.testing.assert_allclose(change, log_prior(at) - log_prior(start), atol=1e-12)
    assert (np.sign(at[:, 2]) == np.sign(start[:, 2])).all()
    for column in at.T:
        assert abs(column.var() - 1) < 5 * math.sqrt(2 / 3000)
    for bad, wide, said in (
        ((), [], "0 fields"),
        ((shear,), [1.0, 2.0], "2 widths"),
        ((shear, stretch), 0.0, "width 0"),
    ):
        with pytest.raises(IsotropyError, match=said):
            orbit_redraw(bad, log_prior, wide)


@pytest.mark.parametrize(
    ("thetas", "error", "said"),
    [
        (torch.ones(3, 2, dtype=torch.int64), DtypeError, "int64"),
        (torch.ones(3), ShapeError, r"\(K, p\)"),
        (torch.tensor([[1.0, math.nan], [1.0, 2.0]]), DomainError, "NaN"),
        (torch.ones(5, 2), ShapeError, "does not vary"),
        (torch.tensor([[0.0, 1.0], [1.0, 0.0]]), DomainError, "not finite"),
    ],
)
def test_points_that_cannot_be_used_are_refused(thetas: Tensor, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        parameter_symmetries(lambda theta: T / theta[0] / theta[1], thetas)


def test_too_few_or_collinear_points_certify_nothing() -> None:
    model = lambda theta: theta[0] * torch.exp(-theta[1] * T)  # noqa: E731
    with pytest.raises(ShapeError, match="line or plane"):
        parameter_symmetries(model, torch.tensor([[1.2, 2.1], [1.8, 3.3]]).double())
    s = torch.linspace(0.5, 2.0, 15).double()
    with pytest.raises(ShapeError, match="line or plane"):
        parameter_symmetries(model, torch.stack([s, 3 * s], 1))
    one = lambda theta: theta[0] * theta[1] * T  # noqa: E731
    with pytest.raises(ShapeError, match="4 independent equations for 6 unknowns"):
        parameter_symmetries(one, draws([1.0, 1.0], [2.0, 2.0], K=4))
    assert parameter_symmetries(model, draws([1.0, 2.0], [2.0, 3.0], K=4)).dim == 0


def test_dependent_nuisances_remove_what_they_span_and_no_more() -> None:
    theta, weights = torch.tensor([1.0, 1.7]).double(), torch.ones(12, dtype=torch.float64)
    one = torch.ones(12, 1).double()
    alone, twice, none = (
        sloppy_directions(rates, theta, weights=weights, project=vectors)
        for vectors in (one, torch.cat([one, 1e-9 * one, 0 * one], 1), one[:, :0])
    )
    torch.testing.assert_close(twice.singular_values, alone.singular_values)
    torch.testing.assert_close(none.singular_values, sloppy_directions(rates, theta, weights=weights).singular_values)
