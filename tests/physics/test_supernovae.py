"""The likelihood against dense inverses, the offset against the library's verbs, fits against brute force."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch import Tensor

from isotropy.errors import DomainError, SchemaError
from isotropy.optics import canonicalise
from isotropy.physics.cosmology import LIGHT, Cosmology, DilatonVSL, FlatLambdaCDM, FlatwCDM, PowerLaw, RhCt
from isotropy.physics.parameters import AffineField, parameter_symmetries
from isotropy.physics.supernovae import (
    Fixed,
    Gaussian,
    SNLikelihood,
    SNSample,
    compare_models,
    h0_in_bins,
    load_sample,
    marginal_by_integral,
    offset_frame,
    strength,
)

M = -19.35


def one(*values: float) -> Tensor:
    return torch.tensor([values], dtype=torch.float64)


@pytest.fixture(scope="module")
def bins() -> SNSample:
    return load_sample("pantheon-binned")


@pytest.fixture(scope="module")
def pantheon() -> SNSample:
    return load_sample("pantheon")


def dense(sample: SNSample, cov: str) -> Tensor:
    """C, written down once more."""
    C = torch.diag(sample.err**2)
    return C if cov == "stat" or sample.cov is None else C + sample.cov


def by_inverse(sample: SNSample, C: Tensor, predicted: Tensor) -> tuple[float, float, float]:
    """chi2 at the best offset, that offset, and E, by the inverse of C."""
    P, d = torch.linalg.inv(C), sample.mb - predicted
    A, B, E = float(d @ P @ d), float((P @ d).sum()), float(P.sum())
    return A - B * B / E, B / E, E


@pytest.mark.parametrize("cov", ["stat", "stat+sys"])
def test_chi2_is_that_of_the_dense_inverse(bins: SNSample, cov: str) -> None:
    """B3, in all four treatments of the offset."""
    model, theta = FlatLambdaCDM(), one(0.3)
    C = dense(bins, cov)
    predicted = 5 * model.dl_hat(bins.z_cmb, bins.hel, theta)[0].log10()
    chi2, best, E = by_inverse(bins, C, predicted)
    of = {offset: float(SNLikelihood(bins, cov, offset).chi2(model, theta)) for offset in ("profile", "marginal")}
    assert of["profile"] == pytest.approx(chi2, abs=1e-7)  # A - B^2/E cancels eight digits
    assert of["marginal"] == pytest.approx(chi2 + math.log(E / (2 * math.pi)), abs=1e-7)
    fixed = Fixed(M, 70.0)
    offset = M + 25 + 5 * math.log10(LIGHT / 70)
    d = bins.mb - predicted - offset
    found = float(SNLikelihood(bins, cov, fixed).chi2(model, theta))
    assert found == pytest.approx(float(d @ torch.linalg.inv(C) @ d), rel=1e-10)
    for sd in (0.01, 0.5):
        d = bins.mb - predicted - 24.0
        wide = C + sd**2
        lik = SNLikelihood(bins, cov, Gaussian(24.0, sd))
        assert float(lik.chi2(model, theta)) == pytest.approx(float(d @ torch.linalg.inv(wide) @ d), rel=1e-8)
        log = torch.distributions.MultivariateNormal(predicted + 24.0, wide).log_prob(bins.mb)
        assert float(lik.log_likelihood(model, theta)) == pytest.approx(float(log), abs=1e-8)
    loose = SNLikelihood(bins, cov, Gaussian(0.0, 1e6))
    assert float(loose.chi2(model, theta)) == pytest.approx(chi2, abs=1e-6)  # the limit of no prior
    # The flat measure of the normalised Gaussian is the limit of priors of any width times that width.
    flat = float(SNLikelihood(bins, cov, "marginal").log_likelihood(model, theta))
    limit = float(SNLikelihood(bins, cov, Gaussian(best, 1e4)).log_likelihood(model, theta))
    assert flat == pytest.approx(limit + math.log(1e4 * math.sqrt(2 * math.pi)), abs=1e-6)


def test_profile_and_marginal_are_the_librarys_two_ways_to_use_a_symmetry(bins: SNSample) -> None:
    """Canonicalise and integrate over T(1), the group of offsets, against the closed forms."""
    model, theta = DilatonVSL(), one(0.94)
    lik = SNLikelihood(bins, "stat+sys")
    residual = bins.mb - lik.magnitudes(model, theta)
    C = dense(bins, "stat+sys")
    plain = lambda x: torch.einsum("...i,ij,...j->...", x[..., 0], torch.linalg.inv(C), x[..., 0])[..., None]  # noqa: E731
    profiled = canonicalise(offset_frame(lik), "Cloud(Point)", "Scalar", group="T(1)").close(plain)
    rows = torch.cat([residual, residual + 3.0])[..., None]
    torch.testing.assert_close(profiled(rows)[:, 0], lik.chi2(model, theta).expand(2), rtol=1e-9, atol=0)
    draw = torch.Generator().manual_seed(0)
    marginal = SNLikelihood(bins, "stat+sys", "marginal")
    integral = marginal_by_integral(marginal, model, theta, 4096, generator=draw)
    assert float(marginal.chi2(model, theta)) == pytest.approx(integral.mean, abs=2e-3)


def test_a_constant_in_all_magnitudes_changes_nothing(pantheon: SNSample) -> None:
    lik = SNLikelihood(pantheon)
    theta = torch.tensor([[0.2], [0.3]], dtype=torch.float64)
    for shift in (1.0, -19.3, 100.0):
        moved = lik.with_magnitudes(pantheon.mb + shift)
        torch.testing.assert_close(
            moved.chi2(FlatLambdaCDM(), theta), lik.chi2(FlatLambdaCDM(), theta), rtol=0, atol=1e-9
        )
        before, after = (one.best_offset(FlatLambdaCDM(), theta) for one in (lik, moved))
        torch.testing.assert_close(after - before, torch.full_like(before, shift), rtol=0, atol=1e-9)


def test_the_order_of_the_supernovae_does_not_matter(bins: SNSample) -> None:
    """B4."""
    order = torch.randperm(40, generator=torch.Generator().manual_seed(1))
    both = [SNLikelihood(s, "stat+sys").chi2(DilatonVSL(), one(0.93)) for s in (bins, bins.take(order))]
    torch.testing.assert_close(both[0], both[1], rtol=0, atol=1e-8)
    assert bins.cov is not None
    broken = SNSample(bins.z_cmb[order], bins.hel[order], bins.mb[order], bins.err[order], bins.cov)
    assert abs(float(SNLikelihood(broken, "stat+sys").chi2(DilatonVSL(), one(0.93)) - both[0])) > 1e-3


def test_systematics_are_used(bins: SNSample) -> None:
    """Their own diagonal alone gives another chi2, by tens where the model is off."""
    assert bins.cov is not None
    diagonal = SNSample(bins.z_cmb, bins.hel, bins.mb, bins.err, torch.diag(bins.cov.diagonal()))
    apart = [SNLikelihood(s, "stat+sys").chi2(DilatonVSL(1.0)) for s in (bins, diagonal)]
    assert abs(float(apart[0] - apart[1])) > 10
    for cov in ("stat", "stat+sys"):
        sample = load_sample("union3")
        if cov == "stat":
            with pytest.raises(DomainError, match="error of 0 in row 0"):
                SNLikelihood(sample, cov)
        else:
            assert float(SNLikelihood(sample, cov).fit(FlatLambdaCDM(), intervals=False).chi2) < 40


def independent(sample: SNSample, predicted, bounds: tuple[float, float]) -> tuple[float, float, float]:  # type: ignore[no-untyped-def]
    """The best parameter, chi2 and H0 by Nelder-Mead on the formulas in numpy, nothing of the library in them."""
    z, mb, w = sample.z_cmb.numpy(), sample.mb.numpy(), sample.err.numpy() ** -2

    def chi2(x: np.ndarray) -> tuple[float, float]:
        d = mb - 5 * np.log10(predicted(z, x[0]))
        offset = (w * d).sum() / w.sum()
        return float((w * (d - offset) ** 2).sum()), float(offset)

    found = minimize(
        lambda x: chi2(x)[0], [sum(bounds) / 2], method="Nelder-Mead", bounds=[bounds], options={"xatol": 1e-7}
    )
    value, offset = chi2(found.x)
    return float(found.x[0]), value, LIGHT * 10 ** (-(offset - 25 - M) / 5)


def vsl(z: np.ndarray, F_inf: float) -> np.ndarray:
    F = 1 - (1 - F_inf) * (1 - (1 + z) ** -2.0) ** 2
    return (1 + z) / F * np.log((1 + z) ** (2 / 3) / F)


def standard(z: np.ndarray, Om: float) -> np.ndarray:
    x, weight = np.polynomial.legendre.leggauss(64)
    u = z[:, None] * (x + 1) / 2
    return (1 + z) * z / 2 * (weight / np.sqrt(Om * (1 + u) ** 3 + 1 - Om)).sum(1)


def test_the_published_table(pantheon: SNSample) -> None:
    """B2: the numbers of arXiv 2412.05262, chi2 divided by N, statistical errors, M = -19.35."""
    lik = SNLikelihood(pantheon)
    vsl_fit, lcdm, plain = (lik.fit(m, intervals=False) for m in (DilatonVSL(), FlatLambdaCDM(), DilatonVSL(1.0)))
    for fit, chi2, H0 in ((vsl_fit, 0.98556, 47.2), (lcdm, 0.98824, 70.2), (plain, 1.25366, 44.4)):
        assert fit.chi2 / 1048 == pytest.approx(chi2, abs=2e-5)
        assert fit.h0(M=M) == pytest.approx(H0, abs=0.1)
    assert vsl_fit.params["F_inf"] == pytest.approx(0.931, abs=1e-3)
    assert lcdm.params["Om"] == pytest.approx(0.285, abs=1e-3)
    with pytest.raises(DomainError, match="without an absolute magnitude"):
        vsl_fit.h0()


def test_every_figure_moves_with_the_data(pantheon: SNSample) -> None:
    """Rows dropped, magnitudes moved: each figure goes where an independent fit says. Nothing is written down."""
    draw = torch.Generator().manual_seed(5)
    some = pantheon.take(torch.randperm(1048, generator=draw)[:600].sort().values)
    noise = 0.2 * some.z_cmb + 0.05 * torch.randn(600, generator=draw, dtype=torch.float64)
    for sample in (some, SNSample(some.z_cmb, some.z_hel, some.mb - 0.3 + noise, some.err)):
        lik = SNLikelihood(sample)
        for model, formula, bounds, name in (
            (DilatonVSL(), vsl, (0.8, 1.1), "F_inf"),
            (FlatLambdaCDM(), standard, (0.0, 1.0), "Om"),
        ):
            fit = lik.fit(model, intervals=False)
            at, chi2, H0 = independent(sample, formula, bounds)
            assert fit.params[name] == pytest.approx(at, abs=2e-5)
            assert fit.chi2 == pytest.approx(chi2, abs=1e-6)
            assert fit.h0(M=M) == pytest.approx(H0, rel=1e-5)
        assert abs(fit.chi2 / 600 - 0.988) > 1e-3


@pytest.mark.slow
def test_intervals_are_where_an_independent_profile_rises_by_one(bins: SNSample) -> None:
    """To 0.5 % of their width; two free parameters, so that the other is fitted along."""
    lik, model = SNLikelihood(bins, "stat+sys"), DilatonVSL(b1=None)
    fit = lik.fit(model)
    for at, name in enumerate(("F_inf", "b1")):
        e = fit.errors[name]
        for end in (e.low, e.high):
            others = torch.linspace(*((0.8, 1.1) if at else (0.05, 6.0)), 20001, dtype=torch.float64)
            grid = torch.stack([torch.full_like(others, end), others], 1)
            grid = grid if at == 0 else grid.flip(1)
            grid = grid[model.admissible(bins.z_cmb, grid)]
            rise = float(lik.chi2(model, grid).min()) - fit.chi2
            if end not in (0.0, 6.0, 0.8, 1.1):
                assert rise == pytest.approx(1.0, abs=0.01)  # twice the relative error of the distance, at a parabola
    profile = lik.profile(model, "F_inf", [fit.params["F_inf"], fit.errors["F_inf"].high])
    assert float(profile.chi2[1] - profile.chi2[0]) == pytest.approx(1.0, abs=1e-4)


@pytest.mark.slow
def test_modes_are_all_found_and_h0_in_each() -> None:
    """Two basins of equal depth, made so: b1 near 1 and near 5 fit a curve that lies between."""
    full = load_sample("pantheon")
    fit = SNLikelihood(full).fit(DilatonVSL(b1=None, b2=None), intervals=False)
    assert len(fit.modes) >= 2
    assert fit.modes[1].chi2 - fit.modes[0].chi2 < 2
    rates = [mode.h0(M=M) for mode in fit.modes[:2]]
    assert abs(rates[0] - rates[1]) > 3  # km/s/Mpc: what b1 = b2 = 2 hides
    for mode in fit.modes[:2]:
        theta = one(*mode.params.values()).requires_grad_()
        lik = SNLikelihood(full)
        (slope,) = torch.autograd.grad(lik.chi2(DilatonVSL(b1=None, b2=None), theta).sum(), theta)
        assert mode.at_edge or float(slope.abs().max()) < 1e-2


def test_gradients_equal_central_differences(pantheon: SNSample) -> None:
    """B14."""
    lik = SNLikelihood(pantheon)
    for model, values in ((DilatonVSL(b1=None, b2=None), (0.94, 1.7, 2.2)), (PowerLaw(), (0.7, 0.4))):
        theta = one(*values).requires_grad_()
        (slope,) = torch.autograd.grad(lik.chi2(model, theta).sum(), theta)
        for at in range(len(values)):
            step = torch.zeros(1, len(values), dtype=torch.float64)
            step[0, at] = 1e-5
            difference = (lik.chi2(model, theta.detach() + step) - lik.chi2(model, theta.detach() - step)) / 2e-5
            assert float(slope[0, at]) == pytest.approx(float(difference), rel=1e-6, abs=1e-4)


@pytest.mark.slow
def test_mocks_have_the_full_covariance_and_intervals_cover(bins: SNSample) -> None:
    """B11: of 200 draws around a truth, 68 % intervals hold it in [0.60, 0.76]; Delta chi2 = 1 has one parameter."""
    lik, model, truth = SNLikelihood(bins, "stat+sys"), DilatonVSL(), one(0.95)
    mocks = lik.mocks(model, truth, 200, seed=1)
    z = lik.whiten(mocks - lik.magnitudes(model, truth))
    assert abs(float(z.square().mean()) - 1) < 5 * math.sqrt(2 / z.numel())
    grid = torch.linspace(0.8, 1.1, 3001, dtype=torch.float64)[:, None]
    grid = grid[model.admissible(bins.z_cmb, grid)]
    W = lik.whiten(lik.magnitudes(model, grid))
    W = W - (W @ lik.one / lik.E)[:, None] * lik.one
    inside = 0
    for mb in mocks:
        d = lik.whiten(mb[None])[0]
        d = d - (d @ lik.one / lik.E) * lik.one
        least = float((d - W).square().sum(1).min())
        inside += float(lik.with_magnitudes(mb).chi2(model, truth)) <= least + 1
    assert 0.60 <= inside / 200 <= 0.76
    few = [lik.with_magnitudes(mb).fit(model) for mb in mocks[:4]]
    for mb, fit in zip(mocks, few, strict=False):  # and the fit's own intervals are these
        e = fit.errors["F_inf"]
        rise = float(lik.with_magnitudes(mb).chi2(model, truth)) - fit.chi2
        assert (0.95 in e) == (rise <= 1)


def test_evidence_by_quadrature_is_the_integral(bins: SNSample) -> None:
    lik = SNLikelihood(bins, "stat+sys", "marginal")
    grid = torch.linspace(0, 1, 20001, dtype=torch.float64)[:, None]
    direct = float(torch.logsumexp(lik.log_likelihood(FlatLambdaCDM(), grid[1:]), 0)) - math.log(20000)
    found = lik.evidence(FlatLambdaCDM(), {"Om": (0, 1)})
    assert found.log_z == pytest.approx(direct, abs=1e-3)
    half = lik.evidence(FlatLambdaCDM(), {"Om": (0, 2)})
    assert half.log_z == pytest.approx(found.log_z - math.log(2), abs=1e-3)
    assert lik.evidence(RhCt()).log_z == float(lik.log_likelihood(RhCt()))
    with pytest.raises(SchemaError, match="'w'"):
        lik.evidence(FlatLambdaCDM(), {"Om": (0, 1), "w": (-2, 0)})
    # Three parameters: a plane of b2 = 2 in the limit of a narrow prior has the evidence of the fixed one.
    free, box = DilatonVSL(b1=None, b2=None), {"F_inf": (0.8, 1.1), "b1": (1.999, 2.001), "b2": (1.999, 2.001)}
    assert lik.evidence(free, box).log_z == pytest.approx(lik.evidence(DilatonVSL()).log_z, abs=1e-3)


def test_draws_by_quadrature_are_of_the_posterior_and_of_all_its_modes(bins: SNSample) -> None:
    lik = SNLikelihood(bins, "stat+sys")
    grid = torch.linspace(0, 1, 4001, dtype=torch.float64)[1:, None]
    weight = (-lik.chi2(FlatLambdaCDM(), grid) / 2).softmax(0)
    mean = float(weight @ grid[:, 0])
    sd = float(weight @ (grid[:, 0] - mean).square()) ** 0.5
    found = lik.evidence(FlatLambdaCDM(), draws=2000)
    assert abs(found.samples["Om"].mean() - mean) < 4 * sd / 2000**0.5
    assert found.samples["Om"].std() == pytest.approx(sd, rel=0.08)
    model = PowerLaw()  # of a ridge every part: mu (1 + zeta) is as narrow everywhere
    wide = lik.evidence(model, panels=8, draws=2000)
    product = wide.samples["mu"] * (1 + wide.samples["zeta"])
    assert wide.samples["zeta"].std() > 0.5
    assert product.std() < 0.15
    assert lik.evidence(model, panels=8).log_z == wide.log_z
    with pytest.raises(DomainError, match="draws=5"):
        lik.evidence(model, method="nested", draws=5)


def test_a_fit_from_one_start_ends_in_its_own_mode(bins: SNSample) -> None:
    lik, model = SNLikelihood(bins, "stat+sys"), DilatonVSL(b1=None, b2=None)
    falls = lik.fit(model, intervals=False, start={"F_inf": 0.93, "b1": 2.0, "b2": 2.0})
    rises = lik.fit(model, intervals=False, start={"F_inf": 1.03, "b1": 4.5, "b2": 1.0})
    assert falls.params["F_inf"] < 1 < rises.params["F_inf"]
    assert abs(falls.h0(M=M) - rises.h0(M=M)) > 5
    assert falls.evaluations < 100
    with pytest.raises(SchemaError, match="F_inf, b1, b2"):
        lik.fit(model, start={"F_inf": 0.9})


@pytest.mark.parametrize(
    ("model", "low", "high", "dim"),
    [
        (FlatLambdaCDM(), [0.2], [0.6], 0),
        (FlatwCDM(), [0.2, -1.1], [0.6, -0.4], 0),
        (DilatonVSL(), [0.9], [1.0], 0),
        (PowerLaw(), [0.4, 0.1], [1.4, 1.1], 1),
    ],
)
def test_which_parameters_supernovae_see(
    bins: SNSample, model: Cosmology, low: list[float], high: list[float], dim: int
) -> None:
    """B8: exactly as many fields as the models have, with a gap, and predictions stay at points that found none."""
    lik = SNLikelihood(bins, "stat+sys")
    seen = lambda theta: lik.residuals(model, theta[None])[0]  # noqa: E731
    draw = torch.Generator().manual_seed(0)
    a, b = torch.tensor(low).double(), torch.tensor(high).double()
    thetas = a + (b - a) * torch.rand(12, len(low), generator=draw, dtype=torch.float64)
    found = parameter_symmetries(seen, thetas)
    assert (found.dim, found.gap > 1e6) == (dim, True)
    for field in found.realisation or ():
        for theta in a + (b - a) * torch.rand(3, len(low), generator=draw, dtype=torch.float64):
            moved = field.flow(theta, 0.4)
            assert float((moved - theta).abs().max()) > 0.01
            torch.testing.assert_close(seen(moved), seen(theta), rtol=0, atol=1e-8)


@pytest.mark.slow
def test_nested_sampling_agrees_with_quadrature(bins: SNSample) -> None:
    """B9."""
    lik = SNLikelihood(bins, "stat+sys", "marginal")
    exact = lik.evidence(FlatLambdaCDM(), {"Om": (0, 1)}).log_z
    drawn = lik.evidence(FlatLambdaCDM(), {"Om": (0, 1)}, method="nested", seed=3)
    assert abs(drawn.log_z - exact) < 3 * drawn.error
    assert drawn.error < 0.2


@pytest.mark.slow
def test_chains_have_the_means_of_quadrature(bins: SNSample) -> None:
    """B10: to a tenth of the posterior's width; and the offset, too."""
    lik, model = SNLikelihood(bins, "stat+sys"), FlatLambdaCDM()
    chain = lik.mcmc(model, {"Om": (0, 1)}, walkers=32, steps=5500, burn=500, seed=1)
    grid = torch.linspace(0, 1, 4001, dtype=torch.float64)[1:, None]
    weight = (-(lik.chi2(model, grid)) / 2).softmax(0)
    mean = float(weight @ grid[:, 0])
    sd = float(weight @ (grid[:, 0] - mean).square()) ** 0.5
    assert abs(chain.samples["Om"].mean() - mean) < 0.1 * sd
    assert chain.samples["Om"].std() == pytest.approx(sd, rel=0.1)
    assert chain.rhat["Om"] < 1.01
    offsets = lik.best_offset(model, grid)
    assert abs(chain.samples["offset"].mean() - float(weight @ offsets)) < 0.1 * chain.samples["offset"].std()


