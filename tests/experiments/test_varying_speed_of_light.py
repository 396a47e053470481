"""The experiment on the supernovae: its table, its sentences, and claims that fail on other numbers."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from isotropy.errors import MissingExtraError, SchemaError
from isotropy.experiments import REGISTRY
from isotropy.experiments.varying_speed_of_light import SMALL, Config, _peaks, trials
from isotropy.experiments.varying_speed_of_light._config import EVIDENCE, FREE, LCDM, OTHERS, PEAKS
from isotropy.experiments.varying_speed_of_light._peaks import peaks, temperature_spectrum
from isotropy.experiments.varying_speed_of_light._science import _sd_of_median
from isotropy.random import spawn
from isotropy.report import Table, Text
from isotropy.runs import Run
from isotropy.study import Score, Scored

THIS = REGISTRY["varying-speed-of-light"]
PARTS = ("published table", "H0 by redshift")


@pytest.fixture(scope="module")
def found(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Scored:
    return THIS.run(Config(parts=PARTS, engine="serial"), Run(tmp_path_factory.mktemp("run")))


def test_the_published_table_comes_out_and_its_claims_hold(found: Scored) -> None:
    assert {claim.text for claim in found.claims if not claim.held} == set()
    assert len(found.claims) == 6
    fall = found.score("H0 by redshift", "fall of H0_eff", "pantheon").mean
    assert 0.05 < fall < 0.2
    assert found.score("published table", "k", "VSL, F(z)").mean == 2  # the offset is one of them
    assert found.score("published table", "chi2 / (N - k)", "VSL, F(z)").mean > 0.9860


def test_claims_fail_on_numbers_that_are_off(found: Scored) -> None:
    worse = replace(found, scores=tuple(replace(s, values=tuple(1.002 * v for v in s.values)) for s in found.scores))
    held = {claim.text: claim.judge(worse).held for claim in THIS.claims_of(Config(parts=PARTS))}
    assert not held["the published chi2 / N of three models, to 2e-5"]
    assert not held["the published F_inf and Om, to 0.001"]


def test_sentences_have_the_numbers_of_the_run(found: Scored) -> None:
    said = "\n".join(block.body for block in found.blocks() if isinstance(block, Text))
    H0 = found.score("published table", "H0 at M = -19.35", "VSL, F(z)").mean
    assert f"H0 needs M: {H0:.2f}" in said
    assert "not chi2 / dof" in said
    assert "R_h = ct" in said
    moved = tuple(replace(s, values=tuple(v + 1 for v in s.values)) for s in found.scores)
    other = "\n".join(block.body for block in replace(found, scores=moved).blocks() if isinstance(block, Text))
    assert f"H0 needs M: {H0 + 1:.2f}" in other


def test_what_the_run_did_not_let_vary_is_said_with_its_numbers(found: Scored) -> None:
    """Of scores made up here, since the parts that measure them take minutes."""

    def line(task: str, setting: str, method: str, value: float) -> Score:
        return Score(task, setting, method, "", (value,), 0, 0.0)

    above = "ln Z, VSL with F(z) above flat LambdaCDM"
    made = (
        *[line(FREE, setting, "pantheon, stat", value) for setting, value in
          {"gain in chi2": 1.37, "modes": 2.0, "H0, 2.5 %": 37.9, "H0, 97.5 %": 51.6}.items()],
        line(EVIDENCE, above, "pantheon-binned, stat", 1.71), line(EVIDENCE, above, "pantheon-binned, stat+sys", -4.2),
        *[line(OTHERS, f"{sample}, stat: chi2 / N", LCDM, value) for sample, value in
          {"pantheon-plus": 0.431, "des-5yr": 0.872}.items()],
    )  # fmt: skip
    blocks = list(replace(found, scores=made).blocks())
    said = "\n".join(block.body for block in blocks if isinstance(block, Text))
    assert "b1 and b2 were fixed by hand" in said
    assert "falls by 1.37 more, there are 2 modes" in said
    assert "between 37.9 and 51.6" in said
    assert "Statistical errors only" in said
    assert "+1.71" in said
    assert "-4.20 with it (strong)" in said
    assert "Diagonal errors" in said
    assert "0.431 and 0.872" in said
    (words,) = (block for block in blocks if isinstance(block, Table) and block.name == "verdict")
    assert [row[2] for row in words.rows] == [
        "positive, for VSL with b1 = b2 = 2 fixed by hand", "strong, for flat LambdaCDM"
    ]  # fmt: skip
    assert "Kass" in str(words.caption)  # the scale that the words follow


@pytest.mark.parametrize("n", [1, 2, 101])
def test_errors_of_medians_are_those_of_draws(n: int) -> None:
    sd = torch.logspace(-1, 0, n, dtype=torch.float64)  # errors that differ tenfold: weighing them would say less
    draws = sd * torch.randn(4001, n, generator=spawn(n, "medians"), dtype=torch.float64)
    medians = draws.median(1).values if n % 2 else draws.mean(1)
    assert _sd_of_median(sd) == pytest.approx(float(medians.std()), rel=0.05)  # four standard errors


def test_every_part_has_its_jobs_and_others_numbers_are_marked() -> None:
    listed = list(trials(SMALL))
    assert {trial.task for trial in listed} >= {"published table", "other samples", "b1 and b2 free", "H0 by redshift",
                                                "evidence", "mu and zeta", "mocks"}  # fmt: skip
    assert all("[seen]" in row.source or "[recalled]" in row.source for row in THIS.result.published.rows)


def test_a_part_whose_extra_is_missing_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_peaks, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"isotropy\[cmb\]"):
        THIS.configured(parts=[PEAKS])
    assert PEAKS not in {trial.task for trial in trials(SMALL)}
    with pytest.raises(SchemaError, match="published table"):
        THIS.configured(parts=["microwave"])


def test_peaks_of_the_microwave_background_are_compared(tmp_path: Path) -> None:
    """Against camb's own spectrum of a power law, where the broken one does not break."""
    pytest.importorskip("camb", reason="the extra [cmb]")
    found = THIS.run(THIS.configured(parts=[PEAKS], settings={"engine": "serial"}), Run(tmp_path / "run"))
    assert [found.score(PEAKS, f"peak {i}", "matter alone").mean for i in (1, 2, 3, 4)] == pytest.approx(
        [220, 535, 810, 1125], rel=0.01
    )
    (claim,) = found.claims
    assert claim.held
    assert any("constant c" in block.body for block in found.blocks() if isinstance(block, Text))
    low = peaks(temperature_spectrum(67.4, 0.0224, 0.120, 0.054, tilt=0.965))
    other = peaks(temperature_spectrum(60.0, 0.0224, 0.120, 0.054, tilt=0.965))
    assert other[0] > low[0], "at the same densities a lower H0 is farther away, and smaller on the sky"


