"""There and back: optics with a residual, and averages over a group as one of them."""

from typing import Any
from warnings import warn

from isotropy import reps
from isotropy.optics import cost, finite
from isotropy.optics._average import Mode, average, canonicalise
from isotropy.optics._budget import InfeasibleBudget
from isotropy.optics._chain import Chain
from isotropy.optics._coupling import Coupling
from isotropy.optics._front import fit_in_memory
from isotropy.optics._meter import measure_peak
from isotropy.optics._optic import Lens, Optic
from isotropy.optics._plan import Plan
from isotropy.optics._profile import Profile
from isotropy.optics._two_cell import TwoCell, get_put, oplaxator, opunitor, put_get, put_put, sliding

__all__ = [
    "Chain",
    "Coupling",
    "InfeasibleBudget",
    "Lens",
    "Mode",
    "Optic",
    "Plan",
    "Profile",
    "TwoCell",
    "average",
    "canonicalise",
    "cost",
    "finite",
    "fit_in_memory",
    "get_put",
    "measure_peak",
    "oplaxator",
    "opunitor",
    "put_get",
    "put_put",
    "sliding",
]

# What became a verb of types, under its old name for one more release.
_MOVED = {"Type": "Type", "over": "over", "pull": "pull", "transform": "act"}


def __getattr__(name: str) -> Any:
    if name not in _MOVED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warn(f"optics.{name} is now reps.{_MOVED[name]}", DeprecationWarning, stacklevel=2)
    return getattr(reps, _MOVED[name])
