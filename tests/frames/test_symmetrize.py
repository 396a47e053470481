"""One line around any model: every group finds its frame, and the result is exact."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from isotropy import symmetrize
from isotropy.errors import DomainError, SchemaError
from isotropy.frames import FrameAveraged, frame_of
from isotropy.groups import parse
from isotropy.measure import equivariance_error
from isotropy.random import spawn
from isotropy.reps import Cloud, Field, Pairs, Point, Scalar, Vector
from isotropy.testing import assert_equivariant

GROUPS = ["E(3)", "SE(3)", "O(3)", "SO(3)", "O(2)@z", "SO(2)@(1,2,2)", "T(3)", "Scale(3)", "Similarity(3)", "E(2)",
          "Lorentz(3)", "GL+(3)", "SL(3)", "C(4)@z", "SO(2)"]  # fmt: skip


def draw(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=spawn(0, *shape), dtype=torch.float64)


def network(d: int):
    first, second = draw(d, 16), draw(32, d) / 4

    def forward(x: Tensor) -> tuple[Tensor, Tensor]:
        h = torch.tanh(x @ first + 0.3)
        each = x + torch.cat([h, h.mean(1, keepdim=True).expand_as(h)], -1) @ second
        return each, h.mean(1)[:, :1]

    return forward


@pytest.mark.parametrize("name", GROUPS)
def test_every_group_finds_a_frame(name: str) -> None:
    """A value for each point and an invariant number, for groups that move vectors in every way we know."""
    group = parse(name)
    d = group.degree
    kind = Point if getattr(group, "affine", False) else Vector
    model = symmetrize(network(d), group, rep_out=(Cloud(kind), Scalar))
    assert_equivariant(model, group, draw(5, 6, d), tol=1e-9)
    with pytest.raises(AssertionError, match="not equivariant"):
        assert_equivariant(network(d), group, draw(5, 6, d), Cloud(kind), (Cloud(kind), Scalar), tol=1e-2)


def test_permutations_of_a_graph() -> None:
    weight = draw(6, 6)

    def read(A: Tensor) -> Tensor:
        return torch.tanh((A * weight).sum((1, 2)))[:, None]

    A = (draw(4, 6, 6) > 0.3).double()
    A = ((A + A.mT) > 0).double() * (1 - torch.eye(6, dtype=torch.float64))
    assert_equivariant(symmetrize(read, "S(6)", Pairs(), Scalar), "S(6)", A)
    with pytest.raises(AssertionError, match="not equivariant"):
        assert_equivariant(read, "S(6)", A, Pairs(), Scalar)


def test_permutations_of_numbers_are_sorted() -> None:
    from isotropy.frames import RandomProjectionFrame

    order = draw(5)
    model = symmetrize(
        lambda x: (x[..., 0] * order).sum(1, keepdim=True).sin(), "S(5)", Cloud(Scalar), Scalar,
        frame=RandomProjectionFrame(None, n=5),
    )  # fmt: skip
    assert_equivariant(model, "S(5)", draw(4, 5, 1))


def test_parameters_and_the_default_are_those_of_the_model() -> None:
    layer = torch.nn.Linear(3, 3)
    model = symmetrize(layer, rep_out="Cloud(Vector)")
    assert isinstance(model, FrameAveraged)
    assert str(model.group) == "E(3)"
    assert [p.data_ptr() for p in model.parameters()] == [p.data_ptr() for p in layer.parameters()]


def test_refusals() -> None:
    with pytest.raises(DomainError, match=r"a frame of"):
        frame_of("S(3) x GL+(2)")
    with pytest.raises(SchemaError, match="permutations of"):
        frame_of("S(3)", Scalar)


@pytest.mark.parametrize(("name", "ratio"), [("C(4)", 1e-12), ("D(4)", 1e-12), ("SO(2)", 0.3), ("O(2)", 0.3)])
def test_pictures_are_averaged_over_turns(name: str, ratio: float) -> None:
    """Exact where cells go to cells; else what is left is interpolation, and what eight angles miss."""
    r = torch.linspace(-1, 1, 16, dtype=torch.float64)
    inside = (1 - r[:, None] ** 2 - r**2).clamp_min(0)
    smooth = nn.Upsample((16, 16), mode="bicubic")
    x, kernel = smooth(draw(6, 1, 4, 4)) * inside, smooth(draw(1, 3, 4, 4))[0]

    def classify(x: Tensor) -> Tensor:
        return torch.tanh((x * kernel).sum((-2, -1)) / 8)

    model = symmetrize(classify, name, rep_in="Field(Scalar)", rep_out="3*Scalar")
    made, plain = (equivariance_error(f, name, x, Field(), 3 * Scalar).mean for f in (model, classify))
    assert made < ratio * plain


@pytest.mark.parametrize("name", ["SE(2)", "T(2)", "Scale(2)", "GL+(2)"])
def test_frames_of_points_are_not_taken_for_pictures(name: str) -> None:
    with pytest.raises(DomainError, match=r"pictures.*MomentFrame"):
        symmetrize(lambda x: x, name, rep_in="Field(Scalar)", rep_out="Scalar")


def test_of_large_finite_groups_no_copies_of_pictures_are_made() -> None:
    with pytest.raises(DomainError, match=r"360 elements of C\(360\) for pictures.*SO\(2\) by 8 angles"):
        frame_of("C(360)", Field())
