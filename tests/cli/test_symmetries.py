"""``isotropy symmetries``: as a new user would try it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from isotropy.cli import app
from isotropy.physics import Symmetries, symmetries


def run(*args: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["symmetries", *args])
    return result.exit_code, result.output


def test_a_lagrangian_is_answered_typeset_and_read_back(tmp_path: Path) -> None:
    code, output = run("q_t^2/2", "--out", str(tmp_path / "free"))
    assert code == 0, output
    assert "8 symmetries of the equations, 5 of the action" in output
    record = json.loads((tmp_path / "free" / "result.json").read_text())
    assert (record["schema"], record["kind"], record["dimension"]) == (1, "symmetries", 8)
    assert [row["variational"] for row in record["basis"]] == [True] * 5 + [False] * 3
    assert all(row["certificate"] for row in record["basis"][:5])
    assert record["basis"][0]["current"] == {"t": "-q_t**2/2"}
    assert record["levi"] == {"semisimple": 8, "radical": 0}
    assert len(record["structure"]) == 8
    page = (tmp_path / "free" / "report.html").read_text()
    assert "<math>" in page
    assert "<script" not in page
    assert page.count("<summary>LaTeX</summary>") == 8 + 5
    assert 'class="matrix"' in page
    assert Symmetries.from_json(tmp_path / "free").dimension == 8


def test_an_equation_has_no_currents_and_an_infinite_algebra_says_so(tmp_path: Path) -> None:
    assert {row.variational for row in symmetries("u_t + u*u_x + u_xxx = 0").basis} == {None}
    heat = symmetries("u_t = u_xx")
    assert heat.structure is None
    assert heat.flags == {"solvable": None, "nilpotent": None, "semisimple": None}
    assert "larger ansatz" in heat.note
    assert heat.report(tmp_path).exists()


def test_an_equation_without_symmetries_is_answered(tmp_path: Path) -> None:
    code, output = run("u_t = u_xx + x*t*u^2 + t^2*u^3", "--degree", "1", "--out", str(tmp_path / "none"))
    assert code == 0, output
    assert "0 symmetries of the equation" in output
    assert Symmetries.from_json(tmp_path / "none").dimension == 0


@pytest.mark.parametrize(
    ("args", "word"),
    [
        (("u_t = u_xx + k*u",), "'k'"),
        (("u_t = __import__('os')",), "__import__"),
        (("u_t^2 = u_x^2",), "ranking"),
        (("u_x = x_u",), "--independent"),
        (("q_t^2/2", "--resume"), "--out"),
    ],
)
def test_what_is_no_question_is_refused(args: tuple[str, ...], word: str) -> None:
    code, output = run(*args)
    assert (code, word in output) == (2, True), output


def test_its_run_is_brought_back(tmp_path: Path) -> None:
    assert run("u_t = u_xxx", "--degree", "1", "--out", str(tmp_path / "a"))[0] == 0
    shown = CliRunner().invoke(app, ["show", str(tmp_path / "a")])
    assert shown.exit_code == 0, shown.output
    assert "of the equation" in shown.output
    assert "report.html" in shown.output
    missed = CliRunner().invoke(app, ["show", str(tmp_path / "b")])
    assert str(tmp_path / "a") in missed.stderr