def test_the_ridge_is_sampled_along_its_orbit(bins: SNSample) -> None:
    """Data see mu (1 + zeta) alone: the chain has the means of quadrature, and forgets its orbit in a few steps."""
    lik, model = SNLikelihood(bins, "stat+sys"), PowerLaw()
    hyperbola = AffineField(torch.tensor([[-1.0, 0.0], [0.0, 1.0]]).double(), torch.tensor([0.0, 1.0]).double())
    chain = lik.mcmc(model, walkers=32, steps=700, burn=100, seed=1, orbits=[hyperbola])
    mu = torch.linspace(0.1, 3.0, 400, dtype=torch.float64)[:, None]
    stretch = torch.linspace(0.1, 4.0, 400, dtype=torch.float64)
    product = torch.linspace(0.8, 3.5, 2000, dtype=torch.float64)
    chi2 = lik.chi2(model, torch.stack([product, torch.zeros_like(product)], 1))
    weight = np.exp(
        -(np.interp((mu * stretch).numpy(), product.numpy(), chi2.numpy(), 1e9, 1e9) - chi2.min().item()) / 2
    )
    weight /= weight.sum()
    for name, values in (("mu", mu.numpy()), ("zeta", stretch.numpy() - 1)):
        mean = float((weight * values).sum())
        sd = math.sqrt(float((weight * (values - mean) ** 2).sum()))
        assert chain.tau[name] < 5
        assert abs(chain.samples[name].mean() - mean) < 4 * sd / math.sqrt(chain.ess[name])
        assert chain.samples[name].std() == pytest.approx(sd, rel=0.05)


