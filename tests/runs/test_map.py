"""Jobs: computed once, the same for every engine, whole whenever they are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from isotropy.errors import DomainError, MissingExtraError, SchemaError, ShapeError
from isotropy.runs import Job, Run, map_jobs, threads_limited

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def _importable_in_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(HERE))


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    with Run(tmp_path / "run") as run:
        yield run


def test_a_key_is_stable_and_names_every_part() -> None:
    job = Job("a.b:f", {"x": 1, "y": [0.5, None]}, seed=3)
    assert job.key == Job("a.b:f", {"y": (0.5, None), "x": 1}, seed=3).key
    others = [Job("a.b:g", job.arguments, 3), Job("a.b:f", {"x": 1}, 3), Job("a.b:f", job.arguments, 4)]
    assert len({job.key, *(other.key for other in others)}) == 4
    assert len({job, Job("a.b:f", dict(job.arguments), 3), *others}) == 4
    assert str(job) == "a.b:f(seed=3, x=1, y=[0.5, None])"


def test_a_key_is_the_same_in_another_process_and_another_for_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    job = Job("a.b:f", {"x": 1, "name": "é"}, seed=3)
    code = "from isotropy.runs import Job; print(Job('a.b:f', {'name': 'é', 'x': 1}, seed=3).key)"
    environment = os.environ | {"PYTHONHASHSEED": "17"}
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    key = job.key
    assert other.stdout.strip() == key
    monkeypatch.setattr("isotropy.runs._job.__version__", "99")
    assert job.key != key


def test_a_job_does_not_change_with_its_callers_objects() -> None:
    arguments: dict[str, Any] = {"groups": ["O(3)"]}
    job = Job("a:f", arguments)
    key = job.key
    arguments["groups"].append("SO(2)")
    assert job.key == key


@pytest.mark.parametrize("name", ["f", "a:b:c", "a:", ":f", "a b:f", "a:f()", "../a:f"])
def test_a_function_is_named_module_colon_name(name: str) -> None:
    with pytest.raises(SchemaError, match="module:name"):
        Job(name)


def test_arguments_are_what_json_holds(run: Run) -> None:
    with pytest.raises(DomainError, match="a:f"):
        Job("a:f", {"x": np.ones(3)})
    with pytest.raises(SchemaError, match="no_such"):
        map_jobs([Job("jobs_to_map:no_such")], run)
    with pytest.raises(SchemaError, match="no_such"):
        map_jobs([Job("no_such_module:f")], run)


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(_same, a, b))
    return a == b


JOBS = [Job("jobs_to_map:algebra", {"size": size}, seed) for seed in (0, 1) for size in (150, 200)]


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The outcomes of the serial engine, mapped while the process was set to two threads."""
    path = tmp_path_factory.mktemp("serial") / "run"
    sys.path.insert(0, str(HERE))
    try:
        with threads_limited(2), Run(path) as run:
            map_jobs(JOBS, run)
    finally:
        sys.path.remove(str(HERE))
    return path


@pytest.mark.parametrize("engine", ["process", pytest.param("ray", marks=pytest.mark.slow)])
def test_every_engine_gives_the_same_bits(engine: str, run: Run, reference: Path) -> None:
    if engine == "ray":
        pytest.importorskip("ray")
    outcomes = map_jobs(JOBS, run, engine, workers=2)
    assert _same(outcomes, map_jobs(JOBS, Run.attach(reference)))
    for job in JOBS:
        assert (run.path / job.file).read_bytes() == (reference / job.file).read_bytes()


def test_threads_inside_are_set_and_restored(run: Run) -> None:
    before = torch.get_num_threads()
    with threads_limited(2):
        assert torch.get_num_threads() == 2
    assert torch.get_num_threads() == before


def test_the_global_stream_of_the_caller_is_left_alone(run: Run) -> None:
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    map_jobs(JOBS[:1], run)
    assert torch.equal(torch.rand(2), expected)


def test_outcomes_come_in_the_order_of_the_jobs_and_equal_jobs_are_computed_once(run: Run) -> None:
    jobs = [Job("jobs_to_map:count", {"name": name}, seed) for seed, name in enumerate("cab")]
    assert map_jobs([*jobs, *reversed(jobs)], run) == [0, 1, 2, 2, 1, 0]
    assert sorted((run.path / "calls.txt").read_text().split()) == ["a", "b", "c"]


def test_finished_jobs_are_never_computed_again(run: Run) -> None:
    jobs = [Job("jobs_to_map:count", {"name": name}) for name in "ab"]
    map_jobs(jobs[:1], run)
    run.close()
    with Run(run.path, resume=True) as again:
        map_jobs(jobs, again)
        map_jobs(jobs, again)
    assert (run.path / "calls.txt").read_text().split() == ["a", "b"]


def test_jobs_read_large_arrays_from_files(run: Run) -> None:
    run.write("table.npz", {"x": np.arange(12.0).reshape(4, 3)})
    jobs = [Job("jobs_to_map:read_rows", {"table": "table.npz", "row": row}) for row in range(4)]
    assert map_jobs(jobs, run) == [3.0, 12.0, 21.0, 30.0]


