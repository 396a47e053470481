"""Mass matrix and potential from accelerations: hidden metrics, what data cannot tell, and laws without either."""

from __future__ import annotations

import copy

import pytest
import torch

from isotropy.data.synthetic import Kepler, Motion, Oscillator
from isotropy.dynamics import Fit, LearnedNoether, Trajectories, fit_mechanical, trajectories_of


def fitted(motion: Motion) -> tuple[Trajectories, Fit]:
    moments = trajectories_of(motion.dataset())
    return moments, fit_mechanical(moments)


@pytest.fixture(scope="module")
def hidden() -> tuple[Trajectories, Fit, Kepler]:
    motion = Kepler(tracks=24, steps=25, shear=0.5)
    return *fitted(motion), motion


def test_the_hidden_metric_is_the_mass_matrix(hidden: tuple[Trajectories, Fit, Kepler]) -> None:
    _, fit, _ = hidden
    S = torch.tensor([[1.0, -0.5], [0.0, 1.0]], dtype=torch.float64)
    metric = S.mT @ S
    assert torch.allclose(fit.lagrangian.mass, metric * 2 / metric.trace(), atol=1e-3)
    assert fit.left < 1e-5


def test_hidden_momentum_and_energy_follow(hidden: tuple[Trajectories, Fit, Kepler]) -> None:
    moments, fit, motion = hidden
    truth = motion.quantities(moments.q, moments.v)
    S = torch.tensor([[1.0, 0.5], [0.0, 1.0]], dtype=torch.float64)
    A = S @ torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64) @ torch.linalg.inv(S)
    noether = LearnedNoether(fit.lagrangian)
    for J, name in ((noether.conserved(A), "angular momentum"), (noether.energy(), "energy")):
        found = torch.corrcoef(torch.stack([J.of(moments), truth[name]]))[0, 1]
        assert float(found) > 0.9999
        drift = J.drift(moments)
        assert 20 * drift.mean < noether.conserved([[0.3, 1.0], [0.2, -0.5]]).drift(moments).mean
        assert bool((drift.each <= drift.bound).all())


def test_masses_that_no_motion_tells_apart_stay_equal() -> None:
    for noise in (0.0, 0.02):
        moments, fit = fitted(Oscillator(tracks=20, steps=20, noise=noise))
        assert torch.allclose(fit.lagrangian.mass, torch.eye(2, dtype=torch.float64), atol=0.01)
        # tr(M) = 2, so V = (w_1^2 x^2 + w_2^2 y^2) / 2 up to the noise.
        force = fit.lagrangian.force(moments.q)
        expected = moments.q * torch.tensor([-1.0, -2.56], dtype=torch.float64)
        assert float((force - expected).square().mean().sqrt()) < 1e-6 + 2 * noise


def test_friction_has_no_mechanical_lagrangian() -> None:
    _, fit = fitted(Kepler(tracks=24, steps=25, friction=0.3))
    assert fit.left > 3e-3  # (0.3 v)^2 of a^2 is a tenth; a twisted potential follows some of it


def test_the_state_holds_all_numbers(hidden: tuple[Trajectories, Fit, Kepler]) -> None:
    moments, fit, _ = hidden
    other = copy.deepcopy(fit.lagrangian)
    for tensor in other.state_dict().values():
        tensor.zero_()
    other.load_state_dict(fit.lagrangian.state_dict())
    assert torch.equal(other(moments.q, moments.v), fit.lagrangian(moments.q, moments.v))