def test_orbits_that_are_no_symmetry_are_refused(bins: SNSample) -> None:
    shift = AffineField(torch.zeros(1, 1).double(), torch.ones(1).double())
    with pytest.raises(DomainError, match=r"log likelihood moves by \d.*exact symmetries.*parameter_symmetries"):
        SNLikelihood(bins).mcmc(FlatLambdaCDM(), walkers=8, steps=20, burn=5, orbits=[shift])


def test_panels_are_as_many_as_asked_and_evidences_compare(bins: SNSample) -> None:
    lik, model = SNLikelihood(bins), FlatLambdaCDM()
    five, ten = lik.evidence(model, panels=5), lik.evidence(model, panels=10, draws=3)
    assert ten.error == abs(ten.log_z - five.log_z)
    assert ten == lik.evidence(model, panels=10, draws=3)
    assert len({ten, five}) == 2
    for panels in (1, 0, -4):
        with pytest.raises(DomainError, match=f"panels={panels}"):
            lik.evidence(model, panels=panels)


def test_a_chain_that_is_too_short_says_so(bins: SNSample) -> None:
    from isotropy.errors import ConvergenceWarning

    lik = SNLikelihood(bins)
    with pytest.warns(ConvergenceWarning, match="run more steps"):
        chain = lik.mcmc(FlatLambdaCDM(), walkers=8, steps=60, burn=10, seed=0)
    assert chain.samples["Om"].shape == (400,)
    with pytest.raises(DomainError, match="no free parameter"):
        lik.mcmc(RhCt())
    with pytest.raises(DomainError, match="burn=60"):
        lik.mcmc(FlatLambdaCDM(), steps=50, burn=60)


