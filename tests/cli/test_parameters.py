"""``isotropy symmetries --parameters``: as a new user would try it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from isotropy.cli import app

MODEL = """
import torch

def predict(theta):
    t = torch.linspace(0, 1, 9, dtype=theta.dtype)
    return theta[0] * theta[1] * torch.exp(-theta[2] * t)
"""


def run(*args: str) -> str:
    result = CliRunner().invoke(app, ["symmetries", *args])
    return result.output if result.exit_code == 0 else f"{result.exit_code}: {result.exception} {result.output}"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reaction.py").write_text(MODEL)
    draw = np.random.default_rng(0)
    np.savez(tmp_path / "draws.npz", thetas=draw.uniform(1, 2, (30, 3)), names=["k", "m", "r"])
    return tmp_path


def test_the_direction_that_a_model_does_not_see(here: Path) -> None:
    output = run("--parameters", "reaction:predict", "draws.npz", "--out", "run")
    assert "1 exact symmetry" in output
    assert "∂_k" in output
    assert "∂_r" not in output
    record = json.loads((here / "run" / "result.json").read_text())
    assert record["kind"] == "parameter_symmetries"
    assert [one["kind"] for one in record["directions"]].count("exact") == 1
    assert (here / "run" / "report.html").is_file()


@pytest.mark.parametrize(
    ("arrays", "said"),
    [({"theta": np.ones((3, 2))}, "thetas"), ({"thetas": np.ones((3, 2), dtype=int)}, "int64"), (None, "pickled")],
)
def test_draws_that_are_none_are_refused(here: Path, arrays: dict[str, np.ndarray] | None, said: str) -> None:
    if arrays is None:
        (here / "bad.npz").write_bytes(b"\x80\x04not an archive")
    else:
        np.savez(here / "bad.npz", **arrays)  # type: ignore[arg-type]
    assert said in run("--parameters", "reaction:predict", "bad.npz")
    assert "bad" in run("--parameters", "reaction", "bad.npz") or "function" in run("--parameters", "reaction", "x.npz")
