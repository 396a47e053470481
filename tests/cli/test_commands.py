"""The command line: what it prints, what it writes, and with which code it ends."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import shlex
import signal
import subprocess
import sys
import time
import types
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from isotropy import __version__
from isotropy.cli import app
from isotropy.cli._questions import is_pictures
from isotropy.errors import SchemaError
from isotropy.report import Column, Interval, Table
from isotropy.reps import StandardisedVectorsWarning
from isotropy.runs import Run
from isotropy.study import Claim, Configuration, Experiment, Scored, Trial, job, load_run

QUICK = ["discover", "inertia", "--set", "nu=1.0", "--set", "n=300", "--groups", "O(3),O(2)@z", "--quick"]
MAIN = [sys.executable, "-c", "from isotropy.cli import main; main()"]


def isotropy(*args: str) -> Result:
    return CliRunner().invoke(app, list(args))


def test_help_names_the_verbs_without_loading_torch() -> None:
    shown = isotropy("--help")
    assert shown.exit_code == 0
    assert all(verb in shown.output for verb in ("discover", "audit", "datasets", "reproduce", "bench"))
    code = "import sys, isotropy.cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_version_is_printed() -> None:
    assert isotropy("--version").output == f"isotropy {__version__}\n"


def test_discover_prints_a_verdict_for_each_group_and_writes_the_run(tmp_path: Path) -> None:
    out = tmp_path / "run"
    shown = isotropy(*QUICK, "--out", str(out))
    assert shown.exit_code == 0, shown.output
    assert "O(2)@z" in shown.output
    assert "none seen" in shown.output
    assert f"report: {out / 'report.html'}" in shown.output
    result = json.loads((out / "result.json").read_text())
    assert result["schema"] == 2
    assert result["recommendation"].split(": ")[0] in " ".join(shown.output.split())
    assert "<html" in (out / "report.html").read_text()

    again = isotropy(*QUICK, "--out", str(out))
    assert again.exit_code == 2
    assert "not empty" in again.output
    assert "--resume" in again.output
    finished = {file: file.stat().st_mtime_ns for file in (out / "jobs").iterdir()}
    resumed = isotropy(*QUICK, "--out", str(out), "--resume")
    assert resumed.exit_code == 0
    assert {file: file.stat().st_mtime_ns for file in (out / "jobs").iterdir()} == finished
    other = isotropy(*QUICK, "--out", str(out), "--resume", "--seed", "1")
    assert other.exit_code == 2
    assert "seed = 1 (was 0)" in other.output


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["discover", "inertai"], "inertia"),
        (["discover", "nowhere.npz"], "nowhere.npz"),
        (["discover", "inertia", "--set", "nu"], "KEY=VALUE"),
        (["discover", "inertia", "--set", "nu=1", "--set", "nu=2"], "each setting once"),
        (["discover", "inertia", "--set", "mu=1"], "nu"),
        (["discover", "inertia", "--set", "n=100", "--groups", "E3"], "E3"),
        (["discover", "inertia", "--resume"], "--out DIR --resume"),
        (["discover", "inertia", "--address", "here"], "--engine ray"),
        (["discover", "inertia", "--engine", "threads"], "threads"),
        (["discover", "inertia", "--workers", "0"], "workers"),
        (["discover"], "data"),
        (["datasets", "verify", "moons"], "moons"),
        (["bench", "nothing"], "federation, fit, force-fields, frames"),
        (["audit", "model.pt", "inertia", "--group", "O(3)"], "pickle"),
        (["audit", "model", "inertia", "--group", "O(3)"], "module:attribute"),
        (["audit", "no.such:model", "inertia", "--group", "O(3)"], "no.such:model"),
        (["audit", "torch.nn:Linear", "inertia", "--group", "O(3)"], "name an instance"),
        (["audit", "torch:sin", "inertia", "--group", "O(3)", "--resume"], "--out DIR --resume"),
        (["discover", "inertia", "--tol", "7"], "tol"),
        (["discover", "clouds.npz", "--parts", "--tol", "0.1"], "--tol with --parts"),
        (["compare", "MUTAG"], "isotropy discover MUTAG"),
        (["audit", "--env", "hopper_3_shin", "--title", "hopper"], "--title with --env"),
        (["discover", "inertia", "--groups", ""], "--groups"),
        (["audit", "nowhere.pt2", "inertia", "--group", "O(3)"], "nowhere.pt2"),
    ],
)
def test_what_is_refused_is_said_in_one_message(args: list[str], said: str) -> None:
    shown = isotropy(*args)
    assert shown.exit_code == 2
    assert said in shown.output
    assert "Traceback" not in shown.output


def test_a_refusal_says_given_expected_and_what_to_write_instead() -> None:
    shown = isotropy("discover", "inertia", "--set", "nu")
    lines = [line.split(maxsplit=1) for line in shown.output.splitlines()]
    assert lines == [["refused"], ["given", "--set nu"], ["expected", "KEY=VALUE"], ["instead", "--set nu=0.3"]]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--out", "runs/a b"], "isotropy discover inertia --out 'runs/a b' --resume"),
        (["--out", "runs/a", "--resume"], "isotropy discover inertia --out runs/a --resume\n"),
        ([], "with --out DIR finished pieces are kept"),
    ],
)
def test_an_interrupt_says_how_to_continue(args: list[str], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("isotropy.discovery.discover", interrupted)
    shown = isotropy("discover", "inertia", *args)
    assert shown.exit_code == 130
    assert said in shown.output


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["serial", "process"])
def test_ctrl_c_ends_a_run_with_130_and_what_is_finished_stays(engine: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    args = ["discover", "inertia", "--set", "n=300", "--engine", engine, "--out", str(out)]
    # A group of its own, as a terminal gives: the workers hear the interrupt too.
    process = subprocess.Popen([*MAIN, *args], stderr=subprocess.PIPE, text=True, start_new_session=True)
    while not list(out.glob("jobs/*.npz")):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "--resume" in said
    assert "Traceback" not in said
    with Run(out, resume=True) as run:
        files = [f"jobs/{file.name}" for file in (out / "jobs").iterdir()]
        assert files
        assert all("json" in run.read(file) for file in files)
        assert not run.has("result.json")


def test_a_folder_that_is_called_as_a_data_set_is_not_taken_for_pictures(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As where a run of it was put: the data set is meant, ./name is the folder."""
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path)
    assert not is_pictures("photos")
    assert is_pictures("./photos")
    assert is_pictures("digits")