@pytest.mark.parametrize(("offset", "along"), [("profile", False), (Gaussian(23.8, 0.1), False), ("profile", True)])
@pytest.mark.filterwarnings("ignore::isotropy.errors.ConvergenceWarning")
def test_each_draw_has_an_offset_of_its_own(bins: SNSample, along: bool, offset: Any) -> None:
    """Gaussian about the best offset of that draw, whether the sampler kept it or the draw moved along an orbit."""
    lik, model = SNLikelihood(bins, "stat+sys", offset), PowerLaw()
    hyperbola = AffineField(torch.tensor([[-1.0, 0.0], [0.0, 1.0]]).double(), torch.tensor([0.0, 1.0]).double())
    chain = lik.mcmc(model, walkers=32, steps=130, burn=30, seed=2, orbits=[hyperbola] if along else [])
    draws = np.stack([chain.samples["mu"], chain.samples["zeta"]], 1)
    best = lik.best_offset(model, torch.from_numpy(draws)).numpy()
    precision = lik.E + (offset.sd**-2 if isinstance(offset, Gaussian) else 0)
    assert best.std() * precision**0.5 > 3, "draws differ by more than an offset does"
    off = (chain.samples["offset"] - best) * precision**0.5
    assert abs(off.mean()) < 4 / len(off) ** 0.5
    assert off.std() == pytest.approx(1, abs=4 / (2 * len(off)) ** 0.5)


