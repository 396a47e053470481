"""From the outcomes of jobs to one finding per candidate: breaking, price, p-value, verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import stats

from isotropy.discovery._candidates import subgroups
from isotropy.discovery._jobs import terms_of
from isotropy.discovery._lattice import monotone
from isotropy.discovery._problem import Problem
from isotropy.discovery._verdicts import ALPHA, Evidence, Verdict, rows_to_decide, verdict
from isotropy.estimate import Estimate
from isotropy.measure import Breaking, along_lattice, clustered_mean, combine, holm


@dataclass(frozen=True)
class GroupFinding:
    """Everything that was learnt about one candidate; shares are of the signal's energy V, prices of the error.

    ``breaking`` and ``price`` carry pairs of one-sided 95 % bounds (confidence 0.90). ``raw`` is the estimate before
    it was made consistent along the lattice.
    """

    name: str
    breaking: Estimate
    upper_worst: float
    price: Estimate
    cost_rmse: float
    p_value: float
    p_adjusted: float
    overlap: float
    shift: float
    inputs_invariant: bool
    verdict: Verdict
    raw: float
    cross: float
    plug_in: float
    standard_error: float
    width: tuple[float, ...] | None = None
    imposed: str = ""
    rows_needed: int | None = None
    truth: float | None = None
    basis: str = "orbit"  # how the price was found: averaging along orbits, or refitting with the symmetry imposed

    @property
    def level(self) -> float:
        return 1 - self.breaking.mean


@dataclass(frozen=True)
class Refit:
    """What imposing a symmetry and retraining costs, from paired held-out losses."""

    difference: float
    low: float
    high: float
    p_value: float
    error: float


def refit_of(outcomes: Sequence[Mapping[str, Any]], unit: torch.Tensor) -> Refit:
    """The mean difference of the losses over splits, with one-sided 95 % ends and a one-sided p-value."""
    imposed, free = (
        torch.from_numpy(np.stack([outcome[name] for outcome in outcomes])) for name in ("imposed", "free")
    )
    difference = imposed - free
    mean, (se, degrees) = float(difference.mean()), clustered_mean(difference, unit)
    t = float(stats.t.ppf(0.95, degrees))
    p = float(stats.t.sf(mean / se, degrees)) if se > 0 else float(mean <= 0)
    return Refit(mean, mean - t * se, mean + t * se, p, float(free.mean()))


def findings(
    problem: Problem,
    measured: Mapping[str, Sequence[Mapping[str, Any]]],
    tested: Mapping[str, Mapping[str, Any]],
    refits: Mapping[str, Refit],
    *,
    imposed: Mapping[str, str],
    truth: Mapping[str, float],
    tolerance: float,
) -> list[GroupFinding]:
    """One finding per candidate, largest first."""
    energy, below = problem.energy(), subgroups(problem.candidates)
    index = {candidate.name: i for i, candidate in enumerate(problem.candidates)}
    answers: dict[str, Breaking] = {}
    p_values: dict[str, float] = {}
    for candidate in problem.candidates:
        rows, name = problem.measured(candidate), candidate.name
        terms = [terms_of(outcome) for outcome in measured[name]]
        unit = torch.unique(problem.unit[rows], return_inverse=True)[1]
        answers[name] = combine(terms, energy[rows], problem.y.shape[1], unit)
        # Only the first split is tested: p-values of splits of the same data are too dependent to gain from more.
        p_values[name] = refits[name].p_value if name in refits else measured[name][0]["p_value"]
    adjusted = dict(zip(p_values, holm(list(p_values.values())), strict=True))
    consistent = along_lattice(adjusted, {name: below[name] for name in adjusted})
    edges = [(index[small], index[big]) for big, smalls in below.items() for small in smalls]
    weights = [1 / max(answers[c.name].standard_error, 1e-6) ** 2 for c in problem.candidates]
    level = monotone([answers[c.name].estimate.mean for c in problem.candidates], weights, edges)
    found: list[GroupFinding] = []
    for i, candidate in enumerate(problem.candidates):
        name, answer, test = candidate.name, answers[candidate.name], tested[candidate.name]
        found.append(
            _finding(
                problem, name, answer, max(level[i], 0.0), test, refits.get(name),
                p_value=p_values[name], p_adjusted=consistent[name], width=candidate.width,
                imposed=imposed.get(name, ""), truth=truth.get(name), tolerance=tolerance,
            )
        )  # fmt: skip
    return found


def _finding(
    problem: Problem,
    name: str,
    answer: Breaking,
    consistent: float,
    test: Mapping[str, Any],
    refit: Refit | None,
    *,
    p_value: float,
    p_adjusted: float,
    width: tuple[float, ...] | None,
    imposed: str,
    truth: float | None,
    tolerance: float,
) -> GroupFinding:
    estimate, price, cost = answer.estimate, answer.price, answer.cost_rmse
    shifted = consistent - estimate.mean
    b = Estimate(
        consistent, max(estimate.low + min(shifted, 0.0), 0.0), min(estimate.high + max(shifted, 0.0), 1.0),
        estimate.n, estimate.confidence,
    )  # fmt: skip
    if refit is not None:
        V, n, confidence = answer.energy, estimate.n, estimate.confidence
        mean = max(refit.difference, 0.0)
        left = max(refit.error, 1e-4 * V)
        price = Estimate(mean / left, max(refit.low, 0.0) / left, max(refit.high, 0.0) / left, n, confidence)
        b = Estimate(mean / V, max(refit.low, 0.0) / V, max(b.high, refit.high / V), n, confidence)
        cost = math.sqrt(mean / problem.y.shape[1])
    if imposed:
        # True by construction: the preparation of the data leaves nothing to estimate.
        b = price = Estimate(0.0, 0.0, 0.0, estimate.n, estimate.confidence)
        cost = 0.0
    # A constant predicts as well: nothing that could be symmetric or not.
    signal = answer.held_out < answer.energy * (1 - 1e-3)
    evidence = Evidence(
        b.mean, b.low, b.high, price.low, p_adjusted, test["overlap"],
        significant=p_adjusted < ALPHA, imposed=bool(imposed), signal=signal,
    )  # fmt: skip
    word = verdict(evidence, tolerance)
    needed = rows_to_decide(len(problem.x), answer.standard_error, b.mean, tolerance) if word == "undecided" else None
    return GroupFinding(
        name, b, max(answer.upper_worst, b.high), price, cost, p_value, p_adjusted, test["overlap"], test["shift"],
        test["invariant"], word, estimate.mean, answer.cross, answer.plug_in, answer.standard_error, width, imposed,
        needed, truth, "refit" if refit is not None else "orbit",
    )  # fmt: skip
