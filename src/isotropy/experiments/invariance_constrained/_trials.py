"""The trials: each job, and where its numbers stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from isotropy.experiments.invariance_constrained._beyond import KINDS, beyond_job
from isotropy.experiments.invariance_constrained._config import (
    ASIDE,
    BEYOND,
    DATA,
    FEASIBLE,
    HARMFUL,
    KEPT,
    KNOWN,
    PEERS,
    Config,
)
from isotropy.experiments.invariance_constrained._digits import feasible_job, harmful_job, known_job
from isotropy.study import Outcome, Trial


def trials(config: Config) -> Iterator[Trial]:
    """Specification 09 §4.2 to 4.4."""
    seeds = config.seeds
    for data in DATA:
        for method in PEERS:
            if DATA[data] or method in ("none", "trivial", "all"):  # else nothing matches
                given: dict[str, Any] = {"data": data, "method": method, "plan": config.plan}
                often = config.aside if method in ASIDE else seeds
                yield from config.trials(known_job, KNOWN, method, _known(data, method), seeds=often, **given)
    told = {
        ("settled", "share of seeds"): "settled",
        ("multiplier", "number"): "multiplier",
        ("hard loss over the bound, last quarter", "nats"): "violation",
        ("accuracy", "share"): "accuracy",
    }
    yield from config.trials(feasible_job, FEASIBLE, "rotation", told, seeds=seeds, plan=config.plan)
    for kept in KEPT:
        told = {
            ("multiplier", "number"): "multiplier",
            ("growth of the multiplier", "per epoch, second half"): "growth",
            ("called infeasible", "share of seeds"): "warned",
            ("settled", "share of seeds"): "settled",
            ("loss under hard half turns, last epoch", "nats"): "hard_loss",
            ("accuracy on digits as written", "share"): "accuracy",
        }
        yield from config.trials(harmful_job, HARMFUL, kept, told, seeds=seeds, digits_kept=kept, plan=config.harm)
    for kind in KINDS:
        for constrained in (False, True):
            told = {(f"{kind}, as they are", "share"): "accuracy", (f"{kind}, moved", "share"): "moved"}
            if constrained:
                told[(f"{kind}, multiplier", "number")] = "multiplier"
            method = "constrained" if constrained else "none"
            given: dict[str, Any] = {"kind": kind, "constrained": constrained, "plan": config.beyond}
            yield from config.trials(beyond_job, BEYOND, method, told, seeds=seeds, **given)


def _known(data: str, method: str) -> Any:
    """Accuracies of each set, and what its multipliers and acceptances came to, those of "all" by their motion."""

    def read(outcome: Outcome) -> Mapping[tuple[str, str], Any]:
        found: dict[tuple[str, str], Any] = {(f"{data}, accuracy", "share"): outcome["accuracy"]}
        for name, value in outcome.items():
            what, _, which = name.partition(" ")
            if what in ("multiplier", "acceptance"):
                found[(f"{data}, {what} of {which}", "number")] = value
        return found

    return read
