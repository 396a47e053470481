"""``isotropy schema init``: from a file to a schema that reads it."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from isotropy.cli import app
from isotropy.data import load


@pytest.fixture
def fall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rows = [f"{i * 7 % 31},{i * i % 17},{i % 13},{i % 5},{i * 3 % 11}" for i in range(60)]
    Path("fall.csv").write_text("\n".join(["vx,vy,vz,mass,energy", *rows]) + "\n")
    return tmp_path


def test_the_written_schema_reads_the_file_and_is_not_overwritten(fall: Path) -> None:
    told = CliRunner().invoke(app, ["schema", "init", "fall.csv"])
    assert told.exit_code == 0, told.output
    assert "fall.schema.yaml" in told.output
    assert str(load("fall.csv", schema="fall.schema.yaml").types.y) == 'Scalar("energy")'
    again = CliRunner().invoke(app, ["schema", "init", "fall.csv"])
    assert again.exit_code == 2
    assert "--force" in again.stderr


def test_what_cannot_be_drafted_is_refused(fall: Path) -> None:
    Path("one.csv").write_text("a\n1\n2\n")
    Path("nameless.csv").write_text("0.1,0.2\n0.3,0.4\n")
    for name in ("one.csv", "missing.csv", "sheet.xlsx", "nameless.csv"):
        Path("sheet.xlsx").write_bytes(b"PK")
        assert CliRunner().invoke(app, ["schema", "init", name]).exit_code == 2
