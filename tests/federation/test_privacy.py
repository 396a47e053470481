"""Private statistics have the noise that their budget asks for, and an audit that catches less."""

import math

import pytest
import torch
from scipy.stats import norm

from isotropy.errors import DomainError
from isotropy.federation import ClassStats, private_stats
from isotropy.federation._privacy import SENSITIVITY, noise_multiplier, released
from isotropy.random import spawn

EPSILON, DELTA, CLIP = 1.5, 1e-5, 3.0


@pytest.mark.parametrize(("epsilon", "delta"), [(0.1, 1e-6), (1.5, 1e-5), (8.0, 1e-3), (30.0, 1e-9)])
def test_the_multiplier_is_the_least_that_keeps_the_budget(epsilon: float, delta: float) -> None:
    def delta_of(multiplier: float) -> float:
        """The trade-off of two normal laws, by the set on which one is e^epsilon times likelier."""
        mu = 1 / multiplier
        edge = epsilon / mu + mu / 2
        return float(norm.sf(edge - mu) - math.exp(epsilon) * norm.sf(edge))

    found = noise_multiplier(epsilon, delta)
    assert delta_of(found) == pytest.approx(delta, rel=1e-6)
    assert delta_of(0.99 * found) > delta


def test_noise_has_the_calibrated_size_and_is_symmetric() -> None:
    x, y = torch.randn(30, 6, generator=spawn(0, "x")), torch.zeros(30)
    sums = ClassStats.from_data(x, y, classes=2).to_sums()
    draws = [released(sums, CLIP, 2.0, spawn(0, "noise", k)) for k in range(200)]
    assert all(torch.equal(d.Q, d.Q.mT) for d in draws)
    # 200 draws of 2, 12 and 42 entries: a standard deviation is known to 3.5, 1.4 and 0.8 %.
    for found, truth, size, sure in (("n", sums.n, 2.0, 0.1), ("s", sums.s, 6.0, 0.045), ("Q", sums.Q, 18.0, 0.03)):
        off = torch.stack([getattr(d, found) for d in draws]) - truth
        assert float(off.square().mean().sqrt()) == pytest.approx(size, rel=sure), found
        assert float(off[:, 1].square().mean().sqrt()) == pytest.approx(size, rel=2 * sure), "absent classes too"


def _separation(half: bool) -> float:
    """How far apart outputs with and without the worst row are, in standard deviations of the noise."""
    x = torch.zeros(11, 3, dtype=torch.float64)
    x[-1, 0] = 5 * CLIP  # beyond the clip, along an axis: n, s and Q all change as far as they may
    sigma = SENSITIVITY * noise_multiplier(EPSILON, DELTA) / (2 if half else 1)

    def seen(rows: torch.Tensor, k: int) -> float:
        away = rows * (CLIP / rows.norm(dim=1, keepdim=True).clamp_min(CLIP))
        sums = ClassStats.from_data(away, torch.zeros(len(rows)), classes=1).to_sums()
        out = released(sums, CLIP, sigma, spawn(1, "audit", len(rows), k))
        return float(out.n[0] + out.s[0, 0] / CLIP + out.Q[0, 0, 0] / CLIP**2) / 3**0.5

    with_, without = (torch.tensor([seen(x[:rows], k) for k in range(400)]) for rows in (11, 10))
    return float((with_.mean() - without.mean()) / ((with_.var() + without.var()) / 2).sqrt())


def test_an_audit_with_the_worst_row_stays_within_the_budget_and_catches_half_the_noise() -> None:
    allowed = 1 / noise_multiplier(EPSILON, DELTA)
    # Two means of 400: the separation is known to sqrt(2 / 400) = 0.07.
    assert _separation(False) < allowed + 0.2
    assert _separation(True) > allowed + 0.2
    assert allowed > 0.3, "far enough from twice as much"


def test_a_large_budget_gives_the_exact_statistics() -> None:
    x, y = torch.randn(60, 4, generator=spawn(0, "x"), dtype=torch.float64) + 5, torch.arange(60) % 2
    exact = ClassStats.from_data(x, y, classes=2)
    found = private_stats(
        x, y, classes=2, clip=20.0, epsilon=1e7, delta=0.5, centre=torch.full((4,), 5.0), generator=spawn(0, "noise")
    )
    torch.testing.assert_close(found.mean, exact.mean, rtol=0, atol=0.01)
    torch.testing.assert_close(found.cov, exact.cov, rtol=0, atol=0.05)


def test_rows_are_pulled_to_within_the_clip() -> None:
    x = torch.zeros(20, 3, dtype=torch.float64)
    x[0, 0] = 1e6
    found = private_stats(x, torch.zeros(20), classes=1, clip=2.0, epsilon=1e7, delta=0.5, generator=spawn(0, "noise"))
    # One row of twenty at 2; the noise at this budget is a thousandth of the clip.
    assert float(found.mean[0, 0]) == pytest.approx(0.1, abs=0.02)


def test_little_budget_leaves_positive_covariances_and_few_directions() -> None:
    x, y = torch.randn(2000, 12, generator=spawn(0, "x")), torch.zeros(2000)
    x[:, 0] *= 6
    found = private_stats(x, y, classes=1, clip=12.0, epsilon=1.0, delta=1e-5, generator=spawn(0, "noise"))
    assert bool((torch.linalg.eigvalsh(found.cov[0]) >= -1e-9 * found.cov.abs().max()).all())
    shape = found.shapes("auto")[0]
    assert 1 <= len(shape.values) < 6, "true variances are 36 and eleven times 1, the edge of the noise is above 1"
    assert float(shape.vectors[0, 0].abs()) > 0.98


def test_refusals() -> None:
    x, y, draw = torch.rand(9, 2), torch.zeros(9), spawn(0, "x")
    for changes, words in (
        ({"epsilon": 0.0}, "epsilon=0"),
        ({"delta": 1.0}, r"delta=1\.0; expected a probability in \(0, 1\)"),
        ({"clip": -1.0}, "clip=-1"),
    ):
        budget = {"epsilon": 1.0, "delta": 1e-5, "clip": 1.0} | changes
        with pytest.raises(DomainError, match=words):
            private_stats(x, y, classes=1, generator=draw, **budget)


def test_noise_is_drawn_anew_in_each_call_whatever_the_seeds() -> None:
    def once() -> ClassStats:
        torch.manual_seed(3)
        return private_stats(torch.ones(50, 3), torch.zeros(50), classes=1, clip=2.0, epsilon=1.0, delta=1e-5)

    one, other = once(), once()
    assert not torch.equal(one.mean, other.mean)
    assert not torch.equal(one.n, other.n)
