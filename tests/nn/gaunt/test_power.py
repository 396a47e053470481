"""Many-body products: powers by repeated products, weights as published, factors and ranks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from isotropy.errors import DomainError, DtypeError, ShapeError
from isotropy.nn import GauntPower, GauntProduct
from isotropy.nn.gaunt._harmonic_grid import SphereGrid
from isotropy.random import spawn
from isotropy.reps import degrees

Distance = Callable[[torch.Tensor, torch.Tensor], float]
Draw = Callable[..., torch.Tensor]


def multiplied(factors: list[torch.Tensor], L: int, L_out: int) -> torch.Tensor:
    """The product of functions of degree L, truncated last."""
    found, degree = factors[0], L
    for factor in factors[1:]:
        found = GauntProduct(degree, L, method="grid").double()(found, factor)
        degree += L
    size = (L_out + 1) ** 2
    return torch.nn.functional.pad(found, (0, max(0, size - found.shape[-1])))[..., :size]


@pytest.mark.parametrize("method", ["grid", "grid_separable"])
@pytest.mark.parametrize(("L", "L_out", "order"), [(2, 2, 4), (1, 3, 3), (3, 1, 2), (2, 0, 1), (0, 0, 3)])
def test_powers_are_repeated_products(L: int, L_out: int, order: int, method: Any, draw: Draw, apart: Distance) -> None:
    A, types = draw(6, 4, (L + 1) ** 2), torch.tensor([0, 1, 2, 0, 1, 1])
    f = GauntPower(L, L_out, order, 3, channels=4, method=method).double()
    w = f.w[:, types][..., degrees(L_out)]
    wanted = sum(w[nu] * multiplied([A] * (nu + 1), L, L_out) for nu in range(order))
    assert isinstance(wanted, torch.Tensor)
    assert apart(f(A, types), wanted) < 1e-13
    assert f.grid == SphereGrid.minimal(order * L + L_out)


@pytest.mark.parametrize("rank", [1, 3])
def test_factors_and_ranks(rank: int, draw: Draw, apart: Distance) -> None:
    A, types = draw(5, 4, 9), torch.tensor([0, 1, 1, 2, 0])
    f = GauntPower(2, 2, 3, 3, channels=4, factors=True, rank=rank).double()
    assert f.a is not None
    f.a.data = draw(rank, 3, 3, 4, 3)
    a, w = f.a[:, :, types][..., degrees(2)], f.w[:, types][..., degrees(2)]
    wanted = w[0] * A
    for nu in (1, 2):
        wanted = wanted + w[nu] * sum(multiplied([A * a[r, j] for j in range(nu + 1)], 2, 2) for r in range(rank))
    assert apart(f(A, types), wanted) < 1e-13
    one = GauntPower(2, 2, 3, channels=4, factors=True, rank=rank).double()
    torch.testing.assert_close(one(A[0]), one(A)[0])  # rows of any shape
    torch.testing.assert_close(one(A.unflatten(0, (5, 1))), one(A).unflatten(0, (5, 1)))


def test_weights_are_the_published_ones() -> None:
    f = GauntPower(2, 1, 3, 10, channels=400, generator=spawn(3, "power"))
    assert f.w.shape == (3, 10, 400, 2)
    assert abs(float(f.w.detach().mean())) < 0.03
    assert abs(float(f.w.detach().std()) - 1) < 0.03
    assert torch.equal(f.w, GauntPower(2, 1, 3, 10, channels=400, generator=spawn(3, "power")).w)
    torch.manual_seed(0)
    default = GauntPower(1, 1, 2, channels=2).w
    torch.manual_seed(0)
    assert torch.equal(default, GauntPower(1, 1, 2, channels=2).w)
    a = GauntPower(2, 1, 3, 10, channels=400, factors=True, rank=4).a
    assert a is not None
    # Each rank has its share of one power.
    assert abs(float(a.detach().prod(1).sum(0).std()) - 1) < 0.2
    assert GauntPower(2, 1, 1, channels=2, factors=True).a is None  # one factor has the weights w


@pytest.mark.parametrize("factors", [{}, {"factors": True, "rank": 2}])
def test_6_second_derivatives(factors: Any, draw: Draw) -> None:
    f = GauntPower(1, 1, 3, 2, channels=1, **factors).double()
    types = torch.tensor([0, 1])
    assert torch.autograd.gradcheck(lambda A: f(A, types), (draw(2, 1, 4).requires_grad_(),))
    assert torch.autograd.gradgradcheck(lambda A: f(A, types), (draw(2, 1, 4).requires_grad_(),))


def test_bad_input_is_refused_at_the_door(draw: Draw) -> None:
    f, A = GauntPower(2, 2, 3, 2, channels=4).double(), draw(5, 4, 9)
    with pytest.raises(DomainError, match="types from 0 to 2"):
        f(A, torch.tensor([0, 1, 2, 0, 1]))
    with pytest.raises(DtypeError, match="whole numbers"):
        f(A, torch.zeros(5))
    with pytest.raises(ShapeError, match="one for each row"):
        f(A, torch.zeros(4, dtype=torch.int64))
    with pytest.raises(ShapeError, match="no types"):
        f(A)
    with pytest.raises(ShapeError, match="4 channels"):
        f(A[:, :3], torch.zeros(5, dtype=torch.int64))
    with pytest.raises(DomainError, match="order=0"):
        GauntPower(2, 2, 0, channels=4)
    with pytest.raises(DomainError, match="factors=True"):
        GauntPower(2, 2, 2, channels=4, rank=2)
    with pytest.warns(UserWarning, match="L_out=5 is above 4"):
        GauntPower(2, 5, 2, channels=4)
    with pytest.raises(DomainError, match="L_out=5"):
        GauntPower(2, 5, 2, channels=4, strict=True)
