"""Posteriors by emcee, all walkers in one batch, with what says whether the chain is long enough."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from isotropy.errors import ConvergenceWarning, DomainError, MissingExtraError, counted
from isotropy.physics.cosmology import Cosmology
from isotropy.physics.parameters import AffineField, orbit_redraw
from isotropy.physics.supernovae._asked import Draws, Likelihood, box, posterior
from isotropy.physics.supernovae._fit import starts

ENOUGH = 50
"""Autocorrelation times that a chain needs before emcee trusts its own estimate of them."""

_MOVED = 1e-3  # of ln L along an orbit: weights as far off in proportion are below what a million draws resolve
_ASKED = 8  # walkers whose orbits are followed before the first step: 62 likelihoods each at most


@dataclass(frozen=True, eq=False)
class Chain:
    """``samples`` (n,) of each parameter and of the ``offset``, burn-in left out; ``tau`` in steps, split ``rhat``.

    ``ess`` is the number of independent draws, ``acceptance`` the share of moves that were taken.
    """

    samples: Mapping[str, Draws]
    tau: Mapping[str, float]
    rhat: Mapping[str, float]
    ess: Mapping[str, float]
    acceptance: float


def sampled(
    lik: Likelihood,
    model: Cosmology,
    priors: Mapping[str, tuple[float, float]] | None = None,
    *,
    walkers: int = 64,
    steps: int = 3000,
    burn: int = 500,
    seed: int = 0,
    orbits: Sequence[AffineField] = (),
    width: float | None = None,
) -> Chain:
    """See ``SNLikelihood.mcmc``."""
    try:
        import emcee
    except ImportError as missing:
        raise MissingExtraError.of("emcee", "physics") from missing
    low, high = box(model, priors)
    k = len(low)
    if not k:
        raise DomainError(f"a chain of {model.name}, which has no free parameter", "a model with free parameters")
    if not 0 <= burn < steps:
        raise DomainError(f"burn={burn} of {steps} steps", "a burn-in shorter than the chain")

    def log_prior(positions: Draws) -> Draws:
        theta = torch.from_numpy(np.ascontiguousarray(positions))
        inside = ((theta > low) & (theta < high)).all(1)
        inside[inside.clone()] = model.admissible(lik.sample.z_cmb, theta[inside])
        return np.where(inside.numpy(), 0.0, -np.inf)

    def log_prob(positions: Draws) -> Draws:
        """ln L, and as a blob of emcee the best offset: no draw is predicted a second time for it."""
        found = np.stack([log_prior(positions), np.zeros(len(positions))], 1)
        inside = np.isfinite(found[:, 0])
        if inside.any():
            with torch.no_grad():
                chi2, offset = lik.chi2_and_offset(model, torch.from_numpy(positions[inside]))
            found[inside] = torch.stack([-chi2 / 2, offset], 1).numpy()
        return found

    random = np.random.RandomState(seed)
    begin = _begin(lik, model, low.numpy(), high.numpy(), walkers, random, seed)
    moves: Any = emcee.moves.StretchMove()
    if orbits:
        for field in orbits:
            _refuse_moving(field, begin[:_ASKED], lambda positions: log_prob(positions)[:, 0])
        widths = [4 * _inside(field, begin, log_prior) if width is None else width for field in orbits]
        moves = _ThenAlong(moves, orbit_redraw(orbits, log_prior, widths))
    sampler: Any = emcee.EnsembleSampler(walkers, k, log_prob, vectorize=True, moves=moves)
    sampler.run_mcmc(emcee.State(begin, random_state=random.get_state()), steps)
    chain: Draws = sampler.get_chain(discard=burn)
    tau = [correlated(chain[:, :, at]) for at in range(k)]
    names = model.parameters
    if len(chain) < ENOUGH * max(tau):
        worst = names[tau.index(max(tau))]
        told = f"{counted(len(chain), 'step')} for an autocorrelation time of {max(tau):.0f} ({worst}): run more steps"
        warnings.warn(told, ConvergenceWarning, stacklevel=3)
    flat = chain.reshape(-1, k)
    # Along an orbit chi2 stays, the offset need not.
    offsets = None if orbits else sampler.get_blobs(discard=burn, flat=True)
    return Chain(
        posterior(lik, model, flat, random, offsets),
        dict(zip(names, tau, strict=True)),
        {name: split_rhat(chain[:, :, at]) for at, name in enumerate(names)},
        {name: float(flat.shape[0] / tau[at]) for at, name in enumerate(names)},
        float(np.mean(sampler.acceptance_fraction)),
    )


class _ThenAlong:
    """A move of emcee, then a draw along the orbits: the likelihood is what it was, so only the prior is asked."""

    def __init__(self, move: Any, redraw: Any) -> None:
        self.move, self.redraw = move, redraw

    def propose(self, model: Any, state: Any) -> tuple[Any, Any]:
        state, accepted = self.move.propose(model, state)
        state.coords, change = self.redraw(state.coords, model.random)
        state.log_prob = state.log_prob + change
        return state, accepted

    def tune(self, state: Any, accepted: Any) -> None:
        """As emcee asks of a move; there is nothing to tune."""


def _inside(field: AffineField, begin: Draws, log_prior: Callable[[Draws], Draws]) -> float:
    """How long an orbit stays inside the prior, to a factor of two: the longest of those through the walkers."""
    inside = np.isfinite(_along(field, begin, log_prior))
    reached = _TIMES.abs()[torch.from_numpy(np.asarray(inside.any(0)))]
    return float((reached if len(reached) else _TIMES.abs().min()).max())


_TIMES = torch.cat([2.0 ** torch.arange(-20, 11), -(2.0 ** torch.arange(-20, 11))]).double()


def _along(field: AffineField, begin: Draws, log: Callable[[Draws], Draws]) -> Draws:
    """A logarithm at ``_TIMES`` of the orbits through positions (w, k), as (w, times)."""
    ends = field.flow(torch.from_numpy(begin)[:, None], _TIMES)
    return log(ends.reshape(-1, begin.shape[1]).numpy()).reshape(len(begin), -1)


def _refuse_moving(field: AffineField, begin: Draws, log_prob: Callable[[Draws], Draws]) -> None:
    """Raises DomainError where ln L moves along the orbits inside the prior: their draws would not be the posterior."""
    there = _along(field, begin, log_prob)
    moved = np.where(np.isfinite(there), np.abs(there - log_prob(begin)[:, None]), 0.0).max()
    if moved > _MOVED:
        raise DomainError(
            f"orbits along which the log likelihood moves by {moved:.3g} inside the priors",
            f"exact symmetries: at most {_MOVED:g}",
            "take the fields that isotropy.physics.parameters.parameter_symmetries finds, or leave orbits out",
        )


def _begin(lik: Likelihood, model: Cosmology, low: Draws, high: Draws, walkers: int, random: Any, seed: int) -> Draws:
    """Walkers about the best of a scatter, as wide as a tenth of the priors, all where the model is defined."""
    centre = np.clip(starts(lik, model, seed)[0], low + 0.01 * (high - low), high - 0.01 * (high - low))
    found = np.zeros((0, len(low)))
    scale = 0.1
    while len(found) < walkers:
        tried = centre + scale * (high - low) * random.standard_normal((4 * walkers, len(low)))
        inside = ((tried > low) & (tried < high)).all(1)
        tried = tried[inside]
        kept = model.admissible(lik.sample.z_cmb, torch.from_numpy(tried)).numpy() if len(tried) else np.zeros(0, bool)
        found = np.concatenate([found, tried[kept]])
        scale *= 0.7
    return found[:walkers]


def correlated(chain: Draws) -> float:
    """The autocorrelation time, in steps, of one quantity along a chain (steps, walkers): draws over it are the ESS.

    Source: Goodman and Weare 2010, as emcee estimates it.

    >>> 0.9 < correlated(np.random.default_rng(0).standard_normal((1000, 8))) < 1.1
    True
    """
    from emcee.autocorr import integrated_time

    return float(integrated_time(chain[:, :, None], quiet=True, tol=0)[0])


def split_rhat(chain: Draws) -> float:
    """The potential scale reduction of walkers' halves, ``chain (steps, walkers)``; near 1 where all agree.

    Source: Gelman et al., Bayesian Data Analysis, 3rd ed., §11.4.

    >>> split_rhat(np.random.default_rng(0).standard_normal((1000, 8))) < 1.01
    True
    """
    half = len(chain) // 2
    parts = np.concatenate([chain[:half], chain[half : 2 * half]], 1)
    within = parts.var(0, ddof=1).mean()
    between = half * parts.mean(0).var(ddof=1)
    return float(np.sqrt((half - 1) / half + between / within / half))
