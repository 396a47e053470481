"""Results that were recorded before the house was rebuilt: the same question must get the same bytes.

``assert_recorded(name, result)`` compares a result with ``tests/records/<name>.json``, to the last digit on the kind of
processor on which that was recorded, to a few per cent elsewhere, since rounding differs between processors and
trainings amplify it. Seconds, milliseconds and memory are no part of an answer, nor are the lines to run next, which
name the command. ``ISOTROPY_RECORD=1`` writes the files anew: only where a result is meant to change, and then the
commit says which figure, and why.
"""

from __future__ import annotations

import json
import math
import os
import platform
import re
from pathlib import Path
from typing import Any

import torch

from isotropy.report import Result

RECORDS = Path(__file__).parent / "records"
_CLOCKS = {
    "seconds",
    "cpu_seconds",
    "cpu_s",
    "row_seconds",
    "peak_mb",
    "versions",
    "milliseconds",
    "date",
    "command",
    "next",
}
_ELSEWHERE = 0.05  # relative: what ten steps of training make of another rounding


def processor() -> str:
    """What rounding depends on: the model of the processor, by its numbers too, since one name may stand for several
    that add up in other orders; what instructions torch takes; and torch."""
    told = [
        re.search(rf"^{name}\s*:\s*(.*)$", _cpuinfo(), re.MULTILINE) for name in ("model name", "cpu family", "model")
    ]
    model = " ".join(one.group(1) for one in told if one) or platform.machine()
    return f"{model}, {torch.backends.cpu.get_cpu_capability()}, torch {torch.__version__}"


def _cpuinfo() -> str:
    path = Path("/proc/cpuinfo")
    return path.read_text() if path.is_file() else ""


def scrubbed(value: Any) -> Any:
    """The answer without its clocks: fields of seconds, scores in ms, and claims that such scores decide."""
    if isinstance(value, dict):
        if value.get("unit") == "ms":
            value = {**value, "values": len(value["values"])}
        if "held" in value and _timed(str(value.get("text", ""))):
            value = {"text": value["text"]}
        return {key: scrubbed(inner) for key, inner in value.items() if key not in _CLOCKS}
    return [scrubbed(inner) for inner in value] if isinstance(value, list) else value


def _timed(claim: str) -> bool:
    return any(word in claim for word in ("faster", "by more at", "time", "second"))  # times, and ratios of times


def assert_recorded(name: str, result: Result) -> None:
    """The result is the one recorded under that name."""
    path = RECORDS / f"{name}.json"
    told = scrubbed(json.loads(result.to_json()))
    if os.environ.get("ISOTROPY_RECORD"):
        record = {"processor": processor(), "result": told}
        path.write_text(json.dumps(record, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
        return
    record = json.loads(path.read_text())
    exact = record["processor"] == processor()
    differing = list(_differences(record["result"], told, "", exact))
    assert not differing, f"{name}: {len(differing)} fields changed: " + "; ".join(differing[:8])


def _differences(before: Any, now: Any, where: str, exact: bool) -> Any:
    if isinstance(before, dict) and isinstance(now, dict):
        # A configuration may gain a setting; answers may not.
        gained = now.keys() - before.keys() if ".config" not in where else set[str]()
        for key in sorted(gained | (before.keys() - now.keys())):
            yield f"{where}.{key} {'gained' if key in now else 'lost'}"
        for key in sorted(before.keys() & now.keys()):
            yield from _differences(before[key], now[key], f"{where}.{key}", exact)
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for i, (one, other) in enumerate(zip(before, now, strict=True)):
            yield from _differences(one, other, f"{where}[{i}]", exact)
    elif (exact or not _close(before, now)) and (before != now or type(before) is not type(now)):
        yield f"{where}: {before!r:.60} -> {now!r:.60}"


def _close(before: Any, now: Any) -> bool:
    if isinstance(before, float | int) and isinstance(now, float | int):
        return math.isclose(before, now, rel_tol=_ELSEWHERE, abs_tol=1e-6)
    # Elsewhere a sentence may round its figures otherwise.
    return isinstance(before, str) and isinstance(now, str)
