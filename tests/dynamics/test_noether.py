"""Quantities of known Lagrangians: constant where they must be, and bounded by what is measured where not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.func import jvp

from isotropy.data.synthetic import Kepler, Motion, Oscillator, integrated
from isotropy.dynamics import (
    LearnedNoether,
    PointGenerator,
    Quantity,
    Trajectories,
    accelerations,
    divergence_defect,
    energy,
    euler,
    trajectories_of,
)
from isotropy.errors import DomainError, ShapeError
from isotropy.physics import LearnedNoether as AlsoThere
from isotropy.random import spawn

TURN = [[0.0, -1.0], [1.0, 0.0]]
STRETCH = [[1.0, 0.0], [0.0, 1.0]]
WRONG = [[0.3, 1.0], [0.2, -0.5]]


def moments_of(motion: Motion) -> Trajectories:
    return trajectories_of(motion.dataset())


def kepler(q: Tensor, v: Tensor) -> Tensor:
    return v.square().sum(-1) / 2 + 1 / torch.linalg.vector_norm(q, dim=-1)


@pytest.fixture(scope="module")
def orbits() -> Trajectories:
    return moments_of(Kepler(tracks=12, steps=30))


class Net(nn.Module):
    """A Lagrangian of no symmetry, of one gradient like any other network's."""

    def __init__(self) -> None:
        super().__init__()
        draw = spawn(0, "net")
        self.first = nn.Parameter(torch.randn(8, 4, generator=draw, dtype=torch.float64))
        self.last = nn.Parameter(torch.randn(8, generator=draw, dtype=torch.float64))

    def forward(self, q: Tensor, v: Tensor) -> Tensor:
        return v.square().sum(-1) / 2 + torch.tanh(torch.cat([q, v], -1) @ self.first.mT) @ self.last / 4


# The quantity.
def test_it_is_published_by_physics_too() -> None:
    assert AlsoThere is LearnedNoether


def test_angular_momentum_and_energy_of_kepler(orbits: Trajectories) -> None:
    q, v = orbits.q, orbits.v
    noether = LearnedNoether(kepler)
    assert torch.allclose(noether.conserved(TURN)(q, v), q[:, 0] * v[:, 1] - q[:, 1] * v[:, 0], atol=1e-12)
    assert torch.allclose(noether.energy()(q, v), energy(kepler, q, v), atol=1e-12)
    # A translation of time beside a rotation: the sum of both.
    both = noether.conserved(TURN, tau=-1.0)(q, v)
    assert torch.allclose(both, noether.conserved(TURN)(q, v) + noether.energy()(q, v), atol=1e-12)


def test_dJ_dt_is_what_symmetry_and_equations_leave(orbits: Trajectories) -> None:
    """The identity dJ/dt = [pr v(L) + L dxi/dt] - Q . E(L), for a Lagrangian that is not that of the data."""
    for generator in (PointGenerator.of(WRONG, 0.4, 0.7), PointGenerator.of([[0, 0, 1.0], [0, 0, 2], [0, 0, 0]], d=2)):
        J = Quantity(Net(), generator)
        rate = J.broken(orbits.q, orbits.v) - J.missed(orbits)
        h = 1e-5
        ends = [
            J(orbits.q + s * h * orbits.v + h * h / 2 * orbits.a, orbits.v + s * h * orbits.a, orbits.t + s * h)
            for s in (1, -1)
        ]
        assert torch.allclose(rate, (ends[0] - ends[1]) / (2 * h), atol=1e-6)
        # Without the second term, the identity fails: the network does not satisfy the equations of the data.
        assert not torch.allclose(J.broken(orbits.q, orbits.v), (ends[0] - ends[1]) / (2 * h), atol=0.1)


