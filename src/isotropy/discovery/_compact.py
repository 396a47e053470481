"""The compact part of a group without a uniform law: rotations inside rigid motions, boosts or stretches.

It has a uniform law of its own, so it is judged along whole orbits, and what breaks it breaks the group.
"""

from __future__ import annotations

from dataclasses import replace

from isotropy.groups import Group, parse, same
from isotropy.reps import rests
from isotropy.study import Candidate, Problem

# The maximal compact subgroup by the symbol of a group of d dimensions.
_COMPACT = {
    "SE": "SO({d})", "E": "O({d})", "Similarity+": "SO({d})", "Similarity": "O({d})", "GL+": "SO({d})",
    "SL": "SO({d})", "Lorentz": "SO({s})@({axis})",
}  # fmt: skip


def compact_part(group: Group) -> Group | None:
    """The largest compact group of positive dimension or more than one element inside a non-compact one.

    >>> [str(compact_part(parse(name))) for name in ("SE(3)", "Lorentz(4)", "Scale(3) x SO(3)", "T(3)")]
    ['SO(3)', 'SO(3)@(1,0,0,0)', 'SO(3)', 'None']
    """
    factors: tuple[Group, ...] = getattr(group, "factors", ())
    if factors:
        parts = [factor if factor.compact else compact_part(factor) for factor in factors]
        kept = [part for part in parts if part is not None]
        return parse(" x ".join(str(part) for part in kept)) if kept else None
    symbol = group.name.split("(")[0]
    if group.compact or symbol not in _COMPACT or "@" in group.name:
        return None
    d = group.degree
    axis = ",".join(["1", *["0"] * (d - 1)])
    return parse(_COMPACT[symbol].format(d=d, s=d - 1, axis=axis)) if d > 1 else None


def with_compact_parts(problem: Problem) -> Problem:
    """The problem with the compact part of each candidate that is judged within a window, where it is not listed."""
    added: list[Candidate] = []
    for candidate in problem.candidates:
        part = None if candidate.width is None else compact_part(candidate.group)
        if part is None or (rests(problem.rep_in, part) and rests(problem.rep_out, part)):
            continue
        if not any(same(part, other.group) for other in [*problem.candidates, *added]):
            added.append(Candidate(part.name, part, listed=False))
    return replace(problem, candidates=(*problem.candidates, *added)) if added else problem
