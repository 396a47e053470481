"""The numbered checks of the method on simulated data with known truth (section 6, checks 7 to 12 and 14).

Seeds are 0, 1, 2, ... and every failure counts.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from crossfit import continuous_in, crossfit, found_in, kernel_fit, problem_of
from torch import Tensor, nn

from isotropy.data import load
from isotropy.measure import Breaking
from isotropy.study import Model, Preparation, Problem
from isotropy.train import Batches, Cosine, fit

pytestmark = pytest.mark.slow

WEAK = kernel_fit(("cubic",))
BEST = kernel_fit()


def plain_mlp(
    problem: Problem, x: Tensor, y: Tensor, unit: Tensor, seed: int, steps: int = 1500
) -> Callable[[Tensor], Tensor]:
    """An ordinary network of width 128, blind to every symmetry."""
    prepared = Preparation.fit(problem, x, y)
    z, t = prepared.inputs.apply(x).float(), prepared.targets.apply(y).float()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = [nn.Linear(z.shape[1], 128), nn.SiLU(), nn.Linear(128, 128), nn.SiLU(), nn.Linear(128, t.shape[1])]
        model = nn.Sequential(*layers)
    fit(
        model,
        lambda net, batch: (net(batch[0]) - batch[1]).square().mean(-1),
        Batches(z, t, batch_size=250),
        optimizer=torch.optim.Adam(model.parameters(), lr=3e-3),
        schedule=Cosine(),
        max_steps=steps,
        progress=False,
    )
    return Model(prepared, model.double().requires_grad_(False))


def uncentred(answer: Breaking, data_energy: float, value: float) -> float:
    """A share of the centred energy as a share of the whole energy e."""
    return value * answer.energy / data_energy


@pytest.mark.parametrize("noise", [0.0, 2.0])
@pytest.mark.parametrize("nu", [0.0, 0.3, -1.0])
def test_7_the_cross_estimate_is_right_where_the_naive_reading_is_not(nu: float, noise: float) -> None:
    data = load("inertia", nu=nu, n=2000, noise=noise, seed=0)
    e = float((data.y.square().sum(1)).mean()) - 9 * noise**2
    answers, _ = crossfit(problem_of(data), plain_mlp, splits=1)
    X = {name: uncentred(answer, e, answer.cross) for name, answer in answers.items()}
    assert data.truth_uncentred is not None
    if nu == 0:
        assert all(abs(value) < 0.008 for value in X.values()), X
        assert uncentred(answers["O(3)"], e, answers["O(3)"].plug_in) > 0.03
    elif nu == -1:
        assert all(abs(X[name] - data.truth_uncentred[name]) < 0.04 for name in X), X
    else:
        assert 0.010 <= X["O(3)"] <= 0.024, X
        assert X["O(2)@z"] < 0.006, X


def covers(answer: Breaking, truth: float, noise: float) -> bool:
    """Whether the true share of the signal lies between the ends, of which the lower one counts all that models and
    noise leave over as symmetric and the upper one counts it as broken; ``noise`` is its energy."""
    signal, V = answer.signal, answer.energy
    low = answer.of_variance.low * V / (V - noise)
    rest = max(V * (1 - answer.explained.low) - noise, 0.0)
    return low <= truth <= (answer.share.high * signal + rest) / (signal + rest)


@pytest.mark.parametrize("noise", [0.0, 2.0])
@pytest.mark.parametrize("nu", [0.0, 0.3, -1.0])
def test_7_intervals_cover_the_truth_even_with_a_weak_learner(nu: float, noise: float) -> None:
    covered = {"O(3)": 0, "O(2)@z": 0, "O(2)@x": 0}
    sets = 8
    for seed in range(sets):
        data = load("inertia", nu=nu, n=400, noise=noise, seed=seed)
        assert data.truth is not None
        answers, _ = crossfit(problem_of(data, ",".join(covered), seed=seed), WEAK, splits=3)
        for name in covered:
            covered[name] += covers(answers[name], data.truth[name], 9 * noise**2)
    assert sum(covered.values()) >= 0.85 * sets * len(covered), covered


@pytest.mark.parametrize("noise", [0.0, 2.0])
def test_8_under_exact_symmetry_little_is_rejected(noise: float) -> None:
    sets, rejected, contained = 40, 0, 0
    for seed in range(sets):
        data = load("inertia", nu=0.0, n=300, noise=noise, seed=seed)
        answers, p_values = crossfit(problem_of(data, "O(3)", seed=seed), WEAK if noise == 0 else BEST, splits=3)
        rejected += p_values["O(3)"] <= 0.05
        contained += answers["O(3)"].share.low <= 0
    # Of so few sets seven are rejected with probability 0.2 %; docs/results/calibration.md counts 200.
    assert rejected <= 7, rejected
    assert contained / sets >= 0.90, contained


def test_9_broken_groups_are_found_and_the_intact_one_is_left_alone() -> None:
    sets, found, false = 6, {"O(3)": 0, "O(2)@x": 0}, 0
    for seed in range(sets):
        data = load("inertia", nu=0.3, n=1000, seed=seed)
        verdicts = {
            f.name: f.verdict for f in found_in(data, "O(3),O(2)@x,O(2)@z", seed=seed, invariant=True, splits=3)
        }
        for name in found:
            found[name] += verdicts[name] in ("approximate", "absent")
        false += verdicts["O(2)@z"] in ("approximate", "absent", "negligible")
    assert all(count >= 0.95 * sets for count in found.values()), found
    assert false <= 0.10 * sets, false


def _angle(nu: float, seed: int) -> float:
    """Degrees between the axis found and the tilted axis (1, 2, 2)/3."""
    found = continuous_in(load("inertia", nu=nu, u="1,2,2", n=1000, seed=seed), "O(3)", seed=seed)
    axis = torch.tensor(found.axes[0], dtype=torch.float64)
    truth = torch.tensor([1.0, 2.0, 2.0], dtype=torch.float64) / 3
    return float(torch.rad2deg((axis @ truth).abs().clamp(max=1).arccos()))


@pytest.mark.parametrize(("nu", "limit"), [(0.3, 10.0), (-1.0, 3.0)])
def test_10_a_tilted_axis_is_found_without_listing_it(nu: float, limit: float) -> None:
    angles = torch.tensor([_angle(nu, seed) for seed in range(5)])
    assert float(angles.median()) < limit, angles


def test_10_no_axis_is_preferred_where_all_hold() -> None:
    for seed in range(3):
        data = load("inertia", nu=0.0, u="1,2,2", n=1000, seed=seed)
        assert continuous_in(data, "O(3)", seed=seed).dimension == 3
        (found,) = found_in(data, "O(3)", seed=seed, invariant=True, splits=3)
        assert found.verdict in ("no breaking detected", "none seen")


def _readings(seed: int, n: int, learner: Callable[..., Callable[[Tensor], Tensor]], splits: int) -> list[Breaking]:
    """O(3) at nu=0.3 without noise, and with sigma=2."""
    return [
        crossfit(
            problem_of(load("inertia", nu=0.3, n=n, noise=noise, seed=seed), "O(3)", seed=seed), learner, splits=splits
        )[0]["O(3)"]
        for noise in (0.0, 2.0)
    ]


def test_14_noise_does_not_move_the_cross_estimate() -> None:
    # A stiff learner misses the same part with noise and without; X is shrunk by what the model misses.
    shifts: list[float] = []
    for seed in range(20):
        quiet, loud = _readings(seed, 400, WEAK, splits=5)
        shifts.append(loud.cross * loud.energy - quiet.cross * quiet.energy)
    shift = torch.tensor(shifts)
    assert abs(float(shift.mean())) < 2 * float(shift.std()) / len(shifts) ** 0.5


def test_14_noise_moves_the_naive_reading_of_a_plain_network() -> None:
    shifts, naive, errors = [], [], []
    for seed in range(4):
        quiet, loud = _readings(seed, 2000, partial(plain_mlp, steps=600), splits=1)
        shifts.append(loud.cross * loud.energy - quiet.cross * quiet.energy)
        naive.append(loud.plug_in * loud.energy - quiet.plug_in * quiet.energy)
        errors.append(quiet.standard_error * quiet.signal)
    moved = torch.tensor(naive)
    assert float(moved.mean()) > 3 * float(moved.std()) / len(naive) ** 0.5, naive
    assert float(moved.mean()) > 10 * abs(sum(shifts)) / len(shifts)
    # Noise changes what a network misses, so its X moves a little: by less than the error of one reading allows.
    assert abs(sum(shifts)) < 2 * sum(errors), (shifts, errors)
