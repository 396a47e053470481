"""Products of functions: all forms agree, laws of multiplication and of the bracket, weights, pairs of parities."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from isotropy.nn import (
    CompleteProduct,
    GauntProduct,
    PoissonProduct,
    bracket_tensor,
    gaunt_tensor,
)
from isotropy.nn.gaunt._engine import SphereProduct
from isotropy.reps import Normalization, degrees, rescaling, spherical_harmonics

Distance = Callable[[torch.Tensor, torch.Tensor], float]
Draw = Callable[..., torch.Tensor]
METHODS = ["grid", "grid_separable", "fourier", "dense"]
SIZES = [(0, 0, 0), (1, 1, 2), (1, 3, 2), (3, 0, 3), (5, 4, 0), (2, 3, 5), (6, 6, 6)]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", SIZES)
def test_3_every_form_is_the_tensor(size: tuple[int, int, int], method: Any, draw: Draw, apart: Distance) -> None:
    L1, L2, L3 = size
    x, y = draw(4, 3, (L1 + 1) ** 2), draw(4, 3, (L2 + 1) ** 2)
    for kind, T in ((GauntProduct, gaunt_tensor(*size)), (PoissonProduct, bracket_tensor(*size))):
        wanted = torch.einsum("bci,bcj,ijk->bck", x, y, T)
        product = kind(L1, L2, L3, method=method)
        if not bool((T != 0).any()):
            assert product.double()(x, y).abs().max() < 1e-13
            continue
        assert apart(product(x.float(), y.float()).double(), wanted) < 1e-6
        assert apart(product.double()(x, y), wanted) < 1e-14


def test_3_at_degree_12_to_the_last_digits(draw: Draw, apart: Distance) -> None:
    x, y = draw(8, 2, 169), draw(8, 2, 169)
    for kind, T in ((GauntProduct, gaunt_tensor(12, 12, 12)), (PoissonProduct, bracket_tensor(12, 12, 12))):
        wanted = torch.einsum("bci,bcj,ijk->bck", x, y, T)
        for method in ("grid", "grid_separable", "fourier"):
            product = kind(12, 12, 12, method=method)
            assert apart(product(x.float(), y.float()).double(), wanted) < 2e-6
            assert apart(product.double()(x, y), wanted) < 1e-12


@pytest.mark.parametrize("L", [4, 12])
def test_9_values_of_the_product_are_products_of_values(L: int, draw: Draw) -> None:
    x, y, r = draw(3, (L + 1) ** 2), draw(3, (L + 1) ** 2), draw(100, 3)
    Y = spherical_harmonics(2 * L, r)
    k = (L + 1) ** 2
    wanted = (x @ Y[:, :k].mT) * (y @ Y[:, :k].mT)
    for method in ("grid", "grid_separable", "fourier"):
        z = GauntProduct(L, L, method=method).double()(x, y)
        assert ((z @ Y.mT) - wanted).abs().max() < 1e-12 * wanted.abs().max()


@pytest.mark.parametrize("normalization", ["integral", "component", "norm"])
def test_normalizations_are_changes_of_basis(normalization: Normalization, draw: Draw, apart: Distance) -> None:
    """The coefficients multiply the harmonics of the normalization: the functions are the same."""
    x, y, s = draw(4, 2, 9), draw(4, 2, 16), [rescaling(L, normalization) for L in (2, 3, 4)]
    wanted = GauntProduct(2, 3, 4).double()(x * s[0], y * s[1]) / s[2]
    for method in METHODS:
        assert apart(GauntProduct(2, 3, 4, method=method, normalization=normalization).double()(x, y), wanted) < 1e-14
    bracket = PoissonProduct(2, 3, 4).double()(x * s[0], y * s[1]) / s[2]
    for method in METHODS:
        found = PoissonProduct(2, 3, 4, method=method, normalization=normalization).double()(x, y)
        assert apart(found, bracket) < 1e-14


def test_8_products_of_full_degree_associate_and_truncated_ones_do_not(draw: Draw, apart: Distance) -> None:
    x, y, z = draw(5, 9), draw(5, 9), draw(5, 9)

    def associator(L: int) -> float:
        pair, left, right = GauntProduct(2, 2, L), GauntProduct(L, 2, 2), GauntProduct(2, L, 2)
        return apart(left.double()(pair.double()(x, y), z), right.double()(x, pair(y, z)))

    assert associator(4) < 1e-12
    assert associator(2) > 1e-2


@pytest.mark.parametrize("method", METHODS)
def test_9_the_constant_function_is_the_identity(method: Any, draw: Draw, apart: Distance) -> None:
    y, one = draw(5, 2, 25), torch.zeros(5, 2, 9, dtype=torch.float64)
    one[..., 0] = math.sqrt(4 * math.pi)
    product = GauntProduct(2, 4, method=method).double()
    found = product(one, y)
    assert apart(found[..., :25], y) < 1e-12
    assert found[..., 25:].abs().max() < 1e-12


@pytest.mark.parametrize("method", METHODS)
def test_10_laws_of_the_bracket(method: Any, draw: Draw, apart: Distance) -> None:
    a, b, c = draw(6, 16), draw(6, 16), draw(6, 16)
    bracket = PoissonProduct(3, 3, method=method).double()
    assert bracket.L3 == 5  # a bracket has degree L1 + L2 - 1
    assert apart(bracket(a, b), -bracket(b, a)) < 1e-12
    assert bracket(a, a).abs().max() < 1e-12
    twice = PoissonProduct(3, 5, 7, method=method).double()
    jacobi = twice(a, bracket(b, c)) + twice(b, bracket(c, a)) + twice(c, bracket(a, b))
    assert jacobi.abs().max() < 1e-10
    # and a derivation: {a, bc} = {a, b} c + b {a, c}
    times = GauntProduct(3, 3).double()
    left = PoissonProduct(3, 6, 8, method=method).double()(a, times(b, c))
    outer = GauntProduct(5, 3).double()
    assert apart(left, outer(bracket(a, b), c) + outer(bracket(a, c), b)) < 1e-12


@pytest.mark.parametrize("method", METHODS)
def test_10_the_bracket_of_vectors_is_the_cross_product(method: Any, draw: Draw, apart: Distance) -> None:
    """{a.r, b.r} = (a x b).r; with "norm" harmonics a coefficient of degree 1 is a component of the vector."""
    a, b = draw(50, 3), draw(50, 3)
    x, y = (torch.nn.functional.pad(v, (1, 0)) for v in (a, b))
    found = PoissonProduct(1, 1, 1, normalization="norm", method=method).double()(x, y)
    assert found[:, 0].abs().max() < 1e-13
    assert apart(found[:, 1:], torch.linalg.cross(a, b)) < 1e-13


@pytest.mark.parametrize("method", METHODS)
def test_pairs_multiply_by_the_rules_of_parity(method: Any, draw: Draw, apart: Distance) -> None:
    x, y = draw(5, 6, 9), draw(5, 6, 16)
    (a, pseudo_a), (b, pseudo_b) = x.chunk(2, -2), y.chunk(2, -2)
    even, odd = GauntProduct(2, 3, 4).double(), PoissonProduct(2, 3, 4).double()
    proper = even(a, b) + even(pseudo_a, pseudo_b) + odd(a, pseudo_b) + odd(pseudo_a, b)
    pseudo = even(a, pseudo_b) + even(pseudo_a, b) + odd(a, b) + odd(pseudo_a, pseudo_b)
    complete = CompleteProduct(2, 3, 4, method=method).double()
    assert apart(complete(x, y), torch.cat([proper, pseudo], -2)) < 1e-14
    mixed = CompleteProduct(2, 3, 4, method=method, pairs=(True, False)).double()
    wanted = torch.cat([even(a, b) + odd(pseudo_a, b), even(pseudo_a, b) + odd(a, b)], -2)
    assert apart(mixed(x, b), wanted) < 1e-14
    both = GauntProduct(2, 3, 4, method=method, include_odd=True).double()
    assert apart(both(a, b), torch.cat([even(a, b), odd(a, b)], -2)) < 1e-14
    assert str(both.rep_out) == "Sphere(4) + Sphere(4, -1)"
    assert str(CompleteProduct(2, 3, 4, channels=8).rep_in[1]) == "8*Sphere(3) + 8*Sphere(3, -1)"


def randomised(product: SphereProduct, draw: Draw) -> SphereProduct:
    product = product.double()
    for weight in product.parameters():
        weight.data = 1 + draw(*weight.shape) / 2
    return product


@pytest.mark.parametrize("weights", [{"weights": "degree"}, {"weights": "rank", "rank": 3}])
@pytest.mark.parametrize("shared", [True, False])
def test_weights_are_a_sum_of_products_of_factors(weights: Any, shared: bool, draw: Draw, apart: Distance) -> None:
    x, y = draw(5, 2, 9), draw(5, 2, 16)
    for method in METHODS:
        product = randomised(GauntProduct(2, 3, 4, channels=2, method=method, shared=shared, **weights), draw)
        l1, l2, l3 = (degrees(L) for L in (2, 3, 4))
        w1, w2 = product.get_parameter("w1_even")[..., l1], product.get_parameter("w2_even")[..., l2]
        w3 = product.get_parameter("w3")[..., l3].expand(w1.shape[0], 2, 25)
        wanted = torch.einsum("rci,rcj,rck,bci,bcj,ijk->bck", w1, w2, w3, x, y, gaunt_tensor(2, 3, 4))
        assert apart(product(x, y), wanted) < 1e-13


@pytest.mark.parametrize("normalization", ["integral", "component", "norm"])
def test_weighted_products_start_at_unit_variance(normalization: Normalization, draw: Draw) -> None:
    x, y = draw(4000, 4, 9), draw(4000, 4, 16)
    product = CompleteProduct(
        2, 3, 3, channels=2, weights="degree", normalization=normalization, method="grid"
    ).double()
    variance = product(x, y).detach().square().mean(0)
    assert (variance - 1).abs().max() < 0.15
    many = GauntProduct(2, 3, 3, channels=500, weights="rank", rank=4, normalization=normalization, method="grid")
    variance = many.double()(draw(40, 500, 9), draw(40, 500, 16)).detach().square().mean((0, 1))
    assert variance.min() > 0.7
    assert variance.max() < 1.4


def test_inputs_broadcast_over_batches_and_channels(draw: Draw, apart: Distance) -> None:
    x, y = draw(5, 4, 3, 9), draw(4, 1, 9)
    wanted = torch.einsum("abci,bcj,ijk->abck", x, y.expand(4, 3, 9), gaunt_tensor(2, 2, 2))
    for method in METHODS:
        assert apart(GauntProduct(2, 2, 2, method=method).double()(x, y), wanted) < 1e-14
        assert apart(GauntProduct(2, 2, 2, method=method).double()(y, x), wanted) < 1e-14
    weighted = GauntProduct(2, 2, 2, channels=3, weights="rank", rank=2).double()
    assert apart(weighted(x, draw(3, 9) * 0 + 1), weighted(x, torch.ones(5, 4, 3, 9, dtype=torch.float64))) < 1e-14
