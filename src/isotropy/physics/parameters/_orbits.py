"""Moves along exact orbits for samplers: where predictions do not change, a step may be as long as the prior allows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from isotropy.errors import DomainError, counted
from isotropy.physics.parameters._fields import AffineField

Proposal = Callable[[NDArray[np.float64], Any], tuple[NDArray[np.float64], NDArray[np.float64]]]


def orbit_proposal(fields: Sequence[AffineField], width: float) -> Proposal:
    """A proposal for Metropolis-Hastings: flow along a random one of ``fields`` for a time N(0, ``width``^2).

    Returns ``(positions (w, p), random) -> (positions, log factors)``, which ``emcee.moves.MHMove`` takes; the factor
    is the logarithm of the change of volume. Along an exact symmetry only the prior decides. Mix it with moves that
    leave the orbit, such as ``StretchMove``: alone it is not ergodic.

    Raises DomainError for no fields, or a width that is not positive.

    >>> move = orbit_proposal([AffineField(torch.zeros(1, 1), torch.ones(1))], 2.0)
    >>> new, factor = move(np.zeros((4, 1)), np.random.RandomState(0))
    >>> new.shape, factor.tolist()
    ((4, 1), [0.0, 0.0, 0.0, 0.0])
    """
    if not fields or not width > 0:
        raise DomainError(f"{counted(len(fields), 'field')} and width {width}", "a field or more, and a positive width")

    def propose(positions: NDArray[np.float64], random: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        theta = torch.from_numpy(np.asarray(positions, dtype=np.float64))
        chosen = random.randint(len(fields), size=len(theta))
        time = torch.from_numpy(width * random.standard_normal(len(theta)))
        ends, factors = theta.clone(), torch.zeros(len(theta), dtype=torch.float64)
        for number, field in enumerate(fields):
            rows = torch.from_numpy(np.flatnonzero(chosen == number))
            if not len(rows):
                continue
            moved = field.flow(theta[rows], time[rows])
            ends[rows] = moved
            factors[rows] = time[rows] * float(field.A.trace())
            if field.log:  # the coordinates' own change of volume: d theta = theta d ln theta
                listed = list(field.log)
                factors[rows] += (moved[:, listed].log() - theta[rows][:, listed].log()).sum(1)
        return ends.numpy(), factors.numpy()

    return propose
