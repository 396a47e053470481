"""The experiment on the supernovae: its table, its sentences, and claims that fail on other numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from isotropy.experiments import REGISTRY
from isotropy.experiments.varying_speed_of_light import SMALL, Config, trials
from isotropy.experiments.varying_speed_of_light._science import _sd_of_median
from isotropy.random import spawn
from isotropy.report import Text
from isotropy.runs import Run
from isotropy.study import Scored

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
