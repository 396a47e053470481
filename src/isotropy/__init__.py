"""Isotropy: find the symmetries in your data, measure them in your models, and build them in.

Every public name is imported when it is first used, so that ``import isotropy`` stays fast.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from isotropy.comparison import Comparison as Comparison
    from isotropy.comparison import compare as compare
    from isotropy.discovery import Audit as Audit
    from isotropy.discovery import Discovery as Discovery
    from isotropy.discovery import SymmetricRegressor as SymmetricRegressor
    from isotropy.discovery import audit as audit
    from isotropy.discovery import discover as discover
    from isotropy.frames import symmetrize as symmetrize
    from isotropy.study import load_run as load_run

__version__ = "0.1.0"

_ROOMS = {
    **dict.fromkeys(("discover", "audit", "Discovery", "Audit", "SymmetricRegressor"), "isotropy.discovery"),
    **dict.fromkeys(("compare", "Comparison"), "isotropy.comparison"),
    "symmetrize": "isotropy.frames",
    "load_run": "isotropy.study",
}

# Packages that people name after a bare import, as the lines do that answers end with.
_WHOLE = (
    *("comparison", "control", "data", "discovery", "dynamics", "errors", "experiments", "federation", "forcefield"),
    *("frames", "groups", "linalg", "measure", "nn", "optics", "physics", "report", "represent", "reps", "runs"),
    *("soft", "study", "testing", "train"),
)

__all__ = ["__version__", *_ROOMS]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> object:
    if name in _WHOLE:
        return importlib.import_module(f"isotropy.{name}")
    if name not in _ROOMS:
        raise AttributeError(f"module 'isotropy' has no attribute {name!r}")
    return getattr(importlib.import_module(_ROOMS[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
