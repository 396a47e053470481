"""X1 to X7: fits to each sample, everything free, rates by redshift, evidence, the ridge of (mu, zeta), mocks."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from isotropy.errors import ConvergenceWarning
from isotropy.experiments.varying_speed_of_light._config import LCDM, PLAIN, VSL, M, Plan
from isotropy.physics.cosmology import LIGHT, Cosmology, DilatonVSL, FlatLambdaCDM, FlatwCDM, PowerLaw, RhCt
from isotropy.physics.parameters import AffineField, Sloppy, parameter_symmetries, sloppy_directions
from isotropy.physics.supernovae import (
    SampleWarning,
    SNLikelihood,
    SNSample,
    compared,
    correlated,
    h0_in_bins,
    load_sample,
)
from isotropy.runs import Run
from isotropy.study import Outcome, Trace, job

MODELS: Mapping[str, Cosmology] = {VSL: DilatonVSL(), LCDM: FlatLambdaCDM(), PLAIN: DilatonVSL(1.0)}


def sample_of(name: str, least: float) -> SNSample:
    """The sample; of those with diagonal errors, what lies beyond ``least``. That they are diagonal the page says."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SampleWarning)
        sample = load_sample(name)
    return sample.take(sample.z_cmb > least) if name in ("pantheon-plus", "des-5yr") else sample


@job
def fit_job(run: Run, *, seed: int, sample: str, cov: str, model: str, plan: Plan) -> Outcome:
    """One model on one sample: everything that a row of the table says, and the Hubble residuals of the figure."""
    some, one = sample_of(sample, plan.least), MODELS[model]
    lik = SNLikelihood(some, cov)
    fit = lik.fit(one, seed=seed)
    row = compared(one, lik, evidence=False, seed=seed)
    told: dict[str, Any] = {
        "N": row.N, "k": row.k, "chi2": row.chi2, "chi2_per_n": row.chi2_per_n, "chi2_per_dof": row.chi2_per_dof,
        "aic": row.aic, "aicc": row.aicc, "bic": row.bic,
        "log_z": lik.evidence(one, seed=seed).log_z,
        "parameters": len(one.parameters),
        "params": dict(fit.params),
        "sd": {name: (e.high - e.low) / 2 for name, e in fit.errors.items()},
    }  # fmt: skip
    label = f"{sample}, {cov}"
    told["traces"] = [Trace("lines", f"{label}|{model}", curve(one, fit.params, fit.offset))]
    if model == PLAIN:  # the same distances but for a constant, which the offset absorbs
        told["rh_ct"] = abs(lik.fit(RhCt(), intervals=False).chi2 - fit.chi2)
    if (
        sample.startswith("pantheon") and sample != "pantheon-plus"
    ):  # elsewhere M belongs to another convention of magnitudes
        told |= {"h0": fit.h0(M=M), "h0_sd": fit.h0_error(M=M), "age": float(one.age(fit.h0(M=M), _row(fit.params))[0])}
    if model == LCDM:
        told["traces"].append(Trace("points", label, residuals(some, cov)))
    return told


def _row(params: Mapping[str, float]) -> Tensor:
    return torch.tensor([list(params.values())], dtype=torch.float64)


def curve(model: Cosmology, params: Mapping[str, float], offset: float) -> dict[str, list[float]]:
    """Magnitudes of a model on a logarithmic grid, above 5 log10 of the distance of F = 1."""
    z = torch.logspace(-2, math.log10(2.3), 60, dtype=torch.float64)
    above = 5 * (model.dl_hat(z, params=_row(params)) / DilatonVSL(1.0).dl_hat(z))[0].log10() + offset
    return {"z": z.tolist(), "m": above.tolist()}


