"""Shared by tests of experiments: a world in which nothing may be computed."""

from __future__ import annotations

import pytest

from isotropy.runs import Job


@pytest.fixture
def nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is not in the run directory yet is an error."""

    def refuse(job: Job, run: object) -> None:
        raise AssertionError("a finished job was computed again")

    monkeypatch.setattr(Job, "call", refuse)
