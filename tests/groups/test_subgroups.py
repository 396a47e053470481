"""Names, placements, stabilizers, inclusions and products."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from isotropy.errors import DomainError, IsotropyError, SchemaError, ShapeError
from isotropy.groups import (
    SO,
    C,
    D,
    Lorentz,
    MatrixGroup,
    O,
    S,
    Scale,
    is_conjugate,
    is_subgroup,
    lattice,
    parse,
    parse_list,
    same,
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# Names.


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("O(2) @ z", "O(2)@z"),
        ("O(2)@(0,0,-3)", "O(2)@z"),
        ("SO(2)@(2,4,4)", "SO(2)@(1,2,2)"),
        ("SO(2)@(-1.0, -2, -2)", "SO(2)@(1,2,2)"),
        ("SO(2)@(0.6,0,0.8)", "SO(2)@(3,0,4)"),
        ("SO(3)*S(5)", "SO(3) x S(5)"),
        ("SO(3) x S(5) x Scale(3)", "SO(3) x Scale(3) x S(5)"),
        ("(SO(3) x S(5)) x Scale(3)", "SO(3) x Scale(3) x S(5)"),
        ("GLPlus(2)", "GL+(2)"),
        ("O(2)@x x Inversion(3)", "O(2)@x x Inversion(3)"),
        ('S(3).on("space").on("nodes")', "S(3)"),
        ("SO(2).conjugate([[1,0],[0,2e0]])", "SO(2).conjugate([[1.0, 0.0], [0.0, 2.0]])"),
    ],
)
def test_a_group_prints_in_its_simplest_form(text: str, printed: str) -> None:
    assert str(parse(text)) == printed
    assert parse(printed) == parse(text)


def test_a_list_is_split_at_its_outer_commas() -> None:
    assert [str(G) for G in parse_list("O(3), O(2)@z,SO(2)@(1,2,2) ")] == ["O(3)", "O(2)@z", "SO(2)@(1,2,2)"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("E3", "expected"),
        ("SU(2)", "one of SO, O, SE"),
        ("so(3)", r"did you mean SO\(n\)"),
        ("SO(3", "the end"),
        ("SO(2.5)", "whole number"),
        ("SO(-1)", "whole number"),
        ("SO(0)", "at least 1"),
        ("O(2)@w", "x or y or z"),
        ("O(2)@(0,0,0)", "not zero"),
        ("O(2)@(1,0)", "3 numbers"),
        ("SO(3) x", "a group"),
        ("SO(3),O(3)", "one group"),
        ("", "a group"),
        ("__import__('os')", "column"),
        ('SO(3).on("a', "column"),
        ("O(2).conjugate([[1],[2,3]])", "rectangular"),
        ("O(2).conjugate(3)", "matrix"),
        ('MatrixGroup("m", algebra=[[1]])', "matrices"),
        ("(" * 100 + "SO(3)" + ")" * 100, "levels"),
        ("S(3)@z", "on"),
    ],
)
def test_a_text_that_is_no_group_is_refused_with_a_reason(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        parse(text)
    assert isinstance(caught.value, IsotropyError)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "SO",
                "O",
                "GL+",
                "S",
                "C",
                "(",
                ")",
                "3",
                "2",
                "@",
                "z",
                "x",
                " x ",
                ",",
                ".",
                "on",
                "conjugate",
                '"hue"',
                "[",
                "]",
                "-1",
                "1e3",
                "MatrixGroup",
                "=",
                "algebra",
                "\n",
                "é",
            ]
        ),
        max_size=14,
    )
)
def test_any_text_is_a_group_or_one_clear_error(pieces: list[str]) -> None:
    text = "".join(pieces)
    try:
        group = parse(text)
    except (SchemaError, DomainError, ShapeError):
        return
    assert parse(str(group)) == group


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-10, 10, allow_nan=False), min_size=3, max_size=3).filter(lambda a: max(map(abs, a)) > 1e-3))
def test_any_axis_survives_printing(axis: list[float]) -> None:
    placed = SO(2) @ axis
    assert parse(str(placed)) == placed
    v = torch.tensor(axis, dtype=torch.float64)
    fixed = placed.sample((), generator=generator(), dtype=torch.float64) @ v
    assert torch.allclose(fixed, v, atol=1e-11)


def test_the_names_of_generators_name_the_axes() -> None:
    assert parse("SO(2)@z").generator_names == ("rotation about z",)
    assert parse("SE(2)@x").generator_names == ("rotation about x", "translation along y", "translation along z")
    assert parse("SO(3) x Scale(3)").generator_names == (
        "rotation about x",
        "rotation about y",
        "rotation about z",
        "scale",
    )


# Placement.


def test_placed_about_z_it_acts_on_x_and_y() -> None:
    quarter = (C(4) @ "z").elements()[1]
    assert quarter.tolist() == [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    assert (D(4) @ "z").discrete[1].tolist() == [[1, 0, 0], [0, -1, 0], [0, 0, 1]]
    assert (O(1) @ "y").discrete[0].abs().tolist() == [[1, 0], [0, 1]]
    assert (O(1) @ "y").discrete[0] @ torch.tensor([1.0, 1.0]).double() == pytest.approx([-1, 1])


@pytest.mark.parametrize("axis", ["x", "y", "z", (1, 2, 2), (-0.3, 0.2, 0.7)])
def test_placed_about_an_axis_it_turns_the_right_handed_way(axis: object) -> None:
    placed = SO(2) @ axis  # type: ignore[operator]
    u = placed.frame[:, -1]
    about_u = SO(3).algebra.hat(u)
    assert torch.allclose(placed.algebra.basis[0], about_u, atol=1e-15)


def test_a_stabilizer_is_the_group_about_the_vector() -> None:
    assert O(3).stabilizer([0, 0, 1]) == O(2) @ "z"
    assert SO(3).stabilizer(torch.tensor([2.0, 4.0, 4.0])) == SO(2) @ (1, 2, 2)
    assert O(3).stabilizer([0, 0, 1], [0, 1, 1]) == O(1) @ "y" @ "z"
    assert O(2).stabilizer([0, 3]) == O(1) @ "y"
    assert (O(2) @ "z").stabilizer([0, 0, 5]) == O(2) @ "z"


@pytest.mark.parametrize(
    ("group", "vector", "dim", "compact"),
    [
        ("Lorentz(4)", [1, 0, 0, 0], 3, True),
        ("Lorentz(4)", [0, 1, 0, 0], 3, False),
        ("Lorentz(4)", [1, 1, 0, 0], 3, False),
        ("SL(2)", [1, 0], 1, False),
        ("GL+(3)", [1, 2, 3], 6, False),
        ("Scale(2)", [1, 0], 0, True),
        ("SO(2).conjugate([[1,2],[0,1]])", [1, 1], 0, True),
        ('S(4).on("space")', [1, 1, 2, 2], 0, True),
        ("D(6)", [1, 0], 0, True),
    ],
)
def test_every_element_of_a_stabilizer_fixes_the_vector(
    group: str, vector: list[float], dim: int, compact: bool
) -> None:
    H = parse(group).stabilizer(vector)
    assert (H.dim, H.compact) == (dim, compact)
    g = H.sample((20,), generator=generator(), dtype=torch.float64, within=None if compact else 0.5)
    v = torch.tensor(vector, dtype=torch.float64)
    assert torch.allclose(g @ v, v.expand(20, -1), atol=1e-9)
    assert bool(parse(group).contains(g, 1e-8).all())
    assert parse(group) >= H


def test_the_order_of_a_finite_stabilizer_is_that_of_the_group_over_the_orbit() -> None:
    assert parse('S(4).on("space")').stabilizer([1, 1, 2, 2]).order == 24 // 6
    assert D(6).stabilizer([1, 0]).order == 12 // 6
    assert same(D(4).stabilizer([1, 0]), O(1) @ "x")


@pytest.mark.parametrize(
    ("group", "vector", "error"),
    [
        ("O(3)", [0, 0, 0], DomainError),
        ("O(3)", [0, 1], ShapeError),
        ("SE(3)", [0, 0, 1], DomainError),
        ("S(3)", [0, 0, 1], DomainError),
        ("SO(3) x Scale(3)", [0, 0, 1], DomainError),
    ],
)
def test_a_stabilizer_without_meaning_is_refused(group: str, vector: list[float], error: type[Exception]) -> None:
    with pytest.raises(error):
        parse(group).stabilizer(vector)


@pytest.mark.parametrize("name", ["SO(2)@z", "O(2)@(1,2,2)", "C(4)@z", "SO(3)", "SL(3)", "D(3)@x"])
def test_conjugation_commutes_with_the_exponential_and_with_membership(name: str) -> None:
    G = parse(name)
    for h in (
        SO(3).sample((), generator=generator(), dtype=torch.float64),
        torch.tensor([[1.0, 2, 0], [0, 1, 0], [0, 0, 3]]),
    ):
        H, back = G.conjugate(h), torch.linalg.inv(h.double())
        g = G.sample((8,), generator=generator(), dtype=torch.float64, within=None if G.compact else 0.3)
        assert bool(H.contains(h.double() @ g @ back, 1e-9).all())
        other = H.sample((8,), generator=generator(), dtype=torch.float64, within=None if G.compact else 0.3)
        assert bool(G.contains(back @ other @ h.double(), 1e-9).all())
        assert same(H.conjugate(back), G)


def test_conjugation_by_a_normaliser_changes_nothing() -> None:
    turn = SO(3).sample((), generator=generator(), dtype=torch.float64)
    assert O(3).conjugate(turn) == O(3)
    assert (O(2) @ "z").conjugate(
        SO(3).stabilizer([0, 0, 1]).sample((), generator=generator(), dtype=torch.float64)
    ) == O(2) @ "z"
    assert same((O(2) @ "z").conjugate(turn), O(2) @ turn[:, 2])
    assert parse("SE(3)").conjugate(2 * turn) == parse("SE(3)")
    with pytest.raises(DomainError):
        O(3).conjugate(torch.zeros(3, 3))


# Inclusion.

CHAIN = ["C(2)@z", "C(4)@z", "D(4)@z", "O(2)@z", "O(3)", "E(3)"]


def test_a_chain_of_subgroups_is_found_and_only_upwards() -> None:
    for i, H in enumerate(CHAIN):
        for j, G in enumerate(CHAIN):
            assert is_subgroup(parse(H), parse(G)) == (i <= j), (H, G)


@pytest.mark.parametrize(
    ("H", "G", "answer"),
    [
        ("SO(3)", "GL+(3)", True),
        ("O(3)", "GL+(3)", False),
        ("SO(3)", "SL(3)", True),
        ("Scale(3)", "GL+(3)", True),
        ("Scale(3)", "SL(3)", False),
        ("SO(3)@(1,0,0,0)", "Lorentz(4)", True),
        ("C(3)", "C(6)", True),
        ("C(4)", "C(6)", False),
        ("C(4)", "SO(2)", True),
        ("D(4)", "SO(2)", False),
        ('S(3).on("space")', "O(3)", True),
        ("T(3)", "SE(3)", True),
        ("SE(3)", "O(3)", False),
        ("SO(3)", "SE(2)", False),
        ("S(5)", "SO(3) x S(5)", True),
        ("SO(3) x S(5)", "SO(3)", False),
        ("SO(3) x S(1)", "SO(3)", True),
        ("O(3)", "SO(3) x Inversion(3)", True),
        ("SO(3) x Inversion(3)", "O(3)", True),
        ("O(2)@x", "O(2)@z", False),
        ("O(1)@x@z", "O(2)@z", True),
        ("SO(2)", 'SO(2).on("hue")', False),
        ("S(3)", "S(4)", False),
    ],
)
def test_inclusion_is_decided_by_generators(H: str, G: str, answer: bool) -> None:
    assert (parse(H) <= parse(G)) is answer
    assert (parse(G) >= parse(H)) is answer


def test_the_lattice_has_covering_edges_only() -> None:
    found = lattice(parse_list("O(3),SO(3),O(2)@z,SO(2)@z,C(4)@z,O(2)@x,SO(3) x Inversion(3)"))
    edges = {(str(H), str(G)) for H, G in found}
    assert edges == {
        ("SO(3)", "O(3)"),
        ("O(2)@z", "O(3)"),
        ("O(2)@x", "O(3)"),
        ("SO(2)@z", "SO(3)"),
        ("SO(2)@z", "O(2)@z"),
        ("C(4)@z", "SO(2)@z"),
    }


def test_groups_are_the_same_or_conjugate_however_written() -> None:
    assert same(parse("SO(3) x Inversion(3)"), O(3))
    assert same(MatrixGroup("mine", SO(3).algebra.basis), SO(3))
    assert not same(O(3), SO(3))
    assert is_conjugate(parse("O(2)@x"), parse("O(2)@(1,2,2)"))
    assert not is_conjugate(parse("O(2)@x"), parse("C(4)@x"))


# Products.


def test_factors_on_one_space_multiply_and_on_two_make_tuples() -> None:
    assert SO(3) * Scale(3) == parse("SO(3) x Scale(3)")
    assert bool((SO(3) * Scale(3)).contains(2 * torch.eye(3)))
    g = (SO(3) * S(5)).sample((2,), generator=generator())
    assert isinstance(g, tuple)
    assert [part.shape for part in g] == [(2, 3, 3), (2, 5)]
    assert (SO(3) * S(5)).factor("nodes") == S(5)
    assert (SO(3) * S(5)).part(g, "nodes") is g[1]


@pytest.mark.parametrize(
    ("G", "H", "says"),
    [
        ("SO(3)", "T(3)", "rows"),
        ("SO(3)", "SL(3)", "commute"),
        ("O(2)@z", "O(2)@x", "commute"),
        ("SO(2)", "SO(2)", "independent"),
        ("SO(3)", "C(4)", "one size"),
        ("S(3)", "S(3)", "permutations"),
    ],
)
def test_factors_that_do_not_commute_are_refused(G: str, H: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse(G) * parse(H)


# A user's own group.


def test_a_group_of_ten_lines_has_the_subgroups_it_should() -> None:
    boosts = MatrixGroup("SO+(1,1)", algebra=[[[0.0, 1.0], [1.0, 0.0]]])
    assert same(boosts, Lorentz(2))
    assert not boosts.compact
    assert boosts.on("plane").space == "plane"
    assert parse(str(boosts)) == boosts


@pytest.mark.parametrize(
    ("algebra", "discrete", "says"),
    [
        (SO(3).algebra.basis[:2], [], "brackets"),  # type: ignore[index]
        (SO(2).algebra.basis, [[[1.0, 0], [0, 2.0]]], "moves the algebra"),
        ([[[0.0, 1], [-1, 0]], [[0.0, 2], [-2, 0]]], [], "dependent"),
        ([], [[[1.0, 0], [0, 0]]], "singular"),
        ([], [], "without generators"),
        ([[0.0, 1.0]], [], "shape"),
        ([[[float("nan")]]], [], "finite"),
    ],
)
def test_generators_that_generate_something_else_are_refused(algebra: object, discrete: object, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        MatrixGroup("mine", algebra, discrete)  # type: ignore[arg-type]


def test_an_endless_group_is_not_listed() -> None:
    with pytest.raises(DomainError, match="finitely many"):
        MatrixGroup("Z", discrete=[[[1.0, 1.0], [0.0, 1.0]]]).contains(torch.eye(2))
    with pytest.raises(DomainError, match="finite group"):
        SO(3).elements()
    with pytest.raises(DomainError, match="sample it"):
        S(12).elements()


def test_whether_a_group_is_compact_and_unimodular_is_found_from_generators() -> None:
    rotated = torch.tensor([[1.0, 3.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 2.0]], dtype=torch.float64)
    basis = rotated @ SO(3).algebra.basis @ torch.linalg.inv(rotated)
    assert MatrixGroup("SO(3) in skew axes", basis).compact
    assert not MatrixGroup("SE(2)", parse("SE(2)").algebra.basis).compact
    assert MatrixGroup("SE(2)", parse("SE(2)").algebra.basis).unimodular
    assert not MatrixGroup("ax + b", [[[1, 0], [0, 0]], [[0, 1], [0, 0]]]).unimodular