def residuals(sample: SNSample, cov: str) -> dict[str, list[float]]:
    """Medians of magnitudes in twenty bins of ln z, as they lie above 5 log10 of the F = 1 distance, at median z."""
    edges = torch.logspace(-2, math.log10(2.4), 21, dtype=torch.float64)
    plain = sample.mb - 5 * DilatonVSL(1.0).dl_hat(sample.z_cmb, sample.hel)[0].log10()
    variance = sample.err.square()
    if cov == "stat+sys" and sample.cov is not None:
        variance = variance + sample.cov.diagonal()
    found: dict[str, list[float]] = {"z": [], "m": [], "sd": []}
    for low, high in pairwise(edges.tolist()):
        inside = (sample.z_cmb >= low) & (sample.z_cmb < high)
        if bool(inside.any()):
            found["z"].append(float(np.median(sample.z_cmb[inside].numpy())))
            found["m"].append(float(np.median(plain[inside].numpy())))
            found["sd"].append(_sd_of_median(variance[inside].sqrt()))
    return found


def _sd_of_median(sd: Tensor) -> float:
    """The standard deviation of the plain median of independent Gaussian values of one mean, asymptotic beyond two.

    It is 1 / (2 sqrt(n) f) for a mean density f at the centre. Source: Serfling, Approximation Theorems, 1980, §2.3.
    """
    n = len(sd)
    if n <= 2:  # the median is the mean
        return float(sd.square().sum().sqrt()) / n
    return math.sqrt(math.pi / 2 * n) / float((1 / sd).sum())


@job
def free_job(run: Run, *, seed: int, sample: str, cov: str, plan: Plan) -> Outcome:
    """X3: F_inf, b1 and b2 free over the whole posterior; every mode with its H0, and what H0 the posterior holds."""
    lik, model = SNLikelihood(sample_of(sample, plan.least), cov), DilatonVSL(b1=None, b2=None)
    fit = lik.fit(model, intervals=False, seed=seed)
    # By quadrature: a chain that begins in one mode does not tell how much of the posterior is in the other.
    posterior = lik.evidence(model, panels=plan.panels, draws=plan.draws, seed=seed)
    samples = posterior.samples
    h0 = LIGHT * 10 ** (-(samples["offset"] - 25 - M) / 5)
    low, middle, high = np.quantile(h0, [0.025, 0.5, 0.975]).tolist()
    near = [mode for mode in fit.modes if mode.chi2 < fit.chi2 + 4]  # within two standard deviations of the best
    rates = [mode.h0(M=M) for mode in near]
    hand = DilatonVSL()
    by_hand = lik.fit(hand, intervals=False, seed=seed)
    draws = {name: samples[name].tolist() for name in model.parameters} | {"H0": h0.tolist()}
    label = f"{sample}, {cov}"
    modes = [{**mode.params, "H0": mode.h0(M=M), "chi2": mode.chi2 - fit.chi2} for mode in fit.modes]
    point = {"F_inf": by_hand.params["F_inf"], "b1": 2.0, "b2": 2.0, "H0": by_hand.h0(M=M)}
    return {
        "chi2": fit.chi2, "by_hand": by_hand.chi2, "gain": by_hand.chi2 - fit.chi2,
        "spread": max(rates) - min(rates),
        "count": len(fit.modes),
        "h0_low": low, "h0_median": middle, "h0_high": high,
        "rising": float((samples["F_inf"] > 1).mean()),
        "log_z": posterior.log_z, "log_z_error": posterior.error, "log_z_by_hand": lik.evidence(hand, seed=seed).log_z,
        "traces": [
            Trace("draws", label, draws),
            Trace("modes", label, {key: [m[key] for m in modes] for key in modes[0]}),
            Trace("by hand", label, {key: [value] for key, value in point.items()}),
        ],
        "parameters": 3,
    }  # fmt: skip


