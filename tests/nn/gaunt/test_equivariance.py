"""Every layer commutes with O(3), inversions included: 32 elements for each row, in both precisions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from isotropy.nn import (
    CompleteProduct,
    GauntConvolution,
    GauntPower,
    GauntProduct,
    PoissonProduct,
    SO2Convolution,
)
from isotropy.reps import Sphere
from isotropy.testing import assert_equivariant

Draw = Callable[..., torch.Tensor]
PRECISIONS = [(torch.float64, 1e-12), (torch.float32, 1e-5)]
C = 2
METHODS = ["grid", "grid_separable", "fourier", "dense"]


def trained(f: nn.Module, loss: Callable[[], torch.Tensor]) -> None:
    """One step of an optimiser, so that no symmetric start hides a defect."""
    weights = list(f.parameters())
    if weights:
        optimizer = torch.optim.Adam(weights, lr=0.1)
        loss().backward()
        optimizer.step()
    f.requires_grad_(False)


PRODUCTS: dict[str, Callable[[Any], nn.Module]] = {
    "plain": lambda m: GauntProduct(3, 2, 4, method=m, channels=C),
    "degree": lambda m: GauntProduct(3, 2, 4, method=m, channels=C, weights="degree", normalization="component"),
    "rank": lambda m: GauntProduct(3, 2, 4, method=m, channels=C, weights="rank", rank=3, include_odd=True),
    "own": lambda m: GauntProduct(3, 2, 3, method=m, channels=C, weights="rank", rank=2, shared=False),
    "pseudo": lambda m: GauntProduct(3, 2, 4, method=m, channels=C, parities=(1, -1), include_odd=True),
    "odd": lambda m: PoissonProduct(3, 2, method=m, channels=C, weights="degree"),
    "odd of pseudo": lambda m: PoissonProduct(3, 2, method=m, channels=C, parities=(-1, 1)),
    "complete": lambda m: CompleteProduct(3, 2, 4, method=m, channels=C, weights="degree"),
    "half": lambda m: CompleteProduct(3, 2, 3, method=m, channels=C, pairs=(True, False), normalization="norm"),
}


@pytest.mark.parametrize(("dtype", "tol"), PRECISIONS, ids=["double", "single"])
@pytest.mark.parametrize("name", PRODUCTS)
@pytest.mark.parametrize("method", METHODS)
def test_4_products(name: str, method: Any, dtype: torch.dtype, tol: float, draw: Draw) -> None:
    f: Any = PRODUCTS[name](method).to(dtype)
    channels = [sum(part.multiplicity for part in rep.parts()) for rep in f.rep_in]
    x = tuple(draw(3, n, (L + 1) ** 2, dtype=dtype) for n, L in zip(channels, (3, 2), strict=True))
    trained(f, lambda: f(*x).square().mean())
    assert_equivariant(f, "O(3)", x, tol=tol)


@pytest.mark.parametrize(("dtype", "tol"), PRECISIONS, ids=["double", "single"])
@pytest.mark.parametrize("method", ["zonal", "aligned", "plain", "matrix"])
@pytest.mark.parametrize("parity", [1, -1])
def test_4_convolutions(method: Any, parity: int, dtype: torch.dtype, tol: float, draw: Draw) -> None:
    f = GauntConvolution(3, 2, 4, method, channels=C, parity=parity).to(dtype)
    x = draw(4, C, 16, dtype=dtype), draw(4, 3, dtype=dtype), draw(4, C, 3, dtype=dtype)
    assert_equivariant(f, "O(3)", x, tol=tol)


@pytest.mark.parametrize(("dtype", "tol"), PRECISIONS, ids=["double", "single"])
@pytest.mark.parametrize("m_max", [None, 1, 0])
def test_4_general_convolutions(m_max: int | None, dtype: torch.dtype, tol: float, draw: Draw) -> None:
    x = draw(4, C, 16, dtype=dtype), draw(4, 3, dtype=dtype), draw(4, C, 4, dtype=dtype)
    for include_odd in (False, True):
        f = SO2Convolution(3, 4, C, 5, m_max, include_odd=include_odd).to(dtype)
        trained(f, lambda f=f: f(*x).square().mean())
        assert_equivariant(f, f.group, x, (*f.rep_in, None), tol=tol)
    if m_max != 0:
        with pytest.raises(AssertionError, match="not equivariant"):
            assert_equivariant(f, "O(3)", x, (*f.rep_in, None), tol=1e-3)


@pytest.mark.parametrize(("dtype", "tol"), PRECISIONS, ids=["double", "single"])
@pytest.mark.parametrize("method", ["grid", "grid_separable"])
@pytest.mark.parametrize("factors", [{}, {"factors": True, "rank": 2}])
def test_4_powers(method: Any, factors: Any, dtype: torch.dtype, tol: float, draw: Draw) -> None:
    f = GauntPower(2, 3, 4, 3, channels=C, method=method, **factors).to(dtype)
    A = draw(4, C, 9, dtype=dtype)
    types = torch.tensor([[0], [2], [1], [1]])
    trained(f, lambda: f(A, types[:, 0]).square().mean())

    def typed(A: torch.Tensor, types: torch.Tensor) -> torch.Tensor:
        return f(A, types[:, 0].long())

    assert_equivariant(typed, "O(3)", (A, types.to(dtype)), (f.rep_in, None), f.rep_out, tol=tol)


def test_4_wrong_parities_are_noticed(draw: Draw) -> None:
    """The checks above can fail: the bracket of proper functions is no proper function."""
    x = draw(3, 2, 9), draw(3, 2, 9)
    assert_equivariant(PoissonProduct(2, 2, 2).double(), "SO(3)", x, (2 * Sphere(2), 2 * Sphere(2)), 2 * Sphere(2))
    with pytest.raises(AssertionError, match="not equivariant"):
        assert_equivariant(PoissonProduct(2, 2, 2).double(), "O(3)", x, (2 * Sphere(2), 2 * Sphere(2)), 2 * Sphere(2))


def test_a_pure_gaunt_network_cannot_tell_mirror_images(draw: Draw) -> None:
    """Its scalars are even under inversion; the bracket's triple product is not."""
    a, b, c = (torch.nn.functional.pad(v, (1, 0)) for v in draw(3, 20, 3))
    mirror = torch.tensor([1.0, -1, -1, -1], dtype=torch.float64)
    triple = GauntProduct(1, 1, 1).double()
    gaunt = triple(triple(a, b), c)[:, 0]
    assert (gaunt - triple(triple(a * mirror, b * mirror), c * mirror)[:, 0]).abs().max() < 1e-14
    bracket = PoissonProduct(1, 1, 1).double()
    chiral = triple(bracket(a, b), c)[:, 0]
    assert (chiral + triple(bracket(a * mirror, b * mirror), c * mirror)[:, 0]).abs().max() < 1e-14
    assert chiral.abs().min() > 1e-4
