"""Continuous symmetries that nobody listed, from the Gram matrices of several splits, and their spectrum as blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from isotropy.discovery._findings import Continuous
from isotropy.discovery._verdicts import SHARE_TOLERANCE
from isotropy.errors import counted
from isotropy.groups import LieAlgebra
from isotropy.report import Bar, Bars, Block, Column, Interval, Table
from isotropy.study import Candidate

KEPT = 2.0
"""A direction is not shown to be broken while its eigenvalue may lie below so many times the tolerated share: half of
what f changes along a unit of it, squared, is the share that breaks."""
_CLOSED = 0.2


def continuous(candidate: Candidate, gram: Mapping[str, Any] | None, tolerance: float = SHARE_TOLERANCE) -> Continuous:
    """Eigenvalues with 90 % intervals, axes with the angle that contains 95 % of resampled ones."""
    if gram is None:
        return Continuous()
    group = candidate.group
    matrices, replicates = torch.from_numpy(gram["matrices"]), torch.from_numpy(gram["replicates"])
    matrix = matrices.mean(0)
    values, vectors = torch.linalg.eigh(matrix)
    # Resampled rows of every split, around each split's own matrix: rows and models vary together.
    drawn = torch.einsum("ai,bac,ci->bi", vectors, replicates, vectors)
    low, high = (torch.quantile(drawn, q, dim=0) for q in (0.05, 0.95))
    _, drawn_vectors = torch.linalg.eigh(replicates)
    overlap = (drawn_vectors.mT @ vectors).abs().amax(1).clamp(max=1)
    angles = torch.quantile(torch.rad2deg(overlap.arccos()), 0.95, dim=0)
    kept = low <= KEPT * tolerance
    directions = vectors[:, kept]
    return Continuous(
        group=candidate.name,
        dimension=int(kept.sum()),
        axes=tuple(tuple(_signed(axis).tolist()) for axis in vectors.mT),
        eigenvalues=tuple(values.tolist()),
        intervals=tuple(zip(low.tolist(), high.tolist(), strict=True)),
        angles=tuple(angles.tolist()),
        names=group.generator_names,
        closes=LieAlgebra.of(group.algebra.hat(directions.mT)).is_closed(_CLOSED),
    )


def _signed(axis: Tensor) -> Tensor:
    """The axis with its largest entry positive: a direction and its opposite are one."""
    return axis * np.sign(float(axis[axis.abs().argmax()])) + 0.0


_ROUNDING = 1e-9  # of the signal: products of a thousand terms in float64, and room
_ALIKE = 30.0  # degrees; resampled axes that wander so far among directions of like eigenvalues are no axes


def spectrum(c: Continuous, tolerance: float) -> list[Block]:
    if not c.eigenvalues:
        return []
    values = [_seen(value) for value in c.eigenvalues]
    ends = [(_seen(low), _seen(high)) for low, high in c.intervals]
    bars = [
        Bar(f"direction {i + 1}", value, low, high, tone="holds" if low <= KEPT * tolerance else "partial")
        for i, (value, (low, high)) in enumerate(zip(values, ends, strict=True))
    ]
    rows = [
        (f"direction {i + 1}", text, Interval(values[i], *ends[i]), angle)
        for i, (text, angle) in enumerate(zip(axes_told(c), _angles(c), strict=True))
    ]
    said = (
        f"Within the Lie algebra of {c.group} {c.dimension} of {counted(len(c.axes), 'direction')} "
        f"{'is' if c.dimension == 1 else 'are'} not shown to be broken."
    )
    if not c.closes:
        said += " Their brackets leave their span: together they do not form an algebra."
    return [
        Bars(
            bars,
            title="Spectrum of infinitesimal symmetries",
            xlabel="squared derivative along the orbit, in shares of the signal",
            interval_label="90 % interval",
            half=True,
            caption="A direction is not shown to be broken while the lower end of its interval is at most "
            f"{KEPT * tolerance:.2g}, {KEPT:.0f} times the tolerated share: such belong to a continuous symmetry, "
            "listed or not.",
            name="gram-spectrum",
        ),
        Table(
            (
                Column("direction"),
                Column("axis", explain=f"Weights of: {', '.join(c.names)}."),
                Column("eigenvalue", "number"),
                Column(
                    "uncertain by",
                    "number",
                    "degrees",
                    explain="95 % of resampled axes lie within this angle; empty where only a plane is known.",
                ),
            ),
            rows,
            title="Discovered axes",
            caption=said,
            half=True,
        ),
    ]


def axes_told(c: Continuous) -> list[str]:
    """Each direction by its weights, or, where several are alike, by what they span together.

    >>> alike = Continuous("SO(3)", 1, ((0.0, 0.0, 1.0), (1.0, -0.001, 0.0), (0.001, 1.0, 0.0)), (0.0, 1.0, 1.1),
    ...     ((0.0, 0.1), (0.9, 1.1), (1.0, 1.2)), (1.0, 80.0, 80.0), ("x", "y", "z"))
    >>> axes_told(alike)
    ['0.00, 0.00, +1.00', 'any across 0.00, 0.00, +1.00', 'any across 0.00, 0.00, +1.00']
    """
    told = [", ".join(map(_weight, axis)) for axis in c.axes]
    for group in _alike(c):
        rest = [i for i in range(len(c.axes)) if i not in group]
        if not rest:
            words = "any direction"
        elif len(rest) == 1:
            words = f"any across {told[rest[0]]}"
        else:
            words = f"any in the span of directions {group[0] + 1} to {group[-1] + 1}"
        for i in group:
            told[i] = words
    return told


def _angles(c: Continuous) -> list[float | None]:
    alike = {i for group in _alike(c) for i in group}
    return [None if i in alike else angle for i, angle in enumerate(c.angles)]


def _alike(c: Continuous) -> list[Sequence[int]]:
    """Runs of neighbours whose intervals overlap and whose axes wander: planes, or more, of which data know no axis."""
    runs: list[list[int]] = []
    for i in range(len(c.axes)):
        wanders = c.angles[i] > _ALIKE
        joins = runs and wanders and c.angles[i - 1] > _ALIKE and c.intervals[i][0] <= c.intervals[i - 1][1]
        if joins:
            runs[-1].append(i)
        else:
            runs.append([i])
    return [run for run in runs if len(run) > 1]


def _seen(share: float) -> float:
    """A share of the signal, without what rounding leaves of nothing."""
    return 0.0 if abs(share) < _ROUNDING else share


def _weight(weight: float) -> str:
    """Two digits, and no sign before nothing."""
    return "0.00" if abs(weight) < 0.005 else f"{weight:+.2f}"
