"""Types as text and back, and what they do: trees, fields on grids, tangents."""

from __future__ import annotations

import pytest
import torch

import isotropy.optics
from isotropy.errors import DomainError, SchemaError, ShapeError
from isotropy.groups import SE, SO, C, D, MatrixGroup, O, parse
from isotropy.random import spawn
from isotropy.reps import (
    Cloud,
    Field,
    Pairs,
    Pixels,
    Point,
    Pseudovector,
    Scalar,
    Vector,
    act,
    parse_type,
    pull,
    tangent,
)

OCTAHEDRAL = MatrixGroup(
    "Oh",
    discrete=[
        [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
        [[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]],
        [[-1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, -1.0]],
    ],
)


def numbers(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=spawn(0, "numbers"))


@pytest.mark.parametrize(
    "type_",
    [
        5 * Vector + Scalar("mass"),
        Cloud(Point),
        Cloud(),
        Pairs(2 * Vector),
        Pairs(),
        Field(),
        Field(2 * Scalar + Vector),
        None,
    ],
    ids=str,
)
def test_a_type_is_read_from_its_text_and_comes_back_as_it_is(type_: object) -> None:
    assert parse_type(str(type_)) == type_
    assert parse_type(type_) is type_
    assert parse_type({"a": [str(type_), type_]}) == {"a": (type_, type_)}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("Cloud(Point) + Vector", "nothing after it"),
        ("Cloud(Pint)", "Pint"),
        ("Field(Point)", "linear type"),
        (3, "a type given as int"),
        (Cloud, "a type given as Cloud"),
    ],
)
def test_what_is_no_type_is_refused(given: object, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        parse_type(given)


def test_the_names_of_old_still_work_and_say_where_they_went() -> None:
    with pytest.warns(DeprecationWarning, match="reps.act"):
        assert isotropy.optics.transform is act


# Fields.
def by_loop(field: Field, group, g: torch.Tensor, f: torch.Tensor) -> torch.Tensor:
    """rho(g) f(g^-1 u), cell by cell, with the coordinates of the specification."""
    sides = f.shape[1:]
    result = torch.empty_like(f)
    for cell in torch.cartesian_prod(*[torch.arange(side) for side in sides]).reshape(-1, len(sides)).tolist():
        place = [2 * (i + 0.5) / side - 1 for i, side in zip(cell, sides, strict=True)][::-1]
        place[1] = -place[1]
        back = torch.linalg.solve(g, torch.tensor(place, dtype=g.dtype))
        back[1] = -back[1]
        source = [round((float(u) + 1) * side / 2 - 0.5) for u, side in zip(back.flip(0), sides, strict=True)]
        result[(slice(None), *cell)] = field.rep.rho(group, g) @ f[(slice(None), *source)]
    return result


FIELDS = [
    (D(4), Field(), (1, 4, 4)),
    (D(4), Field(2 * Scalar + Vector), (4, 3, 3)),
    (C(4), Field(Vector), (2, 5, 5)),
    (C(2), Field(Vector), (2, 2, 3)),
    (parse("O(1)@x"), Field(Vector), (2, 2, 5)),
    (OCTAHEDRAL, Field(Vector + Pseudovector + Scalar), (7, 3, 3, 3)),
    (parse("C(2)@z"), Field(Vector), (3, 2, 4, 3)),
    (parse("C(4)@z"), Field(Vector), (3, 2, 4, 4)),
]


@pytest.mark.parametrize(("group", "field", "shape"), FIELDS, ids=str)
def test_a_field_moves_as_the_induced_representation(group, field: Field, shape: tuple[int, ...]) -> None:
    g, f = group.elements(), numbers(*shape)
    moved = act(field, group, g, f.expand(len(g), *shape))
    for one, image in zip(g, moved, strict=True):
        assert torch.allclose(image, by_loop(field, group, one, f), atol=1e-12)


@pytest.mark.parametrize(("group", "field", "shape"), FIELDS, ids=str)
def test_the_identity_and_composition_hold_to_rounding_and_pull_undoes(group, field: Field, shape) -> None:
    draws = group.sample((2, 6), generator=spawn(0, "g"), dtype=torch.float64)
    g, h, f = draws[0], draws[1], numbers(6, 3, *shape)
    assert torch.equal(act(field, group, group.identity(6, dtype=torch.float64), f), f)
    both = act(field, group, group.compose(g, h), f)
    assert torch.allclose(both, act(field, group, g, act(field, group, h, f)), atol=1e-12)
    assert torch.allclose(pull(field, group, g, act(field, group, g, f)), f, atol=1e-12)


def test_a_field_of_numbers_is_a_row_of_pixels() -> None:
    g, f = D(4).elements(dtype=torch.float32), numbers(8, 1, 5, 5).float()
    assert torch.equal(act(Field(), D(4), g, f).flatten(1), act(Pixels(5, 5), D(4), g, f.flatten(1)))


def test_a_positive_quarter_turn_is_counter_clockwise_as_displayed() -> None:
    image = torch.tensor([[[[0.0, 1.0], [0.0, 0.0]]]])  # upper right: goes to the upper left
    assert act(Field(), C(4), C(4).elements(dtype=torch.float32)[1:2], image).tolist() == [[[[1.0, 0.0], [0.0, 0.0]]]]


def test_groups_of_other_spaces_act_on_the_channels_alone() -> None:
    group = parse("SO(2)").on("hue")
    turn = group.sample((2,), generator=spawn(0, "g"), dtype=torch.float64)
    f = numbers(2, 3, 4, 5)
    moved = act(Field(Scalar + Vector.on("hue")), group, turn, f)
    assert torch.equal(moved[:, 0], f[:, 0])
    assert torch.allclose(moved[:, 1:], torch.einsum("bij,bjhw->bihw", turn, f[:, 1:]))
    product = parse("C(4)") * group
    rate = tangent(
        Field(Vector.on("hue")), product, (torch.zeros(2, 2), torch.tensor([[0.0, -1.0], [1.0, 0.0]])), f[:, 1:, :, :4]
    )
    assert torch.allclose(rate, torch.stack([-f[:, 2, :, :4], f[:, 1, :, :4]], 1))


def test_nothing_moves_smoothly_between_pixels() -> None:
    turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)
    for type_, x in ((Field(mode="nearest"), numbers(2, 1, 4, 4)), (Pixels(4, 4), numbers(2, 16))):
        with pytest.raises(DomainError, match=r"finite group|rate at which"):
            tangent(type_, SO(2), turn, x)


def test_fields_of_a_wrong_shape_are_refused() -> None:
    with pytest.raises(ShapeError):
        act(Field(), C(4), C(4).elements(), numbers(4, 4))
    with pytest.raises(ShapeError):
        act(Field(Vector), C(4), C(4).elements(), numbers(4, 3, 2, 2))


# Tangents.
@pytest.mark.parametrize("ragged", [False, True])
def test_a_tangent_is_the_derivative_of_the_action(ragged: bool) -> None:
    from isotropy.linalg import Segments

    G, A, t = SE(3), SE(3).algebra.basis[0] + SE(3).algebra.basis[4], 1e-6
    x = numbers(6, 3) if ragged else numbers(2, 3, 3)
    segments = Segments.from_sizes(torch.tensor([4, 2])) if ragged else None
    g = G.exp(t * A).expand(2, 4, 4)
    change = (act(Cloud(Point), G, g, x, segments) - act(Cloud(Point), G, G.inverse(g), x, segments)) / (2 * t)
    assert torch.allclose(tangent(Cloud(Point), G, A, x, segments), change, atol=1e-8)
    assert O(3).dim == SO(3).dim
