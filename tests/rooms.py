"""How long each room took: seconds of all its tests and doctests, and of the processors, summed over the workers.

Processor time is what a budget can hold on a shared machine; ``docs/dev/TESTING.md`` has the budgets, in its table.
"""

from __future__ import annotations

import re
import resource
from collections import defaultdict
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

BUDGETS = Path(__file__).parents[1] / "docs" / "dev" / "TESTING.md"


def room_of(path: str) -> str:
    """The room that a test or a doctest belongs to; what stands between rooms is the house's.

    >>> room_of("tests/reps/test_basis.py"), room_of("src/isotropy/reps/_basis.py"), room_of("tests/test_floors.py")
    ('reps', 'reps', 'house')
    """
    parts = Path(path).parts
    inner = parts[2:] if parts[:2] == ("src", "isotropy") else parts[1:]
    return inner[0] if len(inner) > 1 else "house"


def budgets(text: str) -> dict[str, tuple[float, float]]:
    """Processor seconds of the quick and of the full suite, by room, from the table ``| room | 30 | 120 |``."""
    rows = re.findall(r"^\| `?(\w+)`? \| (\d+) \| (\d+) \|", text, flags=re.M)
    return {room: (float(quick), float(full)) for room, quick, full in rows}


def processor_seconds() -> float:
    """Of this process and of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(part.ru_utime + part.ru_stime for part in used)


class Rooms:
    """Sums up in every worker's reports; the controller prints."""

    def __init__(self, config: pytest.Config) -> None:
        self.slow = "slow" in str(config.getoption("markexpr")) and "not slow" not in str(config.getoption("markexpr"))
        self.begun = 0.0
        self.tests: dict[str, set[str]] = defaultdict(set)
        self.seconds: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])

    def pytest_runtest_logstart(self) -> None:
        self.begun = processor_seconds()

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, Any, None]:
        outcome = yield
        now = processor_seconds()
        outcome.get_result().processor, self.begun = now - self.begun, now

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        room = room_of(report.nodeid.split("::")[0])
        self.tests[room].add(report.nodeid)
        self.seconds[room][0] += report.duration
        self.seconds[room][1] += getattr(report, "processor", 0.0)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        allowed = budgets(BUDGETS.read_text()) if BUDGETS.exists() else {}
        terminalreporter.section("rooms, in seconds")
        line = terminalreporter.write_line
        line(f"{'room':12s} {'tests':>6s} {'passed':>8s} {'processor':>10s} {'budget':>7s}")
        for room, (passed, used) in sorted(self.seconds.items(), key=lambda item: -item[1][1]):
            budget = allowed.get(room, (0.0, 0.0))[self.slow]
            over = "   over its budget" if budget and used > budget else ""
            line(f"{room:12s} {len(self.tests[room]):6d} {passed:8.1f} {used:10.1f} {budget or '-':>7}{over}")
        passed, used = (sum(found[i] for found in self.seconds.values()) for i in (0, 1))
        line(f"{'all':12s} {sum(map(len, self.tests.values())):6d} {passed:8.1f} {used:10.1f}")
