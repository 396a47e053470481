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


def test_columns_of_dates_are_named_as_what_orders_the_rows(fall: Path) -> None:
    lines = Path("fall.csv").read_text().splitlines()
    for name, date in (("german.csv", "{}.2.2022 7:0{}"), ("american.csv", "2/{}/2022 7:0{}")):
        rows = [f"{date.format(1 + i % 28, i % 10)},{line}" for i, line in enumerate(lines[1:])]
        Path(name).write_text("\n".join([f"seen,{lines[0]}", *rows]) + "\n")
    german = CliRunner().invoke(app, ["schema", "init", "german.csv"]).output
    assert "# seen may order the rows: --time seen" in german
    american = CliRunner().invoke(app, ["schema", "init", "american.csv"]).output
    assert "seen (dates, day or month first? write 2024-05-01)" in american


def test_a_table_without_names_is_refused_with_the_line_to_write(fall: Path) -> None:
    Path("nameless.csv").write_text("0.5;0.25;1\n" * 60)
    for command in (["schema", "init"], ["discover"]):
        said = CliRunner().invoke(app, [*command, "nameless.csv"])
        assert said.exit_code == 2
        assert "the names of the columns, one for each of the 3: c1;c2;c3" in said.stderr


def test_a_table_in_place_of_its_schema_and_a_schema_that_is_missing(fall: Path) -> None:
    said = CliRunner().invoke(app, ["discover", "fall.csv", "--schema", "fall.csv"])
    assert "fall.csv as a schema, which is a table" in said.stderr
    CliRunner().invoke(app, ["schema", "init", "fall.csv"])
    said = CliRunner().invoke(app, ["discover", "fall.csv", "--schema", "fal.schema.yaml"])
    assert "write fall.schema.yaml" in said.stderr
