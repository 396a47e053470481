"""The algebra of maps that leave a function as it is, among all linear maps: chosen from a spectrum, and named."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.groups.parts import PlainAlgebra, plain_algebras
from isotropy.measure._directions import Directions

# An eigenvalue is twice a breaking where f is of first degree: twice the tolerated share of the signal.
TOLERANCE = 0.02
# Smooth functions have small eigenvalues without any symmetry, in a rising sequence. A null space ends where they rise
# by a factor: by this where its own reach zero, by more where they do not (a fit is a little smoother than the truth).
_FLOOR = 5e-4
_GAP, _WIDE_GAP = 20, 50
_CLOSED = 0.3  # brackets of maps of size 1 may leave the span by this much, which an exact reading then mends


@dataclass(frozen=True)
class UnlistedAlgebra:
    """Maps that the data do not show to change the function: ``algebra``, known by its plain name.

    ``low`` and ``high`` are ends of a 90 % interval of the share of the signal that the worst of its directions
    changes, per displacement of size 1 (a radian, for a rotation of round data).
    """

    algebra: PlainAlgebra
    low: float
    high: float


def null_algebra(found: Directions) -> UnlistedAlgebra | None:
    """The largest algebra among the directions that change nothing, in its simplest reading; None where there is none.

    All its directions have an interval that ends below two per cent, and the next direction changes twenty times more
    at least. Of the readings (whole axes, whole coefficients, what was measured) the first is taken that the
    data allow.
    """
    values, vectors = found.spectrum
    for k in range(int((values <= TOLERANCE).sum()), 0, -1):
        span = vectors[:, :k]
        _, low, high = found.ends(span)
        rise = found.ends(vectors[:, k : k + 1])[1] if k < len(values) else float("inf")
        limit = min(TOLERANCE, rise / (_GAP if low <= _FLOOR else _WIDE_GAP))
        if high > limit or _outside(found.frame.maps(span.mT), found) > _CLOSED:
            continue
        for reading in plain_algebras(found.frame.maps(span.mT), found.frame.to, affine=found.frame.affine):
            _, least, most = found.ends(found.frame.coordinates(reading.basis).mT)
            if least <= max(_FLOOR, high) and most <= TOLERANCE:
                return UnlistedAlgebra(reading, max(least, 0.0), max(most, 0.0))
    return None


def _outside(A: Float[Tensor, "k m m"], found: Directions) -> float:
    """The largest part of a bracket outside the span, for maps of size 1."""
    basis = found.frame.coordinates(A)
    brackets = found.frame.coordinates(A[:, None] @ A - A @ A[:, None])
    outside = brackets - brackets @ basis.mT @ basis
    return float(torch.linalg.vector_norm(outside, dim=-1).max())
