"""Finished and interrupted runs brought back from their directories."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from isotropy.errors import SchemaError
from isotropy.study._unfinished import unfinished

_SHOWN = 5  # runs that a refusal names

# By name, because the verbs stand above: a result is read by the class that wrote it.
_KINDS = {
    "discovery": ("isotropy.discovery", "Discovery"),
    "picture_discovery": ("isotropy.discovery", "PictureDiscovery"),
    "graph_discovery": ("isotropy.discovery", "GraphDiscovery"),
    "audit": ("isotropy.discovery", "Audit"),
    "calculator_audit": ("isotropy.discovery", "CalculatorAudit"),
    "moving_parts": ("isotropy.discovery", "MovingParts"),
    "piecewise_audit": ("isotropy.discovery", "PiecewiseAudit"),
    "encoder_audit": ("isotropy.represent", "EncoderAudit"),
    "comparison": ("isotropy.comparison", "Comparison"),
    "unfinished": ("isotropy.study", "Unfinished"),
    "symmetries": ("isotropy.physics", "Symmetries"),
    "simulator-symmetry": ("isotropy.control", "SimulatorSymmetry"),
    "trained-policy": ("isotropy.control", "Trained"),
    "trainings": ("isotropy.control", "Trainings"),
    "force_field": ("isotropy.forcefield", "ForceFieldReport"),
    "reproductions": ("isotropy.experiments", "Reproductions"),
}


def load_run(path: str | Path) -> Any:
    """The answer in a run directory (``out=``): a Discovery, an audit, a Comparison, the Symmetries of an
    equation, what a reproduction found. Models are not kept, figures are.

    Of a run that was interrupted, an ``Unfinished``: the pieces that are kept, the figures that they give already, and
    how to continue. Raises SchemaError for a directory without a run.

    >>> import tempfile
    >>> load_run(tempfile.mkdtemp()) # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    isotropy.errors.SchemaError: given no run in ...; expected a directory that --out (out=) named...
    """
    folder = Path(path)
    result = folder if folder.is_file() else folder / "result.json"
    if not result.is_file():
        if not (folder / "config.yaml").is_file():
            raise SchemaError(f"no run in {folder}", "a directory that --out (out=) named", _runs_near(folder))
        return unfinished(folder)
    try:
        kind = json.loads(result.read_text("utf-8")).get("kind")
    except (ValueError, AttributeError) as error:
        raise SchemaError(f"{result}, which is not a result ({error})", "what to_json wrote") from error
    if kind in _KINDS:
        room, name = _KINDS[kind]
        return getattr(importlib.import_module(room), name).from_json(result)
    papers = {paper.result.kind: paper.result for paper in _papers()}
    if kind in papers:
        return papers[kind].from_json(result)
    known = ", ".join([*_KINDS, *papers])
    raise SchemaError(f"{result} of the kind {kind!r}", f"one of {known}", "read it by its own class")


def _papers() -> Iterable[Any]:
    registry: Mapping[str, Any] = importlib.import_module("isotropy.experiments").REGISTRY
    return registry.values()


def _runs_near(folder: Path) -> str:
    """The runs that lie in a folder that is none, or beside it."""
    for place in (folder if folder.is_dir() else folder.parent, Path("runs")):
        if place.is_dir():
            runs = sorted(str(one) for one in place.iterdir() if (one / "config.yaml").is_file())
            if runs:
                return f"there {'is' if len(runs) == 1 else 'are'} {', '.join(runs[:_SHOWN])}"
    return ""
