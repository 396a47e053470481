"""E6 and E7: what planets conserve, and what a network that learned a Lagrangian from planets of one sun conserves."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.data import load
from isotropy.data.synthetic import Kepler
from isotropy.dynamics import Laws, LearnedNoether, Trajectories, fit_network, laws_of, trajectories_of
from isotropy.random import spawn
from isotropy.runs import Run
from isotropy.study import Outcome, job

PLANETS = ("Mercury", "Venus", "Earth", "Mars", "Jupiter", "Saturn", "Uranus", "Neptune")
INNER = PLANETS[:5]
_SUN = 0.01720209895**2  # Gauss's constant squared: AU^3 / day^2
_PARTS = (6023600, 408523.71, 332946.05, 3098708, 1047.3486, 3497.898, 22902.98, 19412.24)
"""The Sun's mass over that of each planet, IAU 1976; two bodies turn about each other by the sum of their masses. The
Earth is without the Moon, as its place in the ephemeris is."""
VERDICTS = {"conserved": 1, "undecided": 0, "symmetry of the equations only": -1}


@job
def planets_job(run: Run, *, seed: int, steps: int) -> Outcome:
    """How constant formulas of the two-body problem are on each planet, Kepler's third law, and what is discovered."""
    moments = trajectories_of(load("planets", steps=steps))
    momentum, energy, pericentre = _two_bodies(moments)
    away = pericentre - moments.tracks.mean(pericentre)[moments.tracks.label]
    own = trajectories_of(load("planets", steps=steps, velocities="ephemeris"))
    momentum_of_own, energy_of_own, _ = _two_bodies(own)
    axes = moments.tracks.mean(-_attraction(moments) / (2 * energy))[: len(INNER)]
    turn = torch.stack([_rate(moments, i, momentum, pericentre) for i in range(len(INNER))])
    x, y = axes.log(), -turn.log()
    found = laws_of(moments, seed=seed)
    return {
        "momentum": _wander(moments, torch.linalg.vector_norm(momentum, dim=1)),
        "energy": _wander(moments, energy),
        "momentum, own velocities": _wander(own, torch.linalg.vector_norm(momentum_of_own, dim=1)),
        "energy, own velocities": _wander(own, energy_of_own),
        "pericentre": moments.tracks.mean(away.square().sum(1)).sqrt().tolist(),
        "exponent": float(((x - x.mean()) * y).sum() / (x - x.mean()).square().sum()),
        **_told(found),
    }


def _attraction(moments: Trajectories) -> Float[Tensor, " N"]:
    """What the Sun and each planet attract each other by, G (M + m)."""
    return (_SUN * (1 + 1 / torch.tensor(_PARTS, dtype=torch.float64)))[moments.tracks.label]


def _two_bodies(
    moments: Trajectories,
) -> tuple[Float[Tensor, "N 3"], Float[Tensor, " N"], Float[Tensor, "N 3"]]:
    """Angular momentum q x v, energy and the Runge-Lenz vector of two bodies, each at every moment."""
    k, q, v = _attraction(moments), moments.q, moments.v
    r = torch.linalg.vector_norm(q, dim=1)
    momentum = torch.linalg.cross(q, v)
    energy = v.square().sum(1) / 2 - k / r
    return momentum, energy, torch.linalg.cross(v, momentum) / k[:, None] - q / r[:, None]


def _wander(moments: Trajectories, values: Float[Tensor, " N"]) -> list[float]:
    """Root mean squares about the mean of each track, as shares of it."""
    mean = moments.tracks.mean(values)
    square = (values - mean[moments.tracks.label]).square()
    return (moments.tracks.mean(square).sqrt() / mean.abs()).tolist()


