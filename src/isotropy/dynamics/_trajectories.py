"""Moments of recorded motions: positions, velocities and accelerations in order, with what the time step allows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from isotropy.errors import DomainError, ShapeError, counted
from isotropy.linalg import Segments

_NEIGHBOURS = 3  # on either side: interpolation through six is exact to the sixth order of the step
_STENCIL = 5  # moments that a derivative is read from: exact to the fourth order of the step
# Of the way travelled: sensors are biased by a per cent or two, while units are off by a tenth (yards) or more.
_BIAS = 0.05
_ALLOWED = 2.0  # times what steps and noise leave: a mean square over eight tracks is hardly ever so far off

Dense = tuple[Tensor, Tensor, Tensor]
"""Times (T,), positions and velocities (n, T, d) of tracks of one length."""


@dataclass(frozen=True, eq=False)
class Trajectories:
    """Moments ``t (N,)``, ``q``, ``v``, ``a (N, d)`` in the order of their tracks and, inside each, of time.

    ``tracks`` are the Segments of the moments, and ``order (N,)`` the rows that they were. Steps may differ. Made by
    ``of``, which checks.
    """

    t: Float[Tensor, " N"]
    q: Float[Tensor, "N d"]
    v: Float[Tensor, "N d"]
    a: Float[Tensor, "N d"]
    tracks: Segments
    order: Int[Tensor, " N"]

    @classmethod
    def of(
        cls,
        t: Float[Tensor, " N"],
        q: Float[Tensor, "N d"],
        v: Float[Tensor, "N d"],
        a: Float[Tensor, "N d"] | None = None,
        track: Int[Tensor, " N"] | None = None,
    ) -> Trajectories:
        """Moments in any order, of the tracks that ``track`` numbers; accelerations are read off velocities if missing.

        Raises ShapeError for tracks of one moment, DomainError for times that repeat in a track and for velocities that
        are not the derivative of the positions, or accelerations that are not that of the velocities, to the accuracy
        of the time step and a bias of 5 per cent.

        >>> t = torch.linspace(0, 1, 9, dtype=torch.float64)
        >>> fall = Trajectories.of(t, t[:, None] ** 2, 2 * t[:, None])
        >>> len(fall.t), fall.a[4].round(decimals=6).tolist()
        (9, [2.0])
        """
        if not all(bool(part.isfinite().all()) for part in (t, q, v, *(() if a is None else (a,)))):
            raise DomainError("moments with NaN or infinite numbers", "finite times, positions, velocities, ...")
        label = torch.zeros(len(t), dtype=torch.long) if track is None else track
        label = torch.unique(label, return_inverse=True)[1]
        order = torch.from_numpy(np.lexsort((t.numpy(), label.numpy())))
        t, q, v, label = t[order], q[order], v[order], label[order]
        tracks = Segments(label, int(label.max()) + 1)
        _several(tracks)
        _increasing(t, tracks)
        read = a[order] if a is not None else _derivative(t, v, tracks)
        found = cls(t, q, v, read, tracks, order)
        found._follow("velocities", "positions", v, q, read, found.noise)
        if a is not None:
            found._follow("accelerations", "velocities", read, v, _derivative(t, read, tracks), found.noise_of_rates)
        return found

    @classmethod
    def dense(cls, moments: Dense, a: Float[Tensor, "n T d"] | None = None) -> Trajectories:
        """Tracks of one length, ``(t (T,), q (n, T, d), v (n, T, d))``."""
        t, q, v = moments
        if q.shape != v.shape or q.shape[1:2] != t.shape:
            given = f"t, q, v of shapes {tuple(t.shape)}, {tuple(q.shape)}, {tuple(v.shape)}"
            raise ShapeError(given, "(T,), (n, T, d), (n, T, d)")
        track = torch.arange(len(q)).repeat_interleave(len(t))
        flat = None if a is None else a.flatten(0, 1)
        return cls.of(t.repeat(len(q)), q.flatten(0, 1), v.flatten(0, 1), flat, track)

    @property
    def count(self) -> int:
        """How many tracks there are."""
        return self.tracks.count

    @cached_property
    def first(self) -> Int[Tensor, " n"]:
        """The first moment of each track."""
        return self.tracks.ptr[:-1]

    @cached_property
    def steps(self) -> Int[Tensor, " M"]:
        """The moments that another one of their track follows."""
        same = self.tracks.label[1:] == self.tracks.label[:-1]
        return same.nonzero()[:, 0]

    def take(self, tracks: Int[Tensor, " m"]) -> Trajectories:
        """Some of the tracks, in this order."""
        return self._of(*self.tracks.take(tracks))

    def _of(self, rows: Int[Tensor, " m"], tracks: Segments) -> Trajectories:
        return Trajectories(self.t[rows], self.q[rows], self.v[rows], self.a[rows], tracks, self.order[rows])

    @cached_property
    def noise(self) -> tuple[float, float]:
        """Standard deviations of what is not smooth in positions and in velocities, for each column alike.

        Each moment beside the polynomial through two neighbours on either side and their derivatives (of positions the
        velocities, of velocities the accelerations), which is exact to the eighth order of the step: what steps leave
        of a smooth motion counts too, and what noise of the derivatives adds, so that this is an upper estimate.
        """
        return _roughness(self.t, self.q, self.v, self.tracks), _roughness(self.t, self.v, self.a, self.tracks)

    @cached_property
    def noise_of_rates(self) -> tuple[float, float]:
        """The same of velocities and of accelerations; of these beside their neighbours alone."""
        return self.noise[1], _roughness(self.t, self.a, None, self.tracks)

    def roughness_of_a(self) -> float:
        """The share of the accelerations that is not smooth in time: their noise, from above."""
        rough = _roughness(self.t, self.a, None, self.tracks)
        return self.a.shape[1] * rough**2 / float(self.a.square().sum(1).mean())

    def every(self, k: int) -> Trajectories:
        """One moment in k of each track."""
        rows = torch.arange(len(self.t))
        rows = rows[(rows - self.first[self.tracks.label]) % k == 0]
        return self._of(rows, Segments(self.tracks.label[rows], self.count))

    def moved(self, tracks: Float[Tensor, " N"]) -> Float[Tensor, " n"]:
        """The largest |f(t) - f(0)| on each track, of values ``f (N,)``."""
        return self.tracks.max((tracks - tracks[self.first][self.tracks.label]).abs())

    def _follow(
        self, rates: str, places: str, f: Tensor, of: Tensor, slope: Tensor, noise: tuple[float, float]
    ) -> None:
        """Raises DomainError for rates ``f (N, d)``, whose own derivative is ``slope``, that are not the derivative of
        the places ``of (N, d)``, to what the steps, the ``noise`` of both and a bias allow."""
        went, left = self._travelled(f, slope)
        off = float((of - of[self.first][self.tracks.label] - went).square().mean().sqrt())
        (rough, fast), k = noise, self.steps
        long = self.t - self.t[self.first][self.tracks.label]
        step = float((self.t[k + 1] - self.t[k]).median())
        by_noise = (2 * rough**2 + fast**2 * step * float(long.mean())) ** 0.5
        biased = _BIAS * float(went.square().mean().sqrt())
        allowed = _ALLOWED * (by_noise + left) + biased + 1e-9 * float(of.square().mean().sqrt())
        if off > allowed:
            raise DomainError(
                f"{rates} whose integral misses the {places} by {off:.3g} (root mean square): they are not the "
                f"derivative of the {places}",
                f"at most {allowed:.3g}, which time steps of {step:.3g}, noise and a bias of {_BIAS:.0%} leave",
                f"give {places}, {rates} and times in one system of units, columns in the same order",
            )

    def _travelled(self, f: Float[Tensor, "N d"], slope: Float[Tensor, "N d"]) -> tuple[Float[Tensor, "N d"], float]:
        """The integral of f since the first moment of a track, by the trapezoid rule with its first correction, and
        how much (root mean square) the rule without it would have missed: the accuracy of the time step.

        The slope between two moments is no better known than that of their chord; where these are the whole track, the
        rule may miss what it would if the slope changed by itself over the step.
        """
        k = self.steps
        h = (self.t[k + 1] - self.t[k])[:, None]
        correction = torch.zeros_like(f)
        correction[k + 1] = h.square() / 12 * (slope[k + 1] - slope[k])
        area = torch.zeros_like(f)
        area[k + 1] = h * (f[k] + f[k + 1]) / 2
        summed, missed = area.cumsum(0), correction.cumsum(0)
        begin = self.first[self.tracks.label]
        missed = missed - missed[begin]
        left = missed.clone()
        pair = ((self.tracks.sizes[self.tracks.label[k]] == 2)[:, None] & (correction[k + 1] == 0)).to(f)
        left[k + 1] += pair * h / 12 * (f[k + 1] - f[k])
        return summed - summed[begin] - missed, float(left.square().mean().sqrt())


def _several(tracks: Segments) -> None:
    lone = (tracks.sizes < 2).nonzero()[:, 0].tolist()
    if lone:
        given = f"{counted(len(lone), 'track')} of one point (track {lone[0]} is the first)"
        raise ShapeError(given, "two points or more in each track", "leave such tracks out")


def _increasing(t: Tensor, tracks: Segments) -> None:
    same = tracks.label[1:] == tracks.label[:-1]
    twice = (same & (t[1:] <= t[:-1])).nonzero()[:, 0].tolist()
    if twice:
        where = int(tracks.label[twice[0]])
        raise DomainError(f"the time {float(t[twice[0]]):g} twice in track {where}", "each moment of a track once")


def _derivative(t: Tensor, f: Float[Tensor, "N d"], tracks: Segments) -> Float[Tensor, "N d"]:
    """The derivative of the polynomial through the moments about each one: five, or all of a shorter track."""
    found = torch.empty_like(f)
    widths = tracks.sizes.clamp_max(_STENCIL)[tracks.label]
    begin, end = tracks.ptr[:-1][tracks.label], tracks.ptr[1:][tracks.label]
    for width in widths.unique().tolist():
        rows = (widths == width).nonzero()[:, 0]
        start = torch.minimum(torch.maximum(rows - width // 2, begin[rows]), end[rows] - width)
        near = start[:, None] + torch.arange(width)
        away = t[near] - t[rows][:, None]
        unit = away.abs().amax(1, keepdim=True)
        powers = (away / unit)[:, None, :] ** torch.arange(width)[:, None]  # (n, power, node)
        wanted = torch.zeros(len(rows), width, 1, dtype=t.dtype)
        wanted[:, 1] = 1 / unit
        weights = torch.linalg.solve(powers, wanted)[..., 0]
        found[rows] = torch.einsum("nk,nkd->nd", weights, f[near])
    return found


def _roughness(t: Tensor, f: Float[Tensor, "N d"], slope: Float[Tensor, "N d"] | None, tracks: Segments) -> float:
    """The root mean square of f beside the polynomial through the values, and the slopes if known, of its neighbours.

    Divided by what noise of the values alone would make of it.
    """
    reach = min(_NEIGHBOURS if slope is None else _NEIGHBOURS - 1, (int(tracks.sizes.max()) - 1) // 2)
    place = torch.arange(len(t)) - tracks.ptr[:-1][tracks.label]
    inner = ((place >= reach) & (place < tracks.sizes[tracks.label] - reach)).nonzero()[:, 0]
    if reach == 0 or not len(inner):
        return 0.0
    near = inner[:, None] + torch.tensor([k for k in range(-reach, reach + 1) if k])
    away = t[near] - t[inner][:, None]
    unit = away.abs().amax(1, keepdim=True)
    count = 2 * reach * (1 if slope is None else 2)
    power = torch.arange(count, dtype=t.dtype)[:, None]
    u = (away / unit)[:, None, :]
    conditions, known = u**power, f[near]
    if slope is not None:
        conditions = torch.cat([conditions, power * u ** (power - 1).clamp_min(0)], -1)
        known = torch.cat([known, slope[near] * unit[:, :, None]], 1)
    wanted = torch.zeros(len(inner), count, 1, dtype=t.dtype)
    wanted[:, 0] = 1
    weights = torch.linalg.solve(conditions, wanted)[..., 0]
    left = f[inner] - torch.einsum("nk,nkd->nd", weights, known)
    own = 1 + weights[:, : 2 * reach].square().sum(1, keepdim=True)
    return float((left / own.sqrt()).square().mean().sqrt())