@pytest.mark.parametrize("which", ["turn", "energy"])
def test_what_is_conserved_does_not_drift(orbits: Trajectories, which: str) -> None:
    noether = LearnedNoether(kepler)
    drift = (noether.conserved(TURN) if which == "turn" else noether.energy()).drift(orbits)
    assert drift.mean < 1e-5  # of the integration, 1e-8 of an orbit, in a spread of 0.1
    assert bool((drift.each <= drift.bound).all())
    assert noether.conserved(WRONG).drift(orbits).mean > 1e4 * drift.mean


@pytest.mark.parametrize("lagrangian", [kepler, Net()], ids=["kepler", "network"])
@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_the_bound_covers_every_trajectory(lagrangian: Callable[[Tensor, Tensor], Tensor], noise: float) -> None:
    moments = moments_of(Kepler(tracks=30, steps=30, noise=noise, friction=0.05, seed=3))
    noether = LearnedNoether(lagrangian)
    for J in (noether.conserved(TURN), noether.energy(), noether.conserved(WRONG), noether.conserved(STRETCH, 0, 1.5)):
        drift = J.drift(moments)
        assert bool((drift.each <= drift.bound).all())
        wanders = drift.each > drift.each.median() / 2
        assert float((drift.bound / drift.each)[wanders].median()) < 20


def test_a_bound_without_the_equations_is_false() -> None:
    """With friction, the rotation leaves L alone and J drifts all the same."""
    moments = moments_of(Kepler(tracks=12, steps=30, friction=0.1))
    J = LearnedNoether(kepler).conserved(TURN)
    assert float(J.broken(moments.q, moments.v).abs().max()) < 1e-12
    drift = J.drift(moments)
    assert float(drift.each.min()) > 0.1
    assert bool((drift.each <= drift.bound).all())


def test_drift_counts_tracks_and_takes_dense_ones(orbits: Trajectories) -> None:
    t = orbits.t[:30]
    dense = (t, orbits.q.unflatten(0, (12, 30)), orbits.v.unflatten(0, (12, 30)))
    J = LearnedNoether(kepler).conserved(WRONG)
    mine, given = J.drift(dense), J.drift(orbits)
    assert (mine.n, mine.bound.shape) == (12, (12,))
    assert mine.mean == pytest.approx(given.mean, rel=1e-12)
    assert mine.low < mine.mean < mine.high
    # Accelerations read off velocities instead of given: to the fourth order of the step.
    assert torch.allclose(mine.bound, given.bound, rtol=1e-2)


def test_one_trajectory_has_no_spread(orbits: Trajectories) -> None:
    with pytest.raises(ShapeError, match="one trajectory; expected two or more"):
        LearnedNoether(kepler).energy().drift(orbits.take(torch.tensor([0])))
    same = orbits.take(torch.tensor([0, 0]))
    with pytest.raises(DomainError, match="the same on every trajectory"):
        LearnedNoether(kepler).energy().drift(same)


def test_generators_of_another_shape_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"a generator of shape \(3, 2\)"):
        LearnedNoether(kepler).conserved([[0.0, 1], [1, 0], [0, 0]])


# The test of a symmetry of the action.
def charged(q: Tensor, v: Tensor) -> Tensor:
    """A charge in a uniform magnetic field, in the gauge A = (0, x): translations along x change L by d(y)/dt."""
    return v.square().sum(-1) / 2 + q[..., 0] * v[..., 1]


def test_the_divergence_test_sees_symmetries_that_change_the_lagrangian(orbits: Trajectories) -> None:
    rows = (orbits.q, orbits.v, orbits.a)
    along_x = PointGenerator.of([[0, 0, 1.0], [0, 0, 0], [0, 0, 0]], d=2)
    turn = PointGenerator.of(TURN)
    changed = Quantity(charged, along_x).broken(orbits.q, orbits.v)
    assert float(changed.abs().mean()) > 0.1  # the strict test says no,
    assert divergence_defect(charged, along_x, *rows) < 1e-12  # and is wrong
    assert divergence_defect(charged, turn, *rows) < 1e-12  # the gauge hides the rotation
    assert divergence_defect(kepler, turn, *rows) < 1e-12
    assert divergence_defect(kepler, along_x, *rows) > 0.1
    scaling = PointGenerator.of(STRETCH, dilation=1.5)
    assert divergence_defect(kepler, scaling, *rows) > 0.1  # of the equations, not of the action
    assert divergence_defect(Net(), turn, *rows) > 0.1


