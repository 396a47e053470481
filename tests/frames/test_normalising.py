"""Centres and sizes as frames: they go with the cloud, and what they pull back does not change."""

from __future__ import annotations

import pytest
import torch

from isotropy.errors import DegenerateError, DomainError
from isotropy.frames import CentreFrame, FrameAveraged, ScaleFrame
from isotropy.groups import Scale, T, Window
from isotropy.linalg import Segments
from isotropy.random import spawn
from isotropy.reps import Cloud, Point, Vector

GROUPS = [(CentreFrame(T(3)), T(3), Point), (ScaleFrame(Scale(3)), Scale(3), Vector)]


@pytest.mark.parametrize(("frame", "group", "type_"), GROUPS, ids=["T(3)", "Scale(3)"])
def test_the_atom_goes_with_the_cloud(frame, group, type_) -> None:
    generator = spawn(0, "clouds")
    x = torch.randn(20, 5, 3, generator=generator, dtype=torch.float64)
    g = group.sample((20,), generator=generator, dtype=x.dtype, within=Window(group, 0.7))
    moved = Cloud(type_).act(group, g, x)
    expected = group.compose(g, frame(x).g[:, 0])
    assert torch.allclose(frame(moved).g[:, 0], expected, rtol=1e-12, atol=1e-12)
    assert frame(x).exact
    assert len(frame(x)) == 1


@pytest.mark.parametrize(("frame", "group", "type_"), GROUPS, ids=["T(3)", "Scale(3)"])
def test_whatever_is_averaged_over_them_is_equivariant(frame, group, type_) -> None:
    generator = spawn(1, "clouds")
    x = torch.randn(20, 5, 3, generator=generator, dtype=torch.float64)
    g = group.sample((20,), generator=generator, dtype=x.dtype, within=Window(group, 0.7))
    f = FrameAveraged(lambda z: (z.sin() + 0.3).sum(1), frame, Cloud(type_), type_)
    assert torch.allclose(
        f(Cloud(type_).act(group, g, x)), type_.act(group, g, f(x)), rtol=1e-12, atol=1e-12
    )  # fmt: skip


@pytest.mark.parametrize("frame", [CentreFrame("T(2)"), ScaleFrame("Scale(2)")], ids=str)
def test_ragged_and_dense_clouds_have_the_same_atoms(frame) -> None:
    x = torch.randn(6, 4, 2, generator=spawn(2, "clouds"), dtype=torch.float64)
    segments = Segments.from_sizes(torch.full((6,), 4))
    assert torch.allclose(frame(x).g, frame(x.flatten(0, 1), segments).g, atol=1e-14)


def test_a_cloud_in_the_origin_has_no_size() -> None:
    x = torch.zeros(2, 3, 2, dtype=torch.float64)
    x[1] = 1.0
    with pytest.raises(DegenerateError, match=r"\[0\]"):
        ScaleFrame("Scale(2)")(x)
    limit = ScaleFrame("Scale(2)", points="limit")
    assert limit(x).degenerate.tolist() == [True, False]
    f = FrameAveraged(lambda z: z.sum(1) + 1.0, limit, Cloud(Vector), Vector)
    assert torch.allclose(f(x)[0], torch.zeros(2, dtype=x.dtype), atol=1e-12)


@pytest.mark.parametrize(("frame", "group"), [(CentreFrame, "Scale(2)"), (ScaleFrame, "T(2)"), (CentreFrame, "E(2)")])
def test_other_groups_are_refused(frame, group: str) -> None:
    with pytest.raises(DomainError, match="normalises"):
        frame(group)


def test_a_point_that_is_no_number_is_refused() -> None:
    with pytest.raises(DomainError, match="finite"):
        CentreFrame("T(1)")(torch.tensor([[[float("nan")]]]))
