"""Figures of a discovery that is not finished: how well the models predict, and how much each candidate breaks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from isotropy.discovery._jobs import breaking_of
from isotropy.runs import Run
from isotropy.study import Problem, SoFar

Piece = tuple[str, dict[str, Any], Any]


def figures_so_far(run: Run, pieces: Sequence[Piece]) -> list[SoFar]:
    """What the finished jobs of a discovery say: shares explained by learners, and breaking over the splits judged.

    The breaking is that along orbits; of candidates whose inputs are not invariant, refits will have the last word.
    """
    problem = Problem.load(run)
    return [*_explained(problem, pieces), *_breaking(problem, pieces)]


def _named(pieces: Sequence[Piece], name: str) -> list[tuple[dict[str, Any], Any]]:
    return [(arguments, outcome) for function, arguments, outcome in pieces if function.endswith(f":{name}")]


def _explained(problem: Problem, pieces: Sequence[Piece]) -> list[SoFar]:
    losses: dict[str, list[Any]] = {}
    for arguments, outcome in _named(pieces, "fit_half"):
        losses.setdefault(arguments["learner"], []).append(outcome["loss"])
    spreads = problem.spreads.numpy()
    return [
        SoFar(learner, "explained", 1 - float((np.concatenate(each, 1).mean(1) / spreads).mean()), pieces=len(each))
        for learner, each in losses.items()
    ]


def _breaking(problem: Problem, pieces: Sequence[Piece]) -> list[SoFar]:
    found: list[SoFar] = []
    judged = sorted(_named(pieces, "measure"), key=lambda piece: piece[0]["split"])
    for index, candidate in enumerate(problem.candidates):
        own = [outcome for arguments, outcome in judged if arguments["index"] == index]
        if not own or not candidate.listed:
            continue
        for part, answer in zip(problem.parts, breaking_of(problem, candidate, own), strict=True):
            name = candidate.name if len(problem.parts) == 1 else f"{candidate.name}, {part.name}"
            share = answer.share
            found.append(SoFar(name, "breaking", share.mean, share.low, share.high, len(own)))
    return found
