"""Irreps and functions on the sphere as types: their layout, their maps, e3nn's spelling, and the axis of channels."""

from __future__ import annotations

import pytest
import torch
from e3nn import o3
from hypothesis import given
from hypothesis import strategies as st

from isotropy.errors import DomainError, SchemaError, ShapeError
from isotropy.groups import SE, SO, Group, O, Scale, parse
from isotropy.linalg import Segments
from isotropy.measure import equivariance_error, lie_error
from isotropy.random import spawn
from isotropy.reps import (
    Adjoint,
    Cloud,
    Irrep,
    Irreps,
    Nodes,
    Point,
    Pseudoscalar,
    Pseudovector,
    Rep,
    Scalar,
    Sphere,
    Vector,
    act,
    equivariant_basis,
    from_e3nn,
    pull,
    solid_harmonics,
    to_e3nn,
    wigner_blocks,
)
from isotropy.reps import Tensor as TensorRep
from isotropy.testing import assert_equivariant


def elements(G: Group, n: int = 5) -> torch.Tensor:
    within = None if G.compact else 0.5
    g = G.sample((n,), generator=spawn(0, "elements"), dtype=torch.float64, within=within)
    assert isinstance(g, torch.Tensor)
    return g


def rows(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=spawn(0, "rows"))


def test_low_degrees_are_the_types_that_have_names() -> None:
    assert Irrep(0, 1) == Scalar == Sphere(0)
    assert Irrep(0, -1) == Pseudoscalar == Sphere(0, -1)
    assert Irrep(1, -1) == Vector
    assert Irrep(1, 1) == Pseudovector
    g = elements(O(3))
    assert torch.equal(Irrep(1, -1).rho(O(3), g), g)
    assert Irrep(2, 1).pseudo == Irrep(2, -1)
    assert Sphere(4).pseudo == Sphere(4, -1)


def test_solid_harmonics_turn_and_stretch_as_their_type() -> None:
    r = rows(5, 3)
    for name in ("O(3)", "Scale(3)", "SO(3) x Scale(3)"):
        G = parse(name)
        g = elements(G)
        moved = solid_harmonics(6, (g @ r[..., None])[..., 0])
        torch.testing.assert_close(Sphere(6).act(G, g, solid_harmonics(6, r)), moved, rtol=1e-11, atol=1e-11)


def test_a_sphere_is_one_part_and_splits_as_a_view() -> None:
    features = 64 * Sphere(4)
    x = rows(7, 1600)
    (part,) = features.split(x)
    assert part.shape == (7, 64, 25)
    assert part.data_ptr() == x.data_ptr()
    assert len(features.parts()) == 1


def test_a_sphere_is_the_sum_of_its_irreps() -> None:
    ours, theirs = 3 * Sphere(3, -1), 3 * Irrep(2, -1) + 3 * Irrep(0, -1) + 3 * Irrep(1, 1) + 3 * Irrep(3, 1)
    p, x, g = ours.isomorphism(theirs, O(3)), rows(5, 48), elements(O(3))
    torch.testing.assert_close(ours.act(O(3), g, x)[:, p], theirs.act(O(3), g, x[:, p]))
    with pytest.raises(DomainError, match="same terms"):
        Sphere(2).isomorphism(Sphere(2, -1), O(3))


@pytest.mark.parametrize("rep", [Sphere(4), Irrep(3, 1), Sphere(3, -1).dual])
def test_the_derivative_is_a_homomorphism_of_lie_algebras(rep: Rep) -> None:
    a, b, c = SO(3).algebra.basis.double()
    A, B, C = (rep.drho(SO(3), E) for E in (a, b, a @ b - b @ a))
    torch.testing.assert_close(A @ B - B @ A, C, rtol=0, atol=1e-13)
    torch.testing.assert_close(A, -A.mT, rtol=0, atol=1e-14)
    torch.testing.assert_close(torch.linalg.matrix_exp(A), rep.rho(SO(3), torch.linalg.matrix_exp(a)))
    assert c.shape == (3, 3)


