"""Moves along exact orbits for samplers: where predictions do not change, a step may be as long as the prior allows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isotropy.errors import DomainError, ShapeError, counted
from isotropy.physics.parameters._fields import AffineField

Numbers = NDArray[np.float64]
Proposal = Callable[[Numbers, Any], tuple[Numbers, Numbers]]


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
    _refuse(fields, width)

    def propose(positions: Numbers, random: Any) -> tuple[Numbers, Numbers]:
        theta = torch.from_numpy(np.asarray(positions, dtype=np.float64))
        chosen = random.randint(len(fields), size=len(theta))
        time = torch.from_numpy(width * random.standard_normal(len(theta)))
        ends, factors = theta.clone(), torch.zeros(len(theta), dtype=torch.float64)
        for number, field in enumerate(fields):
            rows = torch.from_numpy(np.flatnonzero(chosen == number))
            if not len(rows):
                continue
            ends[rows] = field.flow(theta[rows], time[rows])
            factors[rows] = _volume(field, theta[rows], ends[rows], time[rows])
        return ends.numpy(), factors.numpy()

    return propose


def orbit_redraw(
    fields: Sequence[AffineField],
    log_prior: Callable[[Numbers], Numbers],
    width: float | Sequence[float],
    *,
    points: int = 32,
) -> Proposal:
    """New positions on the same orbits, drawn from the prior there; always accepted, and no prediction is computed.

    Along an exact symmetry predictions stay, so that the posterior on an orbit is the prior, ``log_prior (n, p) ->
    (n,)``, -inf outside. Of each of ``fields`` in turn, ``points`` of the orbit are drawn from: a lattice in time of
    random spacing, ``width`` long on the mean (of each field), in which the present position stands anywhere. That
    keeps the posterior as it is (the group's Haar measure is dt). Alone it is not ergodic: mix it with moves that leave
    the orbit.

    Returns ``(positions (w, p), random) -> (positions, changes of the log prior)``. Raises DomainError for no fields, a
    width that is not positive, fewer than 2 points.
    Source: Liu and Sabatti, Generalised Gibbs sampler, Biometrika 87 (2000), theorem 1; Tjelmeland 2004 (the lattice).

    >>> free = AffineField(torch.zeros(1, 1), torch.ones(1))
    >>> inside = lambda x: np.where(np.abs(x[:, 0]) < 1, 0.0, -np.inf)
    >>> new, _ = orbit_redraw([free], inside, 4.0)(np.zeros((1000, 1)), np.random.RandomState(0))
    >>> bool(np.abs(new).max() < 1)
    True
    """
    widths = [width] * len(fields) if isinstance(width, float | int) else list(width)
    _refuse(fields, min(widths, default=0.0))
    if len(widths) != len(fields):
        raise ShapeError(f"{counted(len(widths), 'width')} for {counted(len(fields), 'field')}", "one for each")
    if points < 2:
        raise DomainError(f"points={points}", "2 or more")

    def redraw(positions: Numbers, random: Any) -> tuple[Numbers, Numbers]:
        theta = torch.from_numpy(np.array(positions, dtype=np.float64))
        w, p = theta.shape
        begun = now = log_prior(theta.numpy())
        for field, long in zip(fields, widths, strict=True):
            spacing = 2 * long * random.uniform() / points
            times = spacing * torch.arange(1 - points, points, dtype=torch.float64)
            # Where the lattice begins for each: the present position is equally likely to be any of its points.
            listed = torch.from_numpy(random.randint(points, size=(w, 1)) + np.arange(points))
            orbit = field.flow(theta[:, None], times)[torch.arange(w)[:, None], listed]
            prior = log_prior(orbit.reshape(-1, p).numpy()).reshape(w, points)
            volume = _volume(field, theta[:, None], orbit, times[listed]).numpy()
            density = np.where(np.isfinite(prior), prior + volume, -np.inf)
            chosen = (density + random.gumbel(size=density.shape)).argmax(1)  # a draw by weights exp(density)
            theta, now = orbit[torch.arange(w), torch.from_numpy(chosen)], prior[np.arange(w), chosen]
        return theta.numpy(), now - begun

    return redraw


def _refuse(fields: Sequence[AffineField], width: float) -> None:
    if not fields or not width > 0:
        raise DomainError(f"{counted(len(fields), 'field')} and width {width}", "a field or more, and a positive width")


def _volume(field: AffineField, start: Tensor, end: Tensor, time: Tensor) -> Tensor:
    """The logarithm of the flow's change of volume, for positions (..., p) after ``time (...)``."""
    found = time * float(field.A.trace())
    if field.log:  # the coordinates' own change of volume: d theta = theta d ln theta
        listed = list(field.log)
        found = found + (end[..., listed].log() - start[..., listed].log()).sum(-1)
    return found
