"""An encoder whose knowledge of poses is known, and one that knows nothing, are told apart; and by the command, too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from typer.testing import CliRunner

from isotropy.cli import app
from isotropy.data.render import latents
from isotropy.errors import DomainError, SchemaError, ShapeError
from isotropy.groups import SO, matrix_to_angles
from isotropy.random import spawn
from isotropy.represent import EncoderAudit, audit_encoder, group_law_report, is_views_file, read_views
from isotropy.study import load_run

OBJECTS, VIEWS = 40, 12


class Reader(nn.Module):
    """Reads three numbers of the object and the nine of its pose off the picture, mixed; or the object's alone."""

    def __init__(self, knows: int = 12) -> None:
        super().__init__()
        self.knows = knows
        self.norm = nn.BatchNorm1d(12, affine=False)
        self.mix = nn.Parameter(torch.linalg.qr(torch.randn(12, 12, generator=spawn(0, "mix")))[0])

    def forward(self, images: Tensor) -> Tensor:
        read = 2 * images.flatten(1)[:, :12] - 1
        return self.norm(torch.cat([read[:, : self.knows], 0 * read[:, self.knows :]], 1)) @ self.mix


@pytest.fixture(scope="module")
def views() -> tuple[Tensor, Tensor]:
    R = SO(3).sample((OBJECTS, VIEWS), generator=spawn(0, "poses"), dtype=torch.float64)
    assert isinstance(R, Tensor)
    poses = torch.cat([matrix_to_angles(R), torch.zeros(OBJECTS, VIEWS, 4, dtype=torch.float64)], -1)
    code = torch.rand(OBJECTS, 1, 3, generator=spawn(0, "code")).expand(-1, VIEWS, -1)
    picture = torch.cat([code, (1 + R.flatten(2).float()) / 2], -1)
    return nn.functional.pad(picture, (0, 48 - 12)).reshape(OBJECTS, VIEWS, 3, 4, 4).clamp(0, 1), poses


def test_an_encoder_that_knows_poses_has_a_group_for_a_simulator(views: tuple[Tensor, Tensor]) -> None:
    encoder = Reader()
    found = audit_encoder(encoder, *views, steps=600)
    assert encoder.training
    assert float(encoder.state_dict()["norm.running_mean"].abs().max()) == 0
    assert found.staying == 3
    assert len(found.directions) == 12
    assert found.objects == 12
    assert all(one.moves < 0.05 and one.degree_0 > 0.8 for one in found.directions[:3])
    assert all(one.moves > 0.8 for one in found.directions[3:])
    assert sum(one.degree_1 for one in found.directions[3:]) / 9 > 0.8
    # Of few objects; and over all of SO(3) the sign of a quaternion that follows the angles jumps.
    assert found.pose_r2 > 0.2
    assert found.error < 0.1
    assert found.mrr > 0.95
    assert max(found.identity, found.inverse, found.composition) < 0.3
    assert "3 of 12 directions stay" in found.headline()


def test_an_encoder_that_knows_no_poses_has_floors(views: tuple[Tensor, Tensor]) -> None:
    found = audit_encoder(Reader(knows=3), *views, steps=60)
    assert found.staying == len(found.directions) == 3
    assert found.pose_r2 < 0.05
    assert found.pooled < found.floor + 0.05
    # All views of an object are the same to it: ties share their rank, and no view is found.
    assert found.mrr < found.chance + 0.02


def test_the_law_is_asked_on_the_turns_that_were_seen(views: tuple[Tensor, Tensor]) -> None:
    """Of turns about one axis, a simulator that is fitted to them is a group; about others it is nothing."""
    from isotropy.represent import best_predictor

    poses = torch.zeros(OBJECTS, VIEWS, 7, dtype=torch.float64)
    poses[..., 2] = views[1][..., 2]
    y = torch.stack([poses[..., 2].cos(), poses[..., 2].sin()], -1)
    fitted = best_predictor(y, poses, penalty=1e-9)
    turns = latents.relative_rotation(poses[:, :-2], poses[:, 1:-1]).flatten(0, 1)
    onward = latents.relative_rotation(poses[:, 1:-1], poses[:, 2:]).flatten(0, 1)
    assert max(group_law_report(fitted, turns=(turns, onward))) < 1e-3
    assert group_law_report(fitted).orthogonality > 0.1


def test_what_is_no_encoder_and_what_are_no_views_is_refused(views: tuple[Tensor, Tensor], tmp_path: Path) -> None:
    images, poses = views
    with pytest.raises(ShapeError, match=r"features \(256, 3, 4, 4\)"):
        audit_encoder(nn.Identity(), images, poses)
    with pytest.raises(DomainError, match="not finite"):
        audit_encoder(lambda x: x.flatten(1) * torch.nan, images, poses)
    with pytest.raises(DomainError, match="at least 7"):
        audit_encoder(Reader(), images[:3], poses[:3])
    np.savez(tmp_path / "odd.npz", images=images.numpy(), latents=poses[..., :5].numpy())
    (tmp_path / "torn.npz").write_bytes(b"PK\x03\x04 nothing more")
    assert is_views_file(tmp_path / "odd.npz")
    assert not is_views_file(tmp_path / "torn.npz")
    assert not is_views_file(tmp_path / "absent.npz")
    with pytest.raises(SchemaError, match="the angles a, b, c"):
        read_views(tmp_path / "odd.npz")


def test_the_command_prints_floors_and_writes_a_report(
    views: tuple[Tensor, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, out = tmp_path / "views.npz", tmp_path / "run"
    images = (255 * views[0]).round().to(torch.uint8)
    np.savez(file, images=images.numpy(), latents=views[1][..., :3].numpy())
    (tmp_path / "mine_of_poses.py").write_text(
        "import torch\nclass Net(torch.nn.Module):\n    def forward(self, x):\n        return x.flatten(1)[:, :12]\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    asked = ["audit", "mine_of_poses:Net", str(file)]
    done = CliRunner().invoke(app, [*asked, "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "mean reciprocal rank" in done.output
    assert "chance" in done.output
    found = load_run(out)
    assert isinstance(found, EncoderAudit)
    assert found.staying == 3
    assert found.mrr > 0.9
    assert (out / "report.html").exists()
    refused = CliRunner().invoke(app, [*asked, "--groups", "SO(3)"])
    assert refused.exit_code != 0
