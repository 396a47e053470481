"""Folders of pictures: read as they are displayed, as bytes, or refused with the files named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from data.picture_files import bomb, mislabelled, pixels, saved, torn
from isotropy.data import Pictures, load, read_pictures
from isotropy.errors import SchemaError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of three pictures, and a file that is none."""
    for kind in ("wave", "ring"):
        for i in range(3):
            saved(tmp_path / "in" / kind / f"{i}.png", pixels())
    (tmp_path / "in" / "notes.txt").write_text("six pictures")
    return tmp_path / "in"


def test_pictures_are_read_as_bytes_with_their_classes(folder: Path) -> None:
    found = read_pictures(folder)
    assert found.x.dtype == torch.uint8
    assert found.x.shape == (6, 3, 6, 6)
    assert np.array_equal(found.x[0].permute(1, 2, 0).numpy(), pixels())
    assert (found.classes, found.y.tolist()) == (("ring", "wave"), [0, 0, 0, 1, 1, 1])
    assert found.files[3] == "wave/0.png"
    assert "left alone: 1" in found.notes[0]
    assert float(found.floats().max()) <= 1
    few = found.take(torch.tensor([4]))
    assert isinstance(few, Pictures)
    assert (few.files, few.y.tolist()) == (("wave/1.png",), [1])
    drawn = read_pictures(folder, most=2, seed=1)
    assert (len(drawn), drawn.given) == (2, 6)


def test_a_folder_without_classes_is_read_too(tmp_path: Path) -> None:
    saved(tmp_path / "a.bmp", pixels())
    saved(tmp_path / "b.tif", pixels())
    assert read_pictures(tmp_path).classes == ()
    with pytest.raises(SchemaError, match="isotropy audit MODEL FOLDER"):
        load(tmp_path)


def test_pictures_lie_as_they_are_displayed(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # a telephone held upright: to be turned by a quarter, clockwise
    saved(tmp_path / "a.png", pixels(4, 8), exif=exif)
    found = read_pictures(tmp_path)
    assert np.array_equal(found.x[0].permute(1, 2, 0).numpy(), np.rot90(pixels(4, 8), -1))
    assert any("upright" in note for note in found.notes)


def test_unlike_pictures_are_refused_with_the_setting_that_makes_them_alike(folder: Path) -> None:
    saved(folder / "wave" / "wide.png", pixels(8, 12))
    with pytest.raises(SchemaError, match=r"6 x 6 \(6\), 8 x 12 \(1\).*wave/wide.png.*--set size=6"):
        read_pictures(folder)
    made = read_pictures(folder, size=8)
    assert made.x.shape[2:] == (8, 8)
    assert np.array_equal(made.x[-1].permute(1, 2, 0).numpy(), pixels(8, 12)[:, 2:10])  # its middle, unscaled
    assert read_pictures(folder, size="4x5").x.shape[2:] == (4, 5)
    saved(folder / "ring" / "grey.png", pixels(channels=1))
    with pytest.raises(SchemaError, match=r"7 in colour and 1 in grey.*ring/grey.png.*--set channels=1"):
        read_pictures(folder, size=6)
    assert read_pictures(folder, size=6, channels=1).x.shape[1] == 1
    with pytest.raises(SchemaError, match="size=0"):
        read_pictures(folder, size=0)


def test_files_that_are_not_what_they_should_be_are_named_or_left_out(folder: Path, tmp_path: Path) -> None:
    torn(folder / "wave" / "torn.png")
    mislabelled(folder / "wave" / "jpeg.png")
    (folder / "wave" / "text.png").write_text("no picture")
    bomb(folder / "wave" / "bomb.png")
    Image.fromarray(np.zeros((6, 6), np.uint16)).save(folder / "ring" / "deep.png")
    saved(folder / "ring" / "glass.png", np.concatenate([pixels(), np.full((6, 6, 1), 9, np.uint8)], -1))
    (folder / "ring" / "away.png").symlink_to(saved(tmp_path / "secret.png", pixels()))
    (folder / "elsewhere").symlink_to(tmp_path, target_is_directory=True)
    names = ["wave/torn", "wave/jpeg", "wave/text", "wave/bomb", "ring/deep", "ring/away", "elsewhere"]
    with pytest.raises(SchemaError) as refused:
        read_pictures(folder)
    assert all(name in str(refused.value) for name in names)
    assert "7 files" in str(refused.value)
    assert "skip=true" in refused.value.hint
    kept = read_pictures(folder, skip=True)
    assert len(kept) == 6
    assert "glass" in kept.notes[-1]  # what only decoding tells
    for i in range(5):
        (folder / "wave" / f"{i}x.png").write_text("")
    with pytest.raises(SchemaError, match="and 2 more"):
        read_pictures(folder)


def test_an_empty_folder_says_how_one_looks(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match=r"without pictures; expected one sub-folder for each class"):
        read_pictures(tmp_path)
    with pytest.raises(SchemaError, match="no folder"):
        read_pictures(tmp_path / "nowhere")


def test_hidden_folders_are_not_entered(folder: Path) -> None:
    classes = read_pictures(folder).classes
    (folder / ".thumbnails").mkdir()
    saved(folder / ".thumbnails" / "0.png", pixels())
    assert read_pictures(folder).classes == classes
    with pytest.raises(SchemaError, match="most=0"):
        read_pictures(folder, most=0)