def test_comparisons_count_honestly(bins: SNSample) -> None:
    """B12: k has the offset, b1 and b2 are flagged, criteria by their formulas; no word on chi2 / N alone."""
    found = compare_models([DilatonVSL(), FlatLambdaCDM(), DilatonVSL(1.0)], SNLikelihood(bins, "stat+sys"))
    vsl_row, lcdm, plain = found.models
    assert (vsl_row.k, lcdm.k, plain.k) == (2, 2, 1)
    assert (vsl_row.fixed, lcdm.fixed, plain.fixed) == ("b1=2.0, b2=2.0", "", "F_inf=1.0, b1=2.0, b2=2.0")
    for row in found.models:
        assert row.chi2_per_n == row.chi2 / 40
        assert row.chi2_per_dof == row.chi2 / (40 - row.k)
        assert row.aic == row.chi2 + 2 * row.k
        assert row.bic == pytest.approx(row.chi2 + row.k * math.log(40))
        assert row.aicc == pytest.approx(row.aic + 2 * row.k * (row.k + 1) / (39 - row.k))
    best, second = sorted(found.models, key=lambda row: -(row.log_z or 0))[:2]
    assert strength((best.log_z or 0) - (second.log_z or 0)) in found.verdict()
    assert type(found).from_json(found.to_json()) == found
    silent = compare_models([DilatonVSL(), FlatLambdaCDM()], SNLikelihood(bins), evidence=False)
    assert "nothing is called better" in silent.verdict()


