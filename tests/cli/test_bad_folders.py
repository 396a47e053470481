"""Folders of pictures that cannot be asked: said in words, with the files named, and left as they were."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from torch import Tensor
from typer.testing import CliRunner, Result

import isotropy
from data.picture_files import bomb, mislabelled, pixels, saved, torn
from isotropy.cli import app


def brightness(x: Tensor) -> Tensor:
    return x.mean((1, 2, 3))[:, None]


def ran(*args: object) -> Result:
    return CliRunner().invoke(app, list(map(str, args)))


def filled(root: Path, **counts: int) -> None:
    for name, count in counts.items():
        for i in range(count):
            saved(root / name / f"{i:02}.png", pixels())


def state(root: Path) -> dict[str, tuple[bytes, int]]:
    """Every file with its bytes and the time it was written."""
    files = [path for path in root.rglob("*") if path.is_file()]
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def _away(root: Path) -> None:
    saved(root.parent / "secret.png", pixels())
    (root / "cat" / "away.png").symlink_to(root.parent / "secret.png")


def _linked(root: Path) -> None:
    (root / "owl").symlink_to(root.parent, target_is_directory=True)


def _alone(root: Path) -> None:
    for path in (root / "dog").iterdir():
        path.unlink()
    (root / "dog").rmdir()


def _few(root: Path) -> None:
    filled(root, owl=2)


# What is done to a folder of two whole classes, and the words of the refusal.
BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "one class": (_alone, "one class|1 class"),
    "a class with fewer pictures than folds": (_few, r"owl \(2\)|smallest of 2"),
    "mixed sizes": (lambda root: saved(root / "dog" / "wide.png", pixels(8, 12)), r"dog/wide\.png.*--set size=6"),
    "mixed channels": (lambda root: saved(root / "dog" / "grey.png", pixels(channels=1)), r"dog/grey\.png"),
    "a decompression bomb": (lambda root: bomb(root / "dog" / "bomb.png"), r"dog/bomb\.png: .*pixels.*skip=true"),
    "a truncated file": (lambda root: torn(root / "dog" / "torn.png"), r"dog/torn\.png: damaged.*skip=true"),
    "a mislabelled file": (lambda root: mislabelled(root / "dog" / "x.png"), r"dog/x\.png: a JPEG by its content"),
    "a text": (lambda root: (root / "dog" / "text.png").write_text("no picture"), r"dog/text\.png: not a picture"),
    "an empty file": (lambda root: (root / "dog" / "none.png").touch(), r"dog/none\.png: "),
    "a link to a file outside": (_away, r"cat/away\.png: a link that leaves the folder"),
    "a link to a folder outside": (_linked, r"owl: a link that leaves the folder"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    filled(tmp_path / "in", cat=30, dog=30)
    return tmp_path / "in"


def refused(shown: Result, words: str) -> None:
    said = " ".join(shown.output.split())
    assert shown.exit_code == 2, said
    assert "Traceback" not in said
    assert isinstance(shown.exception, SystemExit)
    assert re.search(words, said), said


@pytest.mark.parametrize("verb", ["discover", "compare"])
@pytest.mark.parametrize("what", list(BAD))
def test_a_bad_folder_is_refused_in_words_and_left_alone(what: str, verb: str, folder: Path) -> None:
    spoil, words = BAD[what]
    spoil(folder)
    before = state(folder)
    out = folder.parent / "out"
    refused(ran(verb, folder, "--groups", "C(4)", "--quick", "--out", out), words)
    assert state(folder) == before
    assert not (out / "result.json").exists()


@pytest.mark.parametrize("verb", ["discover", "compare", "audit"])
def test_a_folder_that_is_missing_or_empty(verb: str, tmp_path: Path) -> None:
    model = [f"{__name__}:brightness"] if verb == "audit" else []
    refused(ran(verb, *model, tmp_path / "nowhere", "--groups", "C(4)"), "nowhere")
    (tmp_path / "empty").mkdir()
    refused(ran(verb, *model, tmp_path / "empty", "--groups", "C(4)"), "without pictures.*one sub-folder for each")
    (tmp_path / "empty" / "notes.txt").write_text("none yet")
    refused(ran(verb, *model, tmp_path / "empty", "--groups", "C(4)"), r"without pictures \(1 other file")


def test_ten_files_are_named_and_their_number_told(folder: Path) -> None:
    for i in range(13):
        torn(folder / "dog" / f"torn{i:02}.png")
    shown = ran("discover", folder)
    refused(shown, "13 files.*and 3 more.*skip=true")
    assert shown.output.count("torn") == 10


def test_skipped_files_are_listed_in_the_report(folder: Path) -> None:
    torn(folder / "dog" / "torn.png")
    _away(folder)
    out = folder.parent / "out"
    asked = ("audit", f"{__name__}:brightness", folder, "--groups", "C(4)")
    refused(ran(*asked), "2 files")
    shown = ran(*asked, "--set", "skip=true", "--out", out)
    assert shown.exit_code == 0, shown.output
    page = (out / "report.html").read_text()
    assert all(name in page for name in ("dog/torn.png", "cat/away.png"))
    assert isotropy.load_run(out).data["used"] == 60