@pytest.mark.parametrize(
    ("rep_in", "rep_out", "o3_dim", "so3_dim"),
    [
        (Sphere(2), TensorRep(2), 2, 3),  # 0e + 1o + 2e into 0e + 1e + 2e
        (Sphere(2, -1), TensorRep(2), 1, 3),
        (Sphere(3), TensorRep(3), 4, 7),  # T3 = 0o + 3 x 1o + 2 x 2o + 3o, and 0, 3, 2, 1 copies under SO(3) too
        (Irrep(2, 1), Irrep(2, 1), 1, 1),
        (Irrep(2, 1), Irrep(2, -1), 0, 1),
        (Irrep(2, 1), Irrep(3, -1), 0, 0),
        (Sphere(3), Sphere(3), 4, 4),
        (Irrep(2, 1) * Irrep(3, -1), Sphere(5), 3, 5),  # Clebsch-Gordan: l = 1..5, the odd ones of natural parity
    ],
)
def test_maps_between_irreps_by_schur(rep_in: Rep, rep_out: Rep, o3_dim: int, so3_dim: int) -> None:
    for G, dim in ((O(3), o3_dim), (SO(3), so3_dim)):
        basis = equivariant_basis(rep_in, rep_out, G)
        assert basis.dim == dim
        g = elements(G)
        for W in basis.maps:
            torch.testing.assert_close(rep_out.rho(G, g) @ W, W @ rep_in.rho(G, g), rtol=0, atol=1e-10)
    assert equivariant_basis(rep_in, rep_out, O(3), method="nullspace").dim == o3_dim


def test_many_channels_of_a_sphere_share_one_small_solution_for_each_degree() -> None:
    assert equivariant_basis(64 * Sphere(6), 32 * Sphere(4), O(3)).dim == 64 * 32 * 5


@pytest.mark.parametrize("G", ["SL(3)", "SO(2)", "SO(4)", "Lorentz(4)", "GL+(3)"])
def test_groups_of_other_matrices_are_refused(G: str) -> None:
    with pytest.raises(DomainError, match="three dimensions"):
        Sphere(1).act(parse(G), torch.eye(parse(G).degree), torch.zeros(4))
    with pytest.raises(DomainError, match="three dimensions"):
        equivariant_basis(Sphere(1), Vector, G)
    with pytest.raises(DomainError, match="three dimensions"):
        Irrep(2, 1).drho(parse(G), torch.zeros(parse(G).degree, parse(G).degree))


def test_bad_degrees_and_parities_are_refused() -> None:
    for wrong in (lambda: Irrep(-1, 1), lambda: Irrep(101, 1), lambda: Irrep(2, 0), lambda: Sphere(2, 2)):
        with pytest.raises(SchemaError, match=r"degree|parity"):
            wrong()
    with pytest.raises(SchemaError, match="weigh its summands"):
        Sphere(2).weighted(1)


def test_weights_under_stretches() -> None:
    g = 2 * torch.eye(3, dtype=torch.float64)
    rep = Irrep(2, 1) + Irrep(3, 1) + Irrep(2, 1).weighted(0) + Irrep(2, 1).dual + Sphere(2)
    found = rep.act(Scale(3), g, torch.ones(31, dtype=torch.float64))
    expected = [4.0] * 5 + [8.0] * 7 + [1.0] * 5 + [0.25] * 5 + [1.0] + [2.0] * 3 + [4.0] * 5
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), rtol=1e-14, atol=0)


IRREPS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.sampled_from("eo")), max_size=6)


@given(IRREPS)
def test_the_layout_of_e3nn(terms: list[tuple[int, int, str]]) -> None:
    text = "+".join(f"{count}x{l}{p}" for count, l, p in terms)
    theirs = o3.Irreps(text)
    rep = Irreps(text)
    assert rep.dim(O(3)) == theirs.dim
    x = torch.arange(float(theirs.dim), dtype=torch.float64)
    g = elements(O(3), 1)[0]
    ours, p = from_e3nn(theirs)
    assert p.sort().values.tolist() == list(range(theirs.dim))
    torch.testing.assert_close(ours.act(O(3), g, x[p]), rep.act(O(3), g, x)[p])
    back, q = to_e3nn(ours)
    torch.testing.assert_close(Irreps(back).act(O(3), g, x[p][q]), ours.act(O(3), g, x[p])[q])


def test_features_turn_as_in_e3nn() -> None:
    text = "2x0e+3x1o+1x2e+2x1e+1x3e"
    g = elements(SO(3))
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        theirs = o3.Irreps(text).D_from_matrix(g)
    finally:
        torch.set_default_dtype(before)
    torch.testing.assert_close(Irreps(text).rho(SO(3), g), theirs, rtol=0, atol=1e-12)


def test_mul_ir_columns_become_channels_and_return() -> None:
    x = rows(5, 16 * 9)
    rep, p = from_e3nn("16x0e+16x1o+16x2e")
    assert rep == 16 * Sphere(2)
    packed = x[:, p].unflatten(-1, (16, 9))
    assert torch.equal(packed[:, 3, 0], x[:, 3])
    assert torch.equal(packed[:, 3, 1:4], x[:, 16 + 9 : 16 + 12])
    text, q = to_e3nn(rep)
    assert text == "16x0e+16x1o+16x2e"
    assert torch.equal(packed.flatten(-2)[:, q], x)
    assert str(from_e3nn("8x0o+8x1e+4x0e+2x1o+1x3o")[0]) == ("2*Sphere(1) + 2*Scalar + 8*Sphere(1, -1) + Irrep(3, -1)")


