"""Which way to take, in one rule that a reader can check against the table."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from isotropy.report import Interval, cell_text, number_text

ALPHA = 0.05
MARGIN = 0.01  # of the error: a difference that nobody would notice
REACH = 0.10  # of the error: what "not shown to be worse" may hide at most


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


def as_good(contenders: Sequence[Contender]) -> list[Contender]:
    """The best, all within 1 % of its error, and all within 10 % that are not shown to be worse (p >= 0.05).

    Few or noisy rows show nothing, so that p alone would call good what is only uncertain: hence the 10 %. For the same
    reason no method is as good where another one for its group errs less and is shown to be worse.
    """
    best = min(contenders, key=lambda c: c.error)

    def near(c: Contender) -> bool:
        return c.error <= best.error * (1 + (REACH if c.p_best >= ALPHA else MARGIN))

    def outdone(c: Contender) -> bool:
        return bool(c.group) and any(o.group == c.group and o.error < c.error and not near(o) for o in contenders)

    return [c for c in contenders if near(c) and not outdone(c)]


def choose(contenders: Sequence[Contender], below: Mapping[str, Sequence[str]]) -> Contender:
    """The method to take; ``below`` lists for each group the candidates that are its subgroups.

    Among those as good as the best: exact ones before all others, and of these one for the largest group. Without an
    exact one: the plain network if it is among them, else augmentation for the largest group, else the soft network. Of
    several for one group, and of groups of which none contains the other, that with the lowest error.

    >>> table = [Contender("plain", "plain", "", False, 1.0, 0.9, 1.1, 1.0),
    ...          Contender("frames O(3)", "frames", "O(3)", True, 1.02, 0.9, 1.1, 0.7)]
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
    """The lowest error for a group that no other among these contains."""
    return min(_maximal(tied, below), key=lambda c: c.error)


def _maximal(tied: Sequence[Contender], below: Mapping[str, Sequence[str]]) -> list[Contender]:
    return [c for c in tied if not any(c.group in below.get(other.group, ()) for other in tied)]


def recommend(
    contenders: Sequence[Contender], below: Mapping[str, Sequence[str]], signal: bool = True, *,
    constant: str = "their mean",
) -> str:  # fmt: skip
    """The advice in a sentence or two; without ``signal`` no method is surely better than a constant prediction.

    >>> table = [Contender("plain", "plain", "", False, 2.0, 1.9, 2.1, 0.001),
    ...          Contender("frames O(2)@z", "frames", "O(2)@z", True, 0.6, 0.55, 0.65, 1.0),
    ...          Contender("frames O(3)", "frames", "O(3)", True, 0.9, 0.85, 0.95, 0.001)]
    >>> recommend(table, {"O(3)": ["O(2)@z"]})
    'use frames O(2)@z: error 0.60 [0.55, 0.65], exactly symmetric; the plain network is 3.3 times as far off; \
O(3) instead costs at least +50\u202f% of the error (frames O(3))'
    """
    if not signal:
        return f"no method surely predicts these targets better than {constant}: check the inputs before anything else"
    best, chosen = min(contenders, key=lambda c: c.error), choose(contenders, below)
    error = cell_text(Interval(chosen.error, chosen.low, chosen.high), "number")
    parts = [f"use {_named(chosen)}: error {error}{', exactly symmetric' if chosen.exact else ''}"]
    if chosen.name != best.name:
        lowest = number_text(float(f"{best.error:.3g}"))
        chance = f"a difference that may be chance (p = {number_text(chosen.p_best, 'p')})"
        distance = chance if chosen.p_best >= ALPHA else "a difference of less than 1 % of it"
        parts.append(f"{_named(best)} has the lowest error, {lowest}, {distance}")
    plain = next((c for c in contenders if c.kind == "plain"), None)
    if plain is not None and plain.name not in (chosen.name, best.name):
        ratio = _excess(plain, chosen)
        more = f"{number_text(abs(ratio), 'percent')} {'more' if ratio >= 0 else 'less'}"
        said = f"is {1 + ratio:.2g} times as far off" if ratio >= 1 else f"errs {more}"
        parts.append(f"the plain network {said}{_doubt(plain)}")
    parts += _beside(contenders, below, chosen)
    exact = [c for c in contenders if c.exact and c.group == chosen.group]
    if exact and not chosen.exact:
        parts.append(f"exact symmetry costs {_cost(exact, chosen)}")
    return "; ".join(parts + _dismissed(contenders, below, chosen))


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


def _dismissed(contenders: Sequence[Contender], below: Mapping[str, Sequence[str]], chosen: Contender) -> list[str]:
    """What the largest groups would cost that contain the chosen one, or all of them if none is chosen."""
    groups = list(dict.fromkeys(c.group for c in contenders if c.group))
    above = [g for g in groups if not chosen.group or chosen.group in below.get(g, ())]
    tied = as_good(contenders)
    said: list[str] = []
    for group in (g for g in above if not any(g in below.get(other, ()) for other in above)):
        own = [c for c in contenders if c.group == group]
        if not any(c in tied for c in own):
            said.append(f"{group} instead costs at least {_cost(own, chosen)}")
        elif (exact := [c for c in own if c.exact]) and not any(c in tied for c in exact):
            said.append(f"exact {group} instead costs {_cost(exact, chosen)}")
    return said


def _cost(others: Sequence[Contender], chosen: Contender) -> str:
    cheapest = min(others, key=lambda c: c.error)
    more = number_text(_excess(cheapest, chosen), "signed percent")
    return f"{more} of the error ({cheapest.name}){_doubt(cheapest)}"


def _doubt(other: Contender) -> str:
    return ", which may be chance" if other.p_best >= ALPHA else ""


def _excess(other: Contender, chosen: Contender) -> float:
    return other.error / chosen.error - 1 if chosen.error else math.inf


def _named(c: Contender) -> str:
    return {"plain": "the plain network", "soft": "the soft network"}.get(c.kind, c.name)
