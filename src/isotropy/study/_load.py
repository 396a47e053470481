"""Finished and interrupted runs brought back from their directories."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

from isotropy.errors import SchemaError
from isotropy.study._unfinished import unfinished
from isotropy.study._verb import Answer

# By name, because the verbs stand above: a result is read by the class that wrote it.
_KINDS = {
    "discovery": ("isotropy.discovery", "Discovery"),
    "picture_discovery": ("isotropy.discovery", "PictureDiscovery"),
    "audit": ("isotropy.discovery", "Audit"),
    "calculator_audit": ("isotropy.discovery", "CalculatorAudit"),
    "moving_parts": ("isotropy.discovery", "MovingParts"),
    "piecewise_audit": ("isotropy.discovery", "PiecewiseAudit"),
    "comparison": ("isotropy.comparison", "Comparison"),
    "unfinished": ("isotropy.study", "Unfinished"),
}


def load_run(path: str | Path) -> Answer[Any]:
    """The answer in a run directory (``out=``), a Discovery, audit or Comparison; models are not kept, figures are.

    Of a run that was interrupted, an ``Unfinished``: the pieces that are kept, the figures that they give already, and
    how to continue. Raises SchemaError for a directory without a run.

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
        return unfinished(folder)
    try:
        kind = json.loads(result.read_text("utf-8")).get("kind")
    except (ValueError, AttributeError) as error:
        raise SchemaError(f"{result}, which is not a result ({error})", "what to_json wrote") from error
    if kind not in _KINDS:
        raise SchemaError(f"{result} of the kind {kind!r}", "one of " + ", ".join(_KINDS), "read it by its own class")
    room, name = _KINDS[kind]
    answer: Answer[Any] = getattr(importlib.import_module(room), name).from_json(result)
    return answer
