"""The page that says how to add a group, followed to the letter."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from isotropy.groups._parse import NAMES
from isotropy.testing import check_group

PAGE = Path(__file__).parents[2] / "docs" / "dev" / "add-a-group.md"
BLOCKS = dict(
    re.findall(r'^``` \{ \.python title="([^"]+)" \}\n(.*?)^```$', PAGE.read_text(), re.MULTILINE | re.DOTALL)
)


def test_a_group_of_ones_own_is_asked_of_data() -> None:
    exec(compile(BLOCKS["own.py"], "own.py", "exec"), {})


def test_a_group_of_the_library_keeps_the_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    file = "src/isotropy/groups/_galilei.py"
    made: dict[str, Any] = {"__name__": "isotropy.groups._galilei"}
    exec(compile(BLOCKS[file], file, "exec"), made)
    monkeypatch.setitem(NAMES, "Galilei", made["Galilei"])
    check_group(made["Galilei"](2))
    check_group(made["Galilei"](4))
