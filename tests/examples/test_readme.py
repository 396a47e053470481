"""The README: its links lead somewhere, its commands exist; its Python runs with the tutorials, in `test_docs.py`."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from isotropy.cli import app

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
VERBS_OF_MANY = {group.name for group in app.registered_groups}
"""Those whose next word says what they do: ``isotropy datasets list``."""


def test_links_lead_to_files() -> None:
    targets = [target for target in re.findall(r"\]\(([^)]+)\)", README) if not target.startswith("https://")]
    assert len(targets) > 5
    assert [target for target in targets if not (ROOT / target).exists()] == []
    assert (ROOT / "docs/images/report.png").stat().st_size < 300_000


@pytest.mark.parametrize(
    "page", ["README.md", "docs/index.md", "docs/equations.md", "docs/audit.md", "docs/pictures.md"]
)
def test_commands_and_their_options_exist(page: str) -> None:
    text = (ROOT / page).read_text()
    written = re.findall(r"(?:^\$ |`|^)isotropy ([^`\n]+)", text, re.MULTILINE)
    assert len(written) >= 2
    for command in written:
        verb, *rest = shlex.split(command)
        if verb.startswith("-"):
            assert CliRunner().invoke(app, [verb]).exit_code == 0
            continue
        subcommand = rest[:1] if verb in VERBS_OF_MANY else []
        shown = CliRunner().invoke(app, [verb, *subcommand, "--help"])
        assert shown.exit_code == 0, command
        assert all(word in shown.output for word in rest if word.startswith("--")), command