def _rate(
    moments: Trajectories, track: int, momentum: Float[Tensor, "N 3"], pericentre: Float[Tensor, "N 3"]
) -> Float[Tensor, ""]:
    """2 pi over the period: the slope of the mean anomaly in time, by Kepler's equation from angle and eccentricity.

    Less than one turn of Jupiter is on record, so turns cannot be counted.
    """
    rows = moments.tracks.label == track
    t, q = moments.t[rows], moments.q[rows]
    axis, along = momentum[rows].mean(0), pericentre[rows].mean(0)
    across = torch.linalg.cross(axis / torch.linalg.vector_norm(axis), along)
    e = torch.linalg.vector_norm(along)
    angle = torch.atan2(q @ across, q @ along)
    eccentric = 2 * torch.atan2((1 - e).sqrt() * (angle / 2).sin(), (1 + e).sqrt() * (angle / 2).cos())
    anomaly = eccentric - e * eccentric.sin()
    steps = torch.remainder(anomaly[1:] - anomaly[:-1], 2 * torch.pi)
    whole, t = torch.cat([steps.new_zeros(1), steps.cumsum(0)]), t - t.mean()
    return (t * whole).sum() / t.square().sum()


def _told(found: Laws) -> dict[str, Any]:
    """Drift over floor of each quantity, and its verdict as a number."""
    return {
        "drifts": {law.name: law.drift.mean / law.floor.mean for law in found.laws},
        "verdicts": {law.name: VERDICTS[law.verdict] for law in found.laws},
    }


def planets_told(outcome: Outcome) -> dict[tuple[str, str], Any]:
    """Where these numbers stand: by planet, or by quantity."""
    each = {"|q x v|, wander": "momentum", "energy, wander": "energy"}
    each |= {f"{setting}, velocities of the ephemeris": f"{key}, own velocities" for setting, key in each.items()}
    told: dict[tuple[str, str], Any] = {
        (name, "relative"): dict(zip(PLANETS, outcome[key], strict=True)) for name, key in each.items()
    }
    told["Runge-Lenz vector, wander", "absolute"] = dict(zip(PLANETS, outcome["pericentre"], strict=True))
    told["period by semi-major axis", "exponent"] = {"inner five": outcome["exponent"]}
    return {**told, **laws_told(outcome)}


def laws_told(outcome: Outcome) -> dict[tuple[str, str], Any]:
    """Drifts and verdicts, by quantity."""
    words = ", ".join(f"{number} {word}" for word, number in VERDICTS.items())
    return {("drift over floor", "relative"): outcome["drifts"], (words, "verdict"): outcome["verdicts"]}


@job
def learned_job(run: Run, *, seed: int, tracks: int, steps: int) -> Outcome:
    """A Lagrangian network trained on planar orbits; its symmetries, and their quantities beside the true ones.

    Drifts are on other orbits than those of training, ranks over one moment of each.
    """
    from scipy.stats import spearmanr

    fit = fit_network(trajectories_of(Kepler(tracks=tracks, steps=40, seed=seed).dataset()), steps=steps, seed=seed)
    problem = Kepler(tracks=200, steps=40, seed=seed + 1000)
    others = trajectories_of(problem.dataset())
    found = laws_of(others, lagrangian=fit.lagrangian, seed=seed)
    laws = {law.name: law for law in found.laws}
    turn = next((law for name, law in laws.items() if name.startswith("angular momentum")), None)
    J = LearnedNoether(fit.lagrangian).conserved([[0.0, -1.0], [1.0, 0.0]]) if turn is None else turn.quantity
    drift = J.drift(others)
    drawn = torch.randint(0, 40, (others.count,), generator=spawn(seed, "moments"))
    rows = others.first + drawn
    q, v = others.q[rows], others.v[rows]
    truth = problem.quantities(q, v)
    rank: Any = spearmanr
    scaling = laws["dilation"].generator if "dilation" in laws else None
    return {
        "left": fit.left,
        "found": int(turn is not None),
        "rank": abs(float(rank(J(q, v), truth["angular momentum"]).statistic)),
        "rank of energy": abs(float(rank(laws["energy"].quantity(q, v), truth["energy"]).statistic)),
        "drift": drift.mean,
        "floor": found.wrong.drift(others).mean,
        "times": found.wrong.drift(others).mean / drift.mean,
        "covered": float((drift.each <= drift.bound).double().mean()),
        "exponent": 0.0 if scaling is None else scaling.dilation / float(scaling.A.diagonal().mean()),
        **_told(found),
    }
