"""Shared by pages and examples: each runs in a process of its own, most of them in a warm one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

Script = Callable[..., str]


@pytest.fixture(scope="module")  # what ends with a module is counted as its room's
def script(tmp_path_factory: pytest.TempPathFactory) -> Generator[Script]:
    """``script(path, *args, folder=)`` is what the script prints, run in a fork of a Python that has its imports."""
    command, env = [sys.executable, str(Path(__file__).with_name("warm.py"))], {**os.environ, "OMP_NUM_THREADS": "1"}
    out, err = (tmp_path_factory.mktemp("printed") / name for name in ("out", "err"))
    with subprocess.Popen(command, env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as warm:
        assert warm.stdin is not None
        assert warm.stdout is not None

        def run(path: Path, *args: str, folder: Path, strict: bool = False) -> str:
            told = {"script": str(path), "args": args, "folder": str(folder), "strict": strict}
            warm.stdin.write(json.dumps(told | {"out": str(out), "err": str(err)}) + "\n")
            warm.stdin.flush()
            assert warm.stdout.readline().strip() == "0", err.read_text()
            return out.read_text()

        yield run
        warm.stdin.close()
