"""A test of symmetry that fits nothing: its size is right, and roughness that no learner follows does not escape it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from isotropy.errors import DomainError
from isotropy.groups import Draws, Window, parse
from isotropy.measure import kernel_test
from isotropy.measure.parts import pulled_back
from isotropy.random import spawn
from isotropy.reps import Nodes, Rep, Scalar, Vector

Law = tuple[str, int, Rep, Rep, Callable[[Tensor], Tensor], float]

SYMMETRIC: dict[str, Law] = {
    "energy": ("O(3)", 3, Vector, Scalar, lambda x: x.square().sum(1, keepdim=True), 1.0),
    "torque": ("SO(3)", 6, 2 * Vector, Vector, lambda x: torch.linalg.cross(x[:, :3], x[:, 3:]), 1.0),
    "sum of cubes": ("S(4)", 4, Nodes, Scalar, lambda x: x.pow(3).sum(1, keepdim=True), 0.2),
    "about an axis": ("O(2)@z", 3, Vector, Scalar, lambda x: 3 * x[:, 2:] + x[:, :2].norm(dim=1, keepdim=True), 0.1),
}
BROKEN: dict[str, Law] = {
    "gravity": ("O(3)", 3, Vector, Vector, lambda x: -x + torch.tensor([0, 0, -1.0]), 0.5),
    "drag along x": ("SO(3)", 3, Vector, Vector, lambda x: -x * torch.tensor([1.0, 0, 0]), 0.3),
    "handedness": ("O(3)", 9, 3 * Vector, Scalar, lambda x: torch.linalg.det(x.reshape(-1, 3, 3))[:, None], 0.3),
    "fine waves": ("O(3)", 3, Vector, Scalar, lambda x: (25 * x[:, :1]).sin(), 0.3),
    "unlike bodies": ("S(3)", 3, Nodes, Scalar, lambda x: x[:, :1].abs(), 0.3),
}


def p_value(law: Law, n: int, seed: int) -> float:
    name, p, rep_in, rep_out, f, noise = law
    x = torch.randn(n, p, generator=spawn(seed, "x"), dtype=torch.float64)
    y = f(x).double()
    y = y + noise * torch.randn(y.shape, generator=spawn(seed, "e"), dtype=torch.float64)
    return kernel_test(x, y, parse(name), rep_in, rep_out, permutations=99, generator=spawn(seed, "g"))


@pytest.mark.parametrize("law", SYMMETRIC)
def test_symmetric_laws_are_seldom_rejected(law: str) -> None:
    assert sum(p_value(SYMMETRIC[law], 40, seed) <= 0.05 for seed in range(8)) <= 2


@pytest.mark.slow
@pytest.mark.parametrize("law", SYMMETRIC)
def test_the_size_is_exact(law: str) -> None:
    rejected = sum(p_value(SYMMETRIC[law], 40, seed) <= 0.05 for seed in range(200))
    assert 2 <= rejected <= 20  # 10 on average, 3 standard errors


@pytest.mark.parametrize("law", BROKEN)
def test_broken_laws_are_rejected(law: str) -> None:
    assert sorted(p_value(BROKEN[law], 200, seed) for seed in range(3))[1] <= 0.02


def test_residuals_of_an_averaged_model_may_be_tested() -> None:
    """A model that has learnt |x|^2 badly, averaged over the group with draws of each row's own."""
    group, rows = parse("O(3)"), torch.arange(300)
    x = torch.randn(300, 3, generator=spawn(0, "x"), dtype=torch.float64)

    def model(v: Tensor) -> Tensor:
        return 0.8 * v.square().sum(1, keepdim=True) + 0.5 * v[:, :1]

    def left(y: Tensor, stream: str) -> Tensor:
        orbit = Draws.of(group, 16).take(300, spawn(0, stream))
        return y - pulled_back(model, orbit, x, rows, Vector, Scalar).mean(1)

    energy = x.square().sum(1, keepdim=True)
    rough = energy + (25 * x[:, :1]).sin()
    found = [kernel_test(x, left(y, "a"), group, Vector, Scalar, generator=spawn(1, "g")) for y in (energy, rough)]
    assert found[1] <= 0.01 < 0.05 < found[0]


def test_units_move_together() -> None:
    """Ten rows of each unit look along one direction: as rows they are no sample of directions, as units they are."""
    unit = torch.arange(300) // 30
    along = torch.randn(10, 3, generator=spawn(5, "u"), dtype=torch.float64)[unit]
    x = along + 0.1 * torch.randn(300, 3, generator=spawn(5, "x"), dtype=torch.float64)
    y = x.square().sum(1, keepdim=True) + torch.randn(10, 1, generator=spawn(5, "e"), dtype=torch.float64)[unit]
    options = {"permutations": 99, "generator": spawn(4, "g")}
    assert kernel_test(x, y, parse("O(3)"), Vector, Scalar, **options) <= 0.05
    assert kernel_test(x, y, parse("O(3)"), Vector, Scalar, unit=unit, **options) > 0.05


def test_groups_without_a_uniform_law_are_refused() -> None:
    x = torch.randn(60, 3, dtype=torch.float64, generator=spawn(0, "x"))
    for candidate in (Window(parse("Scale(3)"), 0.3), parse("SL(3)")):
        with pytest.raises(DomainError, match="no uniform probability; expected a compact group"):
            kernel_test(x, x, candidate, Vector, Vector, generator=spawn(0, "g"))
