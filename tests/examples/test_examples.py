"""The examples run, and say what they are there to show."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from isotropy.experiments.geometric_federated._features import own_features

Script = Callable[..., str]
FOLDER = Path(__file__).parents[2] / "examples"


def lines(name: str, cwd: Path, *args: str) -> list[str]:
    """What an example prints, run as a person runs it: a Python of its own, another folder, warnings as errors."""
    command = [sys.executable, "-W", "error", str(FOLDER / name), *args]
    # torch.jit is touched by dependencies when they are imported; these warnings are theirs.
    command[3:3] = ["-W", "ignore::DeprecationWarning"]
    ran = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()


def row(printed: list[str], group: str) -> str:
    return next(line for line in printed if line.split()[:1] == [group])


@pytest.mark.slow
def test_discover_inertia_finds_the_axis_and_writes_a_report(tmp_path: Path) -> None:
    printed = lines("discover_inertia.py", tmp_path, str(tmp_path / "out"))
    assert "none seen" in row(printed, "O(2)@z") or "no breaking detected" in row(printed, "O(2)@z")
    assert "approximate" in row(printed, "O(3)")
    assert "approximate" in row(printed, "O(2)@x")
    assert printed[-1].startswith("build in O(2)@z ")
    assert "<html" in (tmp_path / "out/report.html").read_text()


def test_audit_a_model_tells_the_two_networks_apart(tmp_path: Path, script: Script) -> None:
    printed = script(FOLDER / "audit_a_model.py", folder=tmp_path, strict=True).splitlines()
    errors = [float(line.split()[1].replace("−", "-")) for line in printed if line.split()[:1] == ["O(3)"]]
    assert len(errors) == 2
    assert errors[0] > 0.1
    assert errors[1] < 1e-5
    assert printed[-1] == "assert_equivariant: passed"


@pytest.mark.slow
def test_my_own_group_is_a_group_and_a_candidate(tmp_path: Path, script: Script) -> None:
    printed = script(FOLDER / "my_own_group.py", folder=tmp_path, strict=True).splitlines()
    assert any("boosts: 2 dimensions" in line for line in printed)
    exact, disturbed = (line for line in printed if line.split()[:1] == ["SO+(1,1)"])
    assert "none seen" in exact or "no breaking" in exact  # the last word may stand on the next line
    assert "approximate" in disturbed or "absent" in disturbed or "undecided" in disturbed


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_every_example_has_a_test(path: Path) -> None:
    assert f'"{path.name}"' in Path(__file__).read_text()


def test_which_parameters_finds_the_one_that_is_not_seen(tmp_path: Path, script: Script) -> None:
    printed = script(FOLDER / "which_parameters.py", folder=tmp_path, strict=True)
    assert "exact symmetries: 1" in printed
    assert "stays: [1.0, 1.0]" in printed


def test_scaling_laws_are_told_exactly_and_with_intervals(tmp_path: Path, script: Script) -> None:
    printed = script(FOLDER / "scaling_laws.py", folder=tmp_path, strict=True)
    assert "T: 3/2, a: 1" in printed
    assert "no scaling" in printed
    assert "1.5 [1.4" in printed


def test_supernovae_are_compared_with_and_without_systematics(real_data: Path, tmp_path: Path, script: Script) -> None:
    printed = script(FOLDER / "supernovae.py", folder=tmp_path, strict=True)
    assert printed.count("if M = -19.35") == 4
    assert printed.count("b1=2.0, b2=2.0") + printed.count("FlatLambdaCDM over") == 2 or "fixed by hand" in printed


def test_a_formula_gives_its_symmetries_and_currents(tmp_path: Path, script: Script) -> None:
    printed = script(FOLDER / "symmetries_of_a_formula.py", folder=tmp_path, strict=True)
    assert "3 symmetries of the equations, 2 of the action" in printed
    assert printed.count("(proved: True)") == 2
    assert "-y*∂_x + x*∂_y" in printed


def test_recorded_tracks_give_what_is_conserved(tmp_path: Path, script: Script) -> None:
    without, with_friction = script(FOLDER / "what_is_conserved.py", folder=tmp_path, strict=True).split("friction 0.1")
    assert [line.split()[-5] for line in without.splitlines()[1:3]] == ["conserved", "conserved"]
    assert " conserved" not in with_friction


def test_bms3_is_held(tmp_path: Path, script: Script) -> None:
    printed = script(FOLDER / "hold_bms3.py", folder=tmp_path, strict=True)
    assert "exceptional, still flat" in printed
    assert "('P', 0): Fraction(4, 1)" in printed
    assert printed.strip().endswith("True")


def test_supertranslations_make_other_minkowski_spaces(tmp_path: Path, script: Script) -> None:
    printed = script(FOLDER / "minkowski_spaces.py", folder=tmp_path, strict=True).splitlines()
    assert all(line.endswith("r C: True") for line in printed)
    # Harmonics of l = 0 and 1 are translations; those of l = 2 are not.
    assert ["itself" in line for line in printed] == [True, True, True, False, False]


@pytest.mark.slow
def test_edges_are_features_that_the_experiment_reads(real_data: Path, tmp_path: Path, script: Script) -> None:
    printed = script(FOLDER / "edges.py", str(tmp_path / "edges.npz"), folder=tmp_path, strict=True)
    assert "2533 pictures, 624 columns" in printed
    found = own_features(str(tmp_path / "edges.npz"))
    assert found.domains == tuple(f"domain {name}" for name in ("amazon", "caltech10", "dslr", "webcam"))
    # Things of one kind are nearer to one another than to others, which any features of use have.
    means = torch.stack([found.x[found.y == c].mean(0) for c in range(10)])
    near = (found.x[:, None] - means).square().sum(2).argmin(1)
    assert float((near == found.y).double().mean()) > 0.3
