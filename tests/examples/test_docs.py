"""The tutorials and the README: their Python runs from top to bottom, as a reader would type it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from isotropy.cli import app
from isotropy.groups import parse
from isotropy.reps import parse_type

Script = Callable[..., str]
DOCS = Path(__file__).parents[2] / "docs"
ATOMS = ("Scalar", "Pseudoscalar", "Vector", "Pseudovector", "Point", "Tensor", "Nodes", "Pixels", "Irrep", "Sphere")
README = DOCS.with_name("README.md")
TUTORIALS = (
    "audit.md",
    "make-any-model-symmetric.md",
    "frames.md",
    "products-on-the-sphere.md",
    "from-xyz-to-dynamics.md",
    "training.md",
    "memory.md",
    "lenses.md",
    "parts-that-move.md",
    "from-symmetry-to-conserved-quantity.md",
    "stretch-shear-and-haar-measure.md",
    "graphs-piece-by-piece.md",
    "pictures.md",
    "many-owners.md",
    "what-leaves-a-site.md",
    "equations.md",
    "bms3.md",
    "augmentation.md",
    "which-parameters.md",
    "scaling.md",
    "simulators.md",
    "one-policy-every-direction.md",
    "keep-what-moved.md",
    "floors-and-ceilings.md",
    "renderer.md",
)


@pytest.mark.parametrize("page", TUTORIALS)
def test_the_blocks_of_a_tutorial_run(page: str, tmp_path: Path, script: Script) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    assert len(blocks) >= 2
    (tmp_path / "page.py").write_text("\n".join(blocks))
    script(tmp_path / "page.py", folder=tmp_path)


def test_the_page_of_the_supernovae_runs(real_data: Path, tmp_path: Path, script: Script) -> None:
    test_the_blocks_of_a_tutorial_run("what-the-supernovae-say.md", tmp_path, script)


@pytest.mark.slow
def test_the_blocks_of_the_comparison_run(tmp_path: Path, script: Script) -> None:
    test_the_blocks_of_a_tutorial_run("compare.md", tmp_path, script)


def test_the_force_field_of_the_page_learns_and_becomes_a_calculator(
    real_data: Path, tmp_path: Path, script: Script
) -> None:
    pytest.importorskip("ase")
    (block,) = re.findall(r"```py\n(.*?)```", (DOCS / "products-on-the-sphere.md").read_text(), re.DOTALL)
    assert "max_steps=1800" in block
    atoms = "from ase import Atoms\none = train[:1]\natoms = Atoms(one.numbers.numpy(), one.positions.numpy())\n"
    code = block.replace("max_steps=1800", "max_steps=4").replace("atoms.calc", atoms + "atoms.calc")
    (tmp_path / "page.py").write_text(code + "print(round(atoms.get_potential_energy() / -9391))\n")
    printed = script(tmp_path / "page.py", folder=tmp_path)
    assert printed.splitlines()[-1] == "1"
    assert "force_rmse" in printed


def test_the_python_example_of_the_readme_is_ten_lines_and_runs(tmp_path: Path, script: Script) -> None:
    _, code = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) == 10
    (tmp_path / "example.py").write_text(code)
    lines = script(tmp_path / "example.py", folder=tmp_path).splitlines()
    assert "approximate" in next(line for line in lines if line.split()[:1] == ["O(3)"])
    assert lines[-1].startswith("build in O(2)@z ")
    assert "<html" in (tmp_path / "runs/mine/report.html").read_text()


def test_the_five_lines_of_the_readme_lead_from_a_table_to_the_report(tmp_path: Path, script: Script) -> None:
    code = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)[0]
    assert len(code.splitlines()) == 5
    values = np.random.default_rng(2).normal(size=(80, 4))
    energy = values[:, 3] * values[:, 2] + (values[:, :3] ** 2).sum(1)
    header = "x,y,z,m,e"
    np.savetxt(tmp_path / "data.csv", np.column_stack([values, energy]), delimiter=",", header=header, comments="")
    (tmp_path / "example.py").write_text(code)
    printed = script(tmp_path / "example.py", folder=tmp_path)
    assert "isotropy.compare(" in printed
    assert "every turn about the z axis" in (tmp_path / "runs/mine/report.html").read_text()


def test_getting_started_runs_as_it_stands(tmp_path: Path, script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (DOCS / "getting-started.md").read_text()
    making, asking, testing = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (tmp_path / "make.py").write_text(making)
    script(tmp_path / "make.py", folder=tmp_path)
    monkeypatch.chdir(tmp_path)
    commands = re.findall(r"^\$ isotropy (.*)$", page, re.MULTILINE)
    assert [command.split()[0] for command in commands[:3]] == ["schema", "discover", "show"]
    for command in commands[:3]:
        told = CliRunner().invoke(app, shlex.split(command))
        assert told.exit_code == 0, (command, told.output)
    (schema,) = re.findall(r"```yaml title=\"fall.schema.yaml\"\n(.*?)```", page, re.DOTALL)
    assert (tmp_path / "fall.schema.yaml").read_text() == schema
    assert "O(2)@z" in told.output
    (tmp_path / "ask.py").write_text(asking)
    assert "symmetrize" in script(tmp_path / "ask.py", folder=tmp_path)
    (tmp_path / "test.py").write_text(testing)
    script(tmp_path / "test.py", folder=tmp_path)


@pytest.mark.parametrize("heading", ["All types", "All groups"])
def test_tables_of_types_and_groups_hold_what_can_be_read(heading: str) -> None:
    page = (DOCS / "getting-started.md").read_text()
    table = page.split(f"## {heading}\n")[1].split("\n## ")[0]
    read = parse_type if heading == "All types" else parse
    written = [text for line in table.splitlines() for text in re.findall(r"^\| `([^`]+)`", line)]
    assert len(written) >= 12
    for text in written:
        read(text)
    if heading == "All types":
        assert {name for name in ATOMS if not any(name in text for text in written)} == set()


def test_tables_begin_at_the_margin() -> None:
    """A rule of a table inside a line of prose is a table that was wrapped by mistake; a rule has its head above it."""
    rule = re.compile(r"\|(?:\s*:?-{3,}:?\s*\|)+")
    for page in sorted(DOCS.rglob("*.md")):
        before = ""
        for number, line in enumerate(page.read_text().splitlines(), 1):
            where = f"{page.relative_to(DOCS)}:{number}"
            if rule.search(line):
                assert rule.fullmatch(line), where
                assert before.count("|") - before.count(r"\|") == line.count("|"), where
            before = line