def test_E_of_pr_v_L_is_E_of_Q_times_E(orbits: Trajectories) -> None:
    """Against the definition: E applied to W = Q . E(L), of second order, by derivatives along a curve of four jets."""
    jets = [part[:20] for part in (orbits.q, orbits.v, orbits.a, orbits.a.flip(0), orbits.v.flip(1))]
    net, generator = Net(), PointGenerator.of(WRONG, 0.3)

    def W(q: Tensor, v: Tensor, a: Tensor) -> Tensor:
        def momenta(q: Tensor, v: Tensor) -> Tensor:
            return torch.func.grad(lambda w: net(q, w).sum())(v)

        E = torch.func.grad(lambda u: net(u, v).sum())(q) - jvp(momenta, (q, v), (v, a))[1]
        return ((generator.shift(q) - generator.tau * v) * E).sum(-1)

    def slope(k: int) -> Callable[..., Tensor]:
        return lambda *jets: torch.func.grad(lambda *given: W(*given).sum(), argnums=k)(*jets[:3])

    def D(f: Callable[..., Tensor]) -> Callable[..., Tensor]:
        return lambda *jets: jvp(lambda *given: f(*given, jets[-1]), tuple(jets[:-1]), tuple(jets[1:]))[1]

    whole: Tensor = slope(0)(*jets[:3]) - D(slope(1))(*jets[:4]) + D(D(slope(2)))(*jets)

    def changed(q: Tensor, v: Tensor) -> Tensor:
        return jvp(net, (q, v), (generator.shift(q), v @ generator.A.mT))[1]

    assert torch.allclose(euler(changed, *jets[:3]), whole, atol=1e-9)


def test_accelerations_solve_the_equations(orbits: Trajectories) -> None:
    net = Net()
    a = accelerations(net, orbits.q, orbits.v)
    assert float(euler(net, orbits.q, orbits.v, a).abs().max()) < 1e-9
    assert torch.allclose(accelerations(kepler, orbits.q, orbits.v), orbits.a, atol=1e-9)


def test_accelerations_keep_no_graph_unless_one_is_asked_for(orbits: Trajectories) -> None:
    q, v = orbits.q[:5], orbits.v[:5]
    assert not accelerations(kepler, q, v).requires_grad
    net = Net()
    with torch.no_grad():
        assert not accelerations(net, q, v).requires_grad
    assert accelerations(net, q, v).requires_grad
    rows = torch.func.vmap(lambda q, v: accelerations(kepler, q[None], v[None])[0])(q, v)
    assert torch.allclose(rows, orbits.a[:5], atol=1e-9)


# What is recorded.
def test_rows_may_come_in_any_order_and_steps_may_differ() -> None:
    t = torch.cumsum(torch.rand(40, generator=spawn(0, "t"), dtype=torch.float64) * 0.2 + 0.02, 0)
    problem = Oscillator(tracks=5)
    q, v = integrated(problem.acceleration, *problem.start(spawn(0, "start")), t)
    label = torch.tensor([7, 3, 9, 1, 2]).repeat_interleave(40)
    mixed = torch.randperm(200, generator=spawn(0, "order"))
    flat = (t.repeat(5)[mixed], q.flatten(0, 1)[mixed], v.flatten(0, 1)[mixed])
    moments = Trajectories.of(*flat, track=label[mixed])
    assert (moments.count, moments.tracks.sizes.tolist()) == (5, [40] * 5)
    assert torch.equal(moments.q, flat[1][moments.order])
    expected = problem.acceleration(moments.q, moments.v)
    assert float((moments.a - expected).abs().median()) < 1e-3
    assert max(moments.noise) < 1e-4


