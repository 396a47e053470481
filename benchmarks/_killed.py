"""Runs that are killed at random moments, that find their folder taken, or the disk full: nothing finished is lost."""

from __future__ import annotations

import itertools
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from _broken_readers import write_request, write_xyz

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from recorded import scrubbed  # an answer without its clocks

Write = Callable[[Path], Any]
VERBS: dict[str, tuple[str, Write | None]] = {
    "discover": ("discover inertia --set nu=0.3 --set n=400 --quick --groups O(3),O(2)@z --engine serial", None),
    "compare": ("compare inertia --set n=200 --quick --methods augmentation,frames --engine serial", None),
    "reproduce": ("reproduce piecewise --part E1 --set engine=serial", None),
    "federate": ("federate sites.yaml", write_request),
    "forcefield train": ("forcefield train m.xyz --epochs 20 --valid 0.25 --set channels=2", write_xyz),
    "control train": ("control train hopper_3_shin --policy mlp --steps 1200 --set warmup=200 --bearings 2", None),
}
"""Small instances of the commands that may take long."""
_ANSWERS = (".npz", ".safetensors", ".csv", ".xyz")
_PIECES = {"jobs", "training", "trainings", "checkpoints", "figures"}  # what a run is put together from


def same(a: Path, b: Path) -> str:
    """What differs between the answers of two runs, apart from clocks; empty where nothing does."""
    for path in sorted(a.rglob("*")):
        inner = path.relative_to(a)
        if _PIECES & set(inner.parts) or path.stem == "checkpoint" or not path.is_file():  # with clocks of its own
            continue
        if path.name == "result.json":
            one, other = (scrubbed(json.loads((at / inner).read_text())) for at in (a, b))
            if one != other:
                return str(inner)
        elif path.suffix in _ANSWERS and path.read_bytes() != (b / inner).read_bytes():
            return str(inner)
    return ""


def start(words: str, out: Path, resume: bool) -> subprocess.Popen[str]:
    # From beside its folder, whose name an answer may say.
    said = [sys.executable, "-m", "isotropy", *words.split(), "--out", out.name, *(["--resume"] if resume else [])]
    return subprocess.Popen(said, cwd=out.parent, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def _end(said: str) -> str:
    """The last line of what a command said."""
    return (said.strip().splitlines() or [""])[-1][:200]


def finish(words: str, out: Path, resume: bool = False) -> tuple[int, str]:
    with start(words, out, resume) as process:
        said = process.communicate()[1]
    return process.returncode, said


def kills(name: str, number: int, seed: int) -> Iterator[str]:
    """Faults of one verb under that many SIGKILLs, each at a random moment of what is left; then of a taken folder."""
    words, write = VERBS[name]
    rng = random.Random(f"{seed}/{name}")
    with tempfile.TemporaryDirectory() as space:
        places = _places(Path(space), write)
        whole = next(places)
        began = time.monotonic()
        code, said = finish(words, whole)
        took = time.monotonic() - began
        if code:
            yield f"the whole run ended with {code}: {_end(said)}"
            return
        done = 0
        while done < number:
            out = next(places)
            while done < number:
                process = start(words, out, out.exists())
                try:
                    process.wait(rng.uniform(0.05, 1.0) * took)
                    break
                except subprocess.TimeoutExpired:
                    process.send_signal(signal.SIGKILL)
                    process.communicate()
                    done += 1
            yield from _resumed(words, out, whole, f"after {done} kills")
        before = _times(whole)
        if finish(words, whole)[0] != 2:
            yield "a second run in the same folder is not refused"
        if _times(whole) != before:
            yield "a refused run changed the folder"
        yield from full_disk(words, whole, places)


def full_disk(words: str, whole: Path, places: Iterator[Path]) -> Iterator[str]:
    """Faults where the disk of ``out`` is full at a tenth, a half and nine tenths of the run."""
    size = sum(path.stat().st_size for path in whole.rglob("*") if path.is_file())
    for share in (0.1, 0.5, 0.9):
        with disk(max(int(share * size), 16384)) as small:
            if small is None:
                yield "(no disk of a given size can be made here: needs root)"
                return
            out = next(places)
            out.symlink_to(small / "run")
            (small / "run").mkdir()
            code, said = finish(words, out)
            if code != 2 or "Traceback" in said:
                yield f"a disk that is full at {share:.0%} ends with {code}: {_end(said)}"
            out.unlink()
            shutil.copytree(small / "run", out)
        yield from _resumed(words, out, whole, f"after a disk that was full at {share:.0%}")


def _places(space: Path, write: Write | None) -> Iterator[Path]:
    """Folders of runs, all of one name, each beside its own files."""
    for number in itertools.count():
        folder = space / str(number)
        folder.mkdir()
        if write is not None:
            write(folder)
        yield folder / "run"


def _resumed(words: str, out: Path, whole: Path, when: str) -> Iterator[str]:
    code, said = finish(words, out, resume=True)
    if code:
        yield f"{when} it ended with {code}: {_end(said)}"
    elif different := same(whole, out):
        yield f"{when} {different} differs"


def _times(folder: Path) -> list[tuple[Path, int]]:
    return sorted((path, path.stat().st_mtime_ns) for path in folder.rglob("*"))


@contextmanager
def disk(size: int) -> Iterator[Path | None]:
    """A folder on a file system of that size; None where this may not be made."""
    with tempfile.TemporaryDirectory() as place:
        made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "isotropy", place], capture_output=True)
        try:
            yield Path(place) if made.returncode == 0 else None
        finally:
            if made.returncode == 0:
                subprocess.run(["umount", place], check=True)
