"""Lenses, optics and plans: the tiny reproduction, and claims that fail on bad numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from isotropy.experiments.optics import OPTICS, Config, Optics
from isotropy.experiments.optics._config import SHAPES, SPECTRUM, UNEQUAL, WAYS, Spectrum, Transformer, Unequal
from isotropy.runs import Run
from isotropy.study import Score

TINY = Config(
    lengths=(8,), depths=(4, 12), points=500, engine="serial", spectrum=Spectrum(rows=32, width=8),
    unequal=Unequal(images=1, size=16, channels=4, blocks=6, length=8),
    transformer=Transformer(blocks=8, width=32, length=16, repeats=1),
)  # fmt: skip


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Optics:
    return OPTICS.run(TINY, Run(tmp_path_factory.mktemp("optics") / "run"))


def test_theorems_and_counts_hold_in_a_tiny_run(found: Optics) -> None:
    # Not of so few and small tensors: the clock, shares of a peak that are a single tensor, and what depends on which
    # layers the clock chooses.
    large = ("times the time", "within 5 %", "gradients are off", "equal segments")
    verdicts = {verdict.text: verdict.held for verdict in found.claims}
    assert len(verdicts) == 15
    assert all(held for text, held in verdicts.items() if not any(map(text.__contains__, large))), verdicts
    assert {line.method for line in found.scores if line.task == SPECTRUM} == set(WAYS)
    assert {line.method for line in found.scores if line.task == "finite sets"} == set(SHAPES)


def test_claims_fail_on_bad_numbers(found: Optics) -> None:
    def with_other(task: str, setting: str, factor: float) -> list[str]:
        def changed(line: Score) -> Score:
            bad = line.task == task and setting in line.setting
            return replace(line, values=tuple(factor * v + (factor > 1) for v in line.values)) if bad else line

        worse = replace(found, scores=tuple(map(changed, found.scores)))
        return [claim.text for claim in OPTICS.claims if not claim.judge(worse).held]

    assert any("gets are" in text for text in with_other(SPECTRUM, "gets", 2))
    assert any("equal bytes" in text for text in with_other(UNEQUAL, "planned", 2))
    assert any("components" in text for text in with_other("finite sets", "components", 2))
    assert any("bits" in text for text in with_other("transformer", "bits", 2))
    assert any("plan tells" in text for text in with_other("reversible", "error", 1e6))


def test_the_report_draws_the_spectrum(found: Optics, tmp_path: Path) -> None:
    page = found.report(tmp_path / "report.html").read_text()
    assert "One chain of 8 layers" in page
    assert "recalled" in page
