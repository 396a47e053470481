"""A run directory: whole files, one writer, a config that cannot change."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from isotropy.errors import DomainError, SchemaError
from isotropy.runs import Run, RunDirectoryError


def test_what_is_written_is_read(tmp_path: Path) -> None:
    with Run(tmp_path / "a") as run:
        run.write("result.json", {"b": [1, 2.5, None], "a": "é"})
        run.write(
            "deep/arrays.npz", {"x": np.arange(6.0).reshape(2, 3), "n": np.int64(3), "who": np.array(["p", "qq"])}
        )
        run.write("weights.safetensors", {"w": torch.ones(2, 3).mT})
        run.write("settings.yaml", {"groups": ["O(3)"], "n": 1000})
        run.write("report.html", "<p>é</p>")
        run.write("figure.png", b"\x89PNG\xff")
        assert run.read("result.json") == {"b": [1, 2.5, None], "a": "é"}
        assert np.array_equal(run.read("deep/arrays.npz")["x"], np.arange(6.0).reshape(2, 3))
        assert run.read("deep/arrays.npz")["who"].tolist() == ["p", "qq"]
        assert torch.equal(run.read("weights.safetensors")["w"], torch.ones(3, 2))
        assert run.read("settings.yaml") == {"groups": ["O(3)"], "n": 1000}
        assert run.read("report.html") == "<p>é</p>"
        assert run.read("figure.png") == b"\x89PNG\xff"
        assert run.has("deep/arrays.npz")
        assert not run.has("nothing.json")
        with pytest.raises(FileNotFoundError):
            run.read("nothing.json")


def test_equal_arrays_are_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        with Run(tmp_path / name) as run:
            run.write("x.npz", {"x": np.arange(5)})
    assert (tmp_path / "a/x.npz").read_bytes() == (tmp_path / "b/x.npz").read_bytes()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.json", {"level": float("nan")}),
        ("x.json", {"level": np.float32(1)}),
        ("x.yaml", {"path": Path("a")}),
        ("x.npz", {"x": np.array([{"code": 1}], dtype=object)}),
        ("x.bin", 3.0),
    ],
)
def test_what_a_format_cannot_hold_is_refused_and_nothing_is_left(tmp_path: Path, name: str, content: object) -> None:
    with Run(tmp_path / "a") as run:
        with pytest.raises(DomainError):
            run.write(name, content)
        assert not run.has(name)


@pytest.mark.parametrize("name", ["../x.json", "/etc/x.json", "", "a/../../x.json", ".run/lock"])
def test_a_name_cannot_lead_out_of_the_directory(tmp_path: Path, name: str) -> None:
    with Run(tmp_path / "a") as run, pytest.raises(SchemaError, match="inside the run directory"):
        run.write(name, {})


def test_no_pickle_is_read(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (tmp_path / "exploded",))  # type: ignore[return-value]

    with Run(tmp_path / "a") as run:
        np.savez(run.path / "x.npz", x=np.array([Bomb()], dtype=object))
        with pytest.raises(SchemaError):
            run.read("x.npz")
        (run.path / "y.npz").write_bytes(pickle.dumps(Bomb()))
        with pytest.raises(SchemaError):
            run.read("y.npz")
        (run.path / "z.yaml").write_text("!!python/object/apply:os.getcwd []")
        with pytest.raises(SchemaError):
            run.read("z.yaml")
    assert not (tmp_path / "exploded").exists()


def test_a_failed_write_leaves_the_file_that_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Run(tmp_path / "a") as run:
        run.write("result.json", {"level": 1})

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space"):
            run.write("result.json", {"level": 2})
        monkeypatch.undo()
        assert run.read("result.json") == {"level": 1}
        assert [entry.name for entry in (run.path / ".run").iterdir()] == ["lock"]


def test_an_occupied_directory_is_refused_without_resume(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(RunDirectoryError, match=r"not empty.*--resume"):
        Run(tmp_path)
    with pytest.raises(RunDirectoryError, match="holds no run"):
        Run(tmp_path, resume=True)
    with pytest.raises(RunDirectoryError, match="a directory"):
        Run(tmp_path / "thesis.txt")
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_resumed_run_keeps_its_config(tmp_path: Path) -> None:
    config = {"seed": 0, "groups": ["O(3)"], "data": {"n": 3}}
    with Run(tmp_path / "a") as run:
        assert run.config == {}
        run.configure(config)
    with pytest.raises(RunDirectoryError):
        Run(tmp_path / "a")
    with Run(tmp_path / "a", resume=True) as run:
        run.configure(dict(reversed(config.items())))
        assert run.config == config
        with pytest.raises(
            RunDirectoryError, match=r"data.n = 4 \(was 3\), seed = 1 \(was 0\), tol = 0.01 \(was \(not set\)\)"
        ) as refused:
            run.configure(config | {"seed": 1, "tol": 0.01, "data": {"n": 4}})
        assert "groups" not in str(refused.value)
        assert run.config == config


def test_two_runs_cannot_share_a_directory_but_a_dead_one_lets_go(tmp_path: Path) -> None:
    hold = f"from isotropy.runs import Run; import time; run = Run({str(tmp_path / 'a')!r}); print('held', flush=True)"
    other = subprocess.Popen([sys.executable, "-c", hold + "; time.sleep(60)"], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(RunDirectoryError, match="another run is writing"):
            Run(tmp_path / "a", resume=True)
    finally:
        other.kill()
        other.communicate()
    first = Run(tmp_path / "a", resume=True)
    with pytest.raises(RunDirectoryError, match="another run is writing"):
        Run(tmp_path / "a", resume=True)
    first.close()
    Run(tmp_path / "a", resume=True).close()


def test_metrics_append_and_a_torn_last_line_is_ignored_then_mended(tmp_path: Path) -> None:
    with Run(tmp_path / "a") as run:
        run.metrics({"step": 1, "loss": 0.5})
        run.metrics({"step": 2, "loss": float("nan")})
    with open(tmp_path / "a/metrics.jsonl", "a") as file:
        file.write('{"step": 3, "lo')
    rows = [{"step": 1, "loss": 0.5}, {"step": 2, "loss": None}]
    assert Run.attach(tmp_path / "a").read("metrics.jsonl") == rows
    with Run(tmp_path / "a", resume=True) as run:
        run.metrics({"step": 3, "loss": 0.25})
        assert run.read("metrics.jsonl") == [*rows, {"step": 3, "loss": 0.25}]
    assert all(json.loads(line) for line in (tmp_path / "a/metrics.jsonl").read_text().splitlines())


def test_half_written_files_of_a_killed_run_are_cleaned_away(tmp_path: Path) -> None:
    Run(tmp_path / "a").close()
    (tmp_path / "a/.run/draft.npz").write_bytes(b"half")
    (tmp_path / "a/fits/1/.run").mkdir(parents=True)
    (tmp_path / "a/fits/1/.run/draft.json").write_bytes(b"half")
    Run(tmp_path / "a", resume=True).close()
    assert not list(tmp_path.rglob("draft.*"))


def test_weights_with_ties_come_back_and_another_architecture_is_refused(tmp_path: Path) -> None:
    class Tied(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = torch.nn.Linear(3, 3)
            self.outer = torch.nn.Linear(3, 3)
            self.outer.weight = self.inner.weight
            self.register_buffer("scale", torch.rand(2, dtype=torch.float64))

    first, second = Tied(), Tied()
    with Run(tmp_path / "a") as run:
        run.save(first)
        run.load(second)
        assert all(
            torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
        )
        with pytest.raises(SchemaError, match="Linear"):
            run.load(torch.nn.Linear(2, 2))
        with pytest.raises(FileNotFoundError):
            run.load(second, "other.safetensors")


def test_an_attached_copy_and_a_part_write_beside_the_owner(tmp_path: Path) -> None:
    with Run(tmp_path / "a") as run:
        again = pickle.loads(pickle.dumps(run))  # as a worker process receives it
        again.write("x.json", 1)
        run.part("fits/one").write("x.json", 2)
        assert (run.read("x.json"), run.read("fits/one/x.json")) == (1, 2)


def test_a_run_that_was_refused_leaves_its_directory_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("new", "empty"):
        with Run(tmp_path / name) as run:
            run.configure({"seed": 4})
            run.take_back(["config.yaml"])
        assert (tmp_path / name).exists() == (name == "empty")
    assert list((tmp_path / "empty").iterdir()) == []
    with Run(tmp_path / "kept") as run:
        run.configure({"seed": 4})
        run.write("job.json", 1)
        run.take_back(["config.yaml"])  # there is work to keep
    with Run(tmp_path / "kept", resume=True) as run:
        run.take_back(["config.yaml", "job.json"])  # these files were there before
        assert run.read("job.json") == 1
