"""Supernovae: batches, gradients, fits and chains beside what others do, ratios of one run.

python benchmarks/supernovae.py
"""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np
import torch
from _measuring import seconds
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize

from isotropy.errors import ConvergenceWarning
from isotropy.physics.cosmology import DilatonVSL, FlatLambdaCDM, PowerLaw
from isotropy.physics.parameters import parameter_symmetries
from isotropy.physics.supernovae import SNLikelihood, SNSample, correlated, load_sample

POINTS, FEW = 5000, 100


def dense() -> SNLikelihood:
    """Pantheon with a dense covariance, made for timing alone: the published matrix is not here."""
    s = load_sample("pantheon")
    cov = 1e-4 * torch.exp(-(s.z_cmb[:, None] - s.z_cmb).abs())
    return SNLikelihood(SNSample(s.z_cmb, s.hel, s.mb, s.err, (cov + cov.mT) / 2), "stat+sys")


def told(work: str, ratio: float, goal: str) -> None:
    print(f"{work:72} {ratio:8.1f}{f'   goal {goal}' if goal else ''}", flush=True)


def batch(lik: SNLikelihood) -> None:
    """5000 points at once, against cho_solve for one at a time."""
    sample, model = lik.sample, FlatLambdaCDM()
    assert sample.cov is not None
    C = (torch.diag(sample.err**2) + sample.cov).numpy()
    factor, one = cho_factor(C), np.ones(len(sample))
    z, mb = sample.z_cmb.numpy(), sample.mb.numpy()
    nodes, weights = np.polynomial.legendre.leggauss(32)
    E = one @ cho_solve(factor, one)

    def point(Om: float) -> float:
        u = 1 + z[:, None] * (nodes + 1) / 2
        d = mb - 5 * np.log10((1 + z) * z / 2 * (weights / np.sqrt(Om * u**3 + 1 - Om)).sum(1))
        solved = cho_solve(factor, d)
        return float(d @ solved - (one @ solved) ** 2 / E)

    grid = torch.linspace(0.05, 0.9, POINTS, dtype=torch.float64)[:, None]
    assert abs(point(0.3) - float(lik.chi2(model, torch.full((1, 1), 0.3, dtype=torch.float64)))) < 1e-6
    ours = seconds(lambda: lik.chi2(model, grid), repeats=2)
    theirs = seconds(lambda: [point(Om) for Om in grid[:FEW, 0].tolist()], repeats=2) * POINTS / FEW
    solves = seconds(lambda: [cho_solve(factor, mb) for _ in range(FEW)], repeats=2) * POINTS / FEW
    deltas = sample.mb - lik.magnitudes(model, grid)
    whitened = seconds(lambda: lik.whiten(deltas), repeats=2)
    print(f"{POINTS} points: {ours:.2f} s of the processor, of which the triangular solve {whitened:.2f} s;", end=" ")
    print(f"one at a time {theirs:.1f} s, of which cho_solve {solves:.1f} s")
    told("5000 likelihood points, dense 1048, times faster than one at a time", theirs / ours, ">= 10")


def distances(lik: SNLikelihood) -> None:
    from astropy.cosmology import FlatLambdaCDM as Theirs

    grid, z = torch.linspace(0.05, 0.9, 256, dtype=torch.float64)[:, None], lik.sample.z_cmb
    ours = seconds(lambda: FlatLambdaCDM().dl_hat(z, params=grid))
    numbers = z.numpy()
    loop = lambda: [Theirs(70, Om, Tcmb0=0).luminosity_distance(numbers) for Om in grid[:16, 0].tolist()]  # noqa: E731
    told("256 x 1048 distances, times faster than astropy in a loop", seconds(loop) * 16 / ours, ">= 50")


