"""The evidence of a model: quadrature for at most three parameters, nested sampling beyond, to be compared."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isotropy.errors import DomainError, InfeasibleError, MissingExtraError
from isotropy.physics.cosmology import Cosmology
from isotropy.physics.supernovae._asked import Draws, Likelihood, box, defined, posterior

_NODES = 8  # of Gauss-Legendre in each panel
_PANELS = {1: (32, 64, 128, 256, 512), 2: (12, 24, 48), 3: (6, 12)}  # on a side, one after another until two agree
_AGREE = 1e-6


@dataclass(frozen=True)
class Evidence:
    """``log_z`` with its ``error`` (numerical, one standard deviation where it is drawn), and how it was found.

    ``samples`` (n,) of each parameter and of the ``offset`` are what ``draws`` asked for: of all modes, by their mass.
    """

    log_z: float
    error: float
    method: str
    samples: Mapping[str, Draws] = field(default_factory=dict[str, Draws], compare=False)


def evidence(
    lik: Likelihood,
    model: Cosmology,
    priors: Mapping[str, tuple[float, float]] | None = None,
    *,
    method: Literal["quadrature", "nested"] = "quadrature",
    seed: int = 0,
    live: int = 500,
    panels: int | None = None,
    draws: int = 0,
) -> Evidence:
    """See ``SNLikelihood.evidence``."""
    if method not in ("quadrature", "nested"):
        raise DomainError(f"method={method!r}", "'quadrature' or 'nested'")
    low, high = box(model, priors)
    k = len(low)
    if not k:
        return Evidence(float(lik.log_likelihood(model)), 0.0, "no free parameter")
    if method == "nested":
        if draws:
            raise DomainError(f"draws={draws} of nested sampling", "method='quadrature'", "or a chain: mcmc")
        return _nested(lik, model, low.numpy(), high.numpy(), seed, live)
    if k > 3:
        raise DomainError(f"quadrature over {k} parameters", "at most 3", 'method="nested"')
    if panels is not None and panels < 2:
        raise DomainError(f"panels={panels}", "2 or more, since the error is the difference from half as many")
    few, *more = _PANELS[k] if panels is None else ((panels + 1) // 2, panels)
    nodes, weights = _quadrature(lik, model, low, high, few)
    found, apart = float(weights.logsumexp(0)), math.inf
    for sides in more:
        nodes, weights = _quadrature(lik, model, low, high, sides)
        before, found = found, float(weights.logsumexp(0))
        apart = abs(found - before)
        if apart < _AGREE:
            break
    samples = _drawn(lik, model, nodes, weights, draws, seed) if draws else {}
    return Evidence(found, apart, "quadrature", samples)


def _drawn(
    lik: Likelihood, model: Cosmology, nodes: Tensor, weights: Tensor, draws: int, seed: int
) -> dict[str, Draws]:
    """Nodes by their weights, each moved at random within what it stands for, where the model is defined there."""
    random = np.random.RandomState(seed)
    mass = weights.softmax(0).numpy()
    chosen = nodes.numpy()[random.choice(len(mass), draws, p=mass / mass.sum())]
    moved = np.empty_like(chosen)
    for at, column in enumerate(nodes.numpy().T):
        sides = np.unique(column)
        middles = np.concatenate([sides[:1], (sides[1:] + sides[:-1]) / 2, sides[-1:]])
        rank = np.searchsorted(sides, chosen[:, at])
        moved[:, at] = random.uniform(middles[rank], middles[rank + 1])
    defined_there = model.admissible(lik.sample.z_cmb, torch.from_numpy(moved)).numpy()
    return posterior(lik, model, np.where(defined_there[:, None], moved, chosen), random)


def _quadrature(lik: Likelihood, model: Cosmology, low: Tensor, high: Tensor, panels: int) -> tuple[Tensor, Tensor]:
    """Gauss-Legendre in equal panels of each side of the box: nodes (n, k), logarithms of prior mass x likelihood."""
    x, w = np.polynomial.legendre.leggauss(_NODES)
    edges = np.arange(panels)[:, None]
    nodes = torch.from_numpy(((edges + (x + 1) / 2) / panels).ravel())
    weights = torch.from_numpy(np.tile(w / 2 / panels, panels))
    k = len(low)
    grid = torch.cartesian_prod(*([nodes] * k)).reshape(-1, k)
    mass = torch.cartesian_prod(*([weights] * k)).reshape(-1, k).prod(1)
    points = low + (high - low) * grid
    parts = [defined(lik, model, part, "log_likelihood", -torch.inf) for part in points.split(2000)]
    return points, torch.cat(parts) + mass.log()


def _nested(
    lik: Likelihood, model: Cosmology, low: NDArray[np.float64], high: NDArray[np.float64], seed: int, live: int
) -> Evidence:
    try:
        import dynesty
    except ImportError as missing:
        raise MissingExtraError.of("dynesty", "physics") from missing

    def log_likelihood(x: NDArray[np.float64]) -> float:
        found = float(defined(lik, model, torch.from_numpy(np.array(x))[None], "log_likelihood", -math.inf))
        return found if math.isfinite(found) else -1e300  # outside the model's domain; dynesty wants numbers

    made: Any = dynesty.NestedSampler
    sampler: Any = made(
        log_likelihood, lambda u: low + (high - low) * u, len(low), nlive=live, rstate=np.random.default_rng(seed)
    )
    sampler.run_nested(print_progress=False, dlogz=0.01)
    results: Any = sampler.results
    log_z, error = float(results.logz[-1]), float(results.logzerr[-1])
    if not log_z > -1e299:
        raise InfeasibleError(f"{model.name}, which is defined nowhere in the priors", "priors that it allows")
    return Evidence(log_z, error, "nested")
