"""What CI runs passes when both suites pass, and never when one of them fails or is cut off."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / ".ci" / "run"
FLOWER = SCRIPT.with_name("federated")
MAKE = '#!/usr/bin/env bash\necho "make $1" >> told\ncase "$1" in test) {quick} ;; test-full) {full} ;; esac\n'


@pytest.mark.parametrize(
    ("quick", "full", "code", "told"),
    [
        ("true", "true", 0, ["make test", "make test-full"]),
        ("exit 2", "true", 2, ["make test"]),
        ("true", "exit 2", 2, ["make test", "make test-full"]),
        ("true", "exec sleep 30", 124, ["make test", "make test-full"]),
    ],
    ids=["both pass", "the gate fails", "the full suite fails", "the full suite is cut off"],
)
def test_ci_passes_only_if_both_suites_pass(quick: str, full: str, code: int, told: list[str], tmp_path: Path) -> None:
    script = SCRIPT.read_text()
    assert " 3900 make test-full" in script, "65 minutes"
    (tmp_path / ".ci").mkdir()
    for path, text in (
        (tmp_path / ".ci" / "run", script.replace(" 3900 ", " 1 ")),
        (tmp_path / "make", MAKE.format(quick=quick, full=full)),
    ):
        path.write_text(text)
        path.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    ran = subprocess.run([tmp_path / ".ci" / "run"], env={**os.environ, "PATH": path}, capture_output=True, check=False)
    assert ran.returncode == code
    assert (tmp_path / "told").read_text().splitlines() == told


@pytest.mark.parametrize(("made", "code"), [("true", 0), ("exit 2", 2), ("exec sleep 30", 124)])
def test_the_job_of_flower_passes_only_if_its_tests_do(made: str, code: int, tmp_path: Path) -> None:
    (tmp_path / ".ci").mkdir()
    script = FLOWER.read_text()
    assert " 3600 make federated" in script, "an hour"
    make = f'#!/usr/bin/env bash\n[ "$1" = federated ] || exit 9\n{made}\n'
    for path, text in ((tmp_path / ".ci" / "federated", script.replace(" 3600 ", " 1 ")), (tmp_path / "make", make)):
        path.write_text(text)
        path.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    ran = subprocess.run([tmp_path / ".ci" / "federated"], env={**os.environ, "PATH": path}, check=False)
    assert ran.returncode == code
    assert os.access(FLOWER, os.X_OK)
