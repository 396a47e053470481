"""Functions of symmetric matrices and their derivatives, at ties and elsewhere."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from isotropy.errors import DomainError, DtypeError, ShapeError
from isotropy.linalg import spectral, sym_exp, sym_invsqrt, sym_log, sym_sqrt

FLOAT64 = torch.float64
FUNCTIONS = [sym_exp, sym_log, sym_sqrt, sym_invsqrt]


def spd(n: int, count: int = 8) -> Tensor:
    A = torch.randn(count, n, n, generator=torch.Generator().manual_seed(n), dtype=FLOAT64)
    return A @ A.mT + 0.1 * torch.eye(n, dtype=FLOAT64)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_they_invert_each_other(n: int) -> None:
    S, one = spd(n), torch.eye(n, dtype=FLOAT64)
    assert torch.allclose(sym_exp(sym_log(S)), S, rtol=1e-12, atol=1e-12)
    assert torch.allclose(sym_sqrt(S) @ sym_sqrt(S), S, rtol=1e-12, atol=1e-12)
    assert torch.allclose(sym_invsqrt(S) @ S @ sym_invsqrt(S), one.expand_as(S), atol=1e-11)
    assert sym_log(S.float()).dtype == torch.float32


@pytest.mark.parametrize("f", FUNCTIONS)
@pytest.mark.parametrize(
    "S",
    [torch.eye(3, dtype=FLOAT64), torch.diag(torch.tensor([2.0, 2.0, 5.0], dtype=FLOAT64)), spd(3, 1)[0]],
    ids=["identity", "a tie", "general"],
)
def test_derivatives_are_those_of_differences_also_at_ties(f: Callable[[Tensor], Tensor], S: Tensor) -> None:
    assert gradcheck(f, S.clone().requires_grad_(), check_forward_ad=True, fast_mode=True)


def test_derivatives_close_to_a_tie_lose_no_digits() -> None:
    """d log(S) along E is S^-1 E to first order in the gap, where the quotient of differences has no digit left."""
    E = torch.tensor([[0.0, 1.0], [1.0, 0.0]], dtype=FLOAT64)
    for gap in (1e-15, 1e-12, 1e-9):
        S = torch.diag(torch.tensor([2.0, 2.0 + gap], dtype=FLOAT64))
        (rate,) = (torch.func.jvp(sym_log, (S,), (E,))[1],)
        assert torch.allclose(rate, E / 2, rtol=0, atol=gap)


def test_a_second_derivative_is_refused_and_not_zero() -> None:
    S = spd(3, 1).requires_grad_()
    (first,) = torch.autograd.grad(sym_log(S).square().sum(), S, create_graph=True)
    with pytest.raises(RuntimeError, match="only the first"):
        first.sum().backward()


def test_batches_under_vmap_are_batches() -> None:
    S = spd(3)
    assert torch.equal(torch.func.vmap(sym_log)(S), sym_log(S))
    rates = torch.func.vmap(torch.func.grad(lambda C: sym_log(C).sum()))(S)
    alone = torch.func.grad(lambda C: sym_log(C).sum())(S[1])
    assert torch.allclose(rates[1], alone, atol=1e-14)


@pytest.mark.parametrize(
    ("S", "error"),
    [
        (torch.zeros(2, 3), ShapeError),
        (torch.eye(2, dtype=torch.int64), DtypeError),
        (torch.full((2, 2), torch.nan), DomainError),
    ],
)
def test_what_is_no_symmetric_matrix_is_refused(S: Tensor, error: type[Exception]) -> None:
    with pytest.raises(error):
        spectral(S, torch.exp, lambda a, b: a)
    with pytest.raises(DomainError, match="matrix 1 with the eigenvalue -1"):
        sym_log(torch.stack([torch.eye(2), -torch.eye(2)]))
