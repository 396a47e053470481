"""The verb from end to end on small data: its contract, its determinism, its resume, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

import isotropy
from isotropy.cli import app
from isotropy.comparison import Comparison, compare
from isotropy.comparison._methods import Budget
from isotropy.comparison._trainees import Direct, Posed
from isotropy.data import load
from isotropy.errors import DomainError, IsotropyError, SchemaError, ShapeError
from isotropy.random import spawn
from isotropy.reps import Scalar, Vector
from recorded import scrubbed

CONTRACT = {"name", "error", "low", "high", "equivariance_error", "seconds", "row_seconds", "peak_mb"}


def told(folder: Path) -> str:
    """The result without its clocks."""
    return json.dumps(scrubbed(json.loads((folder / "result.json").read_text())))


@pytest.fixture(autouse=True, scope="module")
def tiny() -> Generator[None]:
    """Trainings of a second: what is tested here does not depend on how well they go."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Budget, "of", lambda rows, quick=False: Budget(folds=3, steps=10, width=16, channels=6, blocks=1))
        yield


@pytest.fixture(scope="module")
def found(tiny: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Comparison, Path]:
    out = tmp_path_factory.mktemp("runs") / "a"
    return compare(load("inertia", nu=0.0, n=120), groups="O(3),O(2)@z", quick=True, out=out, progress=False), out


def test_every_method_is_told_run_or_not(found: tuple[Comparison, Path]) -> None:
    result, _ = found
    assert [method.name for method in result.methods] == [
        "plain",
        *(f"augmentation {group}" for group in ("O(3)", "O(2)@z")),
        "soft",
        *(f"{kind} {group}" for kind in ("frames", "coordinates", "layers") for group in ("O(3)", "O(2)@z")),
    ]
    missing = result["coordinates O(2)@z"]
    assert missing.standing == "not run"
    assert "no canonical coordinates" in missing.missing
    assert missing.error is None


def test_exact_methods_have_no_asymmetry_and_the_plain_network_has(found: tuple[Comparison, Path]) -> None:
    result, _ = found
    for method in result.run:
        assert method.equivariance_error is not None
        if method.kind in ("frames", "coordinates", "layers"):
            assert method.equivariance_error < 1e-12
        else:
            assert method.equivariance_error > 1e-4
    assert result["plain"].equivariance_group == "O(3)"


def test_the_advice_is_about_the_recommended_method(found: tuple[Comparison, Path]) -> None:
    result, _ = found
    assert result[result.recommended].standing == "recommended"
    assert result.recommendation.startswith("use ")
    assert result.recommended.split()[-1] in result.recommendation


def test_the_result_file_keeps_the_contract_and_reads_back(found: tuple[Comparison, Path]) -> None:
    result, out = found
    text = (out / "result.json").read_text()
    record = json.loads(text)
    assert (record["schema"], record["kind"]) == (1, "comparison")
    assert all(set(method) >= CONTRACT for method in record["methods"])
    assert record["recommendation"] == result.recommendation
    assert Comparison.from_json(text) == result
    assert (out / "report.html").stat().st_size > 10_000


def test_the_same_seed_gives_the_same_bytes_but_for_the_seconds(found: tuple[Comparison, Path], tmp_path: Path) -> None:
    kept = {"groups": "O(3)", "methods": "frames,coordinates", "quick": True, "progress": False}
    data = load("inertia", nu=0.0, n=60)
    for name in "ab":
        compare(data, out=tmp_path / name, **kept)
    assert told(tmp_path / "a") == told(tmp_path / "b")


def test_a_method_that_diverges_is_listed_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    posed, direct = Posed.loss, Direct.loss
    monkeypatch.setattr(Posed, "loss", lambda self, core, batch: posed(self, core, batch) * float("inf"))
    result = compare(load("inertia", n=60), groups="O(3)", methods="frames,soft", quick=True, progress=False)
    assert result["frames O(3)"].standing == "not run"
    assert "did not converge" in result["frames O(3)"].missing
    assert {method.name for method in result.run} == {"plain", "soft"}
    monkeypatch.setattr(Direct, "loss", lambda self, core, batch: direct(self, core, batch) * float("inf"))
    with pytest.raises(DomainError, match="far beyond"):
        compare(load("inertia", n=60), groups="O(3)", methods="plain", quick=True, progress=False)


