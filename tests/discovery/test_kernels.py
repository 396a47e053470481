"""Kernel sums: the fast ways are those of the matrix."""

import pytest
import torch

from isotropy.data.zoo import LAWS
from isotropy.discovery._kernel import KERNELS, KernelRidge, _monomials, _orders, _solve, kernel
from isotropy.discovery._learners import learn, revive
from isotropy.random import spawn
from isotropy.study import problem_of


@pytest.mark.parametrize("name", KERNELS)
def test_sums_of_kernels_need_no_matrix(name: str) -> None:
    for p in (1, 3, 20):  # monomials are fewer than the landmarks for few columns only
        z, at, w = (
            torch.randn(*shape, generator=spawn(0, name, *shape), dtype=torch.float64)
            for shape in ((70, p), (90, p), (90, 2))
        )
        torch.testing.assert_close(KERNELS[name].reader(at[None], w)(z[None]), KERNELS[name](z, at) @ w)


def test_monomials_are_those_of_combinations() -> None:
    z = torch.randn(4, 5, generator=spawn(0, "z"), dtype=torch.float64)
    some = torch.combinations(torch.arange(4), 3, with_replacement=True)
    torch.testing.assert_close(_monomials(z, 3), z[some].prod(1))
    assert int(_orders(4, 3).sum()) == 4**3


@pytest.mark.parametrize("name", ["cubic", "gaussian, wide", "linear + gaussian"])
@pytest.mark.parametrize("clustered", [False, True])
def test_landmarks_span_what_they_can(name: str, clustered: bool) -> None:
    """With a landmark for each row, but one, as with all: the fit is that of the whole kernel matrix."""
    z = torch.randn(1000, 3, generator=spawn(0, "z"), dtype=torch.float64)
    y = (z[:, :1] * z[:, 1:2]).sin()
    held_out = torch.arange(1000) % 4 == 0 if clustered else None
    new = torch.randn(50, 3, generator=spawn(1, "z"), dtype=torch.float64)
    k = kernel(name, None)
    all_weights, all_score = _solve(k, z, y, z, held_out)
    weights, score = _solve(k, z, y, z[1:], held_out)
    torch.testing.assert_close(k(new, z[1:]) @ weights, k(new, z) @ all_weights, rtol=0.02, atol=0.02)
    assert score == pytest.approx(all_score, rel=0.05, abs=1e-12)
    if name == "cubic":
        assert int(weights.any(1).sum()) == 20  # as many as there are monomials


def test_bumps_whose_weights_no_longer_cancel_are_cut_off_whatever_their_direction() -> None:
    at = torch.tensor([[0.0, 0.0], [0.1, 0.0]], dtype=torch.float64)
    weights = 50 * torch.tensor([[3.0, 4.0], [-3.0, -4.0]], dtype=torch.float64)
    f = KernelRidge("gaussian, narrow", at, weights, 0.0, largest=1.0)
    near, far = torch.tensor([[0.05, 0.0]], dtype=torch.float64), torch.tensor([[-0.5, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(f(near), torch.zeros(1, 2, dtype=torch.float64), atol=1e-9, rtol=0)
    torch.testing.assert_close(f(far), torch.tensor([[1.2, 1.6]], dtype=torch.float64))


def test_one_lone_row_does_not_wreck_what_the_kernels_explain() -> None:
    """A heavy, far-off pendulum alone cost 4,900 times the spread of all periods: less was explained than by a mean."""
    law = LAWS["pendulum"]
    problem = problem_of(law.dataset(400, 0.1, 0), None, law.windows, 0)
    half = problem.half(0)
    rows = half == 0
    state, _ = learn(
        "kernel", problem, problem.x[rows], problem.y[rows], problem.unit[rows], seed=0, stream=("fit", 0, 1)
    )
    left = (problem.y[~rows] - revive("kernel", problem, state)(problem.x[~rows])).square().mean()
    assert float(left / problem.y.var()) < 3  # 26 where nothing is cut off
