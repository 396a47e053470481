"""Answers that one can hold: printed, counted, saved, loaded, framed, drawn; and the lines to run next."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import isotropy
from isotropy.cli import app
from isotropy.errors import SchemaError
from isotropy.groups import in_words
from isotropy.study import Unfinished, comparing
from isotropy.study._unfinished import _of_comparison

ROWS = 80


def energies() -> dict[str, Any]:
    values = np.random.default_rng(5).normal(size=(4, ROWS))
    table: dict[str, Any] = dict(zip(("u", "v", "w", "m"), values, strict=True))
    return {**table, "e": table["m"] * (table["u"] ** 2 + table["v"] ** 2 + table["w"] ** 2)}


TYPES = {"x": {"velocity": ["u", "v", "w"], "mass": ["m"]}, "y": {"energy": ["e"]}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs") / "a"


@pytest.fixture(scope="module")
def found(folder: Path) -> Any:
    return isotropy.discover(energies(), types=TYPES, groups="O(3)", quick=True, out=folder, progress=False)


def audited() -> Any:
    x = torch.randn(40, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return isotropy.audit(lambda v: v * v[:, :1], x, {"x": "Vector", "y": "Vector"}, groups="SO(3),SO(2)@x")


def test_an_answer_prints_on_one_screen_and_ends_with_what_to_run(found: Any) -> None:
    lines = repr(found).splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 130
    assert "no breaking detected" in repr(found)
    line = next(line.strip() for line in lines if "symmetrize" in line)
    net = torch.nn.Linear(4, 1).double()
    made = eval(line, {"isotropy": isotropy, "net": net})  # the line can be pasted
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64))[0]
    x = torch.from_numpy(np.stack([energies()[name] for name in "uvwm"], 1))
    turned = torch.cat([x[:, :3] @ turn.mT, x[:, 3:]], 1)
    assert torch.allclose(made(x), made(turned), atol=1e-9)


def test_an_answer_has_a_length_names_and_findings(found: Any) -> None:
    for answer, names in ((found, ["O(3)"]), (audited(), ["SO(3)", "SO(2)@x"])):
        assert len(answer) == len(names)
        assert sorted(finding.name for finding in answer) == sorted(names)
        assert names[0] in answer
        assert "GL(3)" not in answer
        assert names[0] in repr(answer)


def test_an_answer_in_a_notebook_is_escaped_html(found: Any) -> None:
    html = type(found)(**{**vars(found), "data": {**found.data, "title": "<script>[/]"}})._repr_html_()
    assert "&lt;script&gt;[/]" in html
    assert "<td>O(3)</td>" in html


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_an_answer_is_a_frame(found: Any, library: str) -> None:
    pytest.importorskip(library, reason=f"{library} is not installed")
    frame = found.to_frame(library)
    assert frame.shape[0] == 1
    names = frame.column_names if library == "pyarrow" else list(frame.columns)
    assert {"name", "breaking", "low", "high", "verdict"} <= set(names)


def test_an_answer_is_drawn_on_given_axes(found: Any) -> None:
    from matplotlib.figure import Figure

    axes = Figure().add_subplot()
    assert found.plot(axes) is axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["O(3)"]


def test_a_saved_answer_comes_back_by_text_by_file_and_by_folder(found: Any, folder: Path) -> None:
    kind = type(found)
    assert kind.from_json(found.to_json()) == found
    for source in (folder, str(folder), folder / "result.json"):
        assert kind.from_json(source) == found
        assert isotropy.load_run(source) == found
    told = CliRunner().invoke(app, ["show", str(folder)])
    assert told.exit_code == 0
    assert "no breaking detected" in told.output
    assert "report.html" in told.output
    with pytest.raises(SchemaError, match="no file"):
        kind.from_json(folder / "none.json")


def test_an_interrupted_run_says_how_to_go_on(found: Any, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("{}")
    (tmp_path / "asked.json").write_text(json.dumps({"command": "isotropy discover own.csv --out a"}))
    begun = isotropy.load_run(tmp_path)
    assert "no piece of it is finished yet" in repr(begun)
    assert begun.next_steps == ("isotropy discover own.csv --out a --resume",)
    with pytest.raises(SchemaError, match="no run in"):
        isotropy.load_run(tmp_path / "none")


def test_an_interrupted_run_is_an_answer(found: Any, folder: Path, tmp_path: Path) -> None:
    """What is kept gives the figures that the whole answer begins with."""
    part = tmp_path / "part"
    shutil.copytree(folder, part, ignore=shutil.ignore_patterns("result.json", "report.html", "figures"))
    found, whole = isotropy.load_run(part), found
    assert isinstance(found, Unfinished)
    for name in whole:
        assert found[name.name].quantity == "breaking"
        assert name.breaking.low <= found[name.name].value <= name.breaking.high
    assert found["kernel"].value == pytest.approx(whole.learnt.explained)
    assert sum(found.finished.values()) == len(list((part / "jobs").glob("*.npz")))
    assert Unfinished.from_json(found.to_json()) == found
    for path in sorted((part / "jobs").glob("*.npz"))[1:]:
        path.unlink()
    assert sum(isotropy.load_run(part).finished.values()) == 1
    shown = CliRunner().invoke(app, ["show", str(part)])
    assert shown.exit_code == 0, shown.output
    assert "it has kept 1 piece" in shown.output
    assert "resume" in shown.output


def test_the_report_stands_alone(found: Any, folder: Path) -> None:
    page = (folder / "report.html").read_text()
    for said in ("velocity", "u, v, w", "every turn about every axis, and mirrors", "date", "versions"):
        assert said in page


def test_the_next_command_keeps_what_the_data_are() -> None:
    command = 'isotropy discover "my data.csv" --quick --schema=s.yaml --set n=3 --groups O(3) --out a --workers 2'
    told = comparing(command.replace("O(3)", "'O(3)'"), "O(3)")
    assert told == "isotropy compare 'my data.csv' --schema=s.yaml --set n=3 --groups 'O(3)' --quick"


@pytest.mark.parametrize("name", ["O(2)@(1,2,2)", "SE(3)", "S(4)", "C(4)", "Scale(3)", "Inversion(3)", "T(2)", "SL(2)"])
def test_groups_have_plain_words(name: str) -> None:
    assert in_words(name) != name
    assert "{" not in in_words(name)


def test_an_unfinished_comparison_by_a_loss_of_ones_own_takes_no_root() -> None:
    told = {"kind": "plain", "group": ""}
    outcome = {"diverged": "", "loss": np.full(5, 0.25)}
    (own,) = _of_comparison([("m:train_fold", {**told, "loss": "absolute"}, outcome)])
    (squares,) = _of_comparison([("m:train_fold", {**told, "loss": ""}, outcome)])
    assert (own.quantity, own.value) == ("loss", 0.25)
    assert (squares.quantity, squares.value) == ("error", 0.5)


def test_an_unfinished_comparison_of_pictures_or_parts_has_its_figures() -> None:
    moved = {"kind": "frames", "candidate": {"group": "C(4)"}, "under": {"group": "C(4)"}}
    classes = {"diverged": "", "loss": np.full(5, 0.25), "right": np.ones(5)}
    (pictures,) = _of_comparison([("m:train_pictures", moved, classes)])
    (parts,) = _of_comparison(
        [("m:train_parts", {"kind": "frames", "group": "SO(3)"}, {"diverged": "", "loss": np.ones(5)})]
    )
    assert (pictures.name, pictures.quantity, pictures.value) == ("frames C(4)", "loss", 0.25)
    assert (parts.name, parts.quantity, parts.value) == ("frames", "error", 1.0)


def test_a_damaged_record_of_what_was_asked_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("data: inertia\n")
    (tmp_path / "asked.json").write_text("{")
    with pytest.raises(SchemaError, match=r"asked\.json, which is damaged"):
        isotropy.load_run(tmp_path)


def test_a_finding_is_one_short_line(found: Any) -> None:
    for finding in (found["O(3)"], audited()["SO(3)"]):
        said = repr(finding)
        assert said.startswith(f"{type(finding).__name__}('{finding.name}', verdict='{finding.verdict}'")
        assert len(said) < 300
        assert "\n" not in said
