"""Transforms: harmonics on the grid, there and back, minimal grids, gradients, the torus and its closed integrals."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from isotropy.errors import DomainError, DtypeError, ShapeError
from isotropy.nn import SphereTransform, gaunt_tensor
from isotropy.nn.gaunt._harmonic_grid import SphereGrid, gradients, legendre, projection, theta_modes, values
from isotropy.nn.gaunt._torus import closed_integrals
from isotropy.nn.gaunt._transform import Route
from isotropy.reps import spherical_harmonics
from isotropy.testing import assert_equivariant

Distance = Callable[[torch.Tensor, torch.Tensor], float]
Draw = Callable[..., torch.Tensor]


def test_1_the_grid_holds_the_harmonics_of_the_library() -> None:
    grid = SphereGrid.minimal(22)
    assert (values(11, grid) - spherical_harmonics(11, grid.directions).flatten(0, 1).T).abs().max() < 1e-13
    total = grid.weights.sum() * grid.n_phi
    assert abs(float(total) - 4 * math.pi) < 1e-13


@pytest.mark.parametrize("L", [0, 1, 5, 12])
@pytest.mark.parametrize("method", ["dense", "separable"])
def test_there_and_back(L: int, method: Route, draw: Draw, apart: Distance) -> None:
    x = draw(2, 3, (L + 1) ** 2)
    for grid in (None, SphereGrid(L + 4, 2 * L + 5)):
        transform = SphereTransform(L, grid, method=method).double()
        F = transform.to_grid(x)
        assert F.shape == (2, 3, transform.grid.n_theta, transform.grid.n_phi)
        Y = spherical_harmonics(L, transform.grid.directions)
        assert apart(F, torch.einsum("bck,tpk->bctp", x, Y)) < 1e-13
        assert apart(transform.from_grid(F), x) < 1e-13
        assert apart(transform.from_grid(F.contiguous()), x) < 1e-13


def test_a_pointwise_nonlinearity_is_equivariant_where_the_grid_is_exact(draw: Draw) -> None:
    transform = SphereTransform(3, SphereGrid.minimal(4 * 3)).double()
    assert_equivariant(
        lambda x: transform.from_grid(transform.to_grid(x) ** 3), "O(3)", draw(4, 2, 16), *2 * [2 * transform.rep_in]
    )


@pytest.mark.parametrize("degrees", [(2, 2, 4), (3, 2, 2), (4, 4, 4), (2, 3, 3)])
def test_5_minimal_grids_are_exact_and_one_node_less_is_not(degrees: tuple[int, int, int]) -> None:
    L1, L2, L3 = degrees
    wanted = gaunt_tensor(L1, L2, L3)
    grid = SphereGrid.minimal(L1 + L2 + L3)
    assert (grid.n_theta, grid.n_phi) == ((L1 + L2 + L3) // 2 + 1, L1 + L2 + L3 + 1)

    def error(grid: SphereGrid) -> float:
        found = torch.einsum("ig,jg,gk->ijk", values(L1, grid), values(L2, grid), projection(L3, grid))
        return float((found - wanted).abs().max())

    assert error(grid) < 1e-14
    assert error(SphereGrid(grid.n_theta - 1, grid.n_phi)) > 1e-3
    fewer = SphereGrid(grid.n_theta, grid.n_phi - 1)
    assert error(fewer) > 1e-3
    wrong = torch.einsum("ig,jg,gk->ijk", values(L1, fewer), values(L2, fewer), projection(L3, fewer)) - wanted
    columns = (wrong.abs().amax((0, 1)) > 1e-3).nonzero().flatten().tolist()
    assert set(columns) <= {L3 * L3, (L3 + 1) ** 2 - 1}  # m = -L3 and L3 alone
    assert columns


def test_gradients_are_those_of_autograd() -> None:
    grid = SphereGrid.minimal(15)
    r = grid.directions.flatten(0, 1).requires_grad_()
    theta, phi = gradients(7, grid)
    c, s = grid.cosines.repeat_interleave(grid.n_phi), grid.sines.repeat_interleave(grid.n_phi)
    turn = grid.phi.repeat(grid.n_theta)
    along = torch.stack([c * turn.sin(), -s, c * turn.cos()], -1)
    around = torch.stack([turn.cos(), torch.zeros_like(turn), -turn.sin()], -1)
    for k in (1, 2, 3, 20, 30, 49, 56, 63):
        (slope,) = torch.autograd.grad(spherical_harmonics(7, r)[:, k].sum(), r)
        assert (theta[k] - (slope * along).sum(-1)).abs().max() < 1e-12
        assert (phi[k] - (slope * around).sum(-1)).abs().max() < 1e-12


@pytest.mark.parametrize("L", [2, 6, 12, 18, 30])
def test_theta_modes_are_exact_at_every_degree(L: int) -> None:
    """Where the published table is wrong by 9e-8, 1e-6, 9e-5 and 2e-2 (specification 05 §2.3)."""
    theta = torch.linspace(0.01, 6.28, 50, dtype=torch.float64)
    phase = torch.exp(1j * torch.arange(-L, L + 1)[:, None] * theta)
    t = theta_modes(L).to(torch.complex128)
    t[1::2] *= 1j
    found = t @ phase
    assert found.imag.abs().max() < 1e-13
    assert (found.real - legendre(L, theta.cos(), theta.sin())).abs().max() < 1e-13


@pytest.mark.parametrize("sine", [True, False])
def test_integrals_over_theta_are_closed_forms(sine: bool) -> None:
    nodes, weights = np.polynomial.legendre.leggauss(80)
    theta, weight = torch.from_numpy(nodes + 1) * (math.pi / 2), torch.from_numpy(weights) * (math.pi / 2)
    P = legendre(9, theta.cos(), theta.sin()) * weight * (theta.sin() if sine else 1)
    angle = torch.arange(20)[:, None] * theta
    cosines, sines = P @ angle.cos().T, P @ angle.sin().T
    wanted = torch.where((torch.arange(10) % 2 == 0)[:, None, None] == sine, cosines, sines)
    assert (closed_integrals(9, 19, sine) - wanted).abs().max() < 1e-13


def test_bad_input_is_refused_at_the_door(draw: Draw) -> None:
    transform = SphereTransform(2).double()
    with pytest.raises(ShapeError, match=r"\(L\+1\)\^2"):
        transform.to_grid(draw(2, 8))
    with pytest.raises(ShapeError, match="on the grid"):
        transform.from_grid(draw(2, 3, 4))
    with pytest.raises(DtypeError, match="as the module"):
        transform.to_grid(draw(2, 9).float())
    with pytest.raises(DomainError, match="L=-1"):
        SphereTransform(-1)
    with pytest.raises(DomainError, match="points"):
        SphereGrid(0, 3)
