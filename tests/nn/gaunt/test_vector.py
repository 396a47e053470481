"""The product of vector fields: each path is Gaunt's or the bracket's times stated factors, in any form."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from isotropy.errors import DomainError
from isotropy.nn import GauntProduct, VectorProduct, bracket_coefficient, bracket_tensor, expressivity, gaunt_tensor
from isotropy.nn.gaunt._vector import field_factors
from isotropy.testing import assert_equivariant

Draw = Callable[..., Tensor]
C = 2
MADE: dict[str, Callable[[str], VectorProduct]] = {
    "alone": lambda m: VectorProduct(3, 2, 4, method=m, channels=C),
    "degree": lambda m: VectorProduct(2, 2, 3, method=m, weights="degree", channels=C),
    "rank": lambda m: VectorProduct(2, 1, 2, method=m, weights="rank", rank=3, channels=C),
    "own": lambda m: VectorProduct(2, 1, 2, method=m, weights="rank", rank=2, shared=False, channels=C),
    "pairs": lambda m: VectorProduct(2, 1, 2, method=m, weights="degree", channels=C, pairs=(True, True)),
    "one pair": lambda m: VectorProduct(1, 2, 2, method=m, channels=C, pairs=(True, False)),
}


def inputs(product: VectorProduct, draw: Draw, rows: int = 3) -> tuple[Tensor, Tensor]:
    count = product.channels or C
    return tuple(
        draw(rows, len(packed) * count, (L + 1) ** 2)
        for L, packed in zip((product.L1, product.L2), product.parities, strict=True)
    )  # type: ignore[return-value]


def test_each_path_has_the_stated_factor() -> None:
    L1, L2, L3 = 3, 2, 4
    f = VectorProduct(L1, L2, L3).double()
    k1, k2 = (L1 + 1) ** 2, (L2 + 1) ** 2
    x = torch.eye(k1, dtype=torch.float64).repeat_interleave(k2, 0)[:, None]
    y = torch.eye(k2, dtype=torch.float64).repeat(k1, 1)[:, None]
    found = f(x, y).unflatten(0, (k1, k2))
    G, B = gaunt_tensor(L1, L2, L3), bracket_tensor(L1, L2, L3)
    for l1 in range(L1 + 1):
        for l2 in range(L2 + 1):
            for l3 in range(L3 + 1):
                one, two, three = (slice(l * l, (l + 1) ** 2) for l in (l1, l2, l3))
                g, both, curl, other, radial, along = field_factors(l1, l2, l3)
                even = (g + both + curl + other) / g if g else 0.0
                # Tangent with radial is radial with tangent with both inputs exchanged.
                b = bracket_coefficient(l1, l2, l3)
                odd = (radial + along + field_factors(l2, l1, l3)[5]) / b if b else 0.0
                assert (found[one, two, 0, three] - even * G[one, two, three]).abs().max() < 1e-12
                assert (found[one, two, 1, three] - odd * B[one, two, three]).abs().max() < 1e-12


@pytest.mark.parametrize("name", MADE)
def test_rotations_and_reflections(name: str, draw: Draw) -> None:
    for method in ("grid", "grid_separable"):
        f = MADE[name](method).double()
        assert_equivariant(f, "O(3)", inputs(f, draw), tol=1e-10)


@pytest.mark.parametrize("name", MADE)
def test_both_forms_agree_and_pieces_change_nothing(name: str, draw: Draw) -> None:
    one, other = (MADE[name](method).double() for method in ("grid", "grid_separable"))
    other.load_state_dict(one.state_dict())
    x, y = inputs(one, draw)
    assert (one(x, y) - other(x, y)).abs().max() < 1e-12
    assert torch.equal(one(x[:0], y[:0]), one(x, y)[:0])
    assert other(x[:0], y[:0]).shape == one(x[:0], y[:0]).shape


def test_gradients(draw: Draw) -> None:
    for method in ("grid", "grid_separable"):
        f = VectorProduct(1, 1, 1, method=method, weights="degree", channels=1).double()
        x, y = (draw(2, 1, 4).requires_grad_() for _ in range(2))
        assert torch.autograd.gradcheck(f, (x, y))
        assert torch.autograd.gradgradcheck(f, (x, y))


@pytest.mark.parametrize("weights", ["degree", "rank"])
@pytest.mark.parametrize("pairs", [(False, False), (True, True)])
def test_outputs_start_with_unit_variance(weights: str, pairs: tuple[bool, bool], draw: Draw) -> None:
    f = VectorProduct(2, 2, 2, weights=weights, channels=64, pairs=pairs).double()  # type: ignore[arg-type]
    count = 64 * len(f.parities[0])
    out = f(draw(400, count, 9), draw(400, count, 9)).unflatten(1, (2, 64))
    size = out.square().mean((0, 2)).sqrt()
    size = size if pairs[0] else torch.cat([size[0], size[1, 1:]])  # two functions have no pseudoscalar
    assert (size - 1).abs().max() < (0.05 if weights == "degree" else 0.25)


def test_one_pass_reaches_every_path_where_gaunt_and_bracket_need_two_ranks() -> None:
    """L = 2: 15 paths. Counted, as the page says."""
    degree = {"weights": "degree", "channels": 1}
    assert expressivity(VectorProduct(2, 2, 2, **degree)).dimension == 15  # type: ignore[arg-type]
    both = expressivity(GauntProduct(2, 2, 2, include_odd=True, **degree))  # type: ignore[arg-type]
    assert (both.dimension, both.paths) == (11, 15)
    assert expressivity(VectorProduct(3, 3, 3, **degree)).dimension == 25  # type: ignore[arg-type]


def test_the_tensor_and_fourier_are_refused() -> None:
    for method in ("dense", "fourier"):
        with pytest.raises(DomainError, match="for fields"):
            VectorProduct(1, 1, method=method)  # type: ignore[arg-type]
