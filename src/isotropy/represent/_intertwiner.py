"""Which orthogonal Q turns a known representation into one that is only seen at work on pairs of vectors?"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

_AVERAGES = 10  # of a random start, which then intertwines but for some percent
_MOST = 100  # steps of Procrustes, of which some 20 reach rounding where there is no noise
_SAME = 1e-9  # of the error: what no longer falls by this much has arrived

Act = Callable[[Tensor], Tensor]
"""D(g_b) on row b of ``(B, D)``."""


def orthogonal_intertwiner(
    y: Float[Tensor, "B D"], z: Float[Tensor, "B D"], act: Act, undo: Act, generator: torch.Generator
) -> Float[Tensor, "D D"]:
    """Q, orthogonal, with ``z = Q D(g) Q^T y`` as nearly as is found, in float64; ``undo`` is D(g)^-1.

    Two stages. Averages ``X <- E[W(g) X D(g)^-1]``, by regression of z on y, are linear: whatever X they start from,
    what intertwines stays and the rest shrinks, so that they have no false end. Then ``Q <- polar(dJ/dQ)`` of
    ``J = E <Q^T z, D(g) Q^T y>``, which is Procrustes again and again, until the error no longer falls; the best is
    kept. Source: the first is the Reynolds operator, the second the generalised power method (Journee et al. 2010).
    """
    y, z = y.double(), z.double()
    spread = y.mT @ y
    floor = 1e-9 * spread.diagonal().mean() * torch.eye(len(spread), dtype=y.dtype)
    white = torch.linalg.solve(spread + floor, y.mT).mT
    X = torch.randn(spread.shape, generator=generator, dtype=y.dtype)
    for _ in range(_AVERAGES):
        X = z.mT @ act(white @ X)
        X = X / X.norm().clamp_min(torch.finfo(X.dtype).tiny)
    Q, least = _polar(X), torch.inf
    best = Q
    for _ in range(_MOST):
        moved = act(y @ Q)
        error = float((moved @ Q.mT - z).norm() / z.norm())
        if not error < least * (1 - _SAME):
            break
        best, least = Q, error
        Q = _polar(z.mT @ moved + y.mT @ undo(z @ Q))
    return best


def _polar(X: Tensor) -> Tensor:
    """The nearest orthogonal matrix."""
    U, _, Vh = torch.linalg.svd(X)
    return U @ Vh
