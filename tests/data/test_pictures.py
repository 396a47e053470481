"""Folders of pictures: read as they are displayed, as bytes, or refused with the files named."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from isotropy.data import Pictures, load, read_pictures
from isotropy.errors import SchemaError
from isotropy.random import spawn


def pixels(height: int = 6, width: int = 6, channels: int = 3) -> np.ndarray:
    values = torch.randint(0, 256, (height, width, channels), generator=spawn(0, "pixels", height, width, channels))
    return values.to(torch.uint8).numpy()


def saved(path: Path, array: np.ndarray, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array.squeeze(-1) if array.shape[-1] == 1 else array).save(path, **options)
    return path


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


def bomb(path: Path) -> None:
    """A PNG of one pixel whose head claims half a billion."""
    head = struct.pack(">IIBBBBB", 20_000, 25_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + head
    whole = saved(path, pixels(1, 1)).read_bytes()
    path.write_bytes(whole[:12] + chunk + struct.pack(">I", zlib.crc32(chunk)) + whole[33:])


def test_files_that_are_not_what_they_should_be_are_named_or_left_out(folder: Path, tmp_path: Path) -> None:
    whole = (folder / "wave" / "0.png").read_bytes()
    (folder / "wave" / "torn.png").write_bytes(whole[: len(whole) // 2])
    saved(tmp_path / "other.jpg", pixels()).rename(folder / "wave" / "jpeg.png")
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
