"""Shared by tests of experiments: whole runs are slow, and a world in which nothing may be computed."""

from __future__ import annotations

import pytest

from isotropy.runs import Job

# A whole experiment from end to end takes ten seconds and more of the processor, as small as it may be.
_WHOLE = {
    ("test_gaunt", "tiny"),
    ("test_soft_equivariance", "finished"),
    ("test_frame_averaging", "finished"),
    ("test_optics", "found"),
    ("test_subequivariant", "found"),
}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What reads one of these runs is slow, too."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if any((item.path.stem, name) in _WHOLE for name in fixtures):
            item.add_marker(pytest.mark.slow)


@pytest.fixture
def nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is not in the run directory yet is an error."""

    def refuse(job: Job, run: object) -> None:
        raise AssertionError("a finished job was computed again")

    monkeypatch.setattr(Job, "call", refuse)
