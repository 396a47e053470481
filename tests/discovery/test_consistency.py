"""Checks that hold for every problem with known truth, and for every engine (section 6, checks 12 and 13)."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from crossfit import crossfit, kernel_fit, problem_of

from isotropy import discover
from isotropy.data import load
from isotropy.data.synthetic import PROBLEMS
from recorded import scrubbed

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", sorted(PROBLEMS))
def test_12_a_subgroup_is_never_more_broken_than_its_group(name: str) -> None:
    problem = problem_of(load(name, n=600))
    answers, _ = crossfit(problem, kernel_fit(), splits=3)
    for small in problem.candidates:
        for big in problem.candidates:
            if small is not big and small.group <= big.group and small.width is None and big.width is None:
                lower, upper = answers[small.name], answers[big.name]
                assert lower.share.mean <= upper.share.mean + 2 * upper.standard_error + 1e-9, (small, big)


def test_every_engine_gives_the_same_result(tmp_path: Path) -> None:
    data = load("inertia", nu=0.3, n=120)
    serial = discover(data, quick=True, progress=False, out=tmp_path / "serial")
    for engine in ("process", "ray"):
        other = discover(data, quick=True, progress=False, out=tmp_path / engine, engine=engine, workers=2)
        assert other.groups == serial.groups, engine
        assert told(tmp_path / engine) == told(tmp_path / "serial"), engine


def test_13_the_same_seed_gives_the_same_report(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        discover(load("cyclic", n=200), progress=False, out=tmp_path / folder)
    assert told(tmp_path / "a") == told(tmp_path / "b")
    first, second = ((tmp_path / folder / "report.html").read_text() for folder in ("a", "b"))
    clocks = r"\d+\.\d|\d{4}-\d\d-\d\d \d\d:\d\d"
    assert re.sub(clocks, "", first) == re.sub(clocks, "", second)


def told(folder: Path) -> str:
    """The result without the time that it took."""
    return json.dumps(scrubbed(json.loads((folder / "result.json").read_text())), sort_keys=True)
