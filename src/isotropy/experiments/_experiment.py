"""What an experiment is: a paper, its published numbers, two sizes of our own, and the shapes that must hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from isotropy.experiments._claims import Claim
from isotropy.report import Result, Table
from isotropy.runs import Run

C = TypeVar("C")
R = TypeVar("R", bound=Result)


@dataclass(frozen=True)
class Experiment(Generic[C, R]):
    """A published experiment that can be run again: ``isotropy reproduce NAME [--full]``.

    ``run(config, run)`` maps pure jobs in the run directory, so that a killed run continues; ``small`` takes minutes on
    two cores, ``full`` has the paper's sizes. ``published`` are other people's numbers, never mixed with ours.

    >>> from isotropy.experiments import REGISTRY
    >>> REGISTRY["soft-equivariance"].paper[:8]
    'Kim, Lee'
    """

    name: str
    paper: str
    published: Table
    small: C
    full: C
    run: Callable[[C, Run], R]
    claims: tuple[Claim[R], ...]
