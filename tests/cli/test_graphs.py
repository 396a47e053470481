"""``isotropy graphs cost``: the table, what is cheapest, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from isotropy.cli import app


def said(*words: str, code: int = 0) -> str:
    found = CliRunner().invoke(app, ["graphs", "cost", *words])
    assert found.exit_code == code, found.output
    return found.output


def test_a_set_by_name_has_the_known_counts_and_a_recommendation(real_data: Path) -> None:
    text = said("MUTAG", "--k", "1,2")
    assert "36,553" in text
    assert "64,381" in text
    assert "k = 2: 149,711 pairs, more than the 64,381 of whole graphs: a global network is cheaper" in text
    assert text.rstrip().endswith("cheapest: k = 1")


def test_graphs_of_a_file_and_a_budget(tmp_path: Path) -> None:
    path = tmp_path / "two.g6"
    path.write_text("Bw\nC~\n")  # complete graphs: every ego network is the graph
    text = said(str(path), "--k", "1", "--budget", "1MB")
    assert "91" in text  # 3 * 9 + 4 * 16 pairs
    assert text.rstrip().endswith("cheapest within the budget: whole graphs")
    refused = said(str(path), "--budget", "1kB", code=2)
    assert "a budget of 1 kB" in refused
    # Of two graphs a batch of one is half: it is told as it was given, and what it takes, too.
    halved = " ".join(said(str(path), "--k", "1", "--budget", "1kB", "--batch", "1", code=2).split())
    least = float(refused.split("at least ")[1].split()[0])
    assert "a budget of 1 kB" in halved
    assert f"at least {least / 2:.3g} kB for a batch of 1" in halved


@pytest.mark.parametrize(
    ("words", "match"),
    [(("MUTAGS",), "write MUTAG"), (("nothing.npz",), "which is not there"), (("MUTAG", "--k", "0"), "whole numbers")],
)
def test_what_is_none_is_refused(words: tuple[str, ...], match: str) -> None:
    assert match in said(*words, code=2)
