"""The nullspace: right rank, certified, exact where asked, and an error where the spectrum does not decide."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from isotropy.errors import AmbiguousRankError, DomainError, DtypeError, ShapeError
from isotropy.linalg import nullspace


def with_spectrum(values: list[float], rows: int, seed: int = 0) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    n = len(values)
    left = torch.linalg.qr(torch.randn(rows, n, generator=draw, dtype=torch.float64)).Q
    right = torch.linalg.qr(torch.randn(n, n, generator=draw, dtype=torch.float64)).Q
    return left @ torch.diag(torch.tensor(values, dtype=torch.float64)) @ right


@settings(max_examples=30, deadline=None)
@given(n=st.integers(1, 12), r=st.integers(0, 12), extra=st.integers(0, 9), seed=st.integers(0, 99))
def test_rank_and_laws(n: int, r: int, extra: int, seed: int) -> None:
    r = min(r, n)
    A = with_spectrum([1.0 + 0.1 * i for i in range(n - r)] + [0.0] * r, n + extra, seed)
    found = nullspace(A)
    N = found.basis
    assert found.dim == r
    assert torch.allclose(N.mT @ N, torch.eye(r, dtype=N.dtype), atol=1e-12)
    if 0 < r < n:
        unit = A / A.norm(dim=1, keepdim=True)
        left, right = torch.linalg.matrix_norm(unit @ N, 2), torch.linalg.matrix_norm(unit, 2) / found.gap
        assert float(left) <= float(right) + 1e-15
        assert found.gap > 1e13
    assert found.spectrum.shape == (n,)


def test_scaling_a_row_leaves_the_span() -> None:
    A = with_spectrum([2.0, 1.0, 1.0, 0.0, 0.0], 9)
    scale = 10.0 ** torch.linspace(-6, 6, 9, dtype=torch.float64)
    N, M = nullspace(A).basis, nullspace(A * scale[:, None]).basis
    assert torch.allclose(N @ N.mT, M @ M.mT, atol=1e-9)


def test_blocks_are_one_system_and_both_routes_agree() -> None:
    n, r = 160, 13  # wide enough for the Gram route
    A = with_spectrum([1.0] * (n - r) + [0.0] * r, 400)
    gram, svd = nullspace([A[:150], A[150:]]), nullspace(A, min_gap=1e9)
    assert gram.dim == svd.dim == r
    assert gram.gap > 1e10
    assert torch.allclose(gram.basis @ gram.basis.mT, svd.basis @ svd.basis.mT, atol=1e-10)


def test_the_gram_route_falls_back_when_squares_lose_the_gap() -> None:
    values = [1.0] * 146 + [1e-5] + [0.0] * 13
    A = with_spectrum(values, 400)
    assert nullspace(A).dim == 13


@pytest.mark.parametrize("tail", [(1e-5, 1e-10, 1e-15), (1e-7, 1e-8, 1e-9)])
def test_an_undecided_spectrum_raises(tail: tuple[float, ...]) -> None:
    A = with_spectrum([1.0, 1.0, *tail], 30)
    with pytest.raises(AmbiguousRankError, match="gap of at least 1e"):
        nullspace(A)


def test_two_certified_cuts_are_no_certificate() -> None:
    # 1 / 1e-8 and 1e-8 / eps are both wider than 1e6: nothing says whether 1e-8 is a small value or a large error.
    with pytest.raises(AmbiguousRankError):
        nullspace(torch.diag(torch.tensor([1.0, 1.0], dtype=torch.float64)) + 0 + _nearly_singular(1e-8))


def _nearly_singular(small: float) -> torch.Tensor:
    # Added to the identity: rows (1, 1 + small) and (1, 1 - small), which no row scaling can mend.
    return torch.tensor([[0.0, 1.0 + small], [1.0, -small]], dtype=torch.float64)


def test_a_row_of_rounding_errors_is_no_equation() -> None:
    A = torch.tensor([[1.0, 1.0, 0.0], [1e-17, -2e-17, 1e-17]], dtype=torch.float64)
    assert nullspace(A).dim == 2


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.integers(-3, 3), min_size=4, max_size=4), min_size=1, max_size=6))
def test_exact_and_floating_agree_in_rank(rows: list[list[int]]) -> None:
    exact = nullspace(rows, exact=True)
    floating = nullspace(torch.tensor(rows, dtype=torch.float64))
    assert exact.dim == floating.dim == len(exact.rational or ())
    assert exact.gap == math.inf
    for solution in exact.rational or ():
        assert all(sum(Fraction(a) * v for a, v in zip(row, solution, strict=True)) == 0 for row in rows)
    assert torch.allclose(exact.basis @ exact.basis.mT, floating.basis @ floating.basis.mT, atol=1e-10)


def test_no_equations_leave_everything() -> None:
    found = nullspace(torch.zeros(0, 3))
    assert found.dim == 3
    assert found.gap == math.inf
    assert torch.equal(found.basis, torch.eye(3))


def test_same_input_same_bytes_and_dtype_kept() -> None:
    A = with_spectrum([1.0, 1.0, 0.0, 0.0], 6).float()
    one, two = nullspace(A), nullspace(A.clone())
    assert one.basis.dtype == torch.float32
    assert torch.equal(one.basis, two.basis)
    assert one.gap > 1e6


def test_bad_input_is_refused() -> None:
    with pytest.raises(DomainError, match="NaN"):
        nullspace(torch.tensor([[float("nan"), 1.0]]))
    with pytest.raises(DtypeError, match="int64"):
        nullspace(torch.ones(2, 2, dtype=torch.int64))
    with pytest.raises(DtypeError, match="complex"):
        nullspace(torch.ones(2, 2, dtype=torch.complex64))
    with pytest.raises(ShapeError, match="one width"):
        nullspace([torch.ones(2, 2), torch.ones(2, 3)])
    with pytest.raises(DtypeError, match="exact=True"):
        nullspace([[1, 2]])
