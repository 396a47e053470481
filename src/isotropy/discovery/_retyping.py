"""Hints that a type may be wrong: where rotations hold and mirrors fail, parts of the other parity are tried out."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from isotropy.discovery._jobs import both_fitted, judge
from isotropy.discovery._verdicts import SHARE_TOLERANCE
from isotropy.groups import Group, Inversion, MatrixGroup
from isotropy.groups.parts import matrix
from isotropy.measure import Breaking, combine
from isotropy.random import spawn
from isotropy.reps import Pseudoscalar, Pseudovector, Rep, Scalar, Vector, rests
from isotropy.runs import Run
from isotropy.study import Candidate, Model, Problem

_ALL = 0.5  # of the signal: a mirror that fails by less is broken, not mistyped
_MOST_COPIES = 8  # more copies than this are bodies, of one type all of them
_OTHER = {
    Vector: "a Pseudovector",
    Pseudovector: "a Vector",
    Scalar: "a Pseudoscalar",
    Pseudoscalar: "a Scalar",
}


@dataclass(frozen=True)
class Hint:
    """A type that would let a group hold: the sentence, the group, and the types ``x -> y`` with which it was tried."""

    text: str
    group: str
    types: str


def retyping_hints(problem: Problem, group: Group, rotations: str, models: Sequence[Sequence[Model]]) -> list[Hint]:
    """Whether ``group`` would hold if one part (or two) had the other parity, where its ``rotations``, SO(3), do hold.

    ``models[split][fold]`` was fitted without half ``fold``. Since the rotations hold, one mirror decides: the breaking
    of the group {1, mirror} is read as for any candidate, with the parts so typed, no model being fitted again. Nothing
    is said where the mirror fails by half of the signal or less, or where no retyping makes it hold.
    """
    mirror = _mirror(group)
    if mirror is None:
        return []
    space = mirror.space
    before = _worst(problem, mirror, models)
    if before.share.low <= _ALL:
        return []
    flips = list(_flips(problem, space))
    for size in (1, 2):
        found: list[tuple[str, Problem]] = []
        for chosen in itertools.combinations(flips, size):
            retyped = _retyped(problem, [flip for flip, _ in chosen], space)
            if rests(retyped.rep_in, mirror):
                continue  # of types that the mirror leaves alone it holds for any function
            if _worst(retyped, mirror, models).share.high < SHARE_TOLERANCE:
                found.append((" and ".join(said for _, said in chosen), retyped))
        if found:
            return [_hint(group, rotations, before, found)]
    return []


def _hint(group: Group, rotations: str, before: Breaking, found: Sequence[tuple[str, Problem]]) -> Hint:
    said = [text for text, _ in found]
    fails = f"{rotations} holds, {group} fails (a mirror changes {min(before.share.mean, 1):.0%} of the signal)"
    asked = "is one type of the other parity" if len(said) > 1 else f"is {said[0]}"
    tried = f" ({'; or '.join(said)})" if len(said) > 1 else ""
    types = found[0][1].types
    text = f"{fails}: {asked}{tried}? With {'any one of these' if tried else 'it'} so typed, {group} holds."
    return Hint(text, str(group), f"{types.x} -> {types.y}")


def _mirror(group: Group) -> Group | None:
    """A group of two elements, the other of which turns the space inside out; None where the group has none."""
    for space in group.spaces:
        factor = group.factor(space)
        if factor is None or factor.affine or space == "nodes":
            continue
        if factor.degree % 2 and Inversion(factor.degree, space) <= group:
            return Inversion(factor.degree, space)
        one = torch.eye(factor.degree, dtype=torch.float64)
        for h in matrix(factor.discrete):
            if float(torch.linalg.det(h)) < 0 and bool((h @ h - one).abs().max() < 1e-9):
                return MatrixGroup("mirror", discrete=h[None], space=space)
    return None


def _worst(problem: Problem, mirror: Group, models: Sequence[Sequence[Model]]) -> Breaking:
    """The breaking of the mirror, of the part of the target where it is largest."""
    candidate = Candidate(mirror.name, mirror)
    rows = problem.measured(candidate)
    terms = [
        judge(problem, candidate, pair, problem.half(split), rows, spawn(problem.seed, "retyping", split))[0]
        for split, pair in enumerate(models)
    ]
    unit = torch.unique(problem.unit[rows], return_inverse=True)[1]
    return max(combine(terms, unit, [part.outputs for part in problem.parts]), key=lambda part: part.share.high)


Flip = tuple[str, int, int]  # side, part, copy (-1 for all of a part)


def _flips(problem: Problem, space: str) -> Iterator[tuple[Flip, str]]:
    """Parts that a mirror of the space may flip, copies of an input one by one, and what the person is asked."""
    for side, rep in (("x", problem.rep_in), ("y", problem.rep_out)):
        for k, part in enumerate(rep.parts()):
            number = not part.term.spaces
            if part.term.affine or part.term.tail or not ((number and side == "y") or space in part.term.spaces):
                continue
            copies = range(part.multiplicity) if side == "x" and 1 < part.multiplicity <= _MOST_COPIES else (-1,)
            kind = _OTHER.get(part.atom, f"of type {_flipped(part.atom, space)}")
            for copy in copies:
                name = part.name or str(part.atom)
                which = f" {copy + 1}" if copy >= 0 else ""
                yield (side, k, copy), f"{name}{which} of {side} {kind}"


def _flipped(rep: Rep, space: str) -> Rep:
    return rep.each(lambda term: term.twisted((space,), {}))


def _retyped(problem: Problem, flips: Sequence[Flip], space: str) -> Problem:
    def side(rep: Rep, name: str) -> Rep:
        found = Rep()
        for k, part in enumerate(rep.parts()):
            for copy in range(part.multiplicity):
                flip = any(flipped in ((name, k, copy), (name, k, -1)) for flipped in flips)
                one = _flipped(part.atom, space) if flip else part.atom
                found += one(part.name) if part.name else one
        return found

    types = problem.types.model_copy(update={"x": side(problem.rep_in, "x"), "y": side(problem.rep_out, "y")})
    return replace(problem, types=types)


def _as_copies(problem: Problem) -> Problem:
    """Bodies that no permutation leaves alone are unlike copies, each of which may be mistyped by itself."""
    n = problem.dims.get("nodes", 0)

    def side(rep: Rep) -> Rep:
        found = Rep()
        for part in rep.parts():
            factors = part.term.factors
            plain = not (part.multiplicity == 1 and factors and factors[0].space == "nodes" and part.term.tail is None)
            one = part.multiplicity * part.atom if plain else n * Rep.of(replace(part.term, factors=factors[1:]))
            found += one(part.name) if part.name else one
        return found

    types = problem.types.model_copy(update={"x": side(problem.rep_in), "y": side(problem.rep_out)})
    return replace(problem, types=types)


def hints(
    run: Run, *, seed: int, learner: str, index: int, rotations: str, splits: int, permuted: bool
) -> dict[str, Any]:
    """The job: sentences of ``retyping_hints`` for the candidate ``index``, whose rotations hold.

    ``permuted`` says that some permutation of bodies may hold, so that all are of one type.
    """
    problem = Problem.load(run)
    models = [both_fitted(run, problem, learner, split) for split in range(splits)]
    group = problem.candidates[index].group
    problem = problem if permuted else _as_copies(problem)
    return {"hints": [hint.text for hint in retyping_hints(problem, group, rotations, models)]}
