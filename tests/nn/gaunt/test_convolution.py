"""Convolutions: four forms of one map, the general layer restricted to it, poles, and their derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from isotropy.errors import DomainError, DtypeError, ShapeError
from isotropy.nn import GauntConvolution, GauntProduct, PoissonProduct, SO2Convolution
from isotropy.reps import Normalization, degrees, spherical_harmonics

Distance = Callable[[torch.Tensor, torch.Tensor], float]
Draw = Callable[..., torch.Tensor]
SIZES = [(2, 3, 2), (1, 2, 3), (3, 1, 1), (0, 2, 2), (2, 0, 2), (6, 6, 6), (12, 12, 12)]
POLES = torch.tensor([[0.0, 1, 0], [0, -2, 0], [0, 1e-4, 0], [1, 0, 0], [0, 0, -3]], dtype=torch.float64)


@pytest.mark.parametrize(
    ("size", "normalization"),
    [*((size, "integral") for size in SIZES), ((6, 6, 6), "component"), ((2, 3, 2), "norm"), ((1, 2, 3), "component")],
)
def test_7_four_forms_agree(size: Any, normalization: Normalization, draw: Draw, apart: Distance) -> None:
    L_in, L_filter, L_out = size
    r = torch.cat([POLES, draw(3, 3)])
    x, h = draw(8, 2, (L_in + 1) ** 2), draw(8, 2, L_filter + 1)
    Y = spherical_harmonics(L_filter, r, normalization=normalization)[:, None]
    product = GauntProduct(L_in, L_filter, L_out, normalization=normalization, method="grid").double()
    wanted = product(x, h[..., degrees(L_filter)] * Y)
    for method in ("zonal", "aligned", "plain", "matrix"):
        f = GauntConvolution(*size, method, normalization=normalization)
        assert apart(f(x.float(), r.float(), h.float()).double(), wanted) < 4e-6
        assert apart(f.double()(x, r, h), wanted) < 1e-12


@pytest.mark.parametrize("size", SIZES[:-1])
def test_7_the_general_layer_with_gaunt_weights(size: Any, draw: Draw, apart: Distance) -> None:
    L_in, L_filter, L_out = size
    r = torch.cat([POLES, draw(3, 3)])
    x, even, odd = draw(8, 2, (L_in + 1) ** 2), draw(2, L_filter + 1), draw(2, L_filter + 1)
    wanted = GauntConvolution(*size).double()(x, r, even.expand(8, -1, -1))
    assert apart(SO2Convolution.from_gaunt(L_in, L_out, even)(x, r), wanted) < 1e-12
    filter = odd[:, degrees(L_filter)] * spherical_harmonics(L_filter, r)[:, None]
    wanted = wanted + PoissonProduct(L_in, L_filter, L_out, method="grid").double()(x, filter)
    assert apart(SO2Convolution.from_gaunt(L_in, L_out, even, odd)(x, r), wanted) < 1e-12


def test_higher_orders_than_m_max_are_left_out(draw: Draw, apart: Distance) -> None:
    x, r = draw(4, 3, 9), torch.tensor([[0.0, 1, 0]], dtype=torch.float64).expand(4, 3)
    f = SO2Convolution(2, 2, 3, 2, m_max=1).double()
    y = f(x, r)
    assert (y[..., [4, 8]] == 0).all()
    changed = x.clone()
    changed[..., [4, 8]] += 1
    assert apart(f(changed, r), y) < 1e-14


def test_radial_factors_scale_each_degree(draw: Draw, apart: Distance) -> None:
    x, r, h = draw(4, 3, 9), draw(4, 3), draw(4, 3, 3)
    f = SO2Convolution(2, 2, 3, 2).double()
    assert apart(f(x, r, h), f(x * h[..., degrees(2)], r)) < 1e-14
    shared = GauntConvolution(2, 2, 2).double()
    assert apart(shared(x, r, h[:, :1]), shared(x, r, h[:, :1].expand(-1, 3, -1))) < 1e-14


@pytest.mark.parametrize("method", ["zonal", "aligned", "plain", "matrix"])
def test_6_gradients_at_the_poles_are_finite_and_right(method: Any, draw: Draw) -> None:
    f = GauntConvolution(2, 2, 2, method).double()
    x, h = draw(5, 2, 9), draw(5, 2, 3)
    r = POLES.clone().requires_grad_()
    (slope,) = torch.autograd.grad(f(x, r, h).square().sum(), r)
    other = GauntConvolution(2, 2, 2, "plain").double()
    (wanted,) = torch.autograd.grad(other(x, r, h).square().sum(), r)
    assert torch.isfinite(slope).all()
    assert (slope - wanted).abs().max() < 1e-10 * wanted.abs().max()
    far = r[[0, 1, 3, 4]].detach().requires_grad_()
    assert torch.autograd.gradcheck(lambda r: f(x[:4], r, h[:4]), (far,))


@pytest.mark.parametrize("method", ["zonal", "aligned", "plain", "matrix"])
def test_6_second_derivatives(method: Any, draw: Draw) -> None:
    f = GauntConvolution(1, 2, 1, method).double()
    x, r, h = (draw(*shape).requires_grad_() for shape in ((2, 1, 4), (2, 3), (2, 1, 3)))
    assert torch.autograd.gradgradcheck(f, (x, r, h))


def test_no_edges_give_no_messages(draw: Draw) -> None:
    x, r, h = draw(0, 2, 9).requires_grad_(), draw(0, 3), draw(0, 2, 3)
    for f in (
        GauntConvolution(2, 2, 3, "zonal"),
        GauntConvolution(2, 2, 3, "aligned"),
        GauntConvolution(2, 2, 3, "plain"),
    ):
        out = f.double()(x, r, h)
        assert out.shape == (0, 2, 16)
        out.sum().backward()
    assert SO2Convolution(2, 3, 2, 5).double()(x, r).shape == (0, 5, 16)
    summed = torch.zeros(7, 2, 16, dtype=torch.float64).index_add(0, torch.zeros(0, dtype=torch.int64), out)
    assert (summed == 0).all()  # isolated nodes get nothing


def test_bad_edges_are_refused_at_the_door(draw: Draw) -> None:
    f, x, r, h = GauntConvolution(2, 2, 2).double(), draw(4, 2, 9), draw(4, 3), draw(4, 2, 3)
    zero = r.clone()
    zero[2] = 1e-7
    with pytest.raises(DomainError, match=r"length zero .* at edges \[2\]"):
        f(x, zero, h)
    with pytest.raises(DomainError, match="at edges"):
        SO2Convolution(2, 2, 2, 2).double()(x, zero)
    with pytest.raises(ShapeError, match="one vector for each edge"):
        f(x, r[:, :2], h)
    with pytest.raises(ShapeError, match=r"x\[source\]"):
        f(x[:3], r, h)
    with pytest.raises(ShapeError, match="radial"):
        f(x, r, h[..., :2])
    with pytest.raises(DtypeError, match="radial"):
        f(x, r, h.float())
    with pytest.raises(DtypeError, match="edge_vec"):
        f(x, r.long(), h)
    with pytest.raises(DomainError, match="channel"):
        SO2Convolution(2, 2, 0, 2)
    with pytest.warns(UserWarning, match="L_out=5 is above 4"):
        assert (GauntConvolution(2, 2, 5, "aligned").double()(x, r, h)[..., 25:].abs() < 1e-12).all()