@job
def bins_job(run: Run, *, seed: int, sample: str, edges: Sequence[float]) -> Outcome:
    """X4: H0 by redshift for an analyst with F = 1, beside H0_eff of the fitted F(z)."""
    some = sample_of(sample, 0.01)
    fit = SNLikelihood(some).fit(DilatonVSL(), intervals=False, seed=seed)
    found = h0_in_bins(some, edges, M=M)
    z = torch.logspace(-2, math.log10(2.3), 50, dtype=torch.float64)
    told = DilatonVSL().h0_effective(z, H0=fit.h0(M=M), params=_row(fit.params))[0]
    centres = [math.sqrt(low * high) for low, high in pairwise(edges)]
    bins = {
        "z": centres, "h0": [e.mean for e in found], "low": [e.low for e in found], "high": [e.high for e in found],
        "n": [e.n for e in found],
    }  # fmt: skip
    spread = [(e.high - e.low) / 2 for e in found]
    predicted = [float(DilatonVSL().h0_effective(c, H0=fit.h0(M=M), params=_row(fit.params))[0, 0]) for c in centres]
    pulls = [(e.mean - p) / s for e, p, s in zip(found, predicted, spread, strict=True)]
    return {
        "fall": 1 - float(told[-1] / told[0]), "measured_fall": 1 - found[-1].mean / found[0].mean,
        "chi2": sum(pull**2 for pull in pulls), "bins": len(found),
        "traces": [
            Trace("rates", sample, bins), Trace("H0_eff", sample, {"z": z.tolist(), "h0": told.tolist()}),
        ],
    }  # fmt: skip


@job
def ridge_job(run: Run, *, seed: int, sample: str, plan: Plan) -> Outcome:
    """X6: the power law sees only mu (1 + zeta): the field is found, and chains with and without moves along it."""
    lik, model = SNLikelihood(sample_of(sample, plan.least)), PowerLaw()
    W = 1 / lik.sample.err
    magnitudes = lambda theta: lik.residuals(model, theta[None])[0]  # noqa: E731
    draw = torch.Generator().manual_seed(seed)
    thetas = torch.rand(12, 2, generator=draw, dtype=torch.float64) + torch.tensor([0.4, 0.1], dtype=torch.float64)
    found = parameter_symmetries(magnitudes, thetas)
    fields: list[AffineField] = list(found.realisation or ())
    flat = torch.tensor([0.5, -1.0], dtype=torch.float64)  # to Om in (0.2, 0.7) and w in (-1.1, -0.1)
    others = [
        parameter_symmetries(lambda theta: lik.residuals(FlatLambdaCDM(), theta[None])[0], thetas[:, :1] * 0.5).dim,
        parameter_symmetries(lambda theta: lik.residuals(FlatwCDM(), theta[None])[0], thetas * flat).dim,
        _of_rates(lik, draw),
    ]
    fit = lik.fit(model, intervals=False, seed=seed)
    best = torch.tensor(list(fit.params.values()), dtype=torch.float64)
    ridge = sloppy_directions(lambda theta: lik.magnitudes(model, theta[None])[0], best, weights=W, project="offset")
    sloppy = ridge.singular_values
    free = DilatonVSL(b1=None, b2=None)
    free_fit = lik.fit(free, intervals=False, seed=seed)
    ranked = sloppy_directions(
        lambda theta: lik.magnitudes(free, theta[None])[0], _row(free_fit.params)[0], weights=W, project="offset",
        scale=torch.tensor([0.3, 6.0, 6.0]),
    )  # fmt: skip
    rates: dict[str, Any] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for name, orbits in (("plain", ()), ("orbits", fields)):
            began = time.process_time()
            chain = lik.mcmc(model, walkers=plan.walkers, steps=plan.steps, burn=plan.burn, seed=seed, orbits=orbits)
            spent = time.process_time() - began
            mu, zeta = chain.samples["mu"], chain.samples["zeta"]
            thin = np.random.default_rng(seed).choice(len(mu), min(800, len(mu)), replace=False)
            seen = len(mu) / correlated((mu * (1 + zeta)).reshape(-1, plan.walkers))
            rates[name] = {
                "ess_per_second": min(chain.ess.values()) / spent, "tau": max(chain.tau.values()),
                "all_per_second": min(*chain.ess.values(), seen) / spent,
                "draws": {"mu": mu[thin].tolist(), "zeta": zeta[thin].tolist()},
            }  # fmt: skip
    at = fields[0].flow(best, torch.linspace(-6.0, 6.0, 25, dtype=torch.float64)) if fields else best[None]
    ends = fields[0].flow(at, 0.3) if fields else at
    low, high = torch.tensor([model.priors[name] for name in model.parameters], dtype=torch.float64).unbind(1)
    inside = ((torch.minimum(at, ends) > low) & (torch.maximum(at, ends) < high)).all(1)
    at, ends = at[inside], ends[inside]
    arrows = {"x": at[:, 0], "y": at[:, 1], "to_x": ends[:, 0], "to_y": ends[:, 1]}
    return {
        "fields": found.dim, "gap": min(found.gap, 1e300), "others": max(others),
        "product": float(best[0] * (1 + best[1])),
        "moved": float((magnitudes(fields[0].flow(best, 0.7)) - magnitudes(best)).abs().max()) if fields else 1.0,
        "plain_ess": rates["plain"]["ess_per_second"], "orbits_ess": rates["orbits"]["ess_per_second"],
        "faster": rates["orbits"]["ess_per_second"] / rates["plain"]["ess_per_second"],
        "faster_all": rates["orbits"]["all_per_second"] / rates["plain"]["all_per_second"],
        "steps": rates["plain"]["tau"] / rates["orbits"]["tau"],
        "unseen": float(sloppy[1] / sloppy[0]),
        "traces": [
            *(Trace("ridge", name, rates[name]["draws"]) for name in rates),
            Trace("arrows", "field", {key: part.tolist() for key, part in arrows.items()}),
            _spectrum(model, ridge), _spectrum(free, ranked),
        ],
        "parameters": 2,
    }  # fmt: skip


