"""Candidates found on one half of the units, to be judged on the other: what the types call for, about found axes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from isotropy.discovery._jobs import on_rows
from isotropy.discovery._learners import learn, revive
from isotropy.measure.parts import Frame, directions, split_halves
from isotropy.random import derive
from isotropy.study import Axis, Model, Problem, Proposal, candidates, proposed

# An axis is looked for where rotations change more than this share of the signal per radian; else all axes are alike.
_BROKEN = 0.02
_MAIN = 0.25  # and an axis is one only if the rotations that keep it change less than a quarter of what others do
_WHOLE = 3  # axes are read as whole numbers up to this
# Fits have a bias that no resampling shows; an axis wrong by this costs 2 sin^2, half a percent of the signal.
_ANGLE = math.radians(3)
_SPLITS = 3
_LEAST_UNITS = 40  # fewer, halved, find no axis


@dataclass(frozen=True, eq=False)
class Proposed:
    """A proposal, and the rows ``judged (n,)`` that had no part in finding it: all of them where none was looked at."""

    proposal: Proposal
    judged: Bool[Tensor, " n"]


def propose(problem: Problem) -> Proposed:
    """What to judge for the types of a problem, whatever its candidates are, with axes found on half of its units.

    Raises SchemaError where the inputs are numbers alone.
    """
    types, dims = problem.types, problem.dims
    plain = proposed(types, dims)
    everything = torch.ones(len(problem.x), dtype=torch.bool)
    spaces = _spaces(problem)
    if not spaces or len(torch.unique(problem.unit)) < _LEAST_UNITS:
        return Proposed(plain, everything)
    finding = split_halves(problem.unit, derive(problem.seed, "proposals"), 0) == 0
    part = _part(problem, finding)
    models = [_pair(part, split) for split in range(_SPLITS)]
    axes = {space: found_axes(part, models, space) for space in spaces}
    return Proposed(proposed(types, dims, axes), ~finding)


def _spaces(problem: Problem) -> list[str]:
    """The spaces of the inputs that have axes."""
    return [space for space in sorted(problem.types.x.spaces - {"nodes"}) if problem.dims.get(space, 0) > 2]


def narrowed(problem: Problem, windows: Mapping[str, float] | None = None) -> Problem:
    """The problem on the rows that judge, with the candidates that were found on the others."""
    found = propose(problem)
    rows, types = found.judged, found.proposal.types
    listed = candidates(found.proposal.groups, types, problem.x[rows], windows)
    return on_rows(problem, rows, types=types, candidates=listed)


def said_of_proposals(judging: int, rows: int, problem: Problem) -> str:
    """Where the candidates come from, for the page of a discovery to which nobody named groups."""
    said = "No groups were named: these are proposed by the types"
    if judging < rows:
        return f"{said}, about axes that half of the independent units single out; the others, {judging:,} rows, judge."
    units = len(torch.unique(problem.unit))
    if units >= _LEAST_UNITS or not _spaces(problem):
        return f"{said}."
    few = f"No axis was looked for: that takes {_LEAST_UNITS} independent units, and there are {units}"
    return f'{said}. {few}. Where you suspect one, name it (--groups "SO(2)@z").'


def _part(problem: Problem, rows: Tensor) -> Problem:
    """Some rows of a problem, with the rotations of its types for candidates."""
    groups = [group for group in proposed(problem.types, problem.dims).groups if group.compact]
    types = problem.types.model_copy(update={"dims": problem.dims})
    fitting = [group for group in groups if "nodes" not in group.spaces or "nodes" in problem.dims]
    return on_rows(problem, rows, types=types, candidates=candidates(fitting, types, problem.x[rows]))


def _pair(problem: Problem, split: int) -> tuple[Model, Model]:
    half = problem.half(split)

    def fit(fold: int) -> Model:
        rows = half != fold
        x, y, unit = problem.x[rows], problem.y[rows], problem.unit[rows]
        stream = ("propose", split, fold)
        return revive("kernel", problem, learn("kernel", problem, x, y, unit, seed=problem.seed, stream=stream)[0])

    return fit(0), fit(1)


def found_axes(problem: Problem, models: Sequence[tuple[Model, Model]], space: str) -> list[Axis]:
    """The axis that rotations of a space leave alone, if one stands out: whole numbers where they lie in its interval.

    Rotating the unit vector v against all others changes f by v.Bv, B being made from the Gram matrix of Lie
    derivatives over so(d); the rotations that are left change tr(B)/2 - v.Bv. So the axis is B's largest eigenvector.

    The functions are fits to halves of the data, one pair per split.
    """
    d = problem.dims[space]
    one = torch.eye(d, dtype=problem.x.dtype)
    # Euclidean rotations in the units of the table: all vectors of a space have one.
    frame = Frame(space, False, problem.x.new_zeros(d), one, one)
    found = directions(
        models, frame, problem.x, problem.rep_in, problem.rep_out, problem.dims, unit=problem.unit, seed=problem.seed
    )
    if found is None:
        return []
    turns = problem.x.new_zeros(d, d, d, d)
    for i, j in itertools.permutations(range(d), 2):
        turns[i, j, i, j], turns[i, j, j, i] = 1.0, -1.0
    W = frame.coordinates(turns)
    B = torch.einsum("ija,ab,ljb->il", W, found.matrix, W)
    drawn = torch.einsum("ija,nab,ljb->nil", W, found.replicates, W)
    broken = torch.linalg.eigvalsh(drawn)[:, -1].quantile(0.05) / (d - 1)
    values, vectors = torch.linalg.eigh(B)
    axis = vectors[:, -1]
    left = float(B.trace() / 2 - values[-1]) / max((d - 1) * (d - 2) / 2, 1)
    if float(broken) < _BROKEN or left > _MAIN * float(values[-1]) / (d - 1):
        return []
    turned = (torch.linalg.eigh(drawn)[1][..., -1] @ axis).abs().clamp(max=1).arccos()
    return [snapped(axis, max(float(turned.quantile(0.95)), _ANGLE))]


def snapped(axis: Float[Tensor, " d"], angle: float) -> tuple[float, ...]:
    """The simplest axis of small whole numbers within an ``angle`` (radians) of this one, else this one.

    >>> snapped(torch.tensor([0.35, 0.66, 0.66]), 0.05), snapped(torch.tensor([0.1, 0.2, 0.97]), 0.01)[2] > 0.9
    ((1.0, 2.0, 2.0), True)
    """
    axis = axis / axis.norm()
    entries = range(-_WHOLE, _WHOLE + 1)
    grid = torch.tensor([v for v in itertools.product(entries, repeat=len(axis)) if math.gcd(*v) == 1]).to(axis)
    cosine = grid @ axis / grid.norm(dim=1)
    near = grid[cosine >= math.cos(angle)]
    if not len(near):
        return tuple(axis.tolist())
    sizes = near.square().sum(1)
    simplest = near[sizes == sizes.min()]
    best = simplest[(simplest @ axis).argmax()].tolist()
    # A line has two directions: written with its last entry positive.
    sign = next(a for a in reversed(best) if a)
    return tuple(a * math.copysign(1.0, sign) + 0.0 for a in best)
