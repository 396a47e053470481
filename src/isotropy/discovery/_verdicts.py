"""From numbers to words: two yardsticks, the share of the signal and the price of imposing it, and what to do."""

import math
from collections.abc import Mapping, Sequence
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


@dataclass(frozen=True)
class Finding:
    """One group as the recommendation sees it; ``cost_rmse`` in the unit of the targets."""

    name: str
    verdict: Verdict
    cost_rmse: float
    price: float
    imposed: bool = False


def recommend(findings: Sequence[Finding], contains: Mapping[str, Sequence[str]]) -> str:
    """The advice for these findings; ``contains`` lists for each group the candidates that are its subgroups.

    >>> recommend([Finding("O(3)", "approximate", 0.81, 3.0), Finding("O(2)@z", "no breaking detected", 0, 0)],
    ...           {"O(3)": ["O(2)@z"]})
    'build in O(2)@z exactly; imposing O(3) would cost 0.81 RMSE'
    >>> recommend([Finding("SO(2)", "negligible", 0.01, 0.04)], {})
    'build in SO(2) exactly (SO(2) costs +4.0% of the error)'
    """
    if all(finding.verdict == "no signal" for finding in findings):
        return "no model predicts these targets, so no symmetry can be judged: check the inputs before anything else"
    holding = [f for f in findings if f.verdict in HOLDS and not f.imposed]
    maximal = [f for f in holding if not any(f.name in contains.get(other.name, ()) for other in holding)]
    parts: list[str] = []
    if maximal:
        parts.append(f"build in {_names(maximal)} exactly")
        # "negligible" is found to be broken: the reader should know what building it in anyway costs.
        small = [f"{f.name} costs {f.price:+.1%} of the error" for f in maximal if f.verdict == "negligible"]
        parts[-1] += f" ({', '.join(small)})" if small else ""
    approximate = [f for f in findings if f.verdict == "approximate"]
    above = [f for f in approximate if not any(f.name in contains.get(other.name, ()) for other in approximate)]
    if above:
        worst = max(above, key=lambda f: f.cost_rmse)
        if maximal:
            parts.append(f"imposing {worst.name} would cost {worst.cost_rmse:.2g} RMSE")
        else:
            cheapest = min(approximate, key=lambda f: f.cost_rmse)
            parts.append(
                f"build in none of these exactly; encourage {cheapest.name} softly "
                f"(imposing it would cost {cheapest.cost_rmse:.2g} RMSE, {cheapest.price:+.0%} of the error)"
            )
    absent = [f for f in findings if f.verdict == "absent"]
    if absent:
        parts.append(f"leave out {_names(absent)}")
    unclear = [f for f in findings if f.verdict == "undecided"]
    if unclear:
        parts.append(f"{_names(unclear)} needs more data" if len(unclear) == 1 else f"{_names(unclear)} need more data")
    blind = [f for f in findings if f.verdict == "not identifiable"]
    if blind:
        parts.append(f"these inputs cannot tell about {_names(blind)}: compare models that are retrained with it")
    return "; ".join(parts) if parts else "keep an unconstrained model"


def _names(findings: Sequence[Finding]) -> str:
    names = [finding.name for finding in findings]
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
