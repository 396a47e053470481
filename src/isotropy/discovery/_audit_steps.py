"""What to do after an audit: lines to run, filled in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from isotropy.discovery._words import ROUNDING
from isotropy.estimate import Estimate
from isotropy.study import comparing, discovering, in_python, symmetrising

_ASSERTED = 1e-11
"""A tenth of what ``assert_equivariant`` asks of double precision; a model that is further off is told a tolerance."""


def audit_steps(errors: Mapping[str, Estimate], data: Mapping[str, Any], command: str) -> tuple[str, ...]:
    """How to build in the largest group that does not hold, whether the data have it, and a test that keeps what holds.

    ``errors`` are by the names of the groups, the largest first.
    """
    types: Mapping[str, Any] = data.get("types", {})
    inputs, outputs = types.get("x"), types.get("y")
    holds = next((name for name, error in errors.items() if error.mean <= ROUNDING), "")
    broken = next((name for name, error in errors.items() if error.mean > ROUNDING), "")
    lines: list[str] = []
    if broken:
        built = symmetrising(broken, inputs, outputs, net="model") if types else ""
        lines.append(built or (comparing(command, broken) if _tabular(data) else ""))
    if _tabular(data):
        lines.append(discovering(command, broken or holds))
    if holds and types:
        lines.append(_kept(holds, errors[holds], inputs, outputs, str(data.get("dtype", ""))))
    return tuple(line for line in lines if line)


def _tabular(data: Mapping[str, Any]) -> bool:
    """Whether ``discover`` and ``compare`` take such data: rows of columns, of inputs and of targets."""
    types: Mapping[str, Any] = data.get("types", {})
    return "columns" in data and isinstance(types.get("y"), str) and types["y"] != "None"


def _kept(group: str, error: Estimate, inputs: Any, outputs: Any, dtype: str) -> str:
    """The line for one's own tests."""
    far = dtype == "float64" and (error.max or error.mean) > _ASSERTED
    types = f"rep_in={in_python(inputs)}, rep_out={in_python(outputs)}"
    return f"isotropy.testing.assert_equivariant(model, {in_python(group)}, x, {types}{', tol=1e-5' if far else ''})"
