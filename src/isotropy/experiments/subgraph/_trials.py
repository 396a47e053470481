"""The trials of the experiment: a training for each fold, random networks on hard pairs, memory by size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from isotropy.experiments.subgraph._accuracy import accuracy_job
from isotropy.experiments.subgraph._apart import SETS, WAYS, apart_job
from isotropy.experiments.subgraph._census import census_job
from isotropy.experiments.subgraph._config import ACCURACY, CENSUS, EXPRESSIVITY, MEMORY, OURS, SHUFFLED, Config
from isotropy.experiments.subgraph._memory import memory_job
from isotropy.study import Outcome, Trial

LAST, NESTED = "last ten epochs", "nested validation"


def trials(config: Config) -> Iterator[Trial]:
    """Specification 10, section 4."""
    for method in config.methods:
        for name in config.datasets:
            given: dict[str, Any] = {"method": method, "dataset": name, "plan": config.training}
            told = partial(_told, name)
            yield from config.trials(accuracy_job, ACCURACY, method, told, seeds=config.training.folds, **given)
    for name in config.datasets[:1]:
        plan = replace(config.training, shuffle=True)
        given = {"method": OURS, "dataset": name, "plan": plan}
        folds = min(plan.control, plan.folds)
        yield from config.trials(accuracy_job, ACCURACY, SHUFFLED, partial(_told, name), seeds=folds, **given)
    for name in config.datasets:
        yield from config.trials(census_job, CENSUS, name, _counted, dataset=name)
    for name in SETS:
        for way in WAYS:
            numbers = {(name, "pairs left together"): "together", (f"{name}, copies", "relative distance"): "change"}
            yield from config.trials(apart_job, EXPRESSIVITY, way, numbers, way=way, graphs=name, plan=config.apart)
    for n in config.curve.n:
        for method in (OURS, "2-IGN"):
            peak = {(f"{n} nodes", "bytes"): "bytes"}
            yield from config.trials(memory_job, MEMORY, method, peak, method=method, n=n, plan=config.curve)


def _told(name: str, outcome: Outcome) -> Mapping[tuple[str, str], Any]:
    """The curve epoch by epoch: the common protocol takes the epoch that is best in its mean over folds."""
    found: dict[tuple[str, str], Any] = {
        (f"{name}, {LAST}", "%"): outcome["last"],
        (f"{name}, {NESTED}", "%"): outcome["nested"],
        (f"{name}, majority", "%"): outcome["majority"],
    }
    return found | {(f"{name}, epoch {i}", "%"): value for i, value in enumerate(outcome["curve"], 1)}


def _counted(outcome: Outcome) -> Mapping[tuple[str, str], Any]:
    """How many ego networks are of each of the commonest classes, and how many there are."""
    return {(text, "ego networks"): count for text, count in outcome["classes"].items()}
