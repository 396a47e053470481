"""What a run on Flower leaves is ended by process id and its folder removed, also when the command itself is killed.

Run as a program, with nothing but the standard library: it waits until whoever started it ends, however that happens.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

GRACE = 10.0  # seconds that processes get to end by themselves


@contextmanager
def swept(home: Path) -> Generator[None]:
    """Within, a process stands by that ends those of ``home`` and removes the folder; on leaving, it does so.

    It holds the end of a pipe, which closes when this process is gone: SIGKILL leaves no time for anything here.
    """
    standby = subprocess.Popen(
        [sys.executable, "-I", "-S", __file__, str(home)], stdin=subprocess.PIPE, start_new_session=True
    )
    try:
        yield
    finally:
        assert standby.stdin is not None
        standby.stdin.close()
        standby.wait()


def end(home: Path) -> None:
    """Ends all processes of a home, each by its id, and removes the folder."""
    for sent in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + GRACE
        for pid in left_of(home):
            try:
                os.kill(pid, sent)
            except ProcessLookupError:
                continue
        while left_of(home) and time.monotonic() < deadline:
            time.sleep(0.2)
    shutil.rmtree(home, ignore_errors=True)


def left_of(home: Path) -> list[int]:
    """Processes whose environment names this home: those of this run, whoever started them (none without /proc)."""
    mark = f"FLWR_HOME={home}".encode()
    found: list[int] = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if int(entry.name) != os.getpid() and mark in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:  # it ended, or is another user's
            continue
    return found


if __name__ == "__main__":
    sys.stdin.buffer.read()
    end(Path(sys.argv[1]))
