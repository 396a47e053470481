"""Ways to use that parts of a body move: what wins where parts move alone, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from isotropy.comparison import Comparison, compare_parts
from isotropy.comparison._part_networks import OfCells, PointNetwork
from isotropy.data import read_parts
from isotropy.errors import DomainError, IsotropyError, SchemaError, ShapeError
from isotropy.frames.parts import motions_of
from isotropy.groups import parse
from isotropy.linalg import Segments
from isotropy.reps import Piecewise, Point
from isotropy.study import load_run

QUICK: dict[str, Any] = {"quick": True, "progress": False}
PART = torch.tensor([0] * 20 + [1] * 16)


def bodies(n: int = 18) -> tuple[Tensor, Tensor]:
    """Two lumps that move each by itself, and which half of its lump a point lies in."""
    draw = torch.Generator().manual_seed(1)
    body = torch.randn(36, 3, generator=draw) * torch.where(PART[:, None] == 0, 1.0, torch.tensor([0.4, 1.6, 0.9]))
    law = motions_of("SE(3)", 3.0) ** 2
    x = Piecewise(Point, Segments(PART, 2)).act(parse("SE(3)^2"), law.draw(n, draw).float(), body.expand(n, 36, 3))
    return x, (body.norm(dim=1) > body.norm(dim=1).median()).long().expand(n, 36)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Comparison, Path]:
    out = tmp_path_factory.mktemp("compare") / "out"
    return compare_parts(*bodies(), PART, out=out, **QUICK), out


def test_frames_of_parts_win_where_parts_move_by_themselves(run: tuple[Comparison, Path]) -> None:
    found, out = run
    names = ["plain", "augmentation E(3)", "frames E(3)", "given parts E(3)^2", "found parts E(3)^2"]
    assert [one.name for one in found.methods] == names
    errors = {one.kind: one.error.mean for one in found.methods if one.error is not None}
    assert max(errors["given parts"], errors["found parts"]) < 0.7 * min(
        errors["plain"], errors["augmentation"], errors["frames"]
    )
    assert "parts E(3)^2" in found.recommended
    for one in found.methods:
        exact = one.kind in ("frames", "given parts", "found parts")
        assert one.equivariance_error is not None
        assert (one.equivariance_error < 1e-4) is exact
    assert found["plain"].equivariance_group == "E(3)^2"
    assert "2 parts were found in 6 of the clouds" in " ".join(found.notes)
    assert found.next_steps == ("isotropy.frames.PiecewiseLayer(None, '2*Scalar', 'E(3)')",)
    assert load_run(out) == found
    assert "each in its own principal axes" in (out / "report.html").read_text()


def test_a_resumed_comparison_is_the_same_and_another_is_refused(run: tuple[Comparison, Path]) -> None:
    found, out = run
    assert compare_parts(*bodies(), PART, out=out, resume=True, **QUICK).methods == found.methods
    with pytest.raises(DomainError, match="seed"):
        compare_parts(*bodies(), PART, out=out, resume=True, seed=1, **QUICK)


def test_vectors_turn_with_their_part_and_what_is_of_the_whole_is_learned_by_frames_of_the_whole() -> None:
    x, _ = bodies(12)
    centre = x.mean(1, keepdim=True)
    found = compare_parts(x, x - centre, PART, rep_out="Vector", methods="frames,given parts", **QUICK)
    errors = {one.kind: one.error.mean for one in found.methods if one.error is not None}
    assert errors["frames"] < 0.7 * errors["given parts"]  # where the centre is, no part can tell
    assert found["given parts E(3)^2"].equivariance_error is not None
    assert found["given parts E(3)^2"].equivariance_error < 1e-4


def test_the_network_sees_nothing_beyond_its_part() -> None:
    network = OfCells(PointNetwork(2, width=8).double(), "E(3)")
    x, part = torch.randn(1, 36, 3).double(), PART[None]
    moved = x.clone()
    moved[:, 20:] = torch.randn(1, 16, 3).double()
    before, after = network(x, part), network(moved, part)
    assert torch.equal(before[:, :20], after[:, :20])
    assert (before[:, 20:] - after[:, 20:]).abs().max() > 1e-3


def test_parts_of_each_cloud_by_itself_are_not_found_again() -> None:
    x, y = bodies(6)
    found = compare_parts(x, y, PART.expand(6, 36), methods="found parts", **QUICK)
    assert found["found parts"].standing == "not run"
    assert "do not correspond" in found["found parts"].missing


X, Y = bodies(6)


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"x": X[:, :, :2]}, ShapeError, "(clouds, points, 3)"),
        ({"x": X[:4], "y": Y[:4]}, ShapeError, "4 clouds"),
        ({"y": Y[:, :9]}, ShapeError, "a target for each point"),
        ({"x": X.index_fill(0, torch.tensor([3]), torch.nan)}, DomainError, "cloud 3"),
        ({"y": torch.zeros_like(Y)}, SchemaError, "two or more"),
        ({"y": X, "rep_out": "Tensor(2)"}, SchemaError, "Scalars or Vectors"),
        ({"y": X[..., :2], "rep_out": "Vector"}, ShapeError, "2 numbers a point"),
        ({"part": PART[:9]}, ShapeError, "whole numbers (36,)"),
        ({"part": torch.zeros(36).long()}, SchemaError, "discover POSES.npz --parts"),
        ({"group": "O(2)"}, IsotropyError, "SO(3)"),
        ({"methods": "layers"}, IsotropyError, "given parts"),
    ],
)
def test_what_does_not_fit_is_refused(given: dict[str, Any], error: type[Exception], said: str) -> None:
    asked: dict[str, Any] = {"x": X, "y": Y, "part": PART, **QUICK, **given}
    with pytest.raises(error) as refused:
        compare_parts(asked.pop("x"), asked.pop("y"), asked.pop("part"), **asked)
    assert said in str(refused.value)


def test_targets_are_read_beside_clouds_and_parts(tmp_path: Path) -> None:
    np.savez(tmp_path / "clouds.npz", x=X.numpy(), y=Y.numpy(), part=PART.numpy())
    read = read_parts(tmp_path / "clouds.npz", "part", schema={"x": "Cloud(Point)", "y": "Cloud(Scalar)"})
    assert read.y is not None
    assert torch.equal(read.y, Y)
