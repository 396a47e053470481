"""H0 in redshift bins, as an analyst without F(z) infers it; and the offset as a group that acts on magnitudes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from isotropy.errors import DomainError
from isotropy.estimate import Estimate
from isotropy.groups import DiscreteMeasure, Element, Window, integrate, parse
from isotropy.physics.cosmology import Cosmology, DilatonVSL
from isotropy.physics.supernovae._fit import ONE_SIGMA, rate
from isotropy.physics.supernovae._likelihood import SNLikelihood
from isotropy.physics.supernovae._sample import SNSample


def h0_in_bins(sample: SNSample, edges: Sequence[float], *, M: float, cov: str = "stat") -> list[Estimate]:
    """H0 from the supernovae of each bin ``edges[i] <= z_cmb < edges[i + 1]``, with F = 1 and ``M`` known (68 %).

    Raises DomainError for edges that do not rise, or a bin without supernovae.
    """
    found: list[Estimate] = []
    for low, high in pairwise(edges):
        if not low < high:
            raise DomainError(f"edges {list(edges)}", "rising ones")
        inside = (sample.z_cmb >= low) & (sample.z_cmb < high)
        if not bool(inside.any()):
            raise DomainError(
                f"the bin [{low}, {high}) without supernovae", "bins that hold some", "join it to the next"
            )
        lik = SNLikelihood(sample.take(inside), cov)
        offset, sd = float(lik.best_offset(DilatonVSL(1.0))), lik.E**-0.5
        ends = sorted(rate(offset + sign * sd, M) for sign in (-1, 1))
        found.append(Estimate(rate(offset, M), *ends, n=int(inside.sum()), confidence=ONE_SIGMA))
    return found


def offset_frame(likelihood: SNLikelihood) -> Callable[[Tensor], DiscreteMeasure]:
    """The frame of the offset: for residuals (rows, N, 1), points of a line that T(1) moves, the best shift of each.

    ``canonicalise(offset_frame(lik), "Cloud(Point)", None, group="T(1)")`` is the profile: chi2 at the pose where the
    best offset is 0.
    """

    def choose(x: Tensor) -> DiscreteMeasure:
        shift = likelihood.whiten(x[..., 0]) @ likelihood.one / likelihood.E
        g = torch.eye(2, dtype=x.dtype).repeat(len(x), 1, 1, 1)
        g[:, 0, 0, 1] = shift
        return DiscreteMeasure(g, torch.zeros(len(x), 1, dtype=x.dtype))

    return choose


def marginal_by_integral(
    likelihood: SNLikelihood, model: Cosmology, params: Tensor | None, n: int, *, generator: torch.Generator
) -> Estimate:
    """chi2 of the flat marginal by ``integrate`` over T(1), a Gaussian window the proposal: what the closed form says.

    The integral of exp(-chi2 / 2) over shifts of the magnitudes, measured from the best; for tests of the closed form.
    """
    delta = likelihood.sample.mb - likelihood.magnitudes(model, params)[0]
    delta = delta - float(likelihood.best_offset(model, params))
    least = float(likelihood.whiten(delta[None]).square().sum())

    def relative(g: Element) -> Tensor:
        assert isinstance(g, Tensor), "T(1) acts on one space"
        moved = likelihood.whiten(delta - g[:, 0, 1][:, None])
        return (-(moved.square().sum(1) - least) / 2).exp()

    # 1.5 standard deviations of the integrand: wider than it, so that no weight is large.
    window = Window(parse("T(1)"), width=1.5 / math.sqrt(likelihood.E))
    found = integrate(relative, window, n, generator=generator, rule="sobol")
    ends = [least - 2 * math.log(value) for value in (found.mean, found.high, max(found.low, 1e-300))]
    return Estimate(ends[0], ends[1], ends[2], n=n)