def test_noise_of_the_data_is_told() -> None:
    rough, fast = moments_of(Kepler(noise=0.01, seed=1)).noise
    assert (rough, fast) == (pytest.approx(0.01, rel=0.1), pytest.approx(0.01, rel=0.1))


@pytest.mark.parametrize("noise", [0.0, 0.02])
@pytest.mark.parametrize("factor", [3.6, 0.5, -1.0])
def test_velocities_that_are_not_the_derivative_are_refused(noise: float, factor: float) -> None:
    data = Kepler(tracks=8, noise=noise).dataset()
    assert data.time is not None
    with pytest.raises(DomainError, match=r"misses the positions by \d.*expected at most \d.*time steps of 0\.128"):
        Trajectories.of(data.time, data.x[:, :2], factor * data.x[:, 2:], factor * data.y, data.cluster)
    moments_of(Kepler(tracks=8, noise=noise))


@pytest.mark.parametrize("noise", [0.0, 0.02])
@pytest.mark.parametrize("factor", [3.6, 0.5, -1.0])
def test_accelerations_that_are_not_the_derivative_are_refused(noise: float, factor: float) -> None:
    data = Kepler(tracks=8, noise=noise).dataset()
    assert data.time is not None
    with pytest.raises(DomainError, match=r"accelerations whose integral misses the velocities by \d.*at most \d"):
        Trajectories.of(data.time, data.x[:, :2], data.x[:, 2:], factor * data.y, data.cluster)


def test_accelerations_of_a_sensor_that_is_a_per_cent_off_pass() -> None:
    data = Kepler(tracks=8).dataset()
    assert data.time is not None
    moments = Trajectories.of(data.time, data.x[:, :2], data.x[:, 2:], 1.01 * data.y, data.cluster)
    assert torch.equal(moments.a, 1.01 * data.y[moments.order])


@pytest.mark.parametrize("given", [True, False], ids=["accelerations", "without"])
def test_tracks_of_two_points_pass_and_their_units_count(given: bool) -> None:
    data = Kepler(tracks=8).dataset()
    assert data.time is not None
    assert data.cluster is not None
    place = torch.arange(data.rows) % 40
    rows = (place < 2) | (data.cluster > 1)  # two tracks of two points beside whole ones
    for kept in (rows, place < 2):
        t, (q, v), a, track = data.time[kept], data.x[kept].split(2, 1), data.y[kept], data.cluster[kept]
        moments = Trajectories.of(t, q, v, a if given else None, track)
        assert int(moments.tracks.sizes.min()) == 2
        assert float((moments.a - a).abs().max()) < 0.2  # of 1: chords where nothing was given
        with pytest.raises(DomainError, match="velocities whose integral misses the positions"):
            Trajectories.of(t, q, 3.6 * v, 3.6 * a if given else None, track)


def test_coarse_steps_of_true_velocities_pass() -> None:
    assert moments_of(Kepler(tracks=8, steps=8, span=6.0)).count == 8


def test_what_is_no_trajectory_is_refused() -> None:
    t = torch.arange(5, dtype=torch.float64)
    line = t[:, None].clone()
    with pytest.raises(ShapeError, match=r"1 track of one point \(track 1 is the first\); expected two points"):
        Trajectories.of(t, line, torch.ones_like(line), track=torch.tensor([0, 0, 0, 0, 1]))
    with pytest.raises(DomainError, match="the time 2 twice in track 0"):
        Trajectories.of(torch.tensor([0.0, 1, 2, 2, 3]).double(), line, torch.ones_like(line))
    with pytest.raises(ShapeError, match="t, q, v of shapes"):
        Trajectories.dense((t, line[None], line[None, :3]))