def test_bins_of_a_universe_without_f_all_have_its_rate() -> None:
    draw = torch.Generator().manual_seed(0)
    z = 0.02 + 1.5 * torch.rand(300, generator=draw, dtype=torch.float64)
    err = torch.full_like(z, 0.1)
    offset = M + 25 + 5 * math.log10(LIGHT / 50)
    edges = [0.0, 0.3, 0.8, 2.0]
    for model in (DilatonVSL(1.0), DilatonVSL(0.9)):
        mb = 5 * model.dl_hat(z)[0].log10() + offset
        found = h0_in_bins(SNSample(z, z, mb, err), edges, M=M)
        if model.F_inf == 1.0:
            assert [e.mean for e in found] == pytest.approx([50.0] * 3, rel=1e-9)
        else:  # each bin has a mean of H0_eff, which falls
            for e, (low, high) in zip(found, ((0.0, 0.3), (0.3, 0.8), (0.8, 2.0)), strict=True):
                inside = z[(z >= low) & (z < high)]
                rates = model.h0_effective(inside, H0=50.0)[0]
                assert float(rates.min()) <= e.mean <= float(rates.max())
                assert (e.high - e.low) / e.mean == pytest.approx(0.2 * math.log(10) / 5 / len(inside) ** 0.5, rel=0.01)
    with pytest.raises(DomainError, match="without supernovae"):
        h0_in_bins(load_sample("pantheon-binned"), [5.0, 6.0], M=M)


@pytest.mark.slow
def test_5000_points_with_a_dense_covariance_are_one_batch(pantheon: SNSample) -> None:
    """B13, and equal to points one by one."""
    import time

    cov = 1e-4 * torch.exp(-(pantheon.z_cmb[:, None] - pantheon.z_cmb).abs())
    sample = SNSample(pantheon.z_cmb, pantheon.hel, pantheon.mb, pantheon.err, (cov + cov.mT) / 2)
    lik = SNLikelihood(sample, "stat+sys")
    theta = torch.linspace(0.05, 0.9, 5000, dtype=torch.float64)[:, None]
    began = time.process_time()
    whole = lik.chi2(FlatLambdaCDM(), theta)
    assert time.process_time() - began < 20
    each = torch.stack([lik.chi2(FlatLambdaCDM(), point[None])[0] for point in theta[::1000]])
    torch.testing.assert_close(whole[::1000], each)