@pytest.mark.parametrize("engine", ["serial", "process", pytest.param("ray", marks=pytest.mark.slow)])
def test_an_error_keeps_its_type_and_names_the_job(engine: str, run: Run) -> None:
    with pytest.raises(ShapeError, match="given 3 columns; expected 4 columns; add one") as caught:
        map_jobs([Job("jobs_to_map:refuse", seed=5)], run, engine)
    assert any("jobs_to_map:refuse(seed=5)" in note for note in caught.value.__notes__)
    assert (caught.value.given, caught.value.hint) == ("3 columns", "add one")


def test_an_error_that_cannot_travel_is_told_in_words(run: Run) -> None:
    with pytest.raises(RuntimeError, match=r"only here 3(.|\n)*jobs_to_map:fail_strangely"):
        map_jobs([Job("jobs_to_map:fail_strangely")], run, "process")


@pytest.mark.parametrize("engine", ["process", pytest.param("ray", marks=pytest.mark.slow)])
def test_a_worker_that_dies_is_reported_and_finished_jobs_stay(engine: str, run: Run) -> None:
    good, bad = Job("jobs_to_map:count", {"name": "a"}), Job("jobs_to_map:die")
    with pytest.raises(RuntimeError, match="worker process died"):
        map_jobs([good, bad], run, engine, workers=1)
    assert run.has(good.file)


def test_an_outcome_that_cannot_be_stored_is_refused_by_place(run: Run) -> None:
    with pytest.raises(DomainError, match=r"\.bad\[0\]: Tensor"):
        map_jobs([Job("jobs_to_map:a_tensor")], run)


@pytest.mark.parametrize("settings", [{"engine": "threads"}, {"workers": 0}, {"threads": 0}])
def test_a_wrong_setting_is_refused(settings: dict[str, Any], run: Run) -> None:
    with pytest.raises(DomainError):
        map_jobs([], run, **settings)


def test_a_missing_ray_names_the_extra(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"isotropy\[ray\]"):
        map_jobs([Job("isotropy.runs:echo")], run, "ray")


@pytest.mark.parametrize("engine", ["serial", "process"])
def test_an_interrupt_ends_the_mapping_promptly(engine: str, run: Run) -> None:
    jobs = [Job("jobs_to_map:slow", {"seconds": 30.0}, seed) for seed in range(3)]

    def interrupt() -> None:
        while not (run.path / "begun.txt").exists():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    watcher = threading.Thread(target=interrupt)
    watcher.start()
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        map_jobs(jobs, run, engine, workers=1)
    watcher.join()
    assert time.monotonic() - begin < 20
    if engine == "process":
        _wait_for_the_end_of(int((run.path / "begun.txt").read_text()))


def _wait_for_the_end_of(pid: int) -> None:
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    raise AssertionError(f"process {pid} outlived its parent")


MAP = """
import sys
from isotropy.runs import Job, Run, map_jobs
sys.path.insert(0, {here!r})
if __name__ == "__main__":
    with Run({path!r}, resume=True) as run:
        jobs = [Job("jobs_to_map:gated", {{"gate": 8}}, seed) for seed in range({count})]
        map_jobs(jobs, run, {engine!r}, workers=2)
"""


@pytest.mark.parametrize(("engine", "kills"), [("serial", (1, 5)), ("process", (3,))])
def test_a_kill_leaves_whole_files_no_workers_and_a_run_that_continues(
    engine: str, kills: tuple[int, ...], tmp_path: Path
) -> None:
    path, count, delays = tmp_path / "run", 12, iter((0.013, 0.037))
    script = tmp_path / "script.py"
    script.write_text(MAP.format(here=str(HERE), path=str(path), engine=engine, count=count))
    for finished_before in kills:
        process = subprocess.Popen([sys.executable, str(script)])
        while len(list(path.glob("jobs/*.npz"))) <= finished_before:
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(next(delays))
        process.send_signal(signal.SIGKILL)
        process.wait()
        _wait_for_the_end_of(int((path / "begun.txt").read_text()))
        finished = {file: file.stat().st_mtime_ns for file in path.glob("jobs/*.npz")}
        for file in finished:
            with np.load(file, allow_pickle=False) as arrays:
                assert arrays["a0"].shape == (200_000,)
    assert len(finished) < count
    (path / "open").touch()
    with Run(path, resume=True) as run:
        outcomes = map_jobs([Job("jobs_to_map:gated", {"gate": 8}, seed) for seed in range(count)], run)
    assert [outcome["seed"] for outcome in outcomes] == list(range(count))
    assert {file: file.stat().st_mtime_ns for file in finished} == finished
    assert [entry.name for entry in (path / ".run").iterdir()] == ["lock"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="of the GNU C library")
def test_memory_that_is_kept_is_not_asked_for_again() -> None:
    """In a process of its own, which keeps its memory until it ends: pages that are touched again are no new ones."""
    code = """
import resource
from isotropy.runs import memory_kept
import torch

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        torch.zeros(4_000_000)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

first = faults()
if not memory_kept():
    raise SystemExit(5)
faults()
print(first, faults())
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if said.returncode == 5:
        pytest.skip("another C library")
    before, after = map(int, said.stdout.split())
    assert after < before / 20
