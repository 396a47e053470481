"""The first page of the documentation: every cell of its table is a command that is understood, or Python that runs."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
import typer
from typer.testing import CliRunner

from isotropy.cli import app
from isotropy.experiments import REGISTRY

Script = Callable[..., str]
DOCS = Path(__file__).parents[2] / "docs"
VERBS = ["discover", "audit", "compare", "build in", "reproduce"]
TABLE = (DOCS / "index.md").read_text().split('<div class="verbs" markdown>\n')[1].split("</div>")[0]
HEAD, _, *ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in TABLE.split("\n") if line]
TYPED = re.findall(r"`([^`]+)`", TABLE)
COMMANDS = sorted({text for text in TYPED if text.startswith("isotropy ")})
PYTHON = [text for text in TYPED if text.startswith("isotropy.")]
# What is over in a second or two; the second row brings imports of its own.
QUICK = ("schema init", "--parts", "mymodels:net", "mymodels:width")
SLOWER = ("symmetries ", "graphs cost", "mymodels:springs", "mymodels:limbs", "mymodels:classifier", "mymodels:gnn")


def opened(argv: list[str]) -> click.Context:
    """The context of a command that has understood all of its words; nothing is run."""
    command: Any = typer.main.get_command(app)
    context = command.make_context("isotropy", list(argv))
    while hasattr(context.command, "resolve_command"):
        name, inner, rest = context.command.resolve_command(context, [*context._protected_args, *context.args])
        context = inner.make_context(name, rest, parent=context)
    return context


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, script: Script) -> Path:
    """A folder with what the page of example files makes, where its lines of Python and those of the table have run."""
    folder = tmp_path_factory.mktemp("first page")
    made, models, names = re.findall(r"```python[^\n]*\n(.*?)```", (DOCS / "example-files.md").read_text(), re.DOTALL)
    (folder / "page.py").write_text("\n".join([made, models, names, *PYTHON]))
    script(folder / "page.py", folder=folder)
    return folder


def test_each_row_answers_all_five_verbs() -> None:
    assert ["you have", *VERBS] == HEAD
    assert len(ROWS) >= 12
    for you_have, *cells in ROWS:
        assert len(cells) == 5, you_have
        for cell in cells:
            linked = re.search(r"\[`isotropy[ .][^`]+`\]\([\w./#-]+\)", cell)
            assert linked or len(cell.split()) >= 5, f"{you_have}: {cell}"


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)]+)\)", TABLE))))
def test_its_links_lead_to_headings(target: str) -> None:
    page, _, anchor = target.partition("#")
    text = (DOCS / page).read_text()
    if anchor.startswith("isotropy."):
        assert f"::: {anchor}\n" in text
        return
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    assert anchor in ["", *(re.sub(r"[^\w\s-]", "", title).strip().lower().replace(" ", "-") for title in titles)]


@pytest.mark.parametrize("command", COMMANDS)
def test_its_commands_are_understood(command: str) -> None:
    context = opened(shlex.split(command)[1:])
    if context.info_name == "reproduce":
        REGISTRY[context.params["name"]].configured(parts=context.params["part"])


def test_its_files_are_made_by_the_page_of_files(files: Path) -> None:
    words = {word for command in COMMANDS for word in shlex.split(command)}
    named = {word for word in words if re.fullmatch(r"\w+\.(csv|npz|ya?ml|xyz|json)", word)}
    assert len(named) > 10
    assert [name for name in named if not (files / name).exists()] == []


def those(parts: tuple[str, ...]) -> list[str]:
    return [text for text in COMMANDS if any(part in text for part in parts)]


@pytest.mark.parametrize(
    "command", [*those(QUICK), *(pytest.param(one, marks=pytest.mark.slow) for one in those(SLOWER))]
)
def test_its_commands_run_on_these_files(command: str, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(files)
    if command.startswith("isotropy audit mymodels:net"):
        CliRunner().invoke(app, ["schema", "init", "data.csv", "--force"])
    force = ["--force"] if "schema init" in command else []
    shown = CliRunner().invoke(app, [*shlex.split(command)[1:], *force])
    assert shown.exit_code == 0, shown.output
