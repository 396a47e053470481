"""A file is whole or it is not there: what fails in the middle leaves what was before."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from isotropy.storage import write_whole


def test_a_crash_in_the_middle_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    write_whole(path, b"before")

    def torn(draft: Path) -> None:
        draft.write_bytes(b"hal")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_whole(path, torn)
    assert path.read_bytes() == b"before"
    assert [item.name for item in tmp_path.iterdir()] == ["result.json"]


def test_a_rename_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a" / "b.bin"
    write_whole(path, b"before")

    def refuse(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="no space"):
        write_whole(path, b"after", tmp_path / "drafts")
    assert path.read_bytes() == b"before"
    assert not [item for item in tmp_path.rglob("*") if item.is_file() and item != path]


def test_the_draft_keeps_the_suffix_and_lies_where_asked(tmp_path: Path) -> None:
    seen: list[Path] = []
    write_whole(tmp_path / "w.safetensors", lambda draft: (seen.append(draft), draft.touch()), tmp_path / "drafts")
    assert (seen[0].suffix, seen[0].parent) == (".safetensors", tmp_path / "drafts")


def test_a_file_is_as_readable_as_any_new_one(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    write_whole(tmp_path / "whole", b"")
    assert (tmp_path / "whole").stat().st_mode == (tmp_path / "plain").stat().st_mode
