"""Distances against astropy, quadrature and light rays; domains; limits; derivatives."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from scipy.integrate import quad, solve_ivp

from isotropy.errors import DomainError, DtypeError, ShapeError
from isotropy.physics.cosmology import (
    GYR,
    Cosmology,
    DilatonVSL,
    EinsteinDeSitter,
    FlatLambdaCDM,
    FlatwCDM,
    Milne,
    PowerLaw,
    RhCt,
)

astropy = pytest.importorskip("astropy.cosmology")

Z = torch.logspace(-4, math.log10(3), 40, dtype=torch.float64)
MODELS: list[tuple[Cosmology, list[float]]] = [
    (FlatLambdaCDM(), [0.3]),
    (FlatwCDM(), [0.3, -0.8]),
    (EinsteinDeSitter(), []),
    (Milne(), []),
    (RhCt(), []),
    (PowerLaw(), [0.7, 0.4]),
    (DilatonVSL(b1=None, b2=None), [0.93, 1.5, 2.5]),
]


def row(*values: float) -> torch.Tensor:
    return torch.tensor([values], dtype=torch.float64)


@pytest.mark.parametrize("Om", [0.05, 0.3, 0.95])
@pytest.mark.parametrize("w", [-1.0, -0.6, -1.7])
def test_distances_and_ages_equal_astropys(Om: float, w: float) -> None:
    """B1: to 1e-10 for z in [1e-4, 3], without radiation."""
    if w == -1.0:
        theirs: Any = astropy.FlatLambdaCDM(H0=70, Om0=Om, Tcmb0=0)
        ours: Cosmology = FlatLambdaCDM(Om)
    else:
        theirs, ours = astropy.FlatwCDM(H0=70, Om0=Om, w0=w, Tcmb0=0), FlatwCDM(Om, w)
    expected = torch.from_numpy(theirs.luminosity_distance(Z.numpy()).value) * 70 / 299792.458
    torch.testing.assert_close(ours.dl_hat(Z)[0], expected, rtol=1e-10, atol=0)
    assert float(ours.age(70.0)) == pytest.approx(theirs.age(0).value, rel=1e-6)


@pytest.mark.parametrize("top", [1e-3, 0.3, 3.0])
def test_many_redshifts_are_interpolated_to_rounding(top: float) -> None:
    """By parts of 20, fewer than twice the points of a polynomial, each redshift has an integral of its own."""
    z = torch.linspace(1e-4, top, 400, dtype=torch.float64)
    theta = torch.tensor([[Om, w] for Om in (0.0, 1e-6, 0.05, 0.4, 1.0) for w in (-2.0, -1.0, -0.3, 0.0)]).double()
    theta.requires_grad_()
    for model, params in ((FlatwCDM(), theta), (FlatLambdaCDM(), theta[:, :1]), (FlatwCDM(w=-0.7), theta[:, :1])):
        whole = model.dl_hat(z, params=params)
        parts = torch.cat([model.dl_hat(part, params=params) for part in z.split(20)], 1)
        torch.testing.assert_close(whole, parts, rtol=1e-12, atol=0)
        slopes = [torch.autograd.grad((each / z).sum(), theta)[0] for each in (whole, parts)]
        torch.testing.assert_close(slopes[0], slopes[1], rtol=1e-10, atol=1e-8)
    beyond = torch.tensor([[1.2], [0.3]], dtype=torch.float64)  # 1/E has a singularity on the real line: no polynomial
    torch.testing.assert_close(
        FlatLambdaCDM().dl_hat(z, params=beyond),
        torch.cat([FlatLambdaCDM().dl_hat(part, params=beyond) for part in z.split(20)], 1), rtol=1e-14, atol=0,
    )  # fmt: skip


def test_fixed_parameters_leave_a_row_for_each_set() -> None:
    """What depends on fixed parameters alone is computed once, and counts for all."""
    for model, params in (
        (PowerLaw(mu=0.7), row(0.1, 0.2).mT), (PowerLaw(zeta=0.2), row(0.7, 0.9).mT),
        (FlatwCDM(Om=0.3), row(-1, -0.9).mT),
        (DilatonVSL(0.93, b1=None), row(1.5, 2.0).mT), (RhCt(), torch.zeros(2, 0).double()),
    ):  # fmt: skip
        for told in (model.dl_hat(Z, params=params), model.a_of_z(Z, params=params)):
            assert told.shape == (2, len(Z))
        assert model.age(70.0, params).shape == (2,)
    with pytest.raises(DomainError, match="F_inf = -1, b1 = 2, b2 = 2"):
        DilatonVSL().dl_hat(Z, params=row(0.9, -1.0).mT)


def test_milne_and_einstein_de_sitter_equal_astropys() -> None:
    for ours, (Om, Ode) in ((Milne(), (1e-12, 0.0)), (EinsteinDeSitter(), (1.0, 0.0))):
        theirs = astropy.LambdaCDM(H0=70, Om0=Om, Ode0=Ode, Tcmb0=0)
        expected = torch.from_numpy(theirs.luminosity_distance(Z.numpy()).value) * 70 / 299792.458
        torch.testing.assert_close(ours.dl_hat(Z)[0], expected, rtol=1e-9, atol=0)


@pytest.mark.parametrize(("mu", "zeta"), [(2 / 3, 0.5), (0.7, 0.4), (0.5, -0.3), (1.3, 0.0)])
def test_the_integral_of_c_dt_over_a_is_the_closed_form(mu: float, zeta: float) -> None:
    """B5: r = int c dt/a by quadrature, with t0 = 1, c0 = 1, so H0 = mu."""
    z = Z[::8]
    found = PowerLaw(mu, zeta).dl_hat(z)[0] / (1 + z) / mu
    for one, r in zip(z.tolist(), found.tolist(), strict=True):
        start = (1 + one) ** (-1 / (1 + zeta))
        by_a = quad(lambda a: a ** (-zeta - 2 + 1 / mu) / mu, start, 1, epsrel=1e-13, epsabs=0)[0]
        assert r == pytest.approx(by_a, rel=1e-10)


@pytest.mark.parametrize("params", [(0.931, 2.0, 2.0), (1.05, 3.0, 1.5), (0.85, 0.5, 3.0)])
def test_the_log_formula_is_the_integral_up_to_a_of_z(params: tuple[float, float, float]) -> None:
    """B5 with F: r = c0/H0 int da/a from a = F (1 + z)^(-2/3)."""
    model, z = DilatonVSL(*params), torch.tensor([1e-3, 0.1, 0.8, 2.5], dtype=torch.float64)
    F_inf, b1, b2 = params
    for one, found in zip(z.tolist(), model.dl_hat(z)[0].tolist(), strict=True):
        F = 1 - (1 - F_inf) * (1 - (1 + one) ** -b1) ** b2
        a = F * (1 + one) ** (-2 / 3)
        r = quad(lambda x: 1 / x, a, 1, epsrel=1e-13)[0]
        assert found == pytest.approx((1 + one) / F * r, rel=1e-10)
        assert float(model.a_of_z(one)) == pytest.approx(a, rel=1e-13)
        assert float(model.F(torch.tensor([one], dtype=torch.float64))) == pytest.approx(F, rel=1e-13)


def test_k_to_zero_is_continuous_with_its_slope() -> None:
    zeta = 0.5
    at = [1 / (1.5 * (1 + k)) for k in (-1e-5, -1e-12, 0.0, 1e-12, 1e-5, 0.9e-3, 1.1e-3)]
    params = torch.tensor([[mu, zeta] for mu in at], dtype=torch.float64, requires_grad=True)
    found = PowerLaw().dl_hat(Z, params=params)
    torch.testing.assert_close(found[2], (1 + Z) * Z.log1p() / 1.5, rtol=1e-14, atol=0)
    torch.testing.assert_close(found[1], found[3], rtol=1e-11, atol=0)
    for number, k in ((0, -1e-5), (4, 1e-5), (6, 1.1e-3)):
        x = k * Z.log1p()
        direct = (
            (1 + Z) * Z.log1p() * torch.tensor([math.expm1(-v) / -v for v in x.tolist()], dtype=torch.float64) / 1.5
        )
        torch.testing.assert_close(found[number], direct.to(found), rtol=1e-10, atol=0)
    (slope,) = torch.autograd.grad(found.sum(), params)
    assert bool(slope.isfinite().all())
    torch.testing.assert_close(slope[1], slope[3], rtol=1e-9, atol=1e-9)


def test_two_crests_of_light_give_the_redshift() -> None:
    """B6: two null rays a thousandth of a period apart, integrated; clocks at rest and clocks of a scale F."""
    mu, zeta, z = 2 / 3, 0.5, 0.7
    a_sent = float(PowerLaw(mu, zeta).a_of_z(z))
    sent, step = a_sent ** (1 / mu), 1e-5

    def arrival(start: float, distance: float) -> float:
        ray = solve_ivp(
            lambda t, r: [t ** (-mu * (1 + zeta))], (start, 2), [0.0], rtol=1e-13, atol=1e-15, dense_output=True
        )
        lower, upper = start, 2.0
        for _ in range(70):
            middle = (lower + upper) / 2
            lower, upper = (middle, upper) if ray.sol(middle)[0] < distance else (lower, middle)
        return lower

    # dr = c dt / a = t^(-mu zeta) t^(-mu) dt, in closed form for the distance that light of the first crest covers.
    power = 1 - mu * (1 + zeta)
    distance = -math.log(sent) if abs(power) < 1e-12 else (1 - sent**power) / power
    received = [arrival(start, distance) for start in (sent * (1 - step), sent * (1 + step))]
    stretch = (received[1] - received[0]) / (2 * step * sent)
    assert stretch == pytest.approx(1 + z, rel=1e-6)
    # The clock of the emitter runs as F^(3/2) of ours: 1 + z = a^(-3/2) F^(3/2).
    model = DilatonVSL(0.9)
    F, a = float(model.F(torch.tensor([z], dtype=torch.float64))), float(model.a_of_z(z))
    assert a**-1.5 * F**1.5 == pytest.approx(1 + z, rel=1e-12)


def test_small_redshifts_keep_their_digits() -> None:
    tiny = torch.tensor([1e-12], dtype=torch.float64)
    for model, params in MODELS:
        unit = {"DilatonVSL": 2 / 3, "PowerLaw": 1 / 1.4}.get(model.name, 1.0)
        assert float(model.dl_hat(tiny, params=row(*params))) == pytest.approx(unit * 1e-12, rel=1e-9)


def test_heliocentric_redshifts_stand_in_front_and_nowhere_else() -> None:
    hel = Z + 0.001
    for model, params in MODELS:
        both = model.dl_hat(Z, hel, params=row(*params))
        torch.testing.assert_close(both, model.dl_hat(Z, params=row(*params)) * (1 + hel) / (1 + Z))


def test_a_batch_is_its_rows() -> None:
    for model, params in MODELS:
        if params:
            several = torch.tensor([params, [0.97 * x for x in params]], dtype=torch.float64)
            found = model.dl_hat(Z, params=several)
            assert found.shape == (2, 40)
            torch.testing.assert_close(found[1:], model.dl_hat(Z, params=several[1:]), rtol=1e-14, atol=0)


@pytest.mark.parametrize(("model", "params"), [(m, p) for m, p in MODELS if p], ids=lambda x: getattr(x, "name", ""))
def test_derivatives_are_exact(model: Cosmology, params: list[float]) -> None:
    theta = torch.tensor([params], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda p: model.dl_hat(Z[::9], params=p).log(), theta, eps=1e-6, atol=1e-6)


def test_ages() -> None:
    assert abs(GYR - 977.792) < 1e-3
    assert float(DilatonVSL(0.931).age(47.2)) == pytest.approx(2 / 3 * 977.792 / 47.2, rel=1e-5)  # 13.8 Gy [seen]
    assert float(PowerLaw(0.8, 0.1).age(50.0)) == pytest.approx(0.8 * GYR / 50, rel=1e-12)
    assert FlatLambdaCDM().age(70.0, params=torch.tensor([[0.2], [0.3]]).double()).shape == (2,)


def test_the_effective_rate_is_what_an_analyst_without_f_infers() -> None:
    model, z = DilatonVSL(0.931), Z
    F, L = model.F(z), z.log1p()
    formula = 47.2 * F / (1 - 1.5 * F.log() / L)
    torch.testing.assert_close(model.h0_effective(z, H0=47.2), formula, rtol=1e-12, atol=0)
    naive = DilatonVSL(1.0).dl_hat(z) / formula  # distance in c km/s/Mpc that F = 1 gives with that rate
    torch.testing.assert_close(naive, model.dl_hat(z) / 47.2, rtol=1e-12, atol=0)
    torch.testing.assert_close(DilatonVSL(1.0).dl_hat(z), RhCt().dl_hat(z) * 2 / 3)  # F = 1 is R_h = ct, rescaled


@pytest.mark.parametrize(
    ("model", "params", "said"),
    [
        (DilatonVSL(b1=None, b2=None), [-0.5, 6.0, 1.0], "F_inf = -0.5"),
        (DilatonVSL(b1=None, b2=None), [1.1, 2.0, 0.2], "negative"),
        (DilatonVSL(b1=None, b2=None), [0.9, -1.0, 2.0], "b1 >= 0"),
        (PowerLaw(), [0.0, 0.5], "mu > 0"),
        (PowerLaw(), [0.5, -1.0], "zeta = -1"),
        (FlatLambdaCDM(), [-0.1], "Om = -0.1"),
        (FlatwCDM(), [1.4, -1.0], ""),
    ],
)
def test_parameters_outside_a_models_domain_are_named(model: Cosmology, params: list[float], said: str) -> None:
    z = torch.tensor([0.01, 0.5, 2.0], dtype=torch.float64)
    bad = row(*params)
    if not said:  # more matter than the critical density is a universe too, if its density stays positive
        assert bool(model.admissible(z, bad))
        return
    assert not bool(model.admissible(z, bad))
    with pytest.raises(DomainError, match=said):
        model.dl_hat(z, params=bad)


@pytest.mark.parametrize(
    ("z", "error"),
    [(torch.tensor([1, 2]), DtypeError), (torch.tensor([0.1, math.nan]), DomainError), (0.0, DomainError),
     (-0.1, DomainError), (torch.ones(2, 2), ShapeError), (1, DtypeError)],
)  # fmt: skip
def test_redshifts_that_are_none_are_refused(z: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        RhCt().dl_hat(z)


def test_parameters_of_other_sizes_are_refused() -> None:
    with pytest.raises(ShapeError, match="F_inf"):
        DilatonVSL().dl_hat(Z)
    with pytest.raises(ShapeError, match="none are free"):
        RhCt().dl_hat(Z, params=torch.ones(3, 1))
    with pytest.raises(DomainError, match="H0 = 0"):
        RhCt().age(0.0)
    with pytest.raises(DomainError, match="finite"):
        FlatLambdaCDM().dl_hat(Z, params=row(math.nan))
    assert bool(FlatLambdaCDM(0.0).dl_hat(Z).isfinite().all())
