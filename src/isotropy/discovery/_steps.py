"""What to do after a discovery: lines to run, filled in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from isotropy.discovery._findings import GroupFinding
from isotropy.discovery._verdicts import HOLDS
from isotropy.errors import IsotropyError
from isotropy.report import Block, Text
from isotropy.study import comparing, symmetrising

_MOST = 3


def steps(groups: Sequence[GroupFinding], data: Mapping[str, Any], command: str) -> tuple[str, ...]:
    """Two or three lines: how to build in what holds, what to compare, and which rows would decide."""
    inputs, targets = str(data.get("inputs", "")), str(data.get("targets", ""))
    holding = [f for f in groups if f.verdict in HOLDS and not f.imposed]
    maybe = [f for f in groups if f.verdict in ("none seen", "approximate") and not f.imposed]
    found: list[str] = []
    built_in = next((f.name for f in holding if _builds(f.name, inputs, targets)), None)
    if built_in is not None:
        found.append(symmetrising(built_in, inputs, targets))
    if holding or maybe:
        found.append(comparing(command, (holding or maybe)[0].name))
    open_ones = [f for f in groups if f.verdict in ("undecided", "none seen") and f.rows_needed]
    if open_ones:
        first = min(open_ones, key=lambda f: f.rows_needed or 0)
        found.append(f"# about {first.rows_needed:,} rows like these would decide {first.name}")
    return tuple(found[:_MOST])


def next_block(lines: Sequence[str]) -> list[Block]:
    """The lines as a block of the report; nothing where there are none."""
    body = "\n".join(f"- `{line}`" if not line.startswith("#") else f"- {line[2:]}" for line in lines)
    return [Text(body, title="What to run next", style="note")] if lines else []


def _builds(group: str, inputs: str, targets: str) -> bool:
    """Whether the line that is about to be written works."""
    from isotropy.frames import symmetrize

    net: Callable[[Any], Any] = lambda x: x  # noqa: E731
    try:
        symmetrize(net, group, rep_in=inputs, rep_out=targets)
    except (IsotropyError, NotImplementedError):
        return False
    return True
