"""The page that says how to add a paper, followed to the letter: its code is a package that the command line runs."""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from isotropy.cli import app
from isotropy.experiments import REGISTRY

PAGE = Path(__file__).parents[2] / "docs" / "dev" / "add-a-paper.md"
BLOCK = re.compile(r'^``` \{ \.\w+ title="(?P<file>[^"]+)" \}\n(?P<text>.*?)^```$', re.MULTILINE | re.DOTALL)


@pytest.fixture
def worth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The experiment of the page, registered."""
    files: dict[str, list[str]] = {}
    for block in BLOCK.finditer(PAGE.read_text()):
        files.setdefault(block["file"], []).append(block["text"].rstrip() + "\n")
    for name, parts in files.items():
        path = tmp_path / "code" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(("\n\n" if name.endswith(".py") else "").join(parts))
    monkeypatch.syspath_prepend(tmp_path / "code")
    monkeypatch.delitem(sys.modules, "worth", raising=False)
    experiment = importlib.import_module("worth").WORTH
    monkeypatch.setitem(REGISTRY, experiment.name, experiment)
    return experiment


def test_the_paper_of_the_page_is_reproduced(worth: Any, tmp_path: Path) -> None:
    out = tmp_path / "run"
    command = ["reproduce", "worth", "--set", "engine=serial", "--set", "seeds=2", "--seed", "1", "--out", str(out)]
    shown = CliRunner().invoke(app, command)
    assert shown.exit_code == 0, shown.output
    assert "held      the symmetry halves the error of 10 rows" in shown.output
    assert "published, 10 rows: free 0.9 MSE (Nobody, invented 2026)" in shown.output
    record = json.loads((out / "result.json").read_text())
    assert record["kind"] == "worth_of_a_symmetry"
    assert record["config"]["seeds"] == 2
    assert [(score["setting"], score["method"], len(score["values"])) for score in record["scores"]] == [
        (f"{rows} rows", method, 2) for rows in (10, 20, 40) for method in ("free", "invariant")
    ]
    assert worth.result.from_json((out / "result.json").read_text()).score("fits", "20 rows", "free").parameters == 9
    page = (out / "report.html").read_text()
    for words in ("What a symmetry is worth", "Error by rows", "2 of 2 claims held", "not run here", "Invented, like"):
        assert words in page
    again = CliRunner().invoke(app, [*command, "--resume"])
    assert again.exit_code == 0, again.output
    assert len(list((out / "jobs").iterdir())) == 12


def test_what_the_page_has_no_field_for_is_refused(worth: Any, tmp_path: Path) -> None:
    shown = CliRunner().invoke(app, ["reproduce", "worth", "--set", "plan.nois=0.1", "--out", str(tmp_path / "run")])
    assert shown.exit_code == 2
    assert "plan.noise=" in " ".join(shown.output.split())
