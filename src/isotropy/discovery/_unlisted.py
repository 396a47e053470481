"""Continuous symmetries that nobody listed, among all linear maps of each space (and translations of its Points)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from isotropy.discovery._jobs import both_fitted
from isotropy.fields import from_json, jsonable
from isotropy.groups.parts import matrix
from isotropy.measure.parts import Frame, directions, frame_of, null_algebra
from isotropy.random import spawn
from isotropy.runs import Run
from isotropy.study import Candidate, Model, Problem

# More than this of what varies, neither learnt nor known to be noise, could break whatever was found.
_REST = 0.1
_ROWS = 1500  # more would cost time: the fits, not the rows, limit what can be known
_SAME = 0.1  # the sine of the largest angle between two algebras that are one
_SETS = ("nodes",)  # spaces of members that only change places


@dataclass(frozen=True)
class Unlisted:
    """An algebra of maps of a space that the targets follow, though no candidate names it.

    ``generators`` are matrices ``(dimension, d, d)`` within ``group``, ``gl(d)``; with Points they are homogeneous,
    ``(d + 1, d + 1)``, within ``aff(d)``. ``low`` and ``high`` are the ends of a 90 % interval of the share of the
    signal that the worst direction changes, per displacement of the size of the data (one radian of a rotation).
    """

    space: str
    group: str
    dimension: int
    generators: tuple[tuple[tuple[float, ...], ...], ...]
    name: str
    low: float
    high: float


def unlisted(run: Run, *, seed: int, learner: str, splits: int, noise: float = 0.0) -> dict[str, Any]:
    """The job: records of ``unlisted_algebras`` for the fitted models of a run; ``noise`` is a known share of y."""
    problem = Problem.load(run)
    learner = "kernel" if learner == "trees" else learner  # trees have no derivatives
    models = [both_fitted(run, problem, learner, split) for split in range(splits)]
    found = unlisted_algebras(problem, models, noise=noise, seed=seed)
    return {"unlisted": jsonable(found)}


def unlisted_of(outcome: Mapping[str, Any]) -> tuple[Unlisted, ...]:
    """The records of a stored ``unlisted``."""
    return tuple(from_json(record, Unlisted, "unlisted") for record in outcome["unlisted"])


def unlisted_algebras(
    problem: Problem, models: Sequence[tuple[Model, Model]], *, noise: float = 0.0, seed: int = 0
) -> list[Unlisted]:
    """What is kept in each space, where no candidate has that very algebra.

    ``models[split][fold]`` was fitted without half ``fold``. Nothing is said where more than a tenth of the variance of
    y is neither learnt nor noise (a known share of it): a symmetry of what was learnt need not be one of the data.
    """
    if _unexplained(problem, models) > noise + _REST:
        return []
    rows = torch.randperm(len(problem.x), generator=spawn(seed, "unlisted"))[:_ROWS].sort().values
    found: list[Unlisted] = []
    for space in sorted(problem.rep_in.spaces.difference(_SETS)):
        frame = frame_of(problem.rep_in, problem.rep_out, problem.x, space, problem.dims)
        if frame is None:
            continue
        gram = directions(
            models, frame, problem.x[rows], problem.rep_in, problem.rep_out, problem.dims,
            unit=problem.unit[rows], seed=seed,
        )  # fmt: skip
        algebra = None if gram is None else null_algebra(gram)
        if algebra is None or any(_same(algebra.algebra.basis, candidate, frame) for candidate in problem.candidates):
            continue
        basis = algebra.algebra.basis
        generators = tuple(tuple(tuple(row) for row in A) for A in basis.tolist())
        found.append(
            Unlisted(space, frame.name, len(basis), generators, algebra.algebra.name, algebra.low, algebra.high)
        )
    return found


def _unexplained(problem: Problem, models: Sequence[tuple[Model, Model]]) -> float:
    """Held-out error over the variance of y, on average over splits."""
    losses: list[float] = []
    for split, pair in enumerate(models):
        half = problem.half(split)
        losses += [
            float((problem.y[half == fold] - f(problem.x[half == fold])).square().mean()) for fold, f in enumerate(pair)
        ]
    return sum(losses) / len(losses) / max(float(problem.y.var(0).mean()), 1e-300)


def _same(basis: torch.Tensor, candidate: Candidate, frame: Frame) -> bool:
    """Whether a candidate has this algebra in the space, to within what data can tell."""
    factor = candidate.group.factor(frame.space)
    if factor is None or factor.dim != len(basis) or (factor.affine and not frame.affine):
        return False
    listed = matrix(factor.algebra.basis).to(basis)
    if frame.affine and not factor.affine:
        listed = torch.nn.functional.pad(listed, (0, 1, 0, 1))
    ours, theirs = (torch.linalg.qr(frame.coordinates(A).mT)[0] for A in (basis, listed))
    return float(torch.linalg.svdvals(ours.mT @ theirs).min()) > (1 - _SAME**2) ** 0.5
