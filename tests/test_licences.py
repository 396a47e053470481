"""The licences of what the core brings along: none binds who passes on a program built with it."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/dev/licences.md").read_text()
SAID = runpy.run_path(str(ROOT / "docs/licences.py"))


@pytest.mark.parametrize(
    ("text", "binds"),
    [("GPL-3.0-or-later", True), ("LGPL-2.1-or-later", True), ("AGPL-3.0", True), ("MIT", False), ("MPL-2.0", False)],
)
def test_strict_licences_are_told_from_others(text: str, binds: bool) -> None:
    assert SAID["strict"](text) is binds


def test_nothing_in_the_core_binds_its_users_and_the_page_lists_all_of_it() -> None:
    found = SAID["installed"]()
    core = SAID["closure"]("isotropy", "", found)
    assert len(core) > 40
    assert [name for name in core if name in found and SAID["strict"](SAID["licence"](found[name]))] == []
    listed = set(re.findall(r"^\| ([\w.-]+) \|", PAGE.split("## The core")[1].split("\n## ")[0], re.MULTILINE))
    assert core - listed == set()
