"""Finished and interrupted runs brought back from their directories."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

from isotropy.errors import SchemaError
from isotropy.study._verb import ASKED, Answer

# By name, because the verbs stand above: a result is read by the class that wrote it.
_KINDS = {
    "discovery": ("isotropy.discovery", "Discovery"),
    "audit": ("isotropy.discovery", "Audit"),
    "calculator_audit": ("isotropy.discovery", "CalculatorAudit"),
    "moving_parts": ("isotropy.discovery", "MovingParts"),
    "comparison": ("isotropy.comparison", "Comparison"),
}


def load_run(path: str | Path) -> Answer[Any]:
    """The answer in a run directory (``out=``), a Discovery, audit or Comparison; models are not kept, figures are.

    Raises SchemaError for a directory without a run, and for one that was interrupted, saying how far it came and how
    to continue it.

    >>> import tempfile
    >>> load_run(tempfile.mkdtemp()) # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    isotropy.errors.SchemaError: given no run in ...; expected a directory that --out (out=) named
    """
    folder = Path(path)
    result = folder if folder.is_file() else folder / "result.json"
    if not result.is_file():
        if not (folder / "config.yaml").is_file():
            raise SchemaError(f"no run in {folder}", "a directory that --out (out=) named")
        raise SchemaError(
            f"{folder}, a run that was interrupted: {_finished(folder)}", "a finished run", _again(folder)
        )
    try:
        kind = json.loads(result.read_text("utf-8")).get("kind")
    except (ValueError, AttributeError) as error:
        raise SchemaError(f"{result}, which is not a result ({error})", "what to_json wrote") from error
    if kind not in _KINDS:
        raise SchemaError(f"{result} of the kind {kind!r}", "one of " + ", ".join(_KINDS), "read it by its own class")
    room, name = _KINDS[kind]
    answer: Answer[Any] = getattr(importlib.import_module(room), name).from_json(result)
    return answer


def _finished(folder: Path) -> str:
    jobs = len(list((folder / "jobs").glob("*"))) if (folder / "jobs").is_dir() else 0
    return f"{jobs} jobs are finished and kept"


def _again(folder: Path) -> str:
    asked = folder / ASKED
    command = json.loads(asked.read_text("utf-8")).get("command", "") if asked.is_file() else ""
    return f"{command} --resume" if command else f"the same call with out={str(folder)!r}, resume=True"