def test_data_that_were_never_downloaded_are_no_fault(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ISOTROPY_DATA", str(tmp_path))
    monkeypatch.setattr("isotropy.data._mirror.folders", lambda: [tmp_path])
    listed = isotropy("datasets", "list").output
    lines = {line.split()[0]: line for line in listed.splitlines() if line.strip()}
    assert "made on the spot" in lines["inertia"]
    assert "here" in lines["digits"]
    assert "needs a download" in lines["eth-ucy"]
    checked = isotropy("datasets", "verify")
    assert checked.exit_code == 0, checked.output
    assert "eth-ucy: needs a download" in checked.output


@pytest.mark.parametrize("command", [["discover"], ["compare"], ["audit"], ["reproduce"], ["schema", "init"], ["show"]])
def test_every_help_ends_with_examples(command: list[str]) -> None:
    end = isotropy(*command, "--help").output.split("Examples:")[1]
    lines = [line.strip() for line in end.splitlines() if line.strip()]
    assert len(lines) >= 2
    assert all(line.startswith("isotropy " + command[0]) for line in lines)


def test_datasets_are_listed_and_verified() -> None:
    listed = isotropy("datasets", "list")
    assert listed.exit_code == 0
    assert any(line.startswith("inertia ") and "nu=0.3" in line for line in listed.output.splitlines())
    checked = isotropy("datasets", "verify", "inertia", "digits")
    assert checked.exit_code == 0
    assert checked.output.count(": ok") == 2


def test_a_data_set_whose_files_are_missing_is_not_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISOTROPY_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    shown = isotropy("datasets", "verify", "eth-ucy")
    assert shown.exit_code == 2
    assert "NOT ok" in shown.output


def test_benchmarks_are_listed_run_and_missed_outside_a_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "soft-penalties" in isotropy("bench").output
    package = tmp_path / "checkout/src/isotropy/__init__.py"
    folder = tmp_path / "checkout/benchmarks"
    folder.mkdir(parents=True)
    monkeypatch.setattr("isotropy.__file__", str(package))
    (folder / "own_speed.py").write_text(
        f"import sys, pathlib; pathlib.Path({str(tmp_path / 'ran')!r}).write_text(sys.argv[1])"
    )
    assert isotropy("bench", "own-speed", "--rows=3").exit_code == 0
    assert (tmp_path / "ran").read_text() == "--rows=3"
    (folder / "own_speed.py").write_text("raise SystemExit(7)")
    assert isotropy("bench", "own-speed").exit_code == 7
    monkeypatch.setattr("isotropy.__file__", str(tmp_path / "site-packages/lib/isotropy/__init__.py"))
    outside = isotropy("bench")
    assert outside.exit_code == 2
    assert "checkout" in outside.output


@dataclasses.dataclass(frozen=True)
class Sized(Configuration):
    size: int = 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measured(Scored):
    kind: ClassVar[str] = "measured"


@job
def size_job(run: Run, *, seed: int, size: int) -> dict[str, Any]:
    return {"size": float(size)}


def _trials(config: Sized) -> Iterator[Trial]:
    numbers = {("anything", "m"): "size"}
    yield Trial(config.job(size_job, config.seed, size=config.size), "sizes", "ours", numbers)


MEASURING: Experiment[Sized, Measured] = Experiment(
    name="measuring", paper="Nobody", result=Measured, trials=_trials,
    small=Sized(engine="serial"), full=Sized(engine="serial", size=30),
    judge=(
        Claim("it is large", lambda result: result.score("sizes", "anything", "ours").mean > 5),
        Claim("it is odd", lambda result: result.score("sizes", "anything", "ours").mean % 2 == 1),
    ),
)  # fmt: skip


def test_reproduce_runs_the_small_or_the_full_version_and_names_what_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("isotropy.experiments.REGISTRY", {"measuring": MEASURING})
    small = isotropy("reproduce", "measuring", "--out", str(tmp_path / "small"), "--seed", "4")
    assert small.exit_code == 0, small.output
    assert small.output.splitlines()[-4:-2] == ["NOT held  it is large", "held      it is odd"]
    assert (tmp_path / "small/report.html").exists()
    assert Run.attach(tmp_path / "small").config == {"experiment": "measuring", "full": False, "seed": 4}
    full = isotropy("reproduce", "measuring", "--full", "--out", str(tmp_path / "full"))
    assert full.output.splitlines()[-4:-2] == ["held      it is large", "NOT held  it is odd"]
    unknown = isotropy("reproduce", "guessing")
    assert unknown.exit_code == 2
    assert "all, measuring" in unknown.output
    both = isotropy("reproduce", "all", "--out", str(tmp_path / "all"))
    assert both.exit_code == 0, both.output
    assert "NOT held  measuring: it is large" in both.output
    assert (tmp_path / "all/measuring/report.html").exists()
    assert [row["held"] for row in load_run(tmp_path / "all").rows()] == [1]
    parts = isotropy("reproduce", "all", "--part", "E1")
    assert parts.exit_code == 2
    assert "--part for all experiments" in parts.output


def test_warnings_of_the_library_are_lines_and_others_are_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others: list[str] = []
    monkeypatch.setattr(warnings, "showwarning", lambda message, *_, **__: others.append(str(message)))

    def warning(*_: Any, **__: Any) -> None:
        warnings.warn("axes in other units", StandardisedVectorsWarning, stacklevel=1)
        warnings.warn("from elsewhere", RuntimeWarning, stacklevel=1)
        warnings.warn_explicit("rows repeat", UserWarning, str(Path(__file__).parents[2] / "src/isotropy/data/a.py"), 1)
        raise SchemaError("enough", "nothing more")

    monkeypatch.setattr("isotropy.discovery.discover", warning)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        shown = isotropy("discover", "inertia", "--set", "n=60")
    assert shown.output.splitlines()[:2] == ["warning    axes in other units", "warning    rows repeat"]
    assert others == ["from elsewhere"]


def test_on_a_narrow_terminal_no_column_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    from isotropy.cli import _options

    table = Table(
        (Column("group"), Column("how much it breaks", "percent"), Column("verdict"), Column("overlap", "percent")),
        [("O(3)", Interval(0.047, 0.031, 0.066), "approximate", 0.97)],
    )
    result = types.SimpleNamespace(summary=lambda: table)
    screen = io.StringIO()
    monkeypatch.setattr(
        _options, "Console", lambda **_: Console(file=screen, width=40, force_terminal=True, no_color=True)
    )
    _options.show(result, "do this", ["O(3): [undecided]"])
    assert "97" in screen.getvalue()
    assert "[3.1, 6.6]" in screen.getvalue()
    assert screen.getvalue().index("O(3): [undecided]") < screen.getvalue().index("do this")


@pytest.mark.parametrize(("args", "said"), [
    (["reproduce", "zooo"], "write zoo"),
    (["bench", "frame"], "write frames"),
    (["discover", "nowhere.csv"], "a file that exists"),
])  # fmt: skip
def test_what_is_mistyped_gets_the_name_that_was_meant(args: list[str], said: str) -> None:
    refused = isotropy(*args)
    assert refused.exit_code == 2
    assert said in refused.stderr


def test_the_first_commands_of_the_help_are_commands_with_the_options_they_have() -> None:
    shown = isotropy("--help").output
    first = [line.strip().partition("  #")[0] for line in shown.partition("First commands:")[2].splitlines()]
    lines = [shlex.split(line)[1:] for line in first if line.startswith("isotropy ")]
    assert {line[0] for line in lines} >= {"schema", "discover", "audit", "symmetries", "graphs"}
    for line in lines:
        verb = line[:2] if line[0] in ("schema", "graphs") else line[:1]
        help_ = isotropy(*verb, "--help").output
        assert all(word in help_ for word in line if word.startswith("--")), line


def test_it_runs_as_a_module() -> None:
    shown = subprocess.run([sys.executable, "-m", "isotropy", "--version"], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == f"isotropy {__version__}"


def test_compare_takes_clouds_with_parts_and_refuses_what_these_have_not(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(6, 8, 3)).astype(np.float32)
    (tmp_path / "s.yaml").write_text("x: Cloud(Point)\ny: Cloud(Scalar)\n")
    np.savez(tmp_path / "clouds.npz", x=x, y=(x[..., 0] > 0).astype(np.int64), part=np.arange(8) // 4)
    asked = ["compare", str(tmp_path / "clouds.npz"), "--schema", str(tmp_path / "s.yaml"), "--piecewise", "part"]
    shown = isotropy(
        *asked, "--quick", "--methods", "given parts", "--engine", "serial", "--out", str(tmp_path / "out")
    )
    assert shown.exit_code == 0, shown.output
    assert "given parts E(3)^2" in shown.output
    assert load_run(tmp_path / "out").data["name"] == "clouds"
    refused = isotropy(*asked, "--rate", "0.1")
    assert refused.exit_code == 2
    assert "--rate with --piecewise" in refused.output
    np.savez(tmp_path / "bare.npz", x=x, part=np.arange(8) // 4)
    bare = isotropy("compare", str(tmp_path / "bare.npz"), *asked[2:])
    assert bare.exit_code == 2
    assert "y with a target for each" in bare.output
