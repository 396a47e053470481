"""What every question has in common: a problem that solves once what types decide, and a run that keeps an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

from isotropy.data import load
from isotropy.report import Block, Result, Text
from isotropy.runs import Run, RunDirectoryError
from isotropy.study import Problem, answering, data_settings, dataset_of, problem_of


@dataclass(frozen=True, kw_only=True)
class Answer(Result):
    kind: ClassVar[str] = "answer"
    value: float = 0.0
    settings: dict[str, Any] = field(default_factory=dict[str, Any])
    date: str = ""
    command: str = ""

    def blocks(self) -> Sequence[Block]:
        return [Text(str(self.value))]


def problem() -> Problem:
    return problem_of(load("inertia", n=60), "O(3),O(2)@z", None, 0)


def test_what_types_and_candidates_decide_is_solved_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first = problem()
    centre = first.centre(first.y)
    monkeypatch.setattr("isotropy.study._problem.nullspace", lambda *_: pytest.fail("solved again"))
    assert torch.equal(first.centre(first.y), centre)
    # Copies with other rows have the same types and candidates.
    half = replace(first, x=first.x[:30], y=first.y[:30], unit=first.unit[:30])
    assert torch.allclose(half.centre(first.y), centre)
    assert not torch.equal(half.spreads, first.spreads)


def test_a_problem_comes_back_from_its_run(tmp_path: Path) -> None:
    with answering(tmp_path / "run", False, {}, problem()) as answer:
        again = Problem.load(answer.run)
    assert torch.equal(again.x, problem().x)
    assert [c.name for c in again.candidates] == ["O(3)", "O(2)@z"]


def test_an_answer_is_stamped_and_kept_where_a_directory_was_named(tmp_path: Path) -> None:
    for out in (tmp_path / "run", None):
        with answering(out, False, {"seed": 3}, began=0.0) as answer:
            told = answer.write(replace(Answer(value=0.5), **answer.stamp()))
            assert answer.run.has("result.json") == (out is not None)
        assert told.settings["seed"] == 3
        assert "torch" in told.settings["versions"]
        assert told.seconds > 0
    assert Answer.from_json((tmp_path / "run" / "result.json").read_text()).value == 0.5
    assert (tmp_path / "run" / "report.html").is_file()


def test_a_run_is_continued_with_its_own_settings_only(tmp_path: Path) -> None:
    data = dataset_of(load("inertia", n=60), None, None, None)
    settings = data_settings(data, problem())
    with answering(tmp_path / "run", False, settings):
        pass
    with answering(tmp_path / "run", True, settings) as answer:
        assert Run.attach(tmp_path / "run").config == answer.run.config
    with pytest.raises(RunDirectoryError, match="seed"), answering(tmp_path / "run", True, {**settings, "seed": 1}):
        pass
    with pytest.raises(RunDirectoryError, match="not empty"), answering(tmp_path / "run", False, settings):
        pass