@pytest.mark.slow
def test_a_run_that_is_killed_twice_goes_on_and_ends_with_the_same_figures(found: Scored, tmp_path: Path) -> None:
    """SIGKILL with one job of three done and with two; finished jobs are not run again."""
    out = tmp_path / "run"
    command = [
        sys.executable, "-c", "from isotropy.cli import main; main()", "reproduce", "varying-speed-of-light",
        "--part", PARTS[0], "--set", "engine=serial", "--out", str(out), "--resume",
    ]  # fmt: skip
    kept: dict[str, int] = {}
    for jobs in (1, 2):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
            while len(list(out.glob("jobs/*.npz"))) < jobs:
                assert process.poll() is None, process.communicate()[1]
                time.sleep(0.005)
            process.kill()
        assert process.returncode == -signal.SIGKILL
        assert not (out / "result.json").exists()
        finished = {file.name: file.stat().st_mtime_ns for file in out.glob("jobs/*.npz")}
        assert kept.items() <= finished.items()
        kept = finished
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert kept.items() <= {file.name: file.stat().st_mtime_ns for file in out.glob("jobs/*.npz")}.items()
    again = type(found).from_json(out / "result.json")
    figures = [
        {(s.task, s.setting, s.method): s.values for s in one.scores if s.task == PARTS[0]} for one in (again, found)
    ]
    assert figures[0] == figures[1]
    assert figures[0]
