"""The shapes that must hold (specification 12 §4, §5.9): what filling up gains, against whom, and where it does not."""

from __future__ import annotations

import math
from collections.abc import Iterator

from isotropy.experiments.geometric_federated._config import (
    FEDAVG,
    KINDS,
    LABELS,
    METHODS,
    MODES,
    MORE,
    OFFICE,
    POOLED,
    POOLED_FILLED,
    POOLED_MORE,
    Config,
)
from isotropy.study import Claim, Scored, Value, at_least, at_most, below, each, highest, of, rising

DRAWN = ("matched", "gaussian")
HEADS = (POOLED, POOLED_MORE, POOLED_FILLED)
CHANCE = 0.02
"""Two standard errors of a share of about 0.9 of a thousand rows."""


def claims(config: Config) -> Iterator[Claim[Scored]]:
    """The claims on the settings that a configuration has."""
    yield from _of_labels([f"alpha {alpha:g}" for alpha in config.alphas])
    settings = [f"{name}, alpha {alpha:g}" for name in config.office_features for alpha in config.alphas]
    yield from _of_domains(OFFICE, settings)
    yield from _of_domains(KINDS, ["digits"])


def _of_labels(settings: list[str]) -> Iterator[Claim[Scored]]:
    if "alpha 0.1" in settings:
        yield at_least(
            "labels: matched or gaussian closes 80 % of the gap between FedAvg and the head of all rows at alpha 0.1",
            _closed("alpha 0.1", *DRAWN),
            0.80,
        )
        yield at_least(
            "labels: ggeur as published closes 25 % of it",
            _closed("alpha 0.1", "ggeur"),
            0.25,
        )
    for setting in settings:
        yield below(
            f"labels, {setting}: ggeur is above FedAvg (the paper's, recalled)",
            of(LABELS, setting, FEDAVG), of(LABELS, setting, "ggeur"),
        )  # fmt: skip
        yield below(
            f"labels, {setting}: ggeur is above FedAvg with more rounds",
            of(LABELS, setting, MORE), of(LABELS, setting, "ggeur"),
        )  # fmt: skip
    if len(settings) > 1:
        yield rising(
            "labels: what ggeur gains over FedAvg grows as alpha falls (the paper's, recalled)",
            [of(LABELS, setting, "ggeur") - of(LABELS, setting, FEDAVG) for setting in reversed(settings)],
        )
    yield from _no_leak(LABELS, settings)


def _of_domains(task: str, settings: list[str]) -> Iterator[Claim[Scored]]:
    name = "domains" if task == OFFICE else "kinds"
    for setting in settings:
        yield at_least(
            f"{name}, {setting}: every mode is above FedAvg",
            [of(task, setting, mode) - of(task, setting, FEDAVG) for mode in MODES],
            0.0,
        )
        yield at_most(
            f"{name}, {setting}: domains are nearer to one another with each mode than with FedAvg",
            [
                of(task, f"{setting}, sd over domains", mode) - of(task, f"{setting}, sd over domains", FEDAVG)
                for mode in MODES
            ],
            0.0,
        )
    if len(settings) > 1:
        yield Claim(
            f"{name}: no single mode wins everywhere",
            lambda r: len({_winner(r, task, setting) for setting in settings}) > 1,
            lambda r: ", ".join(f"{setting}: {_winner(r, task, setting)}" for setting in settings),
            frozenset({task}),
        )
    yield from _no_leak(task, settings)


def _no_leak(task: str, settings: list[str]) -> Iterator[Claim[Scored]]:
    for setting in settings:
        yield at_most(
            f"{task}, {setting}: nothing is above the heads of all training rows by more than chance (a leak would be)",
            highest(each(task, setting, [m for m in METHODS if m not in HEADS])) - highest(each(task, setting, HEADS)),
            CHANCE,
        )


def _closed(setting: str, *modes: str) -> Value[Scored]:
    """The share of the gap between FedAvg and the head of all rows that the best mode closes; NaN without a gap."""
    best = highest(each(LABELS, setting, modes))

    def share(result: Scored) -> float:
        start, end = (result.score(LABELS, setting, method).mean for method in (FEDAVG, POOLED))
        return (best(result) - start) / (end - start) if end > start else math.nan

    return Value(share, best.tasks)


def _winner(result: Scored, task: str, setting: str) -> str:
    return max(("ggeur", *DRAWN), key=lambda mode: result.score(task, setting, mode).mean)
