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
from isotropy.represent import AnglesWarning, EncoderAudit, audit_encoder, group_law_report, is_views_file, read_views
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
    with pytest.raises(DomainError, match="at least 5 objects"):
        audit_encoder(Reader(), images[:3], poses[:3])
    with pytest.raises(DomainError, match="more objects or views"):
        audit_encoder(Reader(), images[:7, :2], poses[:7, :2])
    np.savez(tmp_path / "odd.npz", images=images.numpy(), latents=poses[..., :5].numpy())
    (tmp_path / "torn.npz").write_bytes(b"PK\x03\x04 nothing more")
    assert is_views_file(tmp_path / "odd.npz")
    assert not is_views_file(tmp_path / "torn.npz")
    assert not is_views_file(tmp_path / "absent.npz")
    with pytest.raises(SchemaError, match="the angles a, b, c"):
        read_views(tmp_path / "odd.npz")


class Noisy(nn.Module):
    """The nine numbers of the pose, and columns of noise that says nothing of it."""

    def __init__(self, pose: float, columns: int, size: float) -> None:
        super().__init__()
        self.pose, self.columns, self.size = pose, columns, size
        self.draw = spawn(0, "noise of the encoder")

    def forward(self, images: Tensor) -> Tensor:
        noise = self.size * torch.randn(len(images), self.columns, generator=self.draw)
        return torch.cat([self.pose * (2 * images.flatten(1)[:, 3:12] - 1), noise], 1)


def test_noise_as_wide_as_there_are_views_neither_stays_nor_tells_a_pose(views: tuple[Tensor, Tensor]) -> None:
    """336 views to fit axes to, 521 features: within objects there are directions that do not vary, by chance."""
    found = audit_encoder(Noisy(0.0, 512, 1.0), *views, steps=5)
    assert found.staying == 0
    assert len(found.directions) == 336 // 5
    assert max(one.degree_0 for one in found.directions) < 0.5
    assert found.mrr < found.chance + 0.1
    assert any("too few" in note for note in found.summary().notes)
    blocks = {block.name: block for block in found.blocks()}
    assert len(blocks["directions"].bars) == 40  # type: ignore[attr-defined]
    assert blocks["scores"].notes == found.summary().notes  # type: ignore[attr-defined]


@pytest.mark.parametrize("size", [1e-2, 1.0])
def test_columns_of_noise_take_nothing_from_the_simulator(views: tuple[Tensor, Tensor], size: float) -> None:
    """Noise moves as much as poses do, but no other view and no turn tell it."""
    found = audit_encoder(Noisy(1.0, 40, size), *views, steps=5)
    assert found.simulated == 9
    assert found.mrr > 0.95
    assert found.error < 0.3


def test_the_ceiling_of_the_probe_is_that_of_the_pose_itself(views: tuple[Tensor, Tensor]) -> None:
    """Over all of SO(3) the sign of a quaternion jumps: nobody has an R2 of 1."""
    found = audit_encoder(Noisy(1.0, 0, 0.0), *views, steps=300)
    assert found.oracle_r2 < 0.9
    assert found.pose_r2 == pytest.approx(found.oracle_r2, abs=0.1)
    assert found.rows()[0]["ceiling"] == found.oracle_r2


def test_files_of_views_that_hold_something_else_are_refused(views: tuple[Tensor, Tensor], tmp_path: Path) -> None:
    images, poses = (part[:3].numpy() for part in views)
    for name, arrays, said in (
        ("objects", {"images": images, "latents": poses.astype(object)}, "latents in"),
        ("words", {"images": images.astype(str), "latents": poses}, "images in"),
        ("fewer", {"images": images, "latents": poses[:2]}, "as many objects"),
        ("flat", {"images": images[..., 0], "latents": poses}, r"\(n_obj, n_view, 3, S, S\)"),
    ):
        np.savez(tmp_path / f"{name}.npz", **arrays)
        with pytest.raises(SchemaError, match=said):
            read_views(tmp_path / f"{name}.npz")
    np.savez(tmp_path / "degrees.npz", images=images, latents=np.degrees(poses))
    with pytest.warns(AnglesWarning, match="are they degrees"):
        read_views(tmp_path / "degrees.npz")


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
