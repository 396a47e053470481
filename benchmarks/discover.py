"""What ``isotropy discover`` costs: wall time and memory of whole commands, each in processes started fresh.

    python benchmarks/discover.py [--case quick --case full --case large] [--repeat 1]

Targets on two cores: n=300 with 20 inputs, a quick look, < 5 s of the processors beyond imports; n=2000 with 20 inputs
and 4 groups, the full report, < 90 s and < 2 GB; n=20000 < 10 min (case large, only when asked for). The wall time is
that of the command as it is typed, with the start of Python and an empty cache of bases; the analysis alone is printed
beside it. What is beyond imports is the same command once more in a process that has looked at other rows. Memory is
the largest process by getrusage and, where there is /proc, the peak of what all processes of the run hold together, in
which pages that several share count once (proportional set size).

The exit code is 0 whether or not a target is met: on a busy machine a missed target says little.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

# No torch here: a child's ru_maxrss can inherit what its parent held.

COMMAND = [sys.executable, "-c", "from isotropy.cli import main; main()", "discover", "inertia", "--set", "nu=0.3"]
GB = 2**30


@dataclass(frozen=True)
class Case:
    title: str
    arguments: tuple[str, ...]
    seconds: float
    memory: float = 2.0  # GB
    beyond: float | None = None  # processor seconds beyond imports


PROCESSES = ("--engine", "process", "--workers", "2")
CASES = {
    "quick": Case("n=300, 20 inputs, quick look", ("--set", "n=300", "--quick"), 5.0, beyond=5.0),
    "full": Case("n=2000, 20 inputs, 4 groups, full report, 2 workers", ("--set", "n=2000", *PROCESSES), 90.0),
    "large": Case("n=20000, 20 inputs, 4 groups, full report, 2 workers", ("--set", "n=20000", *PROCESSES), 600.0),
}


@dataclass(frozen=True)
class Cost:
    wall: float
    analysis: float
    processor: float
    largest: float  # bytes, of the largest process
    together: float | None  # bytes, of all processes at one time


def measured(arguments: tuple[str, ...]) -> Cost:
    """One command, run to its end; raises CalledProcessError where it does not finish."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        environment = {**os.environ, "ISOTROPY_CACHE": str(Path(folder) / "cache")}
        command = [*COMMAND, *arguments, "--out", str(out)]
        began = time.perf_counter()
        # A session of its own, by which its processes are known.
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, start_new_session=True)
        watch = Watch(process.pid)
        watch.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        watch.stop()
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command)
        unit = 1 if sys.platform == "darwin" else 1024
        analysis = float(json.loads((out / "result.json").read_text())["seconds"])
        return Cost(wall, analysis, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit, watch.peak)


def beyond_imports(arguments: tuple[str, ...]) -> float:
    """Processor seconds of a command in a process that has run it before, on other rows."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "ISOTROPY_CACHE": str(Path(folder) / "cache")}
        command = [*COMMAND[3:], *arguments]
        code = _AGAIN.format(command=command, folder=folder)
        said = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        return float(said.stdout.splitlines()[-1])


_AGAIN = """
import sys, time
from isotropy.cli import main
for seed in (1, 0):
    sys.argv = ["isotropy", *{command!r}, "--set", f"seed={{seed}}", "--out", f"{folder}/{{seed}}"]
    began = time.process_time()
    try:
        main()
    except SystemExit as end:
        assert not end.code
    spent = time.process_time() - began
print(spent)
"""


class Watch(threading.Thread):
    """The largest memory of all processes of one session together, looked at five times a second."""

    def __init__(self, session: int) -> None:
        super().__init__(daemon=True)
        self.session = session
        self.peak: float | None = None
        self._done = threading.Event()

    def run(self) -> None:
        while Path("/proc/self/stat").exists() and not self._done.wait(0.2):
            self.peak = max(self.peak or 0.0, float(resident(self.session)))

    def stop(self) -> None:
        self._done.set()
        self.join()


def resident(session: int) -> int:
    """Bytes held now by all processes of a session, shared pages shared out."""
    total = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(stat.read_text().rpartition(")")[2].split()[3]) != session:  # the name before may hold spaces
                continue
            rollup = (stat.parent / "smaps_rollup").read_text()
        except OSError:
            continue  # it ended meanwhile
        total += sum(1024 * int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return total


def verdict(value: float, target: float) -> str:
    return f"{'met' if value < target else 'NOT met'} ({value / target:.2f} of the target)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", action="append", choices=list(CASES), help="default: quick and full")
    parser.add_argument("--repeat", type=int, default=1, help="runs of each case; every one is printed")
    wanted = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start")
    for name in wanted.case or ["quick", "full"]:
        case = CASES[name]
        print(f"\n{case.title}", flush=True)
        for _ in range(wanted.repeat):
            cost = measured(case.arguments)
            memory = (cost.together or cost.largest) / GB
            print(
                f"  wall       {cost.wall:7.1f} s   target < {case.seconds:.0f} s: {verdict(cost.wall, case.seconds)}"
            )
            print(f"  analysis   {cost.analysis:7.1f} s   without the start of Python")
            print(f"  processor  {cost.processor:7.1f} s   user and system, all processes")
            if case.beyond is not None:
                again = beyond_imports(case.arguments)
                target = f"target < {case.beyond:.0f} s: {verdict(again, case.beyond)}"
                print(f"  beyond     {again:7.1f} s   of the processor, imports apart, {target}")
            print(f"  largest    {cost.largest / GB:7.2f} GB  one process")
            what = "all processes together" if cost.together else "the largest process; no /proc here"
            print(
                f"  memory     {memory:7.2f} GB  target < {case.memory:.0f} GB: {verdict(memory, case.memory)}, {what}"
            )
            print(f"  load       {os.getloadavg()[0]:7.1f}     at the end", flush=True)


if __name__ == "__main__":
    main()
