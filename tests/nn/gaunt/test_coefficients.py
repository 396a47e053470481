"""Coefficients: the closed forms, sympy's exact symbols, e3nn's real ones, and the tensors by quadrature."""

from __future__ import annotations

import math
from functools import lru_cache

import pytest
import torch
from e3nn import o3
from sympy.physics.wigner import wigner_3j

from isotropy.errors import DomainError
from isotropy.nn import bracket_coefficient, bracket_tensor, gaunt_coefficient, gaunt_tensor
from isotropy.nn.gaunt._harmonic_grid import SphereGrid, projection, values


@lru_cache
def real_3j(l1: int, l2: int, l3: int) -> torch.Tensor:
    return o3.wigner_3j(l1, l2, l3, dtype=torch.float64)


def block(tensor: torch.Tensor, l1: int, l2: int, l3: int) -> torch.Tensor:
    return tensor[l1 * l1 : (l1 + 1) ** 2, l2 * l2 : (l2 + 1) ** 2, l3 * l3 : (l3 + 1) ** 2]


def test_2_values_of_the_specification() -> None:
    even = {
        (0, 0, 0): 0.28209479177387814,
        (1, 1, 0): 0.48860251190291992,
        (1, 1, 2): 0.69098829894267,
        (2, 2, 2): 0.75393004386513,
        (1, 2, 3): 0.84628437532163,
    }
    odd = {(1, 1, 1): 1.196827, (1, 2, 2): 2.676186, (2, 2, 3): 5.352372, (2, 3, 4): 8.462844}
    for degrees, g in even.items():
        assert gaunt_coefficient(*degrees) == pytest.approx(g, rel=1e-13)
    for degrees, b in odd.items():
        assert bracket_coefficient(*degrees) == pytest.approx(b, rel=1e-6)


@pytest.mark.parametrize("degrees", [(3, 5, 4), (7, 6, 11), (20, 20, 20), (20, 19, 38), (4, 4, 7), (15, 12, 20)])
def test_2_coefficients_are_exact(degrees: tuple[int, int, int]) -> None:
    l1, l2, l3 = degrees
    root = math.sqrt((2 * l1 + 1) * (2 * l2 + 1) * (2 * l3 + 1) / (4 * math.pi))
    if (l1 + l2 + l3) % 2 == 0:
        assert gaunt_coefficient(*degrees) == pytest.approx(root * abs(float(wigner_3j(*degrees, 0, 0, 0))), rel=1e-13)
        assert bracket_coefficient(*degrees) == 0
    else:
        slopes = math.sqrt(l1 * (l1 + 1) * l2 * (l2 + 1))
        wanted = slopes * root * abs(float(wigner_3j(*degrees, 1, -1, 0)))
        assert bracket_coefficient(*degrees) == pytest.approx(wanted, rel=1e-13)
        assert gaunt_coefficient(*degrees) == 0


def test_coefficients_stay_finite_at_high_degree() -> None:
    assert gaunt_coefficient(100, 100, 200) > 0
    assert gaunt_coefficient(200, 200, 100) > 0


def test_2_tensors_are_coefficients_times_real_3j_symbols() -> None:
    G, B = gaunt_tensor(6, 6, 6), bracket_tensor(5, 5, 10)
    for l1 in range(7):
        for l2 in range(7):
            for l3 in range(abs(l1 - l2), min(l1 + l2, 6) + 1):
                wanted = gaunt_coefficient(l1, l2, l3) * real_3j(l1, l2, l3)
                assert (block(G, l1, l2, l3) - wanted).abs().max() < 1e-12
    smallest = math.inf
    for l1 in range(1, 6):
        for l2 in range(1, 6):
            for l3 in range(abs(l1 - l2), l1 + l2 + 1):
                b = bracket_coefficient(l1, l2, l3)
                smallest = min(smallest, b) if (l1 + l2 + l3) % 2 else smallest
                assert (block(B, l1, l2, l3) - b * real_3j(l1, l2, l3)).abs().max() < 5e-13 * max(b, 1)
    assert smallest == pytest.approx(1.196827, rel=1e-6)  # no path vanishes by accident


def test_2_forbidden_entries_vanish_before_they_are_masked() -> None:
    grid = SphereGrid.minimal(18)
    raw = torch.einsum("ig,jg,gk->ijk", values(6, grid), values(6, grid), projection(6, grid))
    assert (raw - gaunt_tensor(6, 6, 6)).abs().max() < 1e-13


def test_tensors_in_single_precision_are_rounded_once() -> None:
    assert torch.equal(gaunt_tensor(2, 3, 4, torch.float32), gaunt_tensor(2, 3, 4).float())
    gaunt_tensor(2, 2, 2).zero_()
    assert gaunt_tensor(2, 2, 2).abs().max() > 0.1  # a caller cannot spoil the cached table


def test_negative_degrees_are_refused() -> None:
    with pytest.raises(DomainError, match="degrees"):
        gaunt_coefficient(-1, 1, 2)
    with pytest.raises(DomainError, match="degree"):
        gaunt_tensor(-1, 1, 2)