def fits(lik: SNLikelihood) -> None:
    model, begin = DilatonVSL(b1=None, b2=None), {"F_inf": 0.95, "b1": 1.5, "b2": 1.5}
    lik.fit(model, intervals=False, start=begin)  # the first derivative imports its rules
    began = time.process_time()
    ours = lik.fit(model, intervals=False, start=begin)
    spent = time.process_time() - began
    count = [0]

    def chi2(x: Any) -> float:
        count[0] += 1
        theta = torch.from_numpy(np.array(x))[None]
        return float(lik.chi2(model, theta)) if bool(model.admissible(lik.sample.z_cmb, theta)) else 1e9

    began = time.process_time()
    tight = {"xatol": 1e-6, "fatol": 1e-6, "maxfev": 2000}
    found = minimize(chi2, np.array(list(begin.values())), method="Nelder-Mead", options=tight)
    simplex = time.process_time() - began
    print(
        f"fit: chi2 {ours.chi2:.6f} and {float(found.fun):.6f}; {ours.evaluations} and {count[0]} evaluations;", end=" "
    )
    print(f"in {1000 * spent:.0f} and {1000 * simplex:.0f} ms of the processor")
    told("fit with exact derivatives, times fewer evaluations than Nelder-Mead", count[0] / ours.evaluations, ">= 5")


def gradients(lik: SNLikelihood) -> None:
    model = FlatLambdaCDM()
    theta = torch.linspace(0.1, 0.8, 64, dtype=torch.float64)[:, None].requires_grad_()

    def plain() -> None:
        with torch.no_grad():
            lik.chi2(model, theta)

    whole = seconds(lambda: torch.autograd.grad(lik.chi2(model, theta).sum(), theta))
    told("gradient of the likelihood, in likelihoods (64 points)", whole / seconds(plain), "<= 4")


def chains() -> None:
    import emcee

    lik, model = SNLikelihood(load_sample("pantheon")), DilatonVSL()
    low, high = 0.8, 1.1

    def one(x: Any) -> float:
        if not low < x[0] < high:
            return -np.inf
        with torch.no_grad():
            return -float(lik.chi2(model, torch.from_numpy(np.array(x))[None])) / 2

    def several(x: Any) -> Any:
        found = np.full(len(x), -np.inf)
        inside = ((low < x) & (x < high)).all(1)
        with torch.no_grad():
            found[inside] = -lik.chi2(model, torch.from_numpy(x[inside])).numpy() / 2
        return found

    begin = 0.93 + 0.002 * np.random.default_rng(0).standard_normal((64, 1))
    single = seconds(lambda: emcee.EnsembleSampler(64, 1, one).run_mcmc(begin, 10), repeats=3) / 10
    batch = seconds(lambda: emcee.EnsembleSampler(64, 1, several, vectorize=True).run_mcmc(begin, 50), repeats=3) / 50
    told("a step of emcee with 64 walkers, times faster in one batch", single / batch, ">= 10")

    def whole() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            lik.mcmc(model, walkers=64, steps=200, burn=10)

    told("the same of mcmc(), which adds the offset of each draw", single / (seconds(whole, repeats=2) / 200), "")


def ridge() -> None:
    lik, model = SNLikelihood(load_sample("pantheon")), PowerLaw()
    draw = torch.Generator().manual_seed(0)
    thetas = torch.rand(12, 2, generator=draw, dtype=torch.float64) + torch.tensor([0.4, 0.1], dtype=torch.float64)
    fields = parameter_symmetries(lambda theta: lik.residuals(model, theta[None])[0], thetas).realisation or ()
    rates: list[tuple[float, float]] = []
    for name, orbits in (("plain", ()), ("along the orbit", fields)):
        began = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            chain = lik.mcmc(model, walkers=64, steps=2000, burn=400, orbits=orbits)
        spent = time.process_time() - began
        product = chain.samples["mu"] * (1 + chain.samples["zeta"])
        seen = len(product) / correlated(product.reshape(-1, 64))
        rates.append((min(chain.ess.values()) / spent, min(*chain.ess.values(), seen) / spent))
        print(f"ridge, {name}: {rates[-1][0]:.0f} effective samples per second of mu and zeta, the worse;", end=" ")
        print(f"{rates[-1][1]:.0f} of these and mu (1 + zeta)")
    (plain, plain_all), (orbit, orbit_all) = rates
    told("(mu, zeta) ridge, times more effective samples per second", orbit / plain, "10")
    told("the same, the product that data see counted too", orbit_all / plain_all, "10")


if __name__ == "__main__":
    torch.set_num_threads(1)
    likelihood = dense()
    batch(likelihood)
    distances(likelihood)
    gradients(likelihood)
    fits(SNLikelihood(load_sample("pantheon")))
    chains()
    ridge()
