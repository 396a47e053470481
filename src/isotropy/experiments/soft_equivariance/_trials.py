"""The trials of the experiment: every method trained on every setting, and what ``discover`` says of each problem."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from isotropy.data import load
from isotropy.discovery import discover
from isotropy.experiments.soft_equivariance._config import DISCOVER, NETWORKS, Config, Setting
from isotropy.experiments.soft_equivariance._methods import methods
from isotropy.experiments.soft_equivariance._training import train_job
from isotropy.runs import Run
from isotropy.study import Trial, job


def trials(config: Config) -> Iterator[Trial]:
    """Networks, then questions. Source: Kim et al., ICML 2023; §5.1-5.4."""
    for setting in config.settings:
        for method in methods(truth(setting)[0], config.plan):
            for seed in config.seeds_of(setting.seeds):
                where = {"nu": setting.nu, "axis": setting.axis, "method": method.key, "argument": method.argument}
                training = config.job(train_job, seed, **where, plan=config.plan)
                yield Trial(training, NETWORKS, method.name, stage=NETWORKS)
    for question in config.questions:
        for seed in config.seeds_of(question.seeds):
            asked = {"problem": question.problem, "settings": dict(question.settings), "quick": config.quick}
            asking = config.job(discover_job, seed, **asked, rows=config.question_rows)
            yield Trial(asking, DISCOVER, question.name, stage=DISCOVER)


def truth(setting: Setting) -> tuple[dict[str, float], dict[str, float]]:
    """The exact breaking of each candidate, and its floor B_G / 9 per entry (§5.2)."""
    data = load("inertia", nu=setting.nu, axis=setting.axis, n=1)
    shares = dict(data.truth or {})
    energy = data.energy or 0.0
    return shares, {group: share * energy / data.y.shape[1] for group, share in shares.items()}


@job
def discover_job(
    run: Run, *, seed: int, problem: str, settings: Mapping[str, Any], rows: int, quick: bool
) -> dict[str, Any]:
    """Breaking found, its interval, truth and verdict of each candidate, and the processor's seconds."""
    data = load(problem, n=rows, seed=seed, **settings)
    shares = data.truth or {}
    found = discover(data, seed=seed, quick=quick, progress=False)
    groups = [
        {
            "group": finding.name,
            "breaking": finding.breaking.mean,
            "low": finding.breaking.low,
            "high": finding.breaking.high,
            "truth": shares[finding.name],
            "verdict": finding.verdict,
        }
        for finding in found.groups
    ]
    return {"groups": groups}
