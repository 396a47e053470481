"""What recorded motions conserve: every symmetry of their equations, its quantity, how far it drifts, and a verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from isotropy.dynamics._algebra import Directions, natural_generators
from isotropy.dynamics._drift import Drift
from isotropy.dynamics._lagrangian import equations
from isotropy.dynamics._mechanical import Fit, fit_mechanical, weights_of
from isotropy.dynamics._network import unexplained
from isotropy.dynamics._noether import PointGenerator, Quantity
from isotropy.dynamics._trajectories import Trajectories
from isotropy.errors import DomainError, ShapeError
from isotropy.random import spawn

Judged = Literal["conserved", "symmetry of the equations only", "undecided"]

_HOLDS = 0.02  # of the accelerations may be left unexplained beside noise, where equations of a Lagrangian hold
_NOISES = 6.0  # times the noise of accelerations: that of positions enters a fit too
_EQUATIONS = 0.5  # of the accelerations must be explained for there to be equations
_BETTER = 100.0  # so many times less than the floor drifts what is conserved (planets disturb each other),
_EXPECTED = 2.0  # or no more than so many times what noise and fit make of a true quantity;
_APART = 4.0  # but a floor that drifts no more than so many times as far tells nothing
_SURELY = 3.0  # times the expected drift, at the lower end: no chance
_TREND = 0.7  # of what J does along tracks; lines explain a tenth of noise, and nearly all of a decay
_DECAY = 1000.0  # a trend is one of the motion, and not of rounding and fit, from this share of the floor on
_THIN = 0.01  # of the largest variance of positions: eight planets fill less across the ecliptic
_FLAT = "the motions lie nearly in one plane, and a turn out of it moves them to where nothing was seen"
_MOST = 3000  # moments that a Lagrangian is fitted to
_DEPENDENT = 0.02  # the part of a gradient outside the span of others below which a quantity is a function of theirs


@dataclass(frozen=True, eq=False)
class Law:
    """A symmetry of recorded motions and the quantity that belongs to it.

    ``drift`` is that of ``quantity``; ``floor`` that of a generator which is no symmetry; ``expected`` what a true
    quantity would show given the noise of the data and the two halves' disagreement about the Lagrangian. ``note`` says
    why motions cannot decide, where that is known.
    """

    name: str
    group: str
    generator: PointGenerator
    quantity: Quantity
    drift: Drift
    floor: Drift
    expected: float
    verdict: Judged
    note: str = ""


@dataclass(frozen=True, eq=False)
class Given:
    """A Lagrangian that was given, and the share of all accelerations that its equations leave."""

    lagrangian: nn.Module
    left: float


@dataclass(frozen=True, eq=False)
class Laws:
    """The ``laws`` of some motions, the Lagrangian they come from and whether its equations ``hold``; ``noise`` is the
    share of the accelerations that is not smooth, ``wrong`` the quantity of the floor."""

    laws: tuple[Law, ...]
    fit: Fit | Given
    holds: bool
    noise: float
    wrong: Quantity


def laws_of(
    moments: Trajectories,
    supported: Mapping[str, Sequence[PointGenerator]] | None = None,
    *,
    lagrangian: nn.Module | None = None,
    seed: int = 0,
) -> Laws:
    """Every affine symmetry of the equations of motion, and translation of time, with its quantity and a verdict.

    ``supported`` are generators that other evidence holds for symmetries, by the name of their group. Each quantity is
    listed once, functions of others not at all. ``lagrangian`` is one of any form, such as that of ``fit_network``;
    without it v M v / 2 - V(q) is fitted.

    Raises ShapeError for one trajectory, DomainError for motions along straight lines at equal speed.

    >>> from isotropy.data import load
    >>> from isotropy.dynamics import trajectories_of
    >>> found = laws_of(trajectories_of(load("oscillator", tracks=16, steps=16)))
    >>> [(law.name, law.verdict) for law in found.laws][:2]
    [('energy', 'conserved'), ('dilation', 'symmetry of the equations only')]
    """
    check_motions(moments)
    # As many whole tracks as a fit affords, or, of few long ones, moments at equal distances.
    few = moments if len(moments.q) <= _MOST else moments.every(-(-len(moments.q) // _MOST))
    noise = moments.roughness_of_a()  # of the steps that there are: those of thinned moments are longer
    halves: list[tuple[Fit, Directions]] = []
    if lagrangian is None:
        fit = fit_mechanical(few, seed=seed)
        mass, directions = fit.lagrangian.mass, Directions.of(fit.lagrangian, few.q, few.v)
        for k in (0, 1):
            half = fit_mechanical(few.take(torch.arange(k, few.count, 2)), smooth=fit.smooth, seed=seed)
            halves.append((half, Directions.of(half.lagrangian, few.q, few.v)))
    else:
        fit = Given(lagrangian, unexplained(lagrangian, few.q, few.v, few.a, weights_of(few.a)))
        mass = equations(lagrangian, few.q, few.v).mass.detach().mean(0)
        directions = Directions.of_any(lagrangian, few.q, few.v, few.a)
    holds = fit.left < min(_HOLDS + _NOISES * noise, _EQUATIONS)
    wrong = Quantity(fit.lagrangian, directions.wrong)
    floor = wrong.drift(moments)
    judge = _Judge(moments, fit, halves, floor, holds, seed)
    natural = natural_generators(mass)
    given = [(group, g) for group, listed in (supported or {}).items() for g in listed]
    later = PointGenerator.later(moments.q.shape[1])
    found = [judge.law("energy", "time", later, variational=True)]
    action = directions.basis([*natural, *given], action=True)
    whole = directions.basis([*action, *natural, *given], action=False)
    for at, (name, g) in enumerate([*action, *whole[len(action) :]]):
        title = f"generator of {name}" if name in dict(given) else name or "symmetry"
        found.append(judge.law(title, _group(directions, g, given), g, variational=at < len(action)))
    for group, g in given:
        if not directions.keeps(g, action=False):
            found.append(judge.law(f"generator of {group}", group, g, variational=False))
    told = [law for law in found if law is not None]
    for name, g in natural:
        # Of a symmetry that moves things to where nothing was, a learned potential says nothing.
        if name.startswith("angular") and name not in {law.name for law in told} and _leaves(few.q, g):
            law = judge.law(name, f"gl({directions.d})", g, variational=False)
            told += [] if law is None else [replace(law, verdict="undecided", note=_FLAT)]
    return Laws(tuple(_independent(moments, told)), fit, holds, noise, wrong)


def check_motions(moments: Trajectories) -> None:
    """Raises ShapeError for one trajectory, DomainError for motions along straight lines at equal speed."""
    if moments.count < 2:
        raise ShapeError("one trajectory", "two or more: J is measured by its spread over them")
    if not bool(moments.a.any()):
        raise DomainError(
            "accelerations that are all 0",
            "motions that are bent somewhere",
            "free motion conserves every momentum, and tells no masses apart",
        )


def _leaves(q: Float[Tensor, "n d"], g: PointGenerator) -> bool:
    """Whether a generator moves positions mostly along directions in which they hardly extend."""
    spread, axes = torch.linalg.eigh((q - q.mean(0)).mT @ (q - q.mean(0)))
    moved = (g.shift(q) @ axes).square().sum(0)
    return float(moved[spread < _THIN * spread[-1]].sum()) > float(moved.sum()) / 2


@dataclass(frozen=True, eq=False)
class _Judge:
    moments: Trajectories
    fit: Fit | Given
    halves: Sequence[tuple[Fit, Directions]]
    floor: Drift
    holds: bool
    seed: int

    def law(self, name: str, group: str, g: PointGenerator, *, variational: bool) -> Law | None:
        """The law of a generator; None for a quantity that is the same everywhere, which says nothing."""
        J = self._quantity(self.fit, g, variational)
        try:
            drift = J.drift(self.moments)
        except DomainError:
            return None
        expected = self._expected(J, g, drift.unit, variational)
        steady = trend(self.moments, J.of(self.moments)) > _TREND and drift.low > _SURELY * expected
        decays = steady and drift.low * _DECAY > self.floor.mean
        verdict = self._verdict(drift, expected, variational and not decays)
        return Law(name, group, g, J, drift, self.floor, expected, verdict)

    def _quantity(self, fit: Fit | Given, g: PointGenerator, variational: bool) -> Quantity:
        """That of a generator; of one that may change the action by a multiple of the time, with that gain."""
        J = Quantity(fit.lagrangian, g)
        return J.gaining(self.moments) if variational and not g.tau and not g.dilation else J

    def _expected(self, J: Quantity, g: PointGenerator, unit: float, variational: bool) -> float:
        """The mean of the largest change that noise makes, and that between the Lagrangians of two halves.

        Noise makes no trends: where lines explain most of what J does along tracks, it excuses nothing.
        """
        jitter = J.jitter(self.moments, self.moments.noise)
        drawn = jitter * torch.randn(len(jitter), generator=spawn(self.seed, "jitter"), dtype=jitter.dtype)
        by_noise = 0.0 if trend(self.moments, J.of(self.moments)) > _TREND else float(self.moments.moved(drawn).mean())
        if not variational or not self.halves:
            return by_noise / unit
        both: list[Tensor] = []
        for half, directions in self.halves:
            near = g if g.tau else directions.nearest(g, directions.variational)
            both.append(self._quantity(half, near or g, variational).of(self.moments))
        by_fit = float(self.moments.moved(both[0] - both[1]).mean())
        return (by_noise**2 + by_fit**2) ** 0.5 / unit

    def _verdict(self, drift: Drift, expected: float, variational: bool) -> Judged:
        if self.fit.left > _EQUATIONS:
            return "undecided"
        still = drift.mean * _APART < self.floor.mean
        small = drift.high * _BETTER < self.floor.mean
        if variational and self.holds and still and (small or drift.mean < _EXPECTED * expected):
            return "conserved"
        # Of a Lagrangian that was given nobody knows how far it is off: only what moves like the floor surely moves.
        far = _BETTER if self.halves else _APART
        moves = drift.low > _SURELY * expected and drift.low * far > self.floor.mean
        return "symmetry of the equations only" if moves else "undecided"


def trend(moments: Trajectories, J: Float[Tensor, " N"]) -> float:
    """The share of what J varies along tracks that a straight line in time on each explains."""
    label = moments.tracks.label
    t, y = (part - moments.tracks.mean(part)[label] for part in (moments.t, J))
    line = moments.tracks.sum(t * y).square() / moments.tracks.sum(t * t)
    return float(line.sum() / y.square().sum().clamp_min(1e-300))


def _group(directions: Directions, g: PointGenerator, given: Sequence[tuple[str, PointGenerator]]) -> str:
    """The first group whose algebra holds a generator, to what data can tell; else that of all affine maps."""
    for group in dict.fromkeys(group for group, _ in given):
        span = torch.stack([directions.coordinates(other) for name, other in given if name == group], 1)
        if directions.nearest(g, span) is not None:
            return group
    d = directions.d
    affine = bool(g.b.any())
    return f"{'aff' if affine else 'gl'}({d})" + (" and time" if g.dilation else "")


def _independent(moments: Trajectories, laws: Sequence[Law]) -> list[Law]:
    """The laws without conserved quantities that are functions of those before them."""
    kept: list[Law] = []
    gradients: list[Float[Tensor, "n k"]] = []
    rows = slice(None, None, max(1, len(moments.q) // 200))
    for law in laws:
        if law.verdict == "conserved":
            new = _gradient(law.quantity, moments.q[rows], moments.v[rows], moments.t[rows])
            if gradients:
                known = torch.linalg.qr(torch.stack(gradients, -1))[0]
                outside = new - (known @ (known.mT @ new[..., None]))[..., 0]
                if float(outside.square().sum() / new.square().sum()) < _DEPENDENT**2:
                    continue
            gradients.append(new)
        kept.append(law)
    return kept


def _gradient(J: Quantity, q: Tensor, v: Tensor, t: Tensor) -> Float[Tensor, "n k"]:
    """The gradient of J at each row, up to a factor, in units of the spreads of positions and velocities."""
    each = [
        J.difference(q, v, t, side, k, 1e-4 * float((q, v)[side].std())) for side in (0, 1) for k in range(q.shape[1])
    ]
    return torch.stack(each, -1)
