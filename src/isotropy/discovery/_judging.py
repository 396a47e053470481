"""From the outcomes of jobs to one finding per candidate: breaking, price, p-value, verdict, part by part."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any

from isotropy.discovery._findings import Evidence, GroupFinding, PartFinding, Test
from isotropy.discovery._jobs import breaking_of
from isotropy.discovery._lattice import Interval, Reading, consistent
from isotropy.discovery._refits import Refit
from isotropy.discovery._verdicts import (
    ALPHA,
    PRICE_TOLERANCE,
    SEVERITY,
    Grounds,
    Verdict,
    least_overlap,
    note,
    rows_to_decide,
    verdict,
)
from isotropy.estimate import Estimate
from isotropy.groups import Window
from isotropy.measure import Breaking, Noise, holm
from isotropy.measure.parts import CONFIDENCE, SMALLEST_ERROR, along_lattice, bonferroni
from isotropy.study import Candidate, Problem, subgroups

_LEAST_SIGNAL = 1e-3  # a model must explain at least this share of the energy

Outcome = Mapping[str, Any]


@dataclass(frozen=True)
class Asked:
    """What all findings are judged by."""

    problem: Problem
    noise: Noise
    imposed: Mapping[str, str]
    truth: Mapping[str, float]
    tolerance: float
    spent: float = 1.0  # rows of the table for each row that judges, where others found the candidates

    def noise_share(self, k: int, V: float) -> float | None:
        """The noise of a part of the target as a share of its energy, None where it is bounded from above only."""
        known = self.noise.parts[k].energy
        return known.mean / V if V > 0 and (known.low > 0 or known.high == 0) else None


def findings(
    asked: Asked,
    measured: Mapping[str, Sequence[Outcome]],
    tested: Mapping[str, Outcome],
    refits: Mapping[str, tuple[Refit, ...]],
    unlearned: Mapping[str, Sequence[float] | None],
) -> list[GroupFinding]:
    """One finding per candidate that was asked for, largest first.

    ``unlearned`` holds p-values of a test without a learner, where one was made: the smaller of two counts, twice. None
    says that the other one rejects anyway.
    """
    problem, below = asked.problem, subgroups(asked.problem.candidates)
    every = range(len(problem.parts))
    answers: dict[str, tuple[Breaking, ...]] = {}
    partly = {name for name, outcomes in measured.items() if any(outcome.get("partly") for outcome in outcomes)}
    p_values: dict[tuple[str, int], float] = {}
    for candidate in problem.candidates:
        name = candidate.name
        answers[name] = breaking_of(problem, candidate, measured[name])
        for k in every:
            # Only the first split is tested: p-values of splits of the same data are too dependent to gain from more.
            own = refits[name][k].p_value if name in refits else measured[name][0]["p_values"][k]
            beside = unlearned.get(name)
            p_values[name, k] = bonferroni([own, 1.0 if beside is None else beside[k]] if name in unlearned else [own])
    adjusted = dict(zip(p_values, holm(list(p_values.values())), strict=True))
    parts: dict[str, list[_Part]] = {candidate.name: [] for candidate in problem.candidates}
    for k in every:
        readings = {
            name: _reading(each[k], refits[name][k] if name in refits else None) for name, each in answers.items()
        }
        # What cannot be told from these inputs says nothing about the groups that contain it.
        seen = {c.name: readings[c.name] for c in problem.candidates if _identifiable(c, tested[c.name])}
        agreed = {**readings, **consistent(seen, below)}
        p = along_lattice({name: adjusted[name, k] for name in answers}, below)
        own = {
            name: _part(
                asked, name, k, answer[k], agreed[name], (p_values[name, k], p[name]),
                identifiable=name in seen, partly=name in partly,
            )
            for name, answer in answers.items()
        }  # fmt: skip
        for name, part in own.items():
            parts[name].append(_with_subgroups(part, {small: own[small] for small in below[name]}))
    found: list[GroupFinding] = []
    for candidate in problem.candidates:
        name = candidate.name
        if candidate.listed:
            learned = [p for outcome in measured[name][:1] for p in outcome["p_values"]]
            test = _test_of(asked, name in refits, learned, unlearned.get(name) or ())
            found.append(
                _finding(asked, candidate, parts[name], tested[name], name in refits, test, unlearned.get(name))
            )
    return found


def _reading(answer: Breaking, refit: Refit | None) -> Reading:
    """Energies and shares from averages over orbits, or from what the refitted model loses.

    A refitted model gains from moved copies, which can hide some breaking: the upper end is the larger of both.
    """
    signal, left = answer.signal, max(answer.loss, SMALLEST_ERROR * answer.energy)
    if refit is None:
        share, excess = (Interval(e.mean, e.low, e.high) for e in (answer.share, answer.excess))
        error = answer.standard_error * signal
        return Reading(answer.broken, answer.kept, left, error, share, excess, direct=True)
    low, A, high = (min(max(value, 0.0), signal) for value in (refit.low, refit.difference, refit.high))
    share = Interval(A / signal, low / signal, max(high / signal, answer.share.high))
    ends = (max(value, 0.0) / left for value in (refit.difference, refit.low, refit.high))
    return Reading(A, signal - A, left, refit.error, share, Interval(*ends), direct=False)


def _identifiable(candidate: Candidate, test: Outcome) -> bool:
    """Whether moved inputs surely lie where there are data, as many as the words ask for."""
    return test["overlap_low"] >= least_overlap(windowed=isinstance(candidate.measured, Window))


@dataclass(frozen=True)
class _Part:
    """One candidate in one part of the target, judged."""

    found: PartFinding
    answer: Breaking
    worst: float
    price: Interval
    share: Interval
    excess: Interval
    p_value: float
    note: str
    of_variance: float

    @property
    def word(self) -> Verdict:
        return self.found.verdict

    @property
    def breaking(self) -> Interval:
        return Interval(self.found.breaking, self.found.low, self.found.high)


def _part(
    asked: Asked,
    name: str,
    k: int,
    answer: Breaking,
    reading: Reading,
    p_values: tuple[float, float],
    *,
    identifiable: bool,
    partly: bool,
) -> _Part:
    imposed = bool(asked.imposed.get(name))
    share, excess, p_value, p_adjusted = reading.share, reading.excess, *p_values
    if imposed:
        # True by construction: the preparation of the data leaves nothing to estimate.
        share = excess = Interval(0.0, 0.0, 0.0)
    signal, V = reading.signal, answer.energy
    # What neither the models explain nor the noise accounts for: all of it may break the symmetry.
    rest = max(V * (1 - answer.explained.low) - asked.noise.parts[k].energy.low, 0.0)
    worst = min((share.high * signal + rest) / (signal + rest), 1.0) if signal + rest > 0 else 1.0
    # What surely is no noise and was not learned may all respect it: weak models make the share too large.
    missed = max(V * (1 - answer.explained.low) - asked.noise.parts[k].energy.high, 0.0)
    least = share.low * signal / (signal + missed) if signal > 0 else 0.0
    price = Interval(*(_rise(z) for z in (excess.value, excess.low, excess.high)))
    grounds = Grounds(
        low=share.low,
        high=share.high,
        worst=0.0 if imposed else worst,
        price_low=price.low,
        price_high=price.high,
        identifiable=identifiable,
        significant=p_adjusted < ALPHA,
        imposed=imposed,
        # A constant predicts as well: then there is nothing that could be symmetric or not.
        signal=answer.loss < V * (1 - _LEAST_SIGNAL),
        least=least,
    )
    word = verdict(grounds, asked.tolerance)
    high = worst if word in ("no breaking detected", "negligible") and not imposed else share.high
    cost = math.sqrt(reading.left / answer.outputs) * price.value
    part = asked.problem.parts[k].name
    return _Part(
        found=PartFinding(
            part, share.value, share.low, high, word, price.value, cost, p_adjusted, answer.explained.mean
        ),
        answer=answer,
        worst=0.0 if imposed else worst,
        price=price,
        share=share,
        excess=excess,
        p_value=p_value,
        note=note(grounds, word, name, answer.explained.mean, asked.noise_share(k, V), partly=partly),
        of_variance=share.value * min(signal / V, 1.0) if V > 0 else 0.0,
    )


def _with_subgroups(part: _Part, inside: Mapping[str, _Part]) -> _Part:
    """What can be told of a group of which these inputs tell nothing: it breaks by as much as what it contains."""
    broken = {name: p for name, p in inside.items() if p.word in ("approximate", "absent")}
    if part.word != "not identifiable" or not broken:
        return part
    name, worst = max(broken.items(), key=lambda item: (SEVERITY[item[1].word], item[1].breaking.low))
    value, low = (
        max(ends) for ends in zip(*((p.breaking.value, p.breaking.low) for p in broken.values()), strict=True)
    )
    prices = zip(*(astuple(p.price) for p in (part, *broken.values())), strict=True)
    price, breaking = Interval(*map(max, prices)), Interval(value, low, 1.0)
    found = replace(
        part.found, breaking=value, low=low, high=1.0, verdict=worst.word, price=price.value,
        cost_rmse=max(p.found.cost_rmse for p in (part, *broken.values())),
    )  # fmt: skip
    said = f"it contains {name}, which is broken; of its other elements these inputs cannot tell"
    return replace(
        part, found=found, share=breaking, worst=1.0, price=price, note=said,
        of_variance=max(p.of_variance for p in broken.values()),
    )  # fmt: skip


def _test_of(asked: Asked, refitted: bool, learned: Sequence[float], unlearned: Sequence[float]) -> Test:
    """Where the p-value of a finding comes from."""
    if refitted:
        return "paired refits"
    if unlearned and min(unlearned) < min(learned):
        return "kernel"
    return "block randomisation" if asked.problem.dependence.found else "randomisation"


def _rise(excess: float) -> float:
    """By what share the RMSE rises where the squared error rises by ``excess``."""
    return math.sqrt(1 + excess) - 1


def _finding(
    asked: Asked,
    candidate: Candidate,
    parts: Sequence[_Part],
    test: Outcome,
    refitted: bool,
    source: Test,
    unlearned: Sequence[float] | None,
) -> GroupFinding:
    """The finding of a candidate: the part of the target that speaks most against it, and all parts beside it."""
    told = max(parts, key=lambda part: (SEVERITY[part.word], part.breaking.value))
    answer, n = told.answer, told.answer.share.n
    windowed = isinstance(candidate.measured, Window)
    evidence: Evidence = "window" if windowed else "refit" if refitted else "orbit"
    units = int(asked.problem.unit.max()) + 1
    yardsticks = (told.share, asked.tolerance), (told.excess, (1 + PRICE_TOLERANCE) ** 2 - 1)
    needed = rows_to_decide(
        round(units * asked.spent), [(of.value, of.high - of.value, tolerance) for of, tolerance in yardsticks]
    )
    return GroupFinding(
        name=candidate.name,
        breaking=Estimate(told.breaking.value, told.breaking.low, told.breaking.high, n, CONFIDENCE),
        upper_worst=max(told.worst, told.breaking.high),
        explained=answer.explained,
        breaking_of_variance=told.of_variance,
        price=Estimate(told.price.value, told.price.low, told.price.high, n, CONFIDENCE),
        cost_rmse=told.found.cost_rmse,
        p_value=told.p_value,
        p_adjusted=told.found.p_adjusted,
        overlap=test["overlap"],
        shift=test["shift"],
        inputs_invariant=test["invariant"],
        components=tuple((str(name), float(share)) for name, share in test["components"]),
        components_low=tuple(float(low) for low in test["lows"]),
        verdict=told.word,
        parts=tuple(part.found for part in parts),
        evidence=evidence,
        test=source,
        p_kernel=None if unlearned is None else min(1.0, len(unlearned) * min(unlearned)),
        raw=answer.share.mean,
        cross=answer.cross,
        plug_in=answer.plug_in,
        standard_error=answer.standard_error,
        note=told.note,
        width=candidate.width,
        imposed=asked.imposed.get(candidate.name, ""),
        rows_needed=needed if told.word == "undecided" else None,
        truth=asked.truth.get(candidate.name),
    )
