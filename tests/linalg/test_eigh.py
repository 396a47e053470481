"""Symmetric eigenproblems: descending, exact derivatives between clusters, never NaN inside one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck
from torch.func import jvp, vmap

from isotropy.errors import DomainError, DtypeError, ShapeError
from isotropy.linalg import eigh


def symmetric(values: list[float], seed: int = 0, batch: int = 1) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    Q = torch.linalg.qr(torch.randn(batch, len(values), len(values), generator=draw, dtype=torch.float64)).Q
    return Q @ torch.diag(torch.tensor(values, dtype=torch.float64)) @ Q.mT


def leading_projector(C: Tensor) -> Tensor:
    """Depends on the span of the cluster of the largest value only."""
    found = eigh(C, tol=1e-6)
    leading = found.vectors * (found.cluster == 0)[..., None, :]
    return leading @ leading.mT + found.values.square().sum(-1)[..., None, None]


def test_reconstructs_in_descending_order() -> None:
    C = symmetric([1.0, 3.0, -2.0, 3.0], batch=5)
    found = eigh(C)
    assert torch.allclose(found.vectors @ torch.diag_embed(found.values) @ found.vectors.mT, C, atol=1e-12)
    assert bool((found.values[..., :-1] >= found.values[..., 1:]).all())
    assert found.cluster.tolist() == [[0, 0, 1, 2]] * 5


@pytest.mark.parametrize("values", [[3.0, 2.0, 1.0, -1.0], [2.0, 2.0, 1.0, -1.0], [2.0, 1.0, 1.0, 1.0]])
def test_derivatives_match_finite_differences_also_at_ties(values: list[float]) -> None:
    C = symmetric(values, seed=3).requires_grad_()
    assert gradcheck(lambda M: leading_projector((M + M.mT) / 2), C, atol=1e-6, check_forward_ad=True)


def test_second_derivatives_where_values_differ() -> None:
    C = symmetric([3.0, 2.0, 0.5]).requires_grad_()
    assert gradgradcheck(leading_projector, C, atol=1e-6)


@pytest.mark.parametrize("C", [torch.eye(3), torch.zeros(3, 3), torch.diag(torch.tensor([2.0, 2.0, 1.0]))])
def test_the_gradient_is_never_nan(C: Tensor) -> None:
    C = C.clone().requires_grad_()
    found = eigh(C)
    (found.vectors.sum() + found.values.sum()).backward()
    assert C.grad is not None
    assert bool(torch.isfinite(C.grad).all())


def test_a_mutant_that_keeps_the_factor_inside_a_cluster_would_be_seen() -> None:
    # torch's own derivative at a tie is not finite; ours is.
    C = torch.diag(torch.tensor([2.0, 2.0, 1.0], dtype=torch.float64)).requires_grad_()
    weights = torch.arange(9.0, dtype=torch.float64).reshape(3, 3)
    (theirs,) = torch.autograd.grad((torch.linalg.eigh(C).eigenvectors.square() * weights).sum(), C)
    (ours,) = torch.autograd.grad((eigh(C).vectors.square() * weights).sum(), C)
    assert not bool(torch.isfinite(theirs).all())
    assert bool(torch.isfinite(ours).all())


def test_under_vmap_and_forward_mode() -> None:
    C = symmetric([3.0, 2.0, 1.0], batch=4)
    direction = symmetric([1.0, 0.0, 0.5], seed=9, batch=4)
    _, together = jvp(leading_projector, (C,), (direction,))
    _, apart = vmap(lambda c, t: jvp(leading_projector, (c,), (t,)))(C, direction)
    step = 1e-6
    difference = (leading_projector(C + step * direction) - leading_projector(C - step * direction)) / (2 * step)
    assert torch.allclose(together, apart, atol=1e-12)
    assert torch.allclose(together, difference, atol=1e-7)


def test_detach_and_dtype() -> None:
    C = torch.diag(torch.tensor([1.0, 2.0])).requires_grad_()
    assert not eigh(C, grad="detach").vectors.requires_grad
    assert eigh(C).values.dtype == torch.float32
    close = torch.diag(torch.tensor([1.0, 1.0 + 1e-7], dtype=torch.float64))
    assert eigh(close).cluster.tolist() == [0, 1]
    assert eigh(close, tol=1e-3).cluster.tolist() == [0, 0]


def test_bad_input_is_refused() -> None:
    with pytest.raises(ShapeError, match="d, d"):
        eigh(torch.ones(3))
    with pytest.raises(DomainError, match="NaN"):
        eigh(torch.full((2, 2), float("nan")))
    with pytest.raises(DtypeError, match="float16"):
        eigh(torch.eye(2, dtype=torch.float16))
