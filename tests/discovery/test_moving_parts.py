"""Parts as an answer: its table and report, the file of labels, the command, and what it refuses."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from frames.bodies import machine, noisy, person
from isotropy.cli import app
from isotropy.data import load_motion
from isotropy.discovery import MovingParts, moving_parts
from isotropy.groups import SO
from isotropy.report import Scatter
from isotropy.study import load_run


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[MovingParts, Path]:
    out = tmp_path_factory.mktemp("parts") / "run"
    views, _ = machine(300, 3, 0)
    return moving_parts(noisy(views, 0.002), out=out, title="a crank"), out


def test_motions_are_told_as_angle_axis_and_shift() -> None:
    x = torch.randn(90, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    x[60:] += torch.tensor([6.0, 0.0, 0.0])
    turn = torch.tensor([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]], dtype=torch.float64)  # 90 degrees about y
    centre = x[60:].mean(0)
    moved = torch.cat([x[:60], (x[60:] - centre) @ turn.mT + centre + torch.tensor([0.0, 2.0, 0.0])])
    answer = moving_parts(torch.stack([x, moved, x]))
    small, large = answer["part 2"], answer["part 1"]
    assert (small.points, large.points, answer.group) == (30, 60, "SE(3)^2")
    assert small.angle == pytest.approx((90.0, 0.0), abs=1e-3)
    assert small.axis[0] == pytest.approx((0.0, 1.0, 0.0), abs=1e-6)
    assert np.allclose(small.shift, [[0, 2, 0], [0, 0, 0]], atol=1e-9)
    assert large.angle == pytest.approx((0.0, 0.0), abs=1e-3)
    # Only where the poses are laid on each other does a part go farther than a picture can show.
    first, second, third = (picture for picture in answer.pictures if isinstance(picture, Scatter))
    assert (len(first.arrows), len(third.arrows)) == (0, 0)
    assert 1 <= len(second.arrows) <= 2
    assert all(0.1 < math.dist(arrow[:2], arrow[2:]) < 2.1 for arrow in second.arrows)


def test_the_answer_is_written_read_back_and_drawn(found: tuple[MovingParts, Path]) -> None:
    answer, out = found
    assert load_run(out) == answer
    record = json.loads((out / "result.json").read_text())
    assert {"points", "residual", "stabiliser", "angle", "shift"} <= set(record["parts"][0])
    assert record["undecided"] == answer.undecided
    with np.load(out / "partition.npz", allow_pickle=False) as arrays:
        assert np.bincount(arrays["label"]).tolist() == [part.points for part in answer]
        assert int((~arrays["sure"]).sum()) == answer.undecided
    page = (out / "report.html").read_text()
    assert "Moving parts of a crank" in page
    assert all(part.name in page for part in answer)
    assert "4 parts move each by themselves" in repr(answer)


def test_the_command(tmp_path: Path) -> None:
    views, _ = person(260, 2, 1)
    np.savez(tmp_path / "body.npz", stand=views[0].numpy(), sit=views[1].numpy())
    args = ["discover", str(tmp_path / "body.npz"), "--parts", "--out", str(tmp_path / "run")]
    shown = CliRunner().invoke(app, args)
    assert shown.exit_code == 0, shown.output
    assert "11 parts move each by themselves" in " ".join(shown.output.split())
    assert (tmp_path / "run/partition.npz").is_file()


def test_of_targets_that_come_along_every_part_is_asked(tmp_path: Path) -> None:
    """The height of the second body counts, and where the first one is does not."""
    draw = torch.Generator().manual_seed(0)
    table, lamp = (torch.randn(n, 3, generator=draw, dtype=torch.float64) for n in (20, 12))

    def posed(rows: int) -> torch.Tensor:
        R = SO(3).sample(2 * rows, generator=draw, dtype=torch.float64)
        assert isinstance(R, torch.Tensor)
        t = 0.7 * torch.randn(2 * rows, 1, 3, generator=draw, dtype=torch.float64)
        return torch.cat([table @ R[:rows].mT + t[:rows], lamp @ R[rows:].mT + t[rows:]], 1)

    x = posed(300)
    np.savez(tmp_path / "v.npz", views=posed(3).numpy(), x=x.numpy(), y=x[:, 20:, 2].mean(1).numpy())
    run = str(tmp_path / "run")
    shown = CliRunner().invoke(app, ["discover", str(tmp_path / "v.npz"), "--parts", "--quick", "--out", run])
    assert shown.exit_code == 0, shown.output
    assert "the target keeps SE(3) on part 1; it depends on where part 2 is" in " ".join(shown.output.split())
    answer = load_run(tmp_path / "run")
    assert isinstance(answer, MovingParts)
    whole = replace(answer, parts=answer.parts[:1])
    assert "nothing moves in parts; the target keeps SE(3) on part 1" in whole.recommendation
    told = {one.name: one for one in answer.factors}
    assert [name for name, one in told.items() if one.holds] == ["SE(3) on part 1", "T(3) on part 1"]
    assert told["T(3) on part 2"].breaking.low > 0.01 > told["T(3) on part 1"].breaking.mean
    assert "What the target keeps, part by part" in (tmp_path / "run/report.html").read_text()


@pytest.mark.parametrize(
    ("arrays", "args", "said"),
    [
        ({"a": np.zeros((5, 3))}, [], "one pose"),
        ({"a": np.zeros((5, 3)), "b": np.zeros((6, 3))}, [], "row i the same point in every pose"),
        ({"a": np.zeros((2, 5, 2))}, [], "a (2, 5, 2)"),
        ({"a": np.zeros((2, 9, 3)), "b": np.zeros((2, 9, 3))}, [], "call the poses 'views'"),
        ({"views": np.full((2, 9, 3), np.nan)}, [], "pose 0, row 0"),
        ({"views": np.zeros((2, 9, 3))}, ["--groups", "SO(3)"], "--groups with --parts"),
        ({"views": np.zeros((2, 9, 3))}, ["--quick"], "--quick with --parts"),
        ({"views": np.zeros((2, 9, 3)), "x": np.zeros((4, 9, 3))}, [], "views and x"),
        ({"views": np.zeros((2, 9, 3)), "x": np.zeros((4, 8, 3)), "y": np.zeros(4)}, [], "x of shape (4, 8, 3)"),
        ({"views": np.zeros((2, 9, 3)), "x": np.zeros((4, 9, 3)), "y": np.zeros(5)}, [], "y of shape (5,) for 4 rows"),
        ({"views": np.zeros((2, 9, 3))}, ["--noise", "force=1"], "one number"),
        ({"views": np.zeros((2, 9, 3))}, ["--noise", "-1"], "noise=-1.0"),
    ],
)
def test_what_is_refused(arrays: dict[str, np.ndarray], args: list[str], said: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "v.npz", **arrays)  # type: ignore[arg-type]
    shown = CliRunner().invoke(app, ["discover", str(tmp_path / "v.npz"), "--parts", *args])
    assert shown.exit_code == 2
    assert said in " ".join(shown.output.split())


def test_a_table_is_no_pose(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    shown = CliRunner().invoke(app, ["discover", str(tmp_path / "t.csv"), "--parts"])
    assert shown.exit_code == 2
    assert "np.savez" in shown.output


def test_a_recorded_walk_names_limbs_and_says_what_it_cannot_part(real_data: Path) -> None:
    body = load_motion("131_01", (0, 250, 500), n=700)
    answer = moving_parts(body.views, known=(body.part, body.names))
    known = [part.mostly for part in answer]
    for limb in ("LeftKnee", "RightKnee", "LeftHip", "RightHip", "LeftShoulder", "RightShoulder"):
        # What has a handful of points may be given to a limb; no limb is given to another.
        assert sum(limb in name.split(" + ") for name in known) == 1
    assert not any("Knee" in name and "Hip" in name for name in known)
    # The recording has no turn between the collar bones.
    assert "LeftCollar + RightCollar" in known
    assert any("never moved against each other" in note and "Collar" in note for note in answer.notes)
