"""Statistics with noise, so that nobody can tell whether one row was among those that they are of."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float
from torch import Generator, Tensor

from isotropy.errors import DomainError
from isotropy.federation._checks import checked
from isotropy.federation._statistics import ClassStats, Sums
from isotropy.linalg import Moments, eigh

# One row more or less changes n by 1, s/R by at most 1 and Q/R^2 by at most 1: all three together by the root of 3.
SENSITIVITY = 3**0.5


def noise_multiplier(epsilon: float, delta: float) -> float:
    """The least standard deviation, over the sensitivity, at which one Gaussian release is (epsilon, delta)-private.

    Exact, not a bound: the curve delta(epsilon) of two normal laws is inverted. Raises DomainError for ``epsilon <= 0``
    and delta outside of (0, 1). Source: Balle, Wang, ICML 2018, theorem 8.

    >>> round(noise_multiplier(1.0, 1e-5), 3)
    3.731
    """
    if not 0 < epsilon < math.inf:
        raise DomainError(f"epsilon={epsilon}", "a number above 0")
    if not 0 < delta < 1:
        raise DomainError(f"delta={delta}", "a probability in (0, 1)")
    from scipy.optimize import brentq

    # delta falls with the multiplier from 1 to 0.
    found = brentq(lambda log: _excess(math.exp(-log), epsilon) - delta, -20.0, 60.0, xtol=1e-12)
    return math.exp(float(found))


def private_stats(
    x: Float[Tensor, "n p"],
    y: Tensor,
    *,
    classes: int,
    clip: float,
    epsilon: float,
    delta: float,
    centre: Tensor | float = 0.0,
    generator: Generator | None = None,
    site: str = "",
) -> ClassStats:
    """ClassStats that are (epsilon, delta)-private, adding or removing a row, of rows pulled to within ``clip`` of a
    centre.

    Gaussian noise goes onto (n, s/R, Q/R^2) of every class, of absent ones too, which zeros would give away; that on Q
    is symmetric. What follows costs no privacy: the square of the noise of the mean is put back, covariances become
    positive (``shapes("auto")`` keeps what stands out of the noise), and classes of less than one row count as absent.
    The ``centre (p,)`` must not come from these rows. Noise is drawn from what the operating system gives, anew in each
    call: who could draw it again, from a seed that stands somewhere, could take it off. A ``generator`` is for tests.
    Raises DomainError for budgets and clips outside their range. Source: Dwork et al., STOC 2014 (Analyze Gauss), for
    the second moments; the joint release is ours.

    >>> from isotropy.random import spawn
    >>> x, y = torch.randn(4000, 2, generator=spawn(0, "x")), torch.arange(4000) % 2
    >>> found = private_stats(x, y, classes=3, clip=4.0, epsilon=2.0, delta=1e-5, generator=spawn(0, "noise"))
    >>> bool((found.cov[:2] - torch.eye(2)).abs().max() < 0.2), bool((torch.linalg.eigvalsh(found.cov) >= -1e-9).all())
    (True, True)
    """
    x, y = checked(x, y, classes, site)
    if not 0 < clip < math.inf:
        raise DomainError(f"clip={clip}", "a radius above 0 about the centre")
    sigma = SENSITIVITY * noise_multiplier(epsilon, delta)
    c = torch.as_tensor(centre, dtype=torch.float64)
    away = x.to(torch.float64) - c
    away = away * (clip / away.norm(dim=1, keepdim=True).clamp_min(clip))
    sums = released(
        ClassStats.from_data(away, y, classes=classes).to_sums(), clip, sigma, generator or np.random.default_rng()
    )
    n = torch.where(sums.n >= 1, sums.n, 0.0)
    safe = torch.where(n > 0, n, 1.0)
    mean = sums.s / safe[:, None]
    eye = torch.eye(x.shape[1], dtype=torch.float64)
    own = (sigma * clip / safe)[:, None, None].square() * eye  # what the noise of the mean adds to its square
    cov = sums.Q / safe[:, None, None] - mean[:, :, None] * mean[:, None, :] + own
    eigen = eigh(cov)
    positive = (eigen.vectors * eigen.values.clamp_min(0.0)[:, None, :]) @ eigen.vectors.mT
    present = (n > 0)[:, None]
    scatter = n[:, None, None] * positive
    moments = Moments(n, (mean + c) * present, scatter, torch.zeros_like(scatter))
    return ClassStats(moments, x.dtype, torch.full_like(n, sigma * clip**2))


def released(sums: Sums, clip: float, sigma: float, generator: Generator | np.random.Generator) -> Sums:
    """Sums about a centre, of rows within ``clip``, with noise ``sigma`` in the units (1, clip, clip^2)."""

    def noise(like: Tensor) -> Tensor:
        if isinstance(generator, Generator):
            return sigma * torch.randn(like.shape, generator=generator, dtype=torch.float64)
        return sigma * torch.from_numpy(generator.standard_normal(tuple(like.shape)))

    half = noise(sums.Q).triu()
    symmetric = half + half.triu(1).mT
    return Sums(sums.n + noise(sums.n), sums.s + clip * noise(sums.s), sums.Q + clip**2 * symmetric)


def _excess(mu: float, epsilon: float) -> float:
    """delta(epsilon) of N(0, 1) against N(mu, 1)."""
    from scipy.special import log_ndtr

    if mu == 0:
        return 0.0
    first, second = log_ndtr(mu / 2 - epsilon / mu), log_ndtr(-mu / 2 - epsilon / mu)
    return float(math.exp(first) - math.exp(epsilon + second))
