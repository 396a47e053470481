"""Equivariant bases: the dimension table, the laws of the projector, and every fast route against the nullspace."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from isotropy.errors import AmbiguousRankError, DomainError, InfeasibleError, ShapeError
from isotropy.groups import (
    SE,
    SL,
    SO,
    C,
    Cubature,
    D,
    Group,
    Inversion,
    MatrixGroup,
    O,
    S,
    Scale,
    T,
    parse,
)
from isotropy.reps import (
    Adjoint,
    Nodes,
    Pixels,
    Point,
    Pseudoscalar,
    Pseudovector,
    Rep,
    Scalar,
    Vector,
    equivariant_basis,
    projector,
)
from isotropy.reps import Tensor as TensorRep
from isotropy.reps._basis import Basis
from isotropy.reps._invariants import METHODS

# Specification 01 §2.6: dimensions of Hom_G(T_p -> T_q) in three dimensions.
COLUMNS = [(0, 1), (1, 1), (0, 2), (1, 2), (2, 2), (1, 3), (2, 3), (0, 3)]
TABLE: dict[str, list[int]] = {
    "SO(3)": [0, 1, 1, 1, 3, 3, 6, 1],
    "O(3)": [0, 1, 1, 0, 3, 3, 0, 0],
    "O(2)@z": [1, 2, 2, 4, 10, 10, 26, 4],
    "SO(2)@z": [1, 3, 3, 7, 19, 19, 51, 7],
    "Scale(3)": [0, 9, 0, 0, 81, 0, 0, 0],
    "SO(3) x Scale(3)": [0, 1, 0, 0, 3, 0, 0, 0],
    "SL(3)": [0, 1, 0, 0, 2, 0, 0, 1],
    "C(4)@z": [1, 3, 3, 7, 21, 21, 61, 7],
    'S(3).on("space")': [1, 2, 2, 5, 14, 14, 41, 5],
}
ORTHOGONAL = [name for name in TABLE if parse(name).compact]
NUMBERS = Scalar + Vector + TensorRep(2) + TensorRep(3)


def elements(G: Group, n: int = 6) -> Tensor:
    width = None if G.compact else 0.3
    g = G.sample((n,), generator=torch.Generator().manual_seed(1), dtype=torch.float64, within=width)
    return g if isinstance(g, Tensor) else torch.empty(0)


def defect(basis: Basis, G: Group, dims: dict[str, int] | None = None) -> float:
    """How far the basis maps are from rho_out(g) W = W rho_in(g), over random g."""
    width = None if G.compact else 0.3
    g = G.sample((6,), generator=torch.Generator().manual_seed(1), dtype=torch.float64, within=width)
    left = torch.einsum("goi,rij->groj", basis.rep_out.rho(G, g, dims), basis.maps)
    right = torch.einsum("roi,gij->groj", basis.maps, basis.rep_in.rho(G, g, dims))
    return float((left - right).abs().max()) if basis.dim else 0.0


@pytest.mark.parametrize("name", TABLE)
def test_dimensions_are_those_of_the_table(name: str) -> None:
    G = parse(name)
    found = [equivariant_basis(TensorRep(p), TensorRep(q), G).dim for p, q in COLUMNS]
    assert found == TABLE[name]
    if name in ORTHOGONAL:
        assert [equivariant_basis(TensorRep(q), TensorRep(p), G).dim for p, q in COLUMNS] == TABLE[name]


@pytest.mark.parametrize("name", TABLE)
def test_the_projector_is_orthogonal_and_gives_equivariant_maps(name: str) -> None:
    """Check §6.1 for ranks 0 to 2 with the dense projector; rank 3 below, block by block."""
    G = parse(name)
    rep = Scalar + Vector + TensorRep(2)
    P = projector(rep, rep, G)
    assert float((P - P.mT).abs().max()) < 1e-12
    assert float((P @ P - P).abs().max()) < 1e-12
    g = elements(G)
    rho = rep.rho(G, g)
    W = torch.randn(13, 13, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    PW = (P @ W.flatten()).reshape(13, 13)
    assert float((PW @ rho - rho @ PW).abs().max()) < 1e-10


@pytest.mark.parametrize("name", TABLE)
def test_projection_and_residual_up_to_rank_three(name: str) -> None:
    """Check §6.1, and §6.2 up to the penalty: W = PW + residual, Pythagoras, zero on the subspace, gradient W - PW."""
    G = parse(name)
    basis = equivariant_basis(NUMBERS, NUMBERS, G)
    assert defect(basis, G) < 1e-10
    W = torch.randn(40, 40, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    PW, residual = basis.project(W), basis.residual(W)
    assert torch.allclose(PW + residual, W, rtol=0, atol=1e-12)
    assert torch.allclose(basis.project(PW), PW, rtol=0, atol=1e-12)
    total = PW.square().sum() + residual.square().sum()
    assert abs(float((total / W.square().sum()).detach()) - 1) < 1e-12
    (gradient,) = torch.autograd.grad(residual.square().sum() / 2, W)
    assert torch.allclose(gradient, residual, rtol=0, atol=1e-10)
    theta = torch.randn(basis.dim, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    assert torch.allclose(basis.coords(basis.expand(theta)), theta, rtol=0, atol=1e-12)
    assert float(basis.residual(basis.expand(theta)).abs().max()) < 1e-12
    assert basis.gap > 1e6


@pytest.mark.parametrize("name", ["SO(3)", "O(3)", "SO(2)@z", "O(2)@z", "C(4)@z", 'S(3).on("space")', "D(5)", "C(3)"])
def test_the_projector_is_the_haar_average_for_orthogonal_representations(name: str) -> None:
    """P W = integral of rho_out(g)^T W rho_in(g) dg (§2.1), by exact cubature: here of degree 4 in g."""
    G = parse(name)
    rep_in, rep_out = Scalar + TensorRep(2) + Pseudovector, Vector + TensorRep(2) + Pseudoscalar
    assert rep_in.orthogonal(G)
    basis = equivariant_basis(rep_in, rep_out, G)
    atoms = Cubature(G, 6).discretise()
    left, right = rep_out.rho(G, atoms.g), rep_in.rho(G, atoms.g)
    W = torch.randn(basis.n_out, basis.n_in, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    average = torch.einsum("g,gji,jk,gkl->il", atoms.log_weight.exp(), left, W, right)
    assert torch.allclose(basis.project(W), average, rtol=0, atol=1e-10)


def test_for_other_groups_the_projector_is_not_the_average() -> None:
    """Orthogonal in the Frobenius norm also where rho is not orthogonal; the group mean is an oblique projector."""
    G = C(3).conjugate([[1.0, 1.0], [0.0, 1.0]])
    rep = Vector
    P = projector(rep, rep, G)
    g = G.elements()
    assert isinstance(g, Tensor)
    mean = torch.stack([torch.kron(rep.rho(G, h), rep.dual.rho(G, h)) for h in g]).mean(0)
    assert torch.allclose(mean @ P, P, atol=1e-12)
    assert torch.allclose(P @ mean, mean, atol=1e-12)
    assert float((P - P.mT).abs().max()) < 1e-12
    assert float((mean - mean.mT).abs().max()) > 0.1


ROUTES: list[tuple[Rep, Rep, str, str, dict[str, int]]] = [
    (NUMBERS, Scalar + Vector + TensorRep(2), "SO(3)", "isotropic", {}),
    (NUMBERS, Scalar + Vector + TensorRep(2).pseudo + Pseudoscalar, "O(3)", "isotropic", {}),
    (TensorRep(2), TensorRep(3), "SO(2)", "isotropic", {}),
    (TensorRep(2), TensorRep(2), "O(4)", "isotropic", {}),
    (TensorRep(2), TensorRep(2), "SO(4)", "isotropic", {}),
    (NUMBERS, Scalar + Vector, "Scale(3)", "degrees", {}),
    (Vector + Vector.dual, Scalar.weighted(2) + TensorRep(2).weighted(1), "Scale(2)", "degrees", {}),
    (NUMBERS, Scalar + Vector, "SO(3) x Scale(3)", "isotropic", {}),
    (NUMBERS, Scalar + Vector, "C(4)@z", "orbits", {}),
    (NUMBERS, Scalar + Vector + Pseudovector, "Inversion(3)", "orbits", {}),
    (NUMBERS, Scalar + Vector, 'S(3).on("space")', "orbits", {}),
    (Nodes**2 + Nodes, Nodes**2 + Scalar, "S(4)", "orbits", {}),
    (Nodes.pseudo + Nodes, Nodes**2, "S(4)", "orbits", {}),
    (Nodes * Vector + Vector, Vector * Nodes + Nodes, "SO(3) x S(4)", "isotropic", {}),
    (Nodes * Vector, Vector * Nodes, "S(3)", "orbits", {"space": 2}),
    (Pixels(5, 5, hole=3) + Scalar, Pixels(3, 3), "D(4)", "orbits", {}),
    (Pixels(2, 3), Pixels(2, 3) + Vector, "O(1)@y", "orbits", {}),
    (Scalar + TensorRep(2), Vector + TensorRep(2), "C(5)", "average", {}),
    (Scalar + TensorRep(2), Vector + TensorRep(2).pseudo, "D(3)", "average", {}),
    (Vector, Vector + TensorRep(2), "C(3)@(1,2,2)", "average", {}),
    (Vector * (Vector + Scalar), Vector * (2 * Vector), "SO(3)", "isotropic", {}),
]


@pytest.mark.parametrize(("group", "count"), [("SO(2)", 70), ("O(2)", 35), ("SO(3)", 91)])
def test_the_rank_stays_certain_where_hundreds_of_tensors_span(group: str, count: int) -> None:
    basis = equivariant_basis(TensorRep(4), TensorRep(4), parse(group))
    assert basis.dim == count  # C(8, 4), half of it, and the Riordan number of 8
    assert basis.gap > 1e12


@pytest.mark.parametrize(
    ("rep_in", "rep_out", "name", "route", "dims"), ROUTES, ids=[f"{name}: {a} to {b}" for a, b, name, _, _ in ROUTES]
)
def test_every_fast_route_equals_the_nullspace(
    rep_in: Rep, rep_out: Rep, name: str, route: str, dims: dict[str, int]
) -> None:
    G = parse(name)
    fast = equivariant_basis(rep_in, rep_out, G, dims=dims)
    plain = equivariant_basis(rep_in, rep_out, G, method="nullspace", dims=dims)
    assert route in fast.method
    assert "nullspace" not in fast.method
    assert fast.dim == plain.dim
    P, Q = (b.maps.flatten(1).mT @ b.maps.flatten(1) for b in (fast, plain))
    assert float((P - Q).abs().max()) < 1e-10
    assert defect(fast, G, dims) < 1e-10


GENERAL: list[tuple[Rep, Rep, str]] = [
    (Point.linearised + Vector, Point.linearised + Scalar, "SE(2)"),
    (Adjoint + Vector, Adjoint * Vector + Vector.dual, "SL(2)"),
    (Adjoint, Adjoint + Adjoint.dual, "SL(2)"),
    (Vector + Vector.dual, Vector * Vector.dual + Vector, "Lorentz(4)"),
    (Scalar.weighted(2) + Vector, TensorRep(2) + Vector, "GL+(2)"),
    (3 * Point + Scalar, TensorRep(2) + Point, "SO(2)@(1,2,2)"),
    (3 * Point + Scalar, TensorRep(2) + 2 * Point, "D(6)"),
]


@pytest.mark.parametrize(("rep_in", "rep_out", "name"), GENERAL, ids=[f"{n}: {a} to {b}" for a, b, n in GENERAL])
def test_the_general_route_reduces_by_signed_permutations_and_loses_nothing(
    rep_in: Rep, rep_out: Rep, name: str
) -> None:
    G = parse(name)
    basis = equivariant_basis(rep_in, rep_out, G)
    plain = equivariant_basis(rep_in, rep_out, G, method="nullspace")
    assert basis.dim == plain.dim > 0
    assert defect(basis, G) < 1e-10
    P, Q = (b.maps.flatten(1).mT @ b.maps.flatten(1) for b in (basis, plain))
    assert float((P - Q).abs().max()) < 1e-9


def test_the_inverse_transpose_enters_for_groups_that_are_not_orthogonal() -> None:
    """W rho_in = rho_out W, not W rho_in^T: SL(2) pairs a vector with a covector, and never a vector with itself."""
    assert equivariant_basis(Vector, Vector, SL(2)).dim == 1
    assert torch.allclose(equivariant_basis(Vector, Vector, SL(2)).maps[0].abs(), torch.eye(2).double() / 2**0.5)
    epsilon = equivariant_basis(Vector, Vector.dual, SL(2)).maps[0]
    assert torch.allclose(epsilon, -epsilon.mT)
    assert equivariant_basis(Vector * Vector.dual, Scalar, SL(3)).dim == 1
    assert equivariant_basis(TensorRep(2), Scalar, SL(3)).dim == 0


def test_bell_numbers_count_the_maps_of_permuted_tensors() -> None:
    assert [equivariant_basis(Nodes**k, Nodes**l, S(4)).dim for k, l in [(0, 0), (0, 1), (1, 1), (1, 2), (2, 2)]] == [
        *(1, 1, 2, 5, 15)
    ]


def test_large_images_need_no_large_matrix() -> None:
    basis = equivariant_basis(Pixels(28, 28), Pixels(28, 28), D(4))
    W = torch.randn(784, 784, generator=torch.Generator().manual_seed(0))
    PW = basis.project(W)
    g = D(4).elements(torch.float32)
    assert isinstance(g, Tensor)
    x = torch.randn(784, generator=torch.Generator().manual_seed(1))
    moved = Pixels(28, 28).act(D(4), g, x)
    assert torch.allclose(moved @ PW.mT, Pixels(28, 28).act(D(4), g, PW @ x), atol=1e-4)
    trace = sum(float(Pixels(28, 28).rho(D(4), h).trace()) ** 2 for h in g) / 8
    assert basis.dim == round(trace)  # Burnside: the mean of the squared characters


def test_copies_of_one_term_in_any_order_share_one_basis() -> None:
    rep = Vector + 2 * Scalar + Vector + Scalar
    other = 2 * Vector + 3 * Scalar
    a, b = equivariant_basis(rep, rep, O(3)), equivariant_basis(other, other, O(3))
    assert a.dim == b.dim == 9 + 4
    order = rep.isomorphism(other, O(3))
    W = torch.randn(2, 9, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    moved = W[:, order][:, :, order]
    assert torch.allclose(a.project(W)[:, order][:, :, order], b.project(moved), atol=1e-14)
    assert defect(a, O(3)) < 1e-12


def test_float32_batches_and_gradients() -> None:
    basis = equivariant_basis(2 * Scalar + 3 * Vector, Vector + TensorRep(2), parse("O(2)@z"))
    W = torch.randn(4, 5, 12, 11, generator=torch.Generator().manual_seed(0))
    assert basis.project(W).dtype == torch.float32
    assert torch.allclose(basis.project(W)[1, 2], basis.project(W[1, 2]), atol=1e-6)
    assert torch.allclose(basis.project(W), basis.project(W.double()).float(), atol=1e-5)
    small = torch.randn(12, 11, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(basis.project, (small,))
    theta = torch.randn(basis.dim, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(basis.expand, (theta,))


def test_a_bias_is_a_map_from_a_scalar() -> None:
    basis = equivariant_basis(Scalar, 2 * Scalar + Vector + TensorRep(2), SO(3))
    assert (basis.n_out, basis.n_in, basis.dim) == (14, 1, 3)
    assert equivariant_basis(Scalar, Vector, parse("O(2)@z")).maps[0, :, 0].abs().round(decimals=12).tolist() == [
        0,
        0,
        1,
    ]


def test_empty_types_have_empty_maps() -> None:
    basis = equivariant_basis(0 * Scalar, Vector, SO(3))
    assert (basis.dim, basis.maps.shape) == (0, (0, 3, 0))
    assert equivariant_basis(Vector, 0 * Scalar, SO(3)).project(torch.zeros(0, 3)).shape == (0, 3)


def test_a_spectrum_without_a_gap_is_refused() -> None:
    """Two charges that differ by 1e-9 are neither equal nor clearly different."""
    J = torch.zeros(4, 4, dtype=torch.float64)
    J[0, 1], J[1, 0], J[2, 3], J[3, 2] = -1.0, 1.0, -(1.0 + 1e-9), 1.0 + 1e-9
    G = MatrixGroup("near", algebra=J[None].tolist())
    with pytest.raises(AmbiguousRankError):
        equivariant_basis(Vector, Vector, G)


def test_what_cannot_be_answered_is_refused() -> None:
    with pytest.raises(DomainError, match="linearised"):
        equivariant_basis(2 * Point, Vector, SE(3))
    with pytest.raises(DomainError, match="linearised"):
        equivariant_basis(Vector, Point, T(2))
    with pytest.raises(DomainError, match="one of auto"):
        equivariant_basis(Vector, Vector, SO(3), method="guess")
    with pytest.raises(DomainError, match="applies"):
        equivariant_basis(Vector, Vector, SO(3), method="orbits")
    with pytest.raises(DomainError, match="pixel centres"):
        equivariant_basis(Pixels(3, 3), Pixels(3, 3), C(3))
    with pytest.raises(InfeasibleError, match="at most 3000"):
        equivariant_basis(TensorRep(4), TensorRep(4), SL(3))
    with pytest.raises(InfeasibleError, match=r"Basis\.project"):
        projector(4 * NUMBERS, NUMBERS, SO(3))
    with pytest.raises(ShapeError, match="dims"):
        equivariant_basis(Vector, Vector, S(3))
    with pytest.raises(ShapeError, match=r"\(\.\.\., 3, 3\)"):
        equivariant_basis(Vector, Vector, SO(3)).project(torch.zeros(3, 4))
    with pytest.raises(ShapeError, match="coordinates"):
        equivariant_basis(Vector, Vector, SO(3)).expand(torch.zeros(2))


def test_methods_are_a_closed_list() -> None:
    assert METHODS[0] == "auto"
    for method in ("degrees", "orbits", "isotropic", "average"):
        G = {"degrees": Scale(2), "orbits": Inversion(2), "isotropic": O(2), "average": C(3)}[method]
        assert equivariant_basis(Vector, Vector, G, method=method).method == method


@pytest.mark.parametrize("seed", range(3))
def test_a_wrong_map_is_caught(seed: int) -> None:
    """The measure of defect itself can fail: any map outside the span shows it."""
    generator = torch.Generator().manual_seed(seed)
    basis = equivariant_basis(Vector, TensorRep(2), SO(3))
    W = basis.residual(torch.randn(9, 3, generator=generator, dtype=torch.float64))
    g = elements(SO(3))
    left, right = TensorRep(2).rho(SO(3), g) @ W, W @ Vector.rho(SO(3), g)
    assert float((left - right).abs().max()) > 0.1
