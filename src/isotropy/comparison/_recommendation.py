"""Which way to take, in one rule that a reader can check against the table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from isotropy.report import Interval, cell_text, number_text

ALPHA = 0.05
MARGIN = 0.01  # of the error: a difference that nobody would notice


@dataclass(frozen=True)
class Contender:
    """One method as the rule sees it; ``p_best`` is its Holm-adjusted p-value against the best, 1 for the best."""

    name: str
    kind: str
    group: str
    exact: bool
    error: float
    low: float
    high: float
    p_best: float
    seconds: float


def as_good(contenders: Sequence[Contender]) -> list[Contender]:
    """The best, and all that are not shown to be worse (p >= 0.05) or are worse by less than 1 % of its error."""
    best = min(contenders, key=lambda c: c.error)
    return [c for c in contenders if c.p_best >= ALPHA or c.error <= best.error * (1 + MARGIN)]


def choose(contenders: Sequence[Contender], below: Mapping[str, Sequence[str]]) -> Contender:
    """The method to take; ``below`` lists for each group the candidates that are its subgroups.

    Among those as good as the best: exact ones before all others, and of these one for the largest group, the cheapest
    where several are for the same one. Without an exact one: the plain network if it is among them, else augmentation
    for the largest group, else the soft network. Of groups of which none contains the other, that with the lower error.

    >>> table = [Contender("plain", "plain", "", False, 1.0, 0.9, 1.1, 1.0, 5.0),
    ...          Contender("frames O(3)", "frames", "O(3)", True, 1.02, 0.9, 1.1, 0.7, 9.0)]
    >>> choose(table, {}).name
    'frames O(3)'
    """
    tied = as_good(contenders)
    exact = [c for c in tied if c.exact]
    if exact:
        return _largest(exact, below)
    plain = [c for c in tied if c.kind == "plain"]
    if plain:
        return plain[0]
    moved = [c for c in tied if c.kind == "augmentation"]
    return _largest(moved, below) if moved else tied[0]


def _largest(tied: Sequence[Contender], below: Mapping[str, Sequence[str]]) -> Contender:
    """The cheapest for a group that no other among these contains; of several such, that with the lowest error."""
    maximal = _maximal(tied, below)
    group = min(maximal, key=lambda c: c.error).group
    return min((c for c in maximal if c.group == group), key=lambda c: c.seconds)


def _maximal(tied: Sequence[Contender], below: Mapping[str, Sequence[str]]) -> list[Contender]:
    return [c for c in tied if not any(c.group in below.get(other.group, ()) for other in tied)]


def recommend(contenders: Sequence[Contender], below: Mapping[str, Sequence[str]], signal: bool = True) -> str:
    """The advice in a sentence or two; without ``signal`` no method is surely better than the mean of the targets.

    >>> table = [Contender("plain", "plain", "", False, 2.0, 1.9, 2.1, 0.001, 5.0),
    ...          Contender("frames O(2)@z", "frames", "O(2)@z", True, 0.6, 0.55, 0.65, 1.0, 9.0),
    ...          Contender("frames O(3)", "frames", "O(3)", True, 0.9, 0.85, 0.95, 0.001, 9.0)]
    >>> recommend(table, {"O(3)": ["O(2)@z"]})
    'use frames O(2)@z: error 0.60 [0.55, 0.65], exactly symmetric; the plain network is 3.3 times as far off; \
O(3) instead costs at least +50\u202f% of the error (frames O(3))'
    """
    if not signal:
        return "no method surely predicts these targets better than their mean: check the inputs before anything else"
    best, chosen = min(contenders, key=lambda c: c.error), choose(contenders, below)
    parts = [f"use {_named(chosen)}: error {_interval(chosen)}{', exactly symmetric' if chosen.exact else ''}"]
    if chosen.name != best.name:
        parts.append(f"{_named(best)} has the lowest error, {_figure(best.error)}, {_distance(chosen, best)}")
    tied = {c.name for c in as_good(contenders)}
    plain = next((c for c in contenders if c.kind == "plain"), None)
    if plain is not None and plain.name not in (chosen.name, best.name):
        ratio = _excess(plain, chosen)
        more = f"{number_text(abs(ratio), 'percent')} {'more' if ratio >= 0 else 'less'}"
        said = f"is {1 + ratio:.2g} times as far off" if ratio >= 1 else f"errs {more}"
        parts.append(f"the plain network {said}" + (", which may be chance" if plain.name in tied else ""))
    parts += _beside(contenders, below, chosen)
    exact = [c for c in contenders if c.exact and c.group == chosen.group]
    if exact and not chosen.exact:
        parts.append(f"exact symmetry costs {_cost(exact, chosen)}")
    parts += [
        f"{group} instead costs at least {_cost([c for c in contenders if c.group == group], chosen)}"
        for group in _dismissed(contenders, chosen, below)
    ]
    return "; ".join(parts)


def _beside(contenders: Sequence[Contender], below: Mapping[str, Sequence[str]], chosen: Contender) -> list[str]:
    """Other groups, neither in nor around the chosen one, that may be built in as well."""
    others = [c for c in _maximal([c for c in as_good(contenders) if c.exact], below) if c.group != chosen.group]
    least = [
        min((c for c in others if c.group == group), key=lambda c: c.error) for group in {c.group: 0 for c in others}
    ]
    return [
        f"{c.name} is not shown to be worse either ({number_text(_excess(c, chosen), 'signed percent')})"
        for c in least
        if chosen.exact
    ]


def _dismissed(contenders: Sequence[Contender], chosen: Contender, below: Mapping[str, Sequence[str]]) -> list[str]:
    """The largest groups that contain the chosen one, or any if none is chosen."""
    groups = list(dict.fromkeys(c.group for c in contenders if c.group))
    above = [g for g in groups if not chosen.group or chosen.group in below.get(g, ())]
    return [g for g in above if not any(g in below.get(other, ()) for other in above)]


def _cost(others: Sequence[Contender], chosen: Contender) -> str:
    cheapest = min(others, key=lambda c: c.error)
    return f"{number_text(_excess(cheapest, chosen), 'signed percent')} of the error ({cheapest.name})"


def _excess(other: Contender, chosen: Contender) -> float:
    return other.error / chosen.error - 1 if chosen.error else math.inf


def _distance(chosen: Contender, best: Contender) -> str:
    if chosen.p_best >= ALPHA:
        return f"a difference that may be chance (p = {number_text(chosen.p_best, 'p')})"
    return "a difference of less than 1 % of it"


def _named(c: Contender) -> str:
    return {"plain": "the plain network", "soft": "the soft network"}.get(c.kind, c.name)


def _interval(c: Contender) -> str:
    return cell_text(Interval(c.error, c.low, c.high), "number")


def _figure(value: float) -> str:
    return number_text(float(f"{value:.3g}"))
