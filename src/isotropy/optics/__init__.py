"""There and back: optics with a residual, and averages over a group as one of them."""

from typing import Any
from warnings import warn

from isotropy import reps
from isotropy.optics._average import Mode, average, canonicalise
from isotropy.optics._memory import peak_bytes as peak_bytes
from isotropy.optics._optic import Lens, Optic

__all__ = ["Lens", "Mode", "Optic", "average", "canonicalise"]

# What became a verb of types, under its old name for one more release.
_MOVED = {"Type": "Type", "over": "over", "pull": "pull", "transform": "act"}


def __getattr__(name: str) -> Any:
    if name not in _MOVED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warn(f"optics.{name} is now reps.{_MOVED[name]}", DeprecationWarning, stacklevel=2)
    return getattr(reps, _MOVED[name])
