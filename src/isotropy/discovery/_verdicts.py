"""From numbers to words: two yardsticks, the share of the signal and the price of imposing the symmetry."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Verdict = Literal[
    "no breaking detected",
    "negligible",
    "none seen",
    "approximate",
    "absent",
    "undecided",
    "not identifiable",
    "no signal",
]

HOLDS: tuple[Verdict, ...] = ("no breaking detected", "negligible")
"""The verdicts on which a symmetry may be built in exactly."""

SEVERITY: dict[Verdict, int] = {
    "no signal": 0,
    "no breaking detected": 1,
    "negligible": 2,
    "none seen": 3,
    "not identifiable": 4,
    "undecided": 5,
    "approximate": 6,
    "absent": 7,
}
"""How much a verdict on one part of the target speaks against a group, whose verdict is that of its worst part."""

OR_NOISE = "is noise or was not learned"
"""Of a rest whose noise nobody knows."""

ALPHA = 0.05
SHARE_TOLERANCE = 0.01  # of the signal
PRICE_TOLERANCE = 0.05  # of the held-out error, as RMSE
# Half of the orbits is what can still be read, between the inputs seen. A classifier measures half on the 75 held-out
# rows of a table of 150 to within 0.15 (one-sided 95 %), so a third is where half surely ends: less is another thing.
MINIMAL_OVERLAP = 1 / 3
# Along a window nothing is said of whole orbits, and copies that lead out of the data take no part.
_MINIMAL_IN_WINDOW = 0.2
MOSTLY_SEEN = 0.8  # of moved inputs: lengths over decades keep 0.9 within the data, a hole in the middle 0.7
ON_SEEN = "on the inputs seen"
_HOPELESS = 1e4  # times the rows there are, nobody collects them: a better model or other inputs would decide
ABSENT = 0.5


def least_overlap(*, windowed: bool) -> float:
    """The least share of moved inputs that must lie where data are, for anything to be told about a candidate."""
    return _MINIMAL_IN_WINDOW if windowed else MINIMAL_OVERLAP


def partly_seen(invariant: bool, overlap: float, low: float) -> bool:
    """Whether inputs cover a part of the orbits only, so that a symmetry can be read between the points seen alone.

    ``low`` is the lower end of ``overlap``: a part that may be less than the minimum is not read at all.
    """
    return not invariant and low >= MINIMAL_OVERLAP and overlap < MOSTLY_SEEN


@dataclass(frozen=True)
class Grounds:
    """What a verdict rests on; shares are of the signal, prices of the held-out error.

    ``worst`` is the upper end of the share if all breaks the symmetry that neither models nor noise account for;
    ``least`` the lower end if nothing does of what is surely no noise and was not learned (None: nothing is).
    ``identifiable`` says that enough of the moved inputs surely lie where there are data (``least_overlap``).
    """

    low: float
    high: float
    worst: float
    price_low: float
    price_high: float
    identifiable: bool
    significant: bool
    imposed: bool
    signal: bool
    least: float | None = None

    def equivalent(self, tolerance: float) -> bool:
        """Whether what the models explain breaks the symmetry by less than the tolerances, by both yardsticks."""
        return self.high < tolerance and self.price_high < PRICE_TOLERANCE


def verdict(grounds: Grounds, tolerance: float = SHARE_TOLERANCE) -> Verdict:
    """The word for one group (section "From numbers to words" of docs/statistics.md).

    "exact" is never said: data can only fail to show a violation.

    >>> verdict(Grounds(0.0, 0.002, 0.004, 0.0, 0.01, True, significant=False, imposed=False, signal=True))
    'no breaking detected'
    """
    if not grounds.signal:
        return "no signal"
    if grounds.imposed:
        return "no breaking detected"
    if not grounds.identifiable:
        return "not identifiable"
    if grounds.equivalent(tolerance):
        if grounds.worst < tolerance:
            return "negligible" if grounds.significant else "no breaking detected"
        return "undecided" if grounds.significant else "none seen"
    if grounds.significant:
        # Models that miss more of the symmetric part make the share too large.
        if (grounds.low if grounds.least is None else grounds.least) > ABSENT:
            return "absent"
        if grounds.low >= tolerance or grounds.price_low >= PRICE_TOLERANCE:
            return "approximate"
    return "undecided"


def note(
    grounds: Grounds, word: Verdict, group: str, explained: float, noise: float | None, *, partly: bool = False
) -> str:
    """What a verdict leaves open, in one sentence; empty where it leaves nothing.

    ``explained`` and ``noise`` are shares of the variation of the target; None where the noise is not known. ``partly``
    says that the symmetry was read between the inputs seen alone.
    """
    where = f" {ON_SEEN}" if partly else ""
    if word == "none seen":
        rest = max(1 - explained, 0.0) if noise is None else max(1 - explained - noise, 0.0)
        left = OR_NOISE if noise is None else "was not learned"
        return f"nothing in the {explained:.1%} that the models explain violates {group}{where}; {rest:.1%} {left}"
    if word in HOLDS:
        return where.strip()
    if word == "undecided" and grounds.significant:
        return "broken, size undecided"
    return ""


def rows_to_decide(n: int, yardsticks: Sequence[tuple[float, float, float]]) -> int | None:
    """About how many rows would decide, since intervals shrink with the square root of the rows; None if rows do not.

    ``yardsticks`` are values, how far their upper ends lie above them, and their tolerances. The one that asks for most
    counts.

    >>> rows_to_decide(100, [(0.0, 0.02, 0.01), (0.0, 0.01, 0.1)])
    2000
    """
    asked = [(2 * width / max(abs(value - tolerance), tolerance / 4)) ** 2 for value, width, tolerance in yardsticks]
    factor = max(*asked, 1.5)
    if factor > _HOPELESS or not all(0 < width < math.inf for _, width, _ in yardsticks):
        return None
    return int(float(f"{n * factor:.1g}"))