def test_what_e3nn_has_no_name_for() -> None:
    for rep in (TensorRep(2), Point, Vector.dual, Vector.weighted(2), Irrep(2, 1).on("hue"), Nodes, Adjoint):
        with pytest.raises(DomainError, match="sum of irreps"):
            to_e3nn(rep)
    for wrong in ("2x0", "x0e", "1x0e,1x1o", "0e++1o", "-1x0e", "1x101e"):
        with pytest.raises(SchemaError):
            Irreps(wrong)
    assert Irreps("") == 0 * Scalar
    assert Irreps("1o + 2x2y") == Vector + 2 * Irrep(2, 1)


def test_channels_may_have_an_axis_of_their_own() -> None:
    features, g, x = 4 * Sphere(3), elements(O(3), 6), rows(6, 4, 16)
    moved = features.act(O(3), g, x)
    torch.testing.assert_close(moved, features.act(O(3), g, x.flatten(-2)).unflatten(-1, (4, 16)))
    torch.testing.assert_close(moved, Sphere(3).act(O(3), g[:, None], x))
    # Elements broadcast against what stands before the channels.
    torch.testing.assert_close(features.act(O(3), g[0], x[None])[0], features.act(O(3), g[:1], x))
    # As wide as the whole type: the axis before is a batch, as ever.
    whole = (2 * Vector).act(O(3), g[:2], rows(2, 6))
    assert whole.shape == (2, 6)
    for wrong in (rows(6, 3, 16), rows(6, 4, 15), rows(6, 16, 4)):
        with pytest.raises(ShapeError, match="columns"):
            features.act(O(3), g, wrong)
    with pytest.raises(ShapeError, match="columns"):
        (4 * Vector + Scalar).act(O(3), g, rows(6, 4, 3))


def test_channels_of_points_are_translated() -> None:
    g, x = elements(SE(3), 5), rows(5, 2, 3)
    torch.testing.assert_close((2 * Point).act(SE(3), g, x), Point.act(SE(3), g[:, None], x))


def test_rows_of_channels_are_carried_and_pulled_back() -> None:
    g, features = elements(SE(3), 5), 4 * Sphere(2)
    for rep, x in ((features, rows(5, 4, 9)), (features, rows(5, 7, 4, 9)), (2 * Point, rows(5, 2, 3))):
        moved = act(rep, SE(3), g, x)
        flat = act(rep, SE(3), g, x.flatten(-2)).unflatten(-1, x.shape[-2:])
        torch.testing.assert_close(moved, flat)
        torch.testing.assert_close(pull(rep, SE(3), g, moved), x)


def test_clouds_of_channels() -> None:
    G, features, x = O(3), 4 * Sphere(2), rows(2, 5, 4, 9)
    g = elements(G, 2)
    dense = Cloud(features).act(G, g, x)
    torch.testing.assert_close(dense, Cloud(features).act(G, g, x.flatten(-2)).unflatten(-1, (4, 9)))
    segments = Segments.from_sizes(torch.tensor([5, 5]))
    torch.testing.assert_close(Cloud(features).act(G, g, x.flatten(0, 1), segments), dense.flatten(0, 1))


def test_the_tester_takes_channels_and_pairs_of_inputs() -> None:
    features = 8 * Sphere(2)

    def product(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        scalar = (x * y).sum(-1, keepdim=True)
        return scalar * x + y * y[..., :1]

    x, y = rows(20, 8, 9), rows(20, 8, 9).flip(0)
    assert_equivariant(product, O(3), (x, y), (features, features), features)
    assert_equivariant(product, O(3), (x.float(), y.float()), (features, features), features, tol=1e-5)
    assert equivariance_error(product, O(3), (x, y), (features, features), features).mean < 1e-12
    assert lie_error(product, SO(3), (x, y), (features, features), features).total.mean < 1e-12
    flat = equivariance_error(lambda x: x.abs(), O(3), x.flatten(1), features, features)
    assert equivariance_error(lambda x: x.abs(), O(3), x, features, features) == flat
    with pytest.raises(AssertionError, match="not equivariant"):
        assert_equivariant(lambda x, y: x * y, O(3), (x, y), (features, features), features)
    # A parity that is lost is seen by reflections alone.
    assert_equivariant(lambda x: x, SO(3), x, features, features.pseudo)
    with pytest.raises(AssertionError, match="not equivariant"):
        assert_equivariant(lambda x: x, O(3), x, features, features.pseudo)


def test_blocks_are_those_of_the_type() -> None:
    g = elements(O(3))
    expected = torch.stack([torch.block_diag(*(block[i] for block in wigner_blocks(4, g))) for i in range(len(g))])
    assert torch.equal(Sphere(4).rho(O(3), g), expected)
