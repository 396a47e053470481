"""Names of the groups of pictures, and names whose dimension is that of the data."""

from __future__ import annotations

import pytest
import torch

from isotropy.errors import DomainError, SchemaError, ShapeError
from isotropy.groups import (
    Affine,
    GLPlus,
    Group,
    Homography,
    Shear,
    UnsizedGroupError,
    in_words,
    is_subgroup,
    parse,
    parse_list,
    project,
    same,
)
from isotropy.reps import Schema, Vector
from isotropy.study import listed


@pytest.mark.parametrize(
    ("text", "degree", "printed"),
    [
        ("Scale", 2, "Scale(2)"),
        ("Shear@y", 2, "Shear(2)@y"),
        ("Shear", 2, "Shear(2)@x"),
        ("SO@z", 3, "SO(2)@z"),
        ("SO x Scale", 3, "SO(3) x Scale(3)"),
        ("Affine(SL)", 2, "Affine(SL(2))"),
        ('T.on("time")', 1, 'T(1).on("time")'),
        ("SO(2)@z", 2, "SO(2)@z"),
    ],
)
def test_a_dimension_that_is_known_need_not_be_written(text: str, degree: int, printed: str) -> None:
    assert str(parse(text, degree)) == printed
    assert parse(printed) == parse(text, degree)


@pytest.mark.parametrize("text", ["Scale", "Shear@x", "SO(3) x Scale", "Affine(SL)"])
def test_a_dimension_that_nothing_tells_is_asked_for(text: str) -> None:
    with pytest.raises(UnsizedGroupError, match="without a dimension"):
        parse(text)


@pytest.mark.parametrize(
    "text", ["S", "C", "Affine", "Affine(2)", "Affine(SE(2))", "Affine(S(3))", "Shear(1)", "Shear(2)@z"]
)
def test_what_has_no_such_form_is_refused(text: str) -> None:
    with pytest.raises((SchemaError, DomainError, ShapeError)):
        parse(text, 2)


IMAGES, CLOUDS, TABLE = torch.zeros(4, 1, 8, 8), torch.zeros(4, 5, 3), torch.zeros(4, 4)


@pytest.mark.parametrize(
    ("x", "types", "groups", "found"),
    [
        (IMAGES, ("Field(Scalar)", "Scalar"), "SO(2),T(2),Scale,Shear,D(4)", "SO(2),T(2),Scale(2),Shear(2)@x,D(4)"),
        (torch.zeros(4, 1, 8, 8, 8), ("Field(Scalar)", "Scalar"), "Scale", "Scale(3)"),
        (CLOUDS, ("Cloud(Point)", "Vector"), ["Scale", "T"], "Scale(3),T(3)"),
        (TABLE, ("2*Vector", "Vector"), "Scale", "Scale(2)"),
        (torch.zeros(4, 5), ("Vector + 2*Scalar", "Scalar"), "SO@z", "SO(2)@z"),
    ],
)
def test_data_tell_the_dimension(x: torch.Tensor, types: tuple[str, str], groups: str | list[str], found: str) -> None:
    schema = Schema.of({"x": types[0], "y": types[1]})
    assert listed(groups, schema, x) == parse_list(found)


def test_other_groups_of_the_list_tell_it_where_columns_leave_it_open() -> None:
    open_ = Schema.of({"x": "2*Vector + Vector**2", "y": "Scalar"})
    assert listed(["O(3)", "Scale"], open_, torch.zeros(4, 15)) == parse_list("O(3),Scale(3)")
    with pytest.raises(UnsizedGroupError):
        listed("Scale", None, None)


def test_groups_of_pictures_contain_each_other() -> None:
    chain = [parse(name) for name in ("T(2)", "SE(2)", "Similarity+(2)", "Affine(GL+(2))", "Homography(2)")]
    for i, small in enumerate(chain):
        for j, large in enumerate(chain):
            assert is_subgroup(small, large) == (i <= j)
    assert same(parse("Affine(SO(2))"), parse("SE(2)"))
    assert parse("E(2)") <= Homography(2)
    shears: list[Group] = [Shear(2) @ "x", Shear(2) @ (1, 2)]
    assert all(shear <= parse("SL(2)") for shear in shears)
    assert not parse("Shear(2)@x") <= parse("Shear(2)@y")


def test_a_shear_pushes_along_its_axis() -> None:
    point = torch.tensor([3.0, 2.0])
    along_x, along_y = (G.from_coords(torch.tensor([0.5])) for G in (parse("Shear(2)@x"), parse("Shear(2)@y")))
    assert isinstance(along_x, torch.Tensor)
    assert isinstance(along_y, torch.Tensor)
    assert (along_x @ point).tolist() == [4.0, 2.0]
    assert (along_y @ point).tolist() == [3.0, 3.5]


def test_homographies_move_points_and_not_vectors() -> None:
    G = Homography(2)
    g, h = G.sample((2, 4), generator=torch.Generator().manual_seed(0), dtype=torch.float64, within=0.2)
    x = torch.rand(4, 5, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    assert torch.allclose(project(g, project(h, x)), project(g @ h, x), atol=1e-12)
    with pytest.raises(DomainError, match="project"):
        Vector.act(G, g, x[:, 0])
    away = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 1.0]])
    with pytest.raises(DomainError, match="infinity"):
        project(away, torch.tensor([[1.0, 0.3]]))
    with pytest.raises(ShapeError):
        project(away, torch.zeros(4, 3))


def test_new_groups_have_plain_words() -> None:
    for group, words in (
        (Affine(GLPlus(2)), "every linear map that keeps the orientation, and every shift of the origin"),
        (Shear(2), "every shear along x"),
        (Homography(2), "every change of perspective"),
        (parse("Similarity+", 2), "every turn, shift and change of scale"),
        (parse("Affine(SO(2) x Scale(2))"), "both at once, and every shift of the origin"),
    ):
        assert words in in_words(str(group))
