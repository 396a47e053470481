"""The page that says how to add a system, followed to the letter: its code is a package that answers."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import pytest
import torch

from isotropy.errors import ShapeError
from isotropy.runs import Run

PAGE = Path(__file__).parents[2] / "docs" / "dev" / "add-a-system.md"
BLOCKS = re.findall(r'^``` \{ \.python title="([^"]+)" \}\n(.*?)^```$', PAGE.read_text(), re.MULTILINE | re.DOTALL)


def test_the_system_of_the_page_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for file, text in BLOCKS:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.split(".")[0] == "needle"]:
        monkeypatch.delitem(sys.modules, name)
    needle = importlib.import_module("needle")
    draw = torch.Generator().manual_seed(0)
    noise = [0.1 * torch.randn(50, 2, generator=draw) for _ in range(2)]
    readings = {"a": noise[0] + torch.tensor([0.0, 1.0]), "b": noise[1] + torch.tensor([1.0, 1.0])}
    found = needle.point(readings, out=tmp_path / "run")
    assert found.headline() == "These may point north: a."
    assert found["b"].angle.low < torch.pi / 4 < found["b"].angle.high
    assert needle.Needles.from_json(tmp_path / "run/result.json").needles == found.needles
    assert "Where needles point" in (tmp_path / "run/report.html").read_text()
    assert needle.point(readings, out=tmp_path / "run", resume=True).needles == found.needles
    with pytest.raises(ShapeError, match="three rows or more"):
        needle.point({"a": readings["a"][:2]}, out=tmp_path / "other")
    assert not Run.attach(tmp_path / "run").has("jobs")
