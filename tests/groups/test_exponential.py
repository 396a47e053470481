"""Exponentials, logarithms, decompositions and Lie algebras."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from isotropy.errors import DomainError, LogUndefinedError, ShapeError
from isotropy.groups import (
    SE,
    SL,
    SO,
    Element,
    GLPlus,
    LieAlgebra,
    O,
    S,
    Scale,
    cartan,
    homogeneous,
    iwasawa,
    kak,
    linear,
    parse,
    polar,
    translation,
)
from isotropy.groups._exponential import matrix_log


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def whole(g: Element) -> Tensor:
    assert isinstance(g, Tensor)
    return g


@settings(max_examples=100, deadline=None)
@given(st.floats(1e-12, math.pi - 1e-12), st.integers(0, 1000))
def test_the_rotation_vector_comes_back_at_every_angle(angle: float, seed: int) -> None:
    u = torch.randn(3, generator=generator(seed), dtype=torch.float64)
    w = angle * u / torch.linalg.vector_norm(u)
    assert torch.allclose(SO(3).coords(SO(3).from_coords(w)), w, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("n", [2, 3])
def test_the_closed_forms_are_the_matrix_exponential(n: int) -> None:
    v = torch.randn(200, SO(n).dim, generator=generator(), dtype=torch.float64)
    for scale in (1e-9, 1e-4, 1e-3, 1.0, 10.0):
        A = whole(SO(n).algebra.hat(scale * v))
        assert torch.allclose(whole(SO(n).exp(A)), torch.linalg.matrix_exp(A), rtol=0, atol=2e-14 * max(1, scale))


def test_a_half_turn_has_coordinates_but_no_unique_logarithm() -> None:
    for G in (SO(2), SO(3)):
        v = torch.zeros(G.dim, dtype=torch.float64)
        v[0] = math.pi
        half = whole(G.from_coords(v))
        assert torch.allclose(whole(G.from_coords(G.coords(half))), half, atol=1e-15)
        with pytest.raises(LogUndefinedError, match="half turns"):
            G.log(half)


@pytest.mark.parametrize(
    ("group", "g"),
    [
        ("O(3)", torch.diag(torch.tensor([1.0, 1.0, -1.0]))),
        ("SL(2)", torch.tensor([[-2.0, 0.0], [0.0, -0.5]])),
        ("SO(4)", -torch.eye(4)),
        ("C(4)", torch.tensor([[0.0, -1.0], [1.0, 0.0]])),
        ("S(3)", torch.tensor([1, 0, 2])),
        ("T(1)", 2 * torch.eye(2)),
        ("Scale(2)", -torch.eye(2)),
        ("SE(2)", homogeneous(-torch.eye(2), torch.ones(2))),
        ("E(2)", homogeneous(torch.diag(torch.tensor([1.0, -1.0])))),
    ],
)
def test_a_logarithm_that_does_not_exist_is_refused(group: str, g: Tensor) -> None:
    with pytest.raises(LogUndefinedError):
        parse(group).log(g)


@pytest.mark.parametrize("name", ["SO(4)", "SE(3)", "GL+(3)", "Lorentz(4)", "SO(3) x Scale(3)"])
def test_the_general_logarithm_is_accurate(name: str) -> None:
    G = parse(name)
    v = 0.6 * torch.randn(50, G.dim, generator=generator(), dtype=torch.float64)
    A = whole(G.algebra.hat(v))
    assert torch.allclose(whole(G.log(G.exp(A))), A, atol=1e-12)
    assert whole(G.log(whole(G.exp(A)).float())).dtype == torch.float32


def test_matrix_log_says_where_there_is_none() -> None:
    A = torch.stack([torch.eye(2), -torch.eye(2), torch.zeros(2, 2), torch.tensor([[1.0, 5.0], [0.0, 2.0]])])
    _, exists = matrix_log(A)
    assert exists.tolist() == [True, False, False, True]


@pytest.mark.parametrize("name", ["SO(2)", "SO(3)", "SE(3)", "Scale(2)", "GL+(2)", "Lorentz(3)", "O(2)@(1,2,2)"])
def test_charts_are_differentiable_also_at_the_identity(name: str) -> None:
    G = parse(name)
    v = 0.3 * torch.randn(2, G.dim, generator=generator(), dtype=torch.float64)
    assert torch.autograd.gradcheck(G.from_coords, v.clone().requires_grad_())
    if name not in ("GL+(2)", "Lorentz(3)"):
        zero = torch.zeros(1, G.dim, dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(G.from_coords, zero)
    assert torch.autograd.gradcheck(lambda u: G.coords(G.from_coords(u)), v.clone().requires_grad_())


# Decompositions.


@pytest.mark.parametrize("n", [1, 2, 3, 5])
@pytest.mark.parametrize("side", ["left", "right"])
def test_polar_and_cartan_come_back(n: int, side: str) -> None:
    g = torch.randn(64, n, n, generator=generator(), dtype=torch.float64)
    P, R = polar(g, side)
    X, Q = cartan(g, side)
    assert torch.allclose(P @ R if side == "left" else R @ P, g, atol=1e-12)
    assert torch.allclose(X, X.mT, atol=1e-13)
    assert torch.equal(R, Q)
    assert torch.allclose(R @ R.mT, torch.eye(n, dtype=torch.float64).expand_as(R), atol=1e-13)
    assert bool((torch.linalg.eigvalsh(P) > 0).all())


@pytest.mark.parametrize("n", [2, 3])
def test_kak_and_iwasawa_come_back(n: int) -> None:
    g = whole(GLPlus(n).sample((64,), generator=generator(), dtype=torch.float64, within=1.0))
    R1, a, R2 = kak(g)
    assert torch.allclose(R1 @ torch.diag_embed(a.exp()) @ R2, g, atol=1e-12)
    assert bool(SO(n).contains(R1).all() & SO(n).contains(R2).all())
    assert bool((a.diff(dim=-1) <= 0).all())
    R, b, N = iwasawa(g)
    assert torch.allclose(R @ torch.diag_embed(b.exp()) @ N, g, atol=1e-12)
    assert torch.allclose(N.diagonal(dim1=-2, dim2=-1), torch.ones(n, dtype=torch.float64))
    assert torch.equal(N.tril(-1), torch.zeros_like(N))


@pytest.mark.parametrize("decompose", [polar, cartan, kak, iwasawa])
def test_a_singular_matrix_has_no_decomposition(decompose: object) -> None:
    with pytest.raises(DomainError):
        decompose(torch.zeros(2, 2))  # type: ignore[operator]


def test_cartan_coordinates_reach_where_the_logarithm_does_not() -> None:
    v = torch.tensor([0.3, -0.2, 3.0], dtype=torch.float64)
    g = whole(SL(2).from_coords(v))
    assert float(g.trace()) < -2
    with pytest.raises(LogUndefinedError):
        SL(2).log(g)
    assert torch.allclose(SL(2).coords(g), v, atol=1e-13)


@pytest.mark.parametrize("group", [GLPlus(3), SL(3), GLPlus(2), SL(2)])
def test_stretches_and_rotations_split_the_algebra(group: GLPlus) -> None:
    """[k, k] in k, [k, m] in m, [m, m] in k (Helgason, Differential Geometry, III.7)."""
    basis = whole(group.algebra.basis)
    m = [A for A in basis if torch.equal(A, A.mT)]
    k = [A for A in basis if torch.equal(A, -A.mT)]
    assert len(m) + len(k) == group.dim
    for first, second, sign in ((k, k, -1), (k, m, 1), (m, m, -1)):
        for A in first:
            for B in second:
                bracket = A @ B - B @ A
                assert torch.allclose(bracket, sign * bracket.mT, atol=1e-14)


# Algebras.


def test_the_structure_of_so3_is_the_cross_product() -> None:
    u, v = torch.randn(2, 7, 3, generator=generator(), dtype=torch.float64)
    assert torch.allclose(SO(3).algebra.bracket(u, v), torch.linalg.cross(u, v), atol=1e-14)
    assert torch.allclose((SO(3).algebra.ad(u) @ v[..., None])[..., 0], torch.linalg.cross(u, v), atol=1e-14)


def test_an_algebra_that_is_not_closed_says_so() -> None:
    basis = whole(SO(3).algebra.basis)
    assert not LieAlgebra.of(basis[:2]).is_closed()
    assert LieAlgebra.of(basis[:1]).is_closed()
    with pytest.raises(DomainError, match="dependent"):
        LieAlgebra.of(torch.cat([basis, basis[:1]]))
    with pytest.raises(ShapeError):
        LieAlgebra.of(torch.zeros(2, 2))
    with pytest.raises(DomainError, match="distance"):
        SO(3).algebra.vee(torch.eye(3))


def test_the_algebra_of_a_product_is_a_tuple() -> None:
    G = SO(3) * SO(2).on("hue")
    basis = G.algebra.basis
    assert isinstance(basis, tuple)
    assert [b.shape for b in basis] == [(4, 3, 3), (4, 2, 2)]
    v = torch.randn(5, 4, generator=generator(), dtype=torch.float64)
    assert torch.allclose(G.algebra.vee(G.algebra.hat(v)), v)
    assert torch.allclose(G.coords(G.from_coords(v / 4)), v / 4)


def test_homogeneous_matrices_act_as_linear_part_and_translation() -> None:
    g, h = whole(SE(3).sample((2, 5), generator=generator(), dtype=torch.float64, within=1.0))
    x = torch.randn(5, 3, generator=generator(), dtype=torch.float64)
    inner = (linear(h) @ x[..., None])[..., 0] + translation(h)
    outer = (linear(g) @ inner[..., None])[..., 0] + translation(g)
    both = g @ h
    assert torch.allclose((linear(both) @ x[..., None])[..., 0] + translation(both), outer, atol=1e-13)
    assert torch.equal(homogeneous(linear(g), translation(g)), g)


def test_elements_of_the_wrong_shape_are_refused() -> None:
    for G, g in ((SO(3), torch.eye(2)), (SE(3), torch.eye(3)), (S(3), torch.eye(3)), (O(2) * S(3), torch.eye(2))):
        with pytest.raises(ShapeError):
            G.contains(g)


def test_permutations_act_from_the_left() -> None:
    p, q = torch.tensor([1, 2, 0]), torch.tensor([0, 2, 1])
    x = torch.tensor([10.0, 20.0, 30.0])

    def act(r: Tensor, y: Tensor) -> Tensor:
        return torch.empty_like(y).scatter(0, r, y)

    assert torch.equal(act(p, act(q, x)), act(whole(S(3).compose(p, q)), x))
    assert whole(S(3).compose(p, q)).tolist() == [int(p[q[i]]) for i in range(3)]


@pytest.mark.parametrize("bad", [0, -1, True])
@pytest.mark.parametrize("group", [SO, O, SE, Scale, S, GLPlus])
def test_a_dimension_that_is_none_is_refused(group: type, bad: int) -> None:
    with pytest.raises((DomainError, TypeError)):
        group(bad)


@pytest.mark.parametrize(
    ("name", "whole"),
    [("SO(3)", True), ("SL(2)", True), ("SE(2)", True), ("Affine(GL+(2))", True), ("O(2)", False), ("SO(4)", False),
     ("E(2)", False), ("T(2)", False)],
)  # fmt: skip
def test_coordinates_are_offered_only_where_every_element_has_them(name: str, whole: bool) -> None:
    G = parse(name)
    n = G.degree
    g = torch.eye(n, dtype=torch.float64)
    # A half turn, a mirror where there are mirrors; nothing that is in the group for translations.
    g[[0, 1], [0, 1]] = -1.0
    if name in ("O(2)", "E(2)"):
        g[0, 0] = 1.0
    if G.identity().shape[-1] > n:
        g = torch.block_diag(g, torch.eye(1, dtype=torch.float64))
    with pytest.raises(LogUndefinedError) as error:
        G.log(g[None])
    assert ("coords(g) are defined" in str(error.value)) is whole
    if whole:
        assert bool(G.coords(g[None]).isfinite().all())
