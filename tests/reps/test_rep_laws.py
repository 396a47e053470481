"""Every type is a representation of every group that acts on it; a broken one is caught."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from isotropy.errors import DomainError, DtypeError, ShapeError
from isotropy.groups import SE, SL, SO, C, D, Element, Group, MatrixGroup, O, S, Scale, T, parse
from isotropy.reps import (
    Adjoint,
    Irrep,
    Nodes,
    Pixels,
    Point,
    Pseudoscalar,
    Pseudovector,
    Rep,
    Scalar,
    Sphere,
    Vector,
)
from isotropy.reps import Tensor as TensorRep
from isotropy.testing import check_rep

MIXED = 2 * Scalar + 3 * Vector + TensorRep(2) + Pseudovector + Pseudoscalar
CASES: list[tuple[Rep, str]] = [
    (MIXED, "O(3)"),
    (MIXED, "SO(2)@(1,2,2)"),
    (MIXED, "C(4)@z"),
    (MIXED, "D(5)"),
    (MIXED, "O(1)@x"),
    (Vector, 'S(4).on("space")'),
    (Vector * (2 * Scalar + Vector.dual) + TensorRep(2).weighted("1/3") + Scalar.weighted(2), "Scale(3)"),
    (Vector * Vector.dual + Vector.weighted(0), "SO(3) x Scale(3)"),
    (Vector * (2 * Scalar + Vector.dual) + Adjoint + Adjoint.dual, "SL(3)"),
    (Vector.dual + Vector.weighted("-1/2"), "GL+(2)"),
    (Vector + Vector.dual * Vector, "Lorentz(4)"),
    (Scalar + Vector + Point.linearised + Point.linearised.dual, "SE(2)"),
    (Adjoint + Point.linearised, "E(3)"),
    (2 * Scalar + 3 * Vector + 2 * Point, "SE(3)"),
    (Point + Vector, "T(2)"),
    (Point + Vector, "O(2)"),
    (Nodes * Vector + Nodes**2 + Nodes.pseudo + 2 * Scalar, "SO(3) x S(4)"),
    (Nodes + Nodes * (Scalar + Nodes), "S(5)"),
    (Nodes * Point + Vector + (Nodes * Point).linearised, "E(2) x S(3)"),
    (Nodes**2 * Point + Nodes, "SE(3) x S(2)"),
    (Pixels(7, 7, hole=3) + Pixels(4, 4) + Pixels(2, 2) * Vector, "D(4)"),
    (Pixels(2, 3) + Pixels(2, 3).pseudo, "C(2)"),
    (Pixels(3, 5, hole=1), "O(1)@y"),
    (3 * Sphere(3) + 2 * Irrep(2, -1) + Sphere(2, -1) + Irrep(4, 1), "O(3)"),
    (Sphere(2) * Vector + Irrep(2, 1).dual + Vector * (Sphere(2) + 2 * Irrep(2, 1)), "SE(3)"),
    (Irrep(2, 1) + 2 * Sphere(2).dual + Irrep(3, -1).weighted(0), "SO(3) x Scale(3)"),
    (Sphere(2).pseudo + Irrep(2, 1), "Similarity(3)"),
    (Sphere(3), "Scale(3)"),
    (Sphere(3), "SO(2)@(1,2,2)"),
    (Sphere(3) * Irrep(2, 1), "D(5)@z"),
    (Irrep(3, -1) + Sphere(2), 'S(3).on("space")'),
    (Nodes * Irrep(2, -1) + Sphere(2), "O(3) x S(4)"),
    (0 * Scalar, "SO(3)"),
]


@pytest.mark.parametrize(("rep", "group"), CASES, ids=[f"{group}: {rep}" for rep, group in CASES])
def test_every_type_is_a_representation(rep: Rep, group: str) -> None:
    check_rep(rep, group)


def test_copies_of_a_place_are_exchanged_and_shifted_and_mixed_by_nothing_else() -> None:
    """A shift moves all copies alike; of what acts on the copies only that which leaves (1, ..., 1) alone makes a group
    with it."""
    rep, group = Nodes * Point, parse("T(2) x S(3)")
    shift = torch.tensor([[1.0, 0.0, 5.0], [0.0, 1.0, -1.0], [0.0, 0.0, 1.0]])
    moved = rep.act(group, (shift, torch.tensor([1, 2, 0])), torch.arange(6.0))
    assert moved.tolist() == [9.0, 4.0, 5.0, 0.0, 7.0, 2.0]
    assert not rep.is_trivial(parse("S(3)"))
    assert not rep.is_trivial(T(2))
    mixed = parse('E(2) x SO(3).on("nodes")')
    g = mixed.sample((), generator=torch.Generator().manual_seed(0), dtype=torch.float64, within=0.3)
    with pytest.raises(DomainError, match=r"copies of Nodes\*Point, which are translated; expected permutations"):
        rep.act(mixed, g, torch.ones(6, dtype=torch.float64))
    check_rep(rep, 'O(2) x SO(3).on("nodes")')  # without shifts they may be mixed
    for left, right in ((Point, Nodes), (Nodes, 2 * Point), (Nodes, Point + Vector), (Vector, Point)):
        with pytest.raises(DomainError, match=r"Nodes\*Point is a place at each node"):
            left * right


def test_a_group_that_does_not_act_on_a_space_leaves_it_alone() -> None:
    check_rep(Nodes * Vector + Vector, "S(3)", dims={"space": 2})
    check_rep(Nodes * Point, "SE(2)", dims={"nodes": 3})
    check_rep(Vector + Nodes, "SO(3)", dims={"nodes": 4})
    assert Vector.is_trivial(S(4))
    assert Vector.is_trivial(T(3))
    assert not Point.is_trivial(T(3))
    assert Pseudoscalar.is_trivial(SO(3))
    assert not Pseudoscalar.is_trivial(O(3))
    assert Scalar.is_trivial(Scale(3))
    assert not Scalar.weighted(1).is_trivial(Scale(3))
    assert (Scalar + Nodes).is_trivial(SO(3))


def test_orthogonal_tells_which_representations_keep_lengths() -> None:
    assert MIXED.orthogonal(O(3))
    assert (Pixels(3, 3) + Vector).orthogonal(D(4))
    assert (2 * Point).orthogonal(SE(3))
    assert not Point.linearised.orthogonal(SE(3))
    assert not Vector.orthogonal(SL(2))
    assert not Vector.orthogonal(SO(3) * Scale(3))
    assert Vector.weighted(0).orthogonal(SO(3) * Scale(3))
    assert (Sphere(3) + Irrep(2, -1)).orthogonal(O(3))
    assert not Irrep(2, 1).orthogonal(Scale(3))
    assert Irrep(2, 1).weighted(0).orthogonal(SO(3) * Scale(3))
    assert not Vector.orthogonal(C(3).conjugate([[1.0, 1.0], [0.0, 1.0]]))


def test_the_own_group_of_a_user_acts_as_any_other() -> None:
    boosts = MatrixGroup("SO+(1,1)", algebra=[[[0.0, 1.0], [1.0, 0.0]]])
    check_rep(Vector + Vector.dual + Adjoint, boosts)


@dataclass(frozen=True)
class Broken(Rep):
    """A type whose action obeys one law too few."""

    how: str = ""

    def act(self, G: Group, g: Element, x: Tensor, dims: dict[str, int] | None = None) -> Tensor:
        if self.how == "right action":
            return super().act(G, G.inverse(g), x, dims)
        if self.how == "scaled":
            return 1.01 * super().act(G, g, x, dims)
        if self.how == "one row":
            moved = super().act(G, g, x, dims)
            return torch.cat([moved[:1], moved[:1].expand_as(moved[1:])])
        return super().act(G, g, x, dims)

    def rho(self, G: Group, g: Element, dims: dict[str, int] | None = None) -> Tensor:
        matrices = super().rho(G, g, dims)
        return matrices.mT if self.how == "transposed" else matrices

    def drho(self, G: Group, A: Element, dims: dict[str, int] | None = None) -> Tensor:
        return super().drho(G, A, dims) * (2 if self.how == "doubled derivative" else 1)

    def orthogonal(self, G: Group) -> bool:
        return True if self.how == "said to be orthogonal" else super().orthogonal(G)


@pytest.mark.parametrize(
    ("how", "group"),
    [
        ("right action", "O(3)"),
        ("scaled", "O(3)"),
        ("one row", "SO(3)"),
        ("transposed", "SO(3)"),
        ("doubled derivative", "SO(3)"),
        ("said to be orthogonal", "SL(3)"),
    ],
)
def test_a_broken_representation_is_caught(how: str, group: str) -> None:
    with pytest.raises(AssertionError, match="is broken by"):
        check_rep(Broken((Scalar + Vector).copies, how), group)


def test_act_is_a_left_action_of_permutations_on_named_places() -> None:
    p = torch.tensor([1, 2, 0])  # (p.x)[p[i]] = x[i]
    x = torch.tensor([10.0, 20.0, 30.0])
    assert Nodes.act(S(3), p, x).tolist() == [30.0, 10.0, 20.0]


def test_points_are_translated_and_vectors_are_not() -> None:
    g = torch.tensor([[0.0, -1.0, 5.0], [1.0, 0.0, 7.0], [0.0, 0.0, 1.0]])
    moved = (Point + Vector).act(SE(2), g, torch.tensor([1.0, 0.0, 1.0, 0.0]))
    assert moved.tolist() == [5.0, 8.0, 0.0, 1.0]
    with pytest.raises(DomainError, match="linearised"):
        Point.rho(SE(2), g)
    with pytest.raises(DomainError, match="linearised"):
        Point.drho(SE(2), SE(2).algebra.basis[0])  # type: ignore[index]


def test_weights_are_powers_of_the_scale() -> None:
    g = 2 * torch.eye(3, dtype=torch.float64)
    rep = Scalar + Vector + TensorRep(2) + Vector.dual + Vector.weighted("1/2") + Scalar.weighted(-2)
    scales = rep.act(Scale(3), g, torch.ones(20, dtype=torch.float64))
    expected = [1.0] + [2.0] * 3 + [4.0] * 9 + [0.5] * 3 + [2**0.5] * 3 + [0.25]
    assert torch.allclose(scales, torch.tensor(expected, dtype=torch.float64), rtol=1e-14, atol=0)


def test_act_is_differentiable_in_rows_and_elements() -> None:
    rep, G = Scalar + 2 * Vector + TensorRep(2), SO(3)
    g = G.sample((2,), generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_()
    x = torch.randn(2, rep.dim(G), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda g, x: rep.act(G, g, x), (g, x))


def test_act_refuses_what_does_not_fit() -> None:
    g = torch.eye(3)
    with pytest.raises(ShapeError, match="4 columns; expected 3"):
        Vector.act(SO(3), g, torch.zeros(4))
    with pytest.raises(DtypeError, match="int64"):
        Vector.act(SO(3), g, torch.zeros(3, dtype=torch.int64))
    with pytest.raises(DtypeError, match="float32"):
        Vector.act(SO(3), g, torch.zeros(3, dtype=torch.float64))
    with pytest.raises(DtypeError, match="complex"):
        Vector.act(SO(3), g + 0j, torch.zeros(3))
    with pytest.raises(ShapeError, match="dims"):
        Vector.dim(S(3))
    with pytest.raises(ShapeError, match="dimension 2"):
        Vector.dim(SO(3), {"space": 2})
    with pytest.raises(ShapeError, match="2 parts"):
        Vector.act(SO(3), (g, g), torch.zeros(3))


def test_one_unknown_dimension_is_read_off_the_width() -> None:
    x = torch.arange(8.0)
    p = torch.tensor([1, 0])
    assert (Nodes * Vector).act(S(2), p, x).tolist() == [4.0, 5, 6, 7, 0, 1, 2, 3]
    parts = (2 * Scalar + 2 * Vector).split(x)
    assert [tuple(part.shape) for part in parts] == [(2, 1), (2, 3)]
    assert parts[0].data_ptr() == x.data_ptr()
    with pytest.raises(ShapeError, match="8 columns"):
        (3 * Vector + Tensor2()).split(x)


def Tensor2() -> Rep:
    return TensorRep(2) * TensorRep(1)


@pytest.mark.parametrize("text", ["D(4)", "C(4)", "C(2)", "O(1)@x", "O(1)@y"])
def test_images_turn_as_they_are_displayed(text: str) -> None:
    G = parse(text)
    rep = Pixels(3, 3)
    image = torch.arange(9.0, dtype=torch.float64).reshape(3, 3)
    quarter = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)
    known = {
        "D(4)": (quarter, torch.rot90(image)),
        "C(4)": (quarter, torch.rot90(image)),
        "C(2)": (quarter @ quarter, torch.rot90(image, 2)),
        "O(1)@x": (torch.diag(torch.tensor([1.0, -1.0], dtype=torch.float64)), image.flip(0)),
        "O(1)@y": (torch.diag(torch.tensor([-1.0, 1.0], dtype=torch.float64)), image.flip(1)),
    }
    g, expected = known[text]
    assert torch.equal(rep.act(G, g, image.flatten()), expected.flatten())


def test_groups_that_miss_the_pixel_centres_are_refused() -> None:
    for rep, G in ((Pixels(3, 3), C(3)), (Pixels(2, 3), C(4)), (Pixels(4, 4), D(8))):
        g = G.elements()[1]  # type: ignore[index]
        with pytest.raises(DomainError, match="permutes the pixel centres"):
            rep.act(G, g, torch.zeros(rep.size({}), dtype=torch.float64))
    with pytest.raises(DomainError, match="degree 2"):
        Pixels(3, 3).rho(SO(3), torch.eye(3))
    with pytest.raises(DomainError, match="finite"):
        Pixels(3, 3).drho(SO(2), torch.tensor([[0.0, -1.0], [1.0, 0.0]]))