def test_units_given_beside_a_dataset_are_kept_whole() -> None:
    result = compare(
        load("inertia", n=60), groups="O(3)", methods="plain", cluster=torch.arange(60) // 3, quick=True, progress=False
    )
    assert result.data["units"] == 20


def test_a_resumed_run_computes_nothing_again(found: tuple[Comparison, Path]) -> None:
    result, out = found
    jobs = sorted((out / "jobs").iterdir())
    stamps = [job.stat().st_mtime_ns for job in jobs]
    data = load("inertia", nu=0.0, n=120)
    again = compare(data, groups="O(3),O(2)@z", quick=True, out=out, resume=True, progress=False)
    assert [job.stat().st_mtime_ns for job in jobs] == stamps
    assert again.methods == result.methods
    with pytest.raises(IsotropyError, match="sha256"):
        compare(load("inertia", nu=0.5, n=120), groups="O(3)", quick=True, out=out, resume=True, progress=False)


def test_a_single_group_brings_the_subgroups_that_the_data_name() -> None:
    result = compare(load("pendulum", n=60), groups="O(2)@z", methods=["plain"], quick=True, progress=False)
    assert result.settings["groups"] == ["O(2)@z", "SO(2)@z", "D(1)@z"]


def noise(rows: int = 80) -> tuple[torch.Tensor, torch.Tensor]:
    generator = spawn(0, "noise")
    return (
        torch.randn(rows, 3, generator=generator, dtype=torch.float64),
        torch.randn(rows, 1, generator=generator, dtype=torch.float64),
    )


def test_label_noise_alone_recommends_nothing() -> None:
    x, y = noise()
    result = isotropy.compare(
        x, y, {"x": Vector, "y": Scalar}, groups="O(3)", methods="frames", quick=True, progress=False
    )
    assert result.recommended == ""
    assert result.recommendation.startswith("no method surely predicts")


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"groups": "O(4)"}, ShapeError, "O(4)"),
        ({"groups": "Q(3)"}, SchemaError, "Q(3)"),
        ({"groups": []}, SchemaError, "no candidate"),
        ({"groups": None}, SchemaError, "no candidate"),
        ({"methods": "trees"}, SchemaError, "trees"),
        ({"types": {"x": 3 * Scalar, "y": Scalar}}, SchemaError, "it would hold whatever the data"),
        ({"y": None}, SchemaError, "x, y and types"),
        ({"y": torch.ones(80, 1, dtype=torch.float64)}, DomainError, "the same in every row"),
    ],
)
def test_what_cannot_be_compared_is_refused_at_the_door(
    change: dict[str, Any], error: type[IsotropyError], said: str
) -> None:
    x, y = noise()
    given = {"x": x, "y": y, "types": {"x": Vector, "y": Scalar}, "groups": "O(3)", "quick": True} | change
    with pytest.raises(error) as caught:
        compare(given.pop("x"), progress=False, **given)
    assert said in str(caught.value)


def test_a_symmetry_that_the_preparation_imposes_is_not_compared(real_data: Path) -> None:
    with pytest.raises(SchemaError, match="imposes"):
        compare(load("eth-ucy", stride=40), groups="T(2)", quick=True, progress=False)


def test_the_command_writes_the_run_and_prints_the_advice(tmp_path: Path) -> None:
    out = tmp_path / "run"
    arguments = ["compare", "inertia", "--set", "n=60", "--group", "O(3),SO(3)", "--methods", "soft", "--quick"]
    done = CliRunner().invoke(app, [*arguments, "--engine", "serial", "--out", str(out)])
    assert done.exit_code == 0, done.output
    record = json.loads((out / "result.json").read_text())
    assert record["recommendation"] in done.output
    assert (out / "report.html").is_file()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--resume"], "--out DIR --resume"),
        (["--group", "O(4)"], "O(4)"),
        (["--methods", "trees"], "augmentation"),
        (["--address", "here"], "--engine ray"),
        (["--group", ""], "nothing in it"),
    ],
)
def test_the_command_refuses_in_one_message(arguments: list[str], said: str) -> None:
    done = CliRunner().invoke(app, ["compare", "inertia", "--engine", "serial", *arguments])
    assert done.exit_code == 2
    assert "refused" in done.output
    assert said in done.output
