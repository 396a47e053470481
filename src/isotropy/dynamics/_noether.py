"""From a Lagrangian and a generator to the quantity that is conserved if the generator is a symmetry of the action."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.dynamics._drift import Drift, drift_of
from isotropy.dynamics._lagrangian import Lagrangian, Rows, euler, slopes
from isotropy.dynamics._trajectories import Dense, Trajectories
from isotropy.errors import ShapeError

_STEADY = 0.02  # of its mean: how much a gain may vary, as fits of the force do over the moments


@dataclass(frozen=True, eq=False)
class PointGenerator:
    """q moves by A q + b, and time by ``tau + dilation t``: an affine map of positions, and a clock.

    >>> turn = PointGenerator.of([[0.0, -1.0], [1.0, 0.0]])
    >>> turn.shift(torch.tensor([[1.0, 0.0]], dtype=torch.float64)).tolist()
    [[0.0, 1.0]]
    """

    A: Float[Tensor, "d d"]
    b: Float[Tensor, " d"]
    tau: float = 0.0
    dilation: float = 0.0

    @classmethod
    def later(cls, d: int, tau: float = -1.0) -> PointGenerator:
        """Translation of time alone; with tau = -1 its quantity is the energy."""
        return cls(torch.zeros(d, d, dtype=torch.float64), torch.zeros(d, dtype=torch.float64), tau)

    @classmethod
    def of(cls, A: Any, tau: float = 0.0, dilation: float = 0.0, *, d: int | None = None) -> PointGenerator:
        """From a matrix (d, d), or a homogeneous one (d + 1, d + 1) of a space of dimension d, in float64.

        Raises ShapeError for what is neither.
        """
        matrix = torch.as_tensor(A, dtype=torch.float64)
        size = matrix.shape[-1] if d is None else d
        if matrix.shape == (size, size):
            return cls(matrix, matrix.new_zeros(size), tau, dilation)
        if matrix.shape == (size + 1, size + 1) and not bool(matrix[-1].any()):
            return cls(matrix[:-1, :-1], matrix[:-1, -1], tau, dilation)
        raise ShapeError(f"a generator of shape {tuple(matrix.shape)}", f"({size}, {size}), or homogeneous")

    def shift(self, q: Rows) -> Rows:
        """A q + b."""
        return q @ self.A.mT.to(q) + self.b.to(q)

    def clock(self, t: Tensor | float) -> Tensor | float:
        """By how much time moves at t."""
        return self.tau + self.dilation * t

    def matrix(self) -> list[list[float]]:
        """A, or the homogeneous matrix where something is translated."""
        if not bool(self.b.any()):
            return self.A.tolist()
        return torch.nn.functional.pad(torch.cat([self.A, self.b[:, None]], 1), (0, 0, 0, 1)).tolist()


@dataclass(frozen=True, eq=False)
class Quantity:
    """J = dL/dv . (A q + b) - (tau + dilation t) (v . dL/dv - L) - gain t, of rows q, v (B, d).

    Along a motion dJ/dt = [pr v(L) + L dxi/dt] - gain - Q . E(L), with xi the shift of time and Q = A q + b - xi v: the
    first is ``gain`` for a symmetry that changes the action by gain times the time, such as a fall's, and 0 for one
    that leaves it; the last is zero where the equations of L hold.
    Source: Noether 1918; Olver, Applications of Lie Groups to Differential Equations (1993), theorem 4.29.
    """

    lagrangian: Lagrangian
    generator: PointGenerator | None  # None: translation of time, t -> t - s, in a space of any dimension
    gain: float = 0.0

    def __call__(self, q: Rows, v: Rows, t: Tensor | None = None) -> Float[Tensor, " B"]:
        """J of each row; ``t (B,)`` where time is stretched or the action gains by it (0 by default)."""
        L, _, p = slopes(self.lagrangian, q, v)
        g = self._in(q)
        moved = (p * g.shift(q)).sum(-1)
        if self.gain and t is not None:
            moved = moved - self.gain * t
        if not g.tau and not g.dilation:
            return moved
        return moved - g.clock(0.0 if t is None else t) * ((v * p).sum(-1) - L)

    def _in(self, q: Rows) -> PointGenerator:
        return PointGenerator.later(q.shape[1]) if self.generator is None else self.generator

    def of(self, moments: Trajectories) -> Float[Tensor, " N"]:
        """J of each moment."""
        return self(moments.q, moments.v, moments.t)

    def broken(self, q: Rows, v: Rows) -> Float[Tensor, " B"]:
        """pr v(L) + L dxi/dt: what the generator changes of the action, by unit of time."""
        g = self._in(q)
        L, by_q, p = slopes(self.lagrangian, q, v)
        turned = (by_q * g.shift(q)).sum(-1) + (p * (v @ g.A.mT.to(v))).sum(-1)
        return turned + g.dilation * (L - (p * v).sum(-1))

    def gaining(self, moments: Trajectories) -> Quantity:
        """With the gain that these motions show, where it is the same at all moments; else as it is."""
        by = self.broken(moments.q, moments.v)
        steady = float(by.std()) < _STEADY * abs(float(by.mean()))
        return replace(self, gain=float(by.mean())) if steady else self

    def missed(self, moments: Trajectories) -> Float[Tensor, " N"]:
        """Q . E(L): what the equations of the Lagrangian miss of the motion, along the generator."""
        g = self._in(moments.q)
        E = euler(self.lagrangian, moments.q, moments.v, moments.a)
        xi = g.clock(moments.t)
        clock = xi[:, None] if isinstance(xi, Tensor) else xi
        return ((g.shift(moments.q) - clock * moments.v) * E).sum(-1)

    def drift(
        self,
        moments: Trajectories | Dense,
        a: Float[Tensor, "n T d"] | None = None,
        *,
        noise: tuple[float, float] | None = None,
    ) -> Drift:
        """How far J wanders on each trajectory, beside the bound on it that is measured.

        ``moments`` are Trajectories, or ``(t (T,), q (n, T, d), v (n, T, d))`` with accelerations ``a``, which are read
        off the velocities if missing. ``noise`` are the standard deviations of what is added to each column of q and
        v, by which the ends of J move; by default what is not smooth in them (``Trajectories.noise``).

        Raises ShapeError for one trajectory, which has no spread to measure by, DomainError where J is the same on all.

        >>> def free(q, v):
        ...     return v.square().sum(-1) / 2
        >>> t = torch.linspace(0, 1, 5, dtype=torch.float64)
        >>> v = torch.tensor([[1.0, 0.0], [0.5, 2.0]], dtype=torch.float64)[:, None].expand(2, 5, 2)
        >>> drift = LearnedNoether(free).conserved([[0.0, -1.0], [1.0, 0.0]]).drift((t, 1 + t[:, None] * v, v))
        >>> drift.mean < 1e-12, drift.bound.shape
        (True, torch.Size([2]))
        """
        along = moments if isinstance(moments, Trajectories) else Trajectories.dense(moments, a)
        rate = self.broken(along.q, along.v) - self.gain - self.missed(along)
        return drift_of(along, self.of(along), rate, self.jitter(along, along.noise if noise is None else noise))

    def jitter(self, moments: Trajectories, noise: tuple[float, float]) -> Float[Tensor, " N"]:
        """The standard deviation of J at each moment that noise of positions and velocities makes, to first order."""
        if not any(noise):
            return torch.zeros_like(moments.t)
        total = torch.zeros_like(moments.t)
        for side, (part, deviation) in enumerate(zip((moments.q, moments.v), noise, strict=True)):
            step = 1e-3 * float(part.std())
            for k in range(moments.q.shape[1]):
                slope = self.difference(moments.q, moments.v, moments.t, side, k, step) / (2 * step)
                total += (deviation * slope).square()
        return total.sqrt()

    def difference(self, q: Rows, v: Rows, t: Tensor, side: int, column: int, step: float) -> Float[Tensor, " B"]:
        """By how much J differs where one column of q (``side`` 0) or v (1) is a step more and a step less."""
        ends: list[Tensor] = []
        for sign in (1.0, -1.0):
            moved = [q.clone(), v.clone()]
            moved[side][:, column] += sign * step
            ends.append(self(moved[0], moved[1], t))
        return ends[0] - ends[1]


class LearnedNoether:
    """Conserved quantities of a Lagrangian L(q, v), learned or written down, one for each generator.

    >>> def kepler(q, v):
    ...     return v.square().sum(-1) / 2 + 1 / torch.linalg.vector_norm(q, dim=-1)
    >>> q, v = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.3, 2.0]])
    >>> LearnedNoether(kepler).conserved([[0.0, -1.0], [1.0, 0.0]])(q, v).tolist()
    [2.0]
    >>> round(LearnedNoether(kepler).energy()(q, v).item(), 3)
    1.045
    """

    def __init__(self, lagrangian: Lagrangian) -> None:
        self.lagrangian = lagrangian

    def conserved(
        self, A: PointGenerator | Tensor | Sequence[Sequence[float]], tau: float = 0.0, dilation: float = 0.0
    ) -> Quantity:
        """The quantity of q -> q + s A q, t -> t + s (tau + dilation t); A (d, d), or homogeneous (d + 1, d + 1).

        A matrix whose last row is zero is read as (d, d). Raises ShapeError for what is no square matrix.
        """
        return Quantity(self.lagrangian, A if isinstance(A, PointGenerator) else PointGenerator.of(A, tau, dilation))

    def energy(self) -> Quantity:
        """v . dL/dv - L, which belongs to translations of time (t -> t - s)."""
        return Quantity(self.lagrangian, None)
