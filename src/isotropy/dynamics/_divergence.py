"""Is this generator a symmetry of the action? The test of Noether's theorem for Lagrangians that are only functions."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.func import jvp

from isotropy.dynamics._lagrangian import Lagrangian, Rows, euler, value
from isotropy.dynamics._noether import PointGenerator
from isotropy.random import spawn


def divergence_defect(L: Lagrangian, generator: PointGenerator, q: Rows, v: Rows, a: Rows, *, seed: int = 0) -> float:
    """How far E(Q . E(L)) is from zero: 0 for a symmetry of the action up to a total derivative, about 1 without one.

    Q . E(L) and W = pr v(L) + L dxi/dt differ by a total derivative, which E does not see, so E(W) is measured: its
    root mean square over the rows, for the displacement of the size of the positions, as a share of that of the terms
    of E(L). Accelerations are dealt anew to the rows: the identity holds for any, not only along motions.

    L itself may change under a symmetry of the action: ``measure.lie_gram`` asks whether it does.
    Source: Olver, Applications of Lie Groups to Differential Equations (1993), theorems 4.7 and 4.29.

    >>> def free(q, v):
    ...     return v.square().sum(-1) / 2
    >>> q, v, a = torch.randn(3, 50, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    >>> turn, stretch = PointGenerator.of([[0.0, -1.0], [1.0, 0.0]]), PointGenerator.of([[1.0, 0.0], [0.0, 1.0]])
    >>> divergence_defect(free, turn, q, v, a) < 1e-12, divergence_defect(free, stretch, q, v, a) > 1
    (True, True)
    """
    other = torch.randperm(len(a), generator=spawn(seed, "divergence"))
    given = [part.detach() for part in (q, v, a[other])]

    left = euler(change_of(L, generator), *given).square().sum(-1).mean().sqrt()
    return float(left) / (_size(generator, q) * terms_of(L, *given))


def change_of(L: Lagrangian, generator: PointGenerator) -> Lagrangian:
    """pr v(L) + L dxi/dt, a function of positions and velocities as L is."""

    def changed(q: Tensor, v: Tensor) -> Tensor:
        along = (generator.shift(q), v @ generator.A.mT.to(v) - generator.dilation * v)
        moved: Tensor = jvp(lambda q, v: value(L, q, v), (q, v), along)[1]
        return moved + generator.dilation * value(L, q, v)

    return changed


def _size(generator: PointGenerator, q: Rows) -> float:
    """The displacement of the positions, in units of their own size; of pure stretches of time the stretch."""
    spread = (q - q.mean(0)).square().sum(-1).mean()
    moved = generator.shift(q).square().sum(-1).mean()
    return max(float((moved / spread).sqrt()), abs(generator.dilation), 1e-300)


def terms_of(L: Lagrangian, q: Rows, v: Rows, a: Rows) -> float:
    """The root mean square of what E(L) is made of: dL/dq and d/dt dL/dv."""
    whole = euler(L, q, v, a)
    still = euler(L, q, torch.zeros_like(v), torch.zeros_like(a))
    return math.sqrt(float((whole - still).square().sum(-1).mean() + still.square().sum(-1).mean()))
