"""Factorisations of matrices: what comes back, worked values, derivatives at ties, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck

from isotropy.errors import DomainError, DtypeError, LogUndefinedError, ShapeError
from isotropy.groups import SL, SO, Element, GLPlus, cartan, iwasawa, kak, polar
from isotropy.groups.parts import matrix
from isotropy.random import spawn

FLOAT64 = torch.float64


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def invertible(n: int, count: int = 64, condition: float | None = None) -> Tensor:
    """Random matrices of positive determinant, of a given condition number on request."""
    g = torch.randn(count, n, n, generator=generator(n), dtype=FLOAT64)
    if condition is not None:
        U, _, Vh = torch.linalg.svd(g)
        g = U @ torch.diag(torch.logspace(0, math.log10(condition), n, dtype=FLOAT64)) @ Vh
    sign = torch.linalg.det(g).sign()[:, None, None]
    return torch.cat([g[..., :1] * sign, g[..., 1:]], -1)


def apart(found: Tensor, wanted: Tensor) -> float:
    """The largest relative distance of matrices."""
    return float((torch.linalg.matrix_norm(found - wanted) / torch.linalg.matrix_norm(wanted)).max())


@pytest.mark.parametrize(("condition", "tol"), [(None, 1e-12), (1e6, 1e-8)])
@pytest.mark.parametrize("n", [2, 3, 4, 6])
def test_every_decomposition_comes_back(n: int, condition: float | None, tol: float) -> None:
    """Specification 02 §5.1."""
    g, one = invertible(n, condition=condition), torch.eye(n, dtype=FLOAT64)
    for side in ("left", "right"):
        P, R = polar(g, side)
        X, Q = cartan(g, side)
        assert apart(P @ R if side == "left" else R @ P, g) < tol
        stretch = torch.linalg.matrix_exp(X)
        assert apart(stretch @ Q if side == "left" else Q @ stretch, g) < tol
        assert torch.equal(P, P.mT)
        assert torch.allclose(X, X.mT, atol=1e-13)
        assert float((R.mT @ R - one).abs().max()) < 1e-13
        assert float((torch.linalg.det(R) - 1).abs().max()) < 1e-12
    R1, a, R2 = kak(g)
    assert apart(R1 @ torch.diag_embed(a.exp()) @ R2, g) < tol
    assert bool((a.diff(dim=-1) <= 0).all() & SO(n).contains(R1).all() & SO(n).contains(R2).all())
    R, b, N = iwasawa(g)
    assert apart(R @ torch.diag_embed(b.exp()) @ N, g) < tol
    assert torch.equal(N, N.triu())
    v = GLPlus(n).coords(g)
    assert apart(GLPlus(n).from_coords(v), g) < tol
    assert apart(GLPlus(n).inverse_from_coords(v) @ g, one.expand_as(g)) < tol * (condition or 1e3)


def test_worked_values() -> None:
    """Specification 02 §5.2: logarithms of a stretch, an angle, and an element without a real logarithm."""
    X, R = cartan(torch.tensor([[2.0, 1.0], [0.5, 1.5]], dtype=FLOAT64))
    assert torch.allclose(X, torch.tensor([[0.67335, 0.43041], [0.43041, 0.24294]], dtype=FLOAT64), atol=5e-6)
    assert math.atan2(R[1, 0], R[0, 0]) == pytest.approx(-0.141897, abs=5e-7)
    turned = torch.diag(torch.tensor([-2.0, -0.5], dtype=FLOAT64))
    v = SL(2).coords(turned)
    assert v[0] == pytest.approx(math.sqrt(2) * math.log(2), abs=1e-14)
    assert (float(v[1]), abs(float(v[2]))) == (0.0, pytest.approx(math.pi, abs=1e-14))
    assert torch.allclose(matrix(SL(2).from_coords(v)), turned, atol=1e-14)
    with pytest.raises(LogUndefinedError, match="coords"):
        SL(2).log(turned)


def ties(n: int) -> list[Tensor]:
    """Where singular values agree, all or two of them; a matrix in general position."""
    R = matrix(SO(n).sample((), generator=generator(), dtype=FLOAT64))
    twice = torch.diag(torch.tensor([2.0, 2.0, 5.0], dtype=FLOAT64)[:n]) @ R
    return [torch.eye(n, dtype=FLOAT64), 2 * R, twice, invertible(n, 1)[0]]


@pytest.mark.parametrize("n", [2, 3])
def test_derivatives_are_those_of_differences_also_at_ties(n: int) -> None:
    """Specification 02 §5.12: forward and reverse, at the identity, at repeated singular values, in between."""
    decompositions: list[Callable[..., object]] = [
        polar,
        cartan,
        lambda g: polar(g, "right"),
        lambda g: cartan(g, "right"),
        GLPlus(n).coords,
    ]
    g = torch.stack(ties(n))
    for f in decompositions:
        assert gradcheck(f, g.clone().requires_grad_(), check_forward_ad=True, fast_mode=True)


def test_closed_forms_of_the_plane_have_second_derivatives() -> None:
    for g in ties(2)[::3]:
        assert gradgradcheck(cartan, g.clone().requires_grad_())
    v = torch.zeros(1, 4, dtype=FLOAT64, requires_grad=True)
    assert gradcheck(GLPlus(2).from_coords, v)
    assert gradgradcheck(GLPlus(2).from_coords, v)


def test_a_second_derivative_that_is_not_there_says_so() -> None:
    g = torch.eye(3, dtype=FLOAT64, requires_grad=True)
    (first,) = torch.autograd.grad(cartan(g)[0].sum(), g, create_graph=True)
    with pytest.raises(RuntimeError, match="only the first"):
        torch.autograd.grad(first.sum(), g)


def test_the_closed_forms_of_the_plane_are_the_general_ones() -> None:
    """Blocks: the decomposition of diag(g, 1) is that of g, by the singular values."""
    g = torch.cat([invertible(2), invertible(2, condition=1e4), torch.eye(2, dtype=FLOAT64)[None]])
    g = torch.cat([g, g * torch.tensor([1.0, -1.0])])
    whole = torch.nn.functional.pad(g, (0, 1, 0, 1))
    whole[..., 2, 2] = 1
    for mine, general in zip(cartan(g), cartan(whole), strict=True):
        assert torch.allclose(mine, general[..., :2, :2], atol=1e-11)


def test_a_mirrored_matrix_has_an_orthogonal_factor_and_no_coordinates() -> None:
    g = invertible(3) * torch.tensor([1.0, 1.0, -1.0])
    P, R = polar(g)
    assert apart(P @ R, g) < 1e-13
    assert bool((torch.linalg.det(R) < 0).all())
    batch = torch.cat([invertible(3, 2), g[:1]])
    for refuse in (kak, GLPlus(3).coords):
        with pytest.raises(DomainError, match=r"matrix 2 of determinant -"):
            refuse(batch)
    with pytest.raises(DomainError, match=r"matrix 1 of determinant 4.*SL\(2\)"):
        SL(2).coords(torch.stack([torch.eye(2), 2 * torch.eye(2)]))


@pytest.mark.parametrize("decompose", [polar, cartan, kak, iwasawa])
@pytest.mark.parametrize(
    ("g", "error", "words"),
    [
        (torch.ones(2, 2), DomainError, "singular|determinant 0"),
        (torch.diag(torch.tensor([1.0, 1.0, 0.0])), DomainError, "singular|determinant 0"),
        (torch.stack([torch.eye(2), torch.diag(torch.tensor([1.0, 1e-7]))]), DomainError, "matrix 1, condition 1e"),
        (torch.diag(torch.tensor([1.0, 1.0, 1e-7])), DomainError, "matrix 0, condition 1e"),
        (torch.diag(torch.tensor([1.0, 1e-13], dtype=FLOAT64)), DomainError, "condition"),
        (torch.full((2, 2), math.nan), DomainError, "NaN"),
        (torch.full((3, 3), math.inf), DomainError, "infinity"),
        (torch.zeros(2, 3), ShapeError, "square"),
        (torch.eye(2, dtype=torch.int64), DtypeError, "float"),
    ],
)
def test_what_has_no_decomposition_is_refused(
    decompose: Callable[[Tensor], Element], g: Tensor, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        decompose(g)


def test_single_precision_keeps_its_dtype_and_is_solved_in_double() -> None:
    g = invertible(3).float()
    P, R = polar(g)
    assert P.dtype == R.dtype == GLPlus(3).coords(g).dtype == torch.float32
    assert apart(P @ R, g) < 1e-6


@pytest.mark.parametrize("group", [GLPlus(2), SL(2)])
def test_the_density_has_a_derivative_where_stretches_agree(group: GLPlus | SL) -> None:
    v = torch.zeros(group.dim, dtype=torch.float64, requires_grad=True)
    group.haar_log_density(v).sum().backward()
    assert v.grad is not None
    assert bool(v.grad.isfinite().all())


@pytest.mark.parametrize("n", [2, 3])
@pytest.mark.parametrize("exponent", [-1000, 700, 1000])
def test_sizes_whose_squares_are_no_numbers(n: int, exponent: int) -> None:
    """Of 2^k g the factors are those of g, and the logarithm is k log 2 larger, to the last digits."""
    g = torch.randn(4, n, n, generator=spawn(n, "sizes"), dtype=torch.float64)
    g = g * torch.linalg.det(g).sign()[:, None, None] if n == 3 else g @ torch.diag_embed(
        torch.stack([torch.ones(4, dtype=g.dtype), torch.linalg.det(g).sign()], -1))  # fmt: skip
    far, size = g * 2.0**exponent, exponent * float(torch.tensor(2.0, dtype=torch.float64).log())
    for one, other in zip(polar(far), polar(g), strict=True):
        assert torch.allclose(one / one.abs().max(), other / other.abs().max(), rtol=0, atol=1e-14)
    (X, R), (X_far, R_far) = cartan(g), cartan(far)
    assert torch.allclose(X_far, X + size * torch.eye(n, dtype=g.dtype), rtol=1e-14, atol=1e-13 * abs(size))
    assert torch.allclose(R, R_far, rtol=0, atol=1e-14)
    assert torch.allclose(kak(far)[1], kak(g)[1] + size, rtol=1e-13)
