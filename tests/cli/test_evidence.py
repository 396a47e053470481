"""``isotropy discover`` with noise, time and robust, as it is typed."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from isotropy.cli import app


def isotropy(*args: str) -> Result:
    with warnings.catch_warnings():
        warnings.simplefilter("always")  # shown as lines
        return CliRunner().invoke(app, ["discover", *args])


@pytest.fixture
def series(tmp_path: Path) -> list[str]:
    """A walk whose rows were shuffled; the column ``when`` tells their order."""
    draw = np.random.default_rng(1)
    z = np.zeros((120, 4))
    for t in range(1, 120):
        z[t] = 0.9 * z[t - 1] + draw.normal(size=4)
    y = (z[:, :3] ** 2).sum(1) + z[:, 3]
    lines = [f"2024-05-01T{t // 60:02d}:{t % 60:02d}," + ",".join(map(str, (*z[t, :3], y[t]))) for t in range(120)]
    (tmp_path / "walk.csv").write_text("\n".join(["when,a,b,c,e", *(lines[t] for t in draw.permutation(120))]))
    (tmp_path / "walk.yaml").write_text('x: Vector\ny: Scalar("e")\ncolumns: {x: [a, b, c], y: [e]}\n')
    return [str(tmp_path / "walk.csv"), "--schema", str(tmp_path / "walk.yaml"), "--quick"]


def test_an_order_a_noise_and_a_robust_loss_reach_the_result(series: list[str], tmp_path: Path) -> None:
    out = tmp_path / "run"
    asked = [*series, "--groups", "SO(3)", "--time", "when", "--noise", "e=0.5", "--robust", "--out", str(out)]
    shown = isotropy(*asked)
    assert shown.exit_code == 0, shown.output
    assert "warning: Rows go on from their neighbours" in shown.output
    assert "cluster: COLUMN" in shown.output
    result = json.loads((out / "result.json").read_text())
    assert result["dependence"]["kind"] == "serial"
    assert result["noise"] == [{"name": "e", "deviation": 0.5, "low": 0.5, "high": 0.5, "source": "given"}]
    assert result["settings"]["robust"] is True
    assert "Rows depend on each other" in (out / "report.html").read_text()
    other = isotropy(*asked[:-2], "--out", str(out), "--resume", "--noise", "e=0.6")
    assert other.exit_code == 2
    assert "= 0.6 (was 0.5)" in other.output


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--groups", ""], '--groups "O(3)"'),
        (["--groups", "SO(3)", "--time", "whem"], "write when"),
        (["--groups", "SO(3)", "--time", "e"], "which is a target"),
        (["--groups", "SO(3)", "--noise", "E=0.5"], "one of 'e'"),
        (["--groups", "SO(3)", "--noise", "-0.5"], "at least 0"),
        (["--groups", "SO(3)", "--noise", "1e3"], "less than the targets vary"),
        (["--groups", "SO(3)", "--noise", "some"], "a number, or name=number"),
    ],
)
def test_evidence_that_cannot_be_is_refused(args: list[str], said: str, series: list[str]) -> None:
    shown = isotropy(*series, *args)
    assert shown.exit_code == 2, shown.output
    assert said in shown.output
    assert "Traceback" not in shown.output


def test_built_in_data_have_no_column_of_times() -> None:
    shown = isotropy("inertia", "--set", "n=60", "--quick", "--time", "t")
    assert shown.exit_code == 2
    assert "a column of a file" in shown.output
