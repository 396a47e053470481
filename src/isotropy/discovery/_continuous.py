"""Continuous symmetries that nobody listed, from the Gram matrices of several splits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from isotropy.discovery._findings import Continuous
from isotropy.discovery._verdicts import SHARE_TOLERANCE
from isotropy.groups import LieAlgebra
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
