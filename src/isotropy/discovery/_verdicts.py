"""From numbers to words: two yardsticks, the share of the signal and the price of imposing the symmetry."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Verdict = Literal[
    "no breaking detected", "negligible", "approximate", "absent", "undecided", "not identifiable", "no signal"
]

HOLDS: tuple[Verdict, ...] = ("no breaking detected", "negligible")
"""The verdicts on which a symmetry may be built in exactly."""

ALPHA = 0.05
SHARE_TOLERANCE = 0.01  # of the signal's energy
PRICE_TOLERANCE = 0.05  # of the held-out error
MINIMAL_OVERLAP = 0.2
ABSENT = 0.5


@dataclass(frozen=True)
class Grounds:
    """What a verdict rests on; shares are fractions of the signal's energy, prices of the held-out error."""

    breaking: float
    low: float
    high: float
    price_low: float
    overlap: float
    significant: bool
    imposed: bool
    signal: bool


def verdict(evidence: Grounds, tolerance: float = SHARE_TOLERANCE) -> Verdict:
    """The word for one group (section 3.5 of the method's description: docs/statistics.md).

    "exact" is never said: data can only fail to show a violation.

    >>> verdict(Grounds(0.0, 0.0, 0.004, 0.0, 0.9, significant=False, imposed=False, signal=True))
    'no breaking detected'
    """
    if not evidence.signal:
        return "no signal"
    if evidence.imposed:
        return "no breaking detected"
    if evidence.overlap < MINIMAL_OVERLAP:
        return "not identifiable"
    found = evidence.low > 0 and evidence.significant
    if not found and evidence.high < tolerance:
        return "no breaking detected"
    if found:
        if evidence.breaking < tolerance and evidence.price_low < PRICE_TOLERANCE:
            return "negligible"
        return "approximate" if evidence.breaking <= ABSENT else "absent"
    return "undecided"


def rows_to_decide(n: int, standard_error: float, breaking: float, tolerance: float = SHARE_TOLERANCE) -> int | None:
    """About how many rows would decide, since standard errors shrink with the square root of the rows."""
    distance = max(abs(breaking - tolerance), tolerance / 4)
    if not math.isfinite(standard_error) or standard_error <= 0:
        return None
    factor = (2 * 1.645 * standard_error / distance) ** 2
    return int(float(f"{max(n * factor, n * 1.5):.1g}"))
