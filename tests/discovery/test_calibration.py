"""Error rates by counting over seeds: size on each route, coverage of known shares (docs/results/calibration.md)."""

from __future__ import annotations

import pytest
import scipy
from calibrating import ROUTES, coverage_of, size_of

pytestmark = pytest.mark.slow

# That many of the sets are exceeded with probability 0.1 % if the rate is what it should be at most.
_SURELY = 0.999


def at_most(rate: float, sets: int) -> int:
    return int(scipy.stats.binom.ppf(_SURELY, sets, rate))


@pytest.mark.parametrize("route", list(ROUTES))
def test_an_exact_symmetry_is_rejected_and_called_broken_no_more_often_than_said(route: str) -> None:
    sets = 24
    size = size_of(route, range(1000, 1000 + sets))
    # Where it is overlooked that inputs are not invariant, the exact test rejects for that: sets of another route.
    assert size.on_route >= 0.7 * sets, size
    assert size.rejected_on_route <= at_most(0.05, size.on_route), size
    assert size.missed <= at_most(0.05, sets), size
    assert size.broken <= at_most(0.05, sets), size


@pytest.mark.parametrize(("share", "noise"), [(0.05, 0.0), (0.05, 2.0), (0.4, 2.0)])
def test_the_ends_cover_a_known_share(share: float, noise: float) -> None:
    sets = 12
    c = coverage_of(share, noise, None, range(1000, 1000 + sets))
    assert sets - c.covered <= at_most(0.10, sets), c
    assert c.wrong <= at_most(0.05, sets), c
