"""What to do after a discovery: lines to run, filled in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from isotropy.discovery._findings import GroupFinding
from isotropy.discovery._verdicts import HOLDS
from isotropy.errors import counted
from isotropy.study import comparing, symmetrising

_MOST = 3


def steps(groups: Sequence[GroupFinding], data: Mapping[str, Any], command: str) -> tuple[str, ...]:
    """Two or three lines: how to build in what holds, what to compare, and which rows would decide."""
    inputs, targets = str(data.get("inputs", "")), str(data.get("targets", ""))
    holding = [f for f in groups if f.verdict in HOLDS and not f.imposed]
    maybe = [f for f in groups if f.verdict in ("none seen", "approximate") and not f.imposed]
    found: list[str] = []
    if built_in := next(filter(None, (symmetrising(f.name, inputs, targets) for f in holding)), ""):
        found.append(built_in)
    if holding or maybe:
        found.append(comparing(command, (holding or maybe)[0].name))
    open_ones = [f for f in groups if f.verdict in ("undecided", "none seen") and f.rows_needed]
    if open_ones:
        first = min(open_ones, key=lambda f: f.rows_needed or 0)
        found.append(f"# about {counted(first.rows_needed or 0, 'row')} like these would decide {first.name}")
    return tuple(found[:_MOST])
