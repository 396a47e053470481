"""What ``isotropy.discover`` finds in a problem whose breakings are known: a pure job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from isotropy.data import load
from isotropy.discovery import discover
from isotropy.runs import Run
from isotropy.study import job


@job
def discover_job(
    run: Run, *, seed: int, problem: str, settings: Mapping[str, Any], rows: int, quick: bool
) -> dict[str, Any]:
    """Breaking found, its interval, truth and verdict of each candidate, and the processor's seconds."""
    data = load(problem, n=rows, seed=seed, **settings)
    truth = data.truth or {}
    found = discover(data, seed=seed, quick=quick, progress=False)
    groups = [
        {
            "group": finding.name,
            "breaking": finding.breaking.mean,
            "low": finding.breaking.low,
            "high": finding.breaking.high,
            "truth": truth[finding.name],
            "verdict": finding.verdict,
        }
        for finding in found.groups
    ]
    return {"groups": groups}
