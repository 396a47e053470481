"""The trials of the experiment: a training for each fold, random networks on hard pairs, memory by size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from isotropy.experiments.subgraph._accuracy import accuracy_job
from isotropy.experiments.subgraph._apart import SETS, WAYS, apart_job
from isotropy.experiments.subgraph._config import ACCURACY, EXPRESSIVITY, MEMORY, OURS, Config
from isotropy.experiments.subgraph._memory import memory_job
from isotropy.study import Outcome, Trial

LAST, NESTED = "last ten epochs", "nested validation"


def trials(config: Config) -> Iterator[Trial]:
    """Specification 10, section 4."""
    for name in config.datasets:
        for method in config.methods:
            given: dict[str, Any] = {"method": method, "dataset": name, "plan": config.training}
            told = partial(_told, name)
            yield from config.trials(accuracy_job, ACCURACY, method, told, seeds=config.training.folds, **given)
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