def _spectrum(model: Cosmology, found: Sloppy) -> Trace:
    """The trace of a spectrum: each singular value with the parts of its direction."""
    parts = {name: found.directions[:, at].tolist() for at, name in enumerate(model.parameters)}
    return Trace("spectrum", ", ".join(model.parameters), {"value": found.singular_values.tolist(), **parts})


def _of_rates(lik: SNLikelihood, draw: torch.Generator) -> int:
    """By how many the symmetries of (H0, M) differ from the one that is there."""

    def magnitudes(theta: Tensor) -> Tensor:
        H0, absolute = theta
        return lik.magnitudes(FlatLambdaCDM(0.3))[0] + absolute + 25 + 5 * torch.log10(LIGHT / H0)

    thetas = torch.rand(12, 2, generator=draw, dtype=torch.float64) * torch.tensor([40.0, 1.0], dtype=torch.float64)
    found = parameter_symmetries(magnitudes, thetas + torch.tensor([50.0, -20.0], dtype=torch.float64))
    return abs(found.dim - 1)


@job
def mocks_job(run: Run, *, seed: int, sample: str, cov: str, plan: Plan) -> Outcome:
    """X7: draws around the fitted model with the full covariance; how often the 68 % interval holds the truth."""
    some = sample_of(sample, plan.least)
    lik, model = SNLikelihood(some, cov), DilatonVSL()
    truth = _row(lik.fit(model, intervals=False, seed=seed).params)
    inside, centres = 0, list[float]()
    for mb in lik.mocks(model, truth, plan.mocks, seed=seed):
        other = lik.with_magnitudes(mb)
        e = other.fit(model, seed=seed).errors["F_inf"]
        inside += float(truth) in e
        centres.append(e.mean)
    return {"coverage": inside / plan.mocks, "bias": float(np.mean(centres)) - float(truth), "truth": float(truth)}


@job
def evidence_job(run: Run, *, seed: int, sample: str, cov: str, nested: bool, plan: Plan) -> Outcome:
    """X5: ln Z of the three models under their priors; of one also by nested sampling, to check the quadrature."""
    lik = SNLikelihood(sample_of(sample, plan.least), cov)
    found = {name: lik.evidence(model, seed=seed).log_z for name, model in MODELS.items()}
    told = {"VSL": found[VSL], "LCDM": found[LCDM], "PLAIN": found[PLAIN], "difference": found[VSL] - found[LCDM]}
    if nested:
        drawn = lik.evidence(MODELS[LCDM], method="nested", seed=seed, live=plan.live)
        told["off"] = abs(drawn.log_z - found[LCDM]) / drawn.error
    return told
