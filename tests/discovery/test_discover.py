"""The verb from end to end on small data: its contract, its determinism, its resume, and what it refuses."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from isotropy.data import load
from isotropy.discovery import Discovery, SymmetricRegressor, discover
from isotropy.errors import DomainError, DtypeError, IsotropyError, SchemaError, ShapeError
from isotropy.groups import SO, MatrixGroup, S, Window
from isotropy.reps import Nodes, Scalar, Vector
from recorded import scrubbed

CONTRACT = {
    *("name", "breaking", "low", "high", "level", "verdict", "p_value", "overlap", "inputs_invariant"),
    *("price", "price_low", "price_high", "cost_rmse"),
}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Discovery, Path]:
    out = tmp_path_factory.mktemp("runs") / "a"
    data = load("inertia", nu=0.3, n=300)
    return discover(data, quick=True, out=out, progress=False), out


def test_the_broken_axis_is_found_and_the_surviving_group_recommended(found: tuple[Discovery, Path]) -> None:
    result, _ = found
    assert result["O(2)@z"].verdict == "none seen"  # the kernel does not learn all of it, noise is known to be 0
    assert all(result[name].verdict == "approximate" for name in ("O(3)", "O(2)@x", "O(2)@y"))
    assert 0.0467 in result["O(3)"].breaking
    assert result.recommendation.startswith("build in O(2)@z if what was not learned keeps it too: nothing in the 9")
    assert "; imposing O(3) would cost 0." in result.recommendation
    assert result.continuous.dimension == 1
    assert abs(result.continuous.axes[0][2]) > 0.99


def test_the_result_file_keeps_the_contract_and_reads_back(found: tuple[Discovery, Path]) -> None:
    result, out = found
    text = (out / "result.json").read_text()
    record = json.loads(text)
    assert record["schema"] == 2
    assert all(set(group) >= CONTRACT for group in record["groups"])
    assert set(record["continuous"]) >= {"dimension", "axes", "eigenvalues", "intervals"}
    assert {"data", "recommendation", "seconds"} <= set(record)
    assert Discovery.from_json(text) == result
    assert (out / "report.html").stat().st_size > 10_000


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes_but_for_the_seconds(tmp_path: Path) -> None:
    for name in "ab":
        data = load("inertia", nu=0.3, n=90)
        discover(data, groups="O(3),O(2)@z", quick=True, out=tmp_path / name, progress=False)

    def told(folder: Path) -> str:
        return json.dumps(scrubbed(json.loads((folder / "result.json").read_text())))

    assert told(tmp_path / "a") == told(tmp_path / "b")


def test_a_resumed_run_computes_nothing_again(found: tuple[Discovery, Path]) -> None:
    result, out = found
    jobs = sorted((out / "jobs").iterdir())
    stamps = [job.stat().st_mtime_ns for job in jobs]
    again = discover(load("inertia", nu=0.3, n=300), quick=True, out=out, resume=True, progress=False)
    assert [job.stat().st_mtime_ns for job in jobs] == stamps
    assert again.groups == result.groups


def test_other_data_or_settings_cannot_continue_a_run(found: tuple[Discovery, Path]) -> None:
    _, out = found
    with pytest.raises(IsotropyError, match="sha256"):
        discover(load("inertia", nu=0.5, n=300), quick=True, out=out, resume=True, progress=False)


def test_label_noise_alone_is_no_signal() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(200, 3, generator=generator, dtype=torch.float64)
    y = torch.randn(200, 1, generator=generator, dtype=torch.float64)
    result = discover(x, y, {"x": Vector, "y": Scalar}, groups="O(3)", quick=True, progress=False)
    assert result["O(3)"].verdict == "no signal"


def test_inputs_in_one_pose_say_nothing_about_turned_ones() -> None:
    data = load("inertia", nu=0.0, n=240, inputs="aligned")
    result = discover(data, groups="O(3)", quick=True, progress=False)
    assert result["O(3)"].verdict == "not identifiable"


def test_a_group_of_ones_own_is_judged_in_a_declared_window() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(300, 2, generator=generator, dtype=torch.float64)
    y = x[:, :1] ** 2 - x[:, 1:] ** 2
    boosts = MatrixGroup("SO+(1,1)", algebra=[[[0.0, 1.0], [1.0, 0.0]]])
    result = discover(x, y, {"x": Vector, "y": Scalar}, groups=[Window(boosts, 0.3)], quick=True, progress=False)
    assert result["SO+(1,1)"].width == (0.3,)
    assert result["SO+(1,1)"].breaking.mean < 0.05


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"groups": "O(4)"}, ShapeError, "O(4)"),
        ({"groups": "Q(3)"}, SchemaError, "Q(3)"),
        ({"groups": []}, SchemaError, "no candidate"),
        ({"types": {"x": "5*Vector", "y": "Scalar"}}, IsotropyError, "5*Vector"),
        ({"types": {"x": 3 * Scalar, "y": Scalar}}, SchemaError, "it would hold whatever the data"),
        ({"y": None}, SchemaError, "x, y and types"),
        ({"x": np.ones((100, 3), dtype=object)}, DtypeError, "nothing is guessed"),
        ({"x": np.full((100, 3), np.nan)}, IsotropyError, "NaN"),
        ({"x": np.ones((100, 3), dtype=complex)}, DtypeError, "imaginary"),
        ({"y": np.ones((100, 1))}, DomainError, "the same in every row"),
        ({"y": np.zeros((100, 1))}, DomainError, "the same in every row"),
        ({"tolerance": 0.0}, DomainError, "tolerance=0.0"),
        ({"tolerance": float("nan")}, DomainError, "tolerance=nan"),
    ],
)
def test_what_cannot_be_meant_is_refused(change: dict[str, object], error: type[Exception], said: str) -> None:
    generator = torch.Generator().manual_seed(0)
    arguments: dict[str, object] = {
        "x": torch.randn(100, 3, generator=generator, dtype=torch.float64),
        "y": torch.randn(100, 1, generator=generator, dtype=torch.float64),
        "types": {"x": Vector, "y": Scalar},
        "groups": "O(3)",
    }
    arguments |= change
    with pytest.raises(error, match=re.escape(said)):
        discover(arguments.pop("x"), arguments.pop("y"), arguments.pop("types"), quick=True, **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("winner", ["kernel", pytest.param("network", marks=pytest.mark.slow)])
def test_a_full_run_in_miniature(winner: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("isotropy.discovery._network._STEPS", 8)
    monkeypatch.setattr("isotropy.discovery._analysis._SURROGATES", 2)
    monkeypatch.setattr("isotropy.discovery._analysis._MARGIN", 0.0 if winner == "kernel" else float("inf"))
    monkeypatch.setattr("isotropy.discovery._analysis.MOST_OUTPUTS", 0)  # without trees
    result = discover(load("inertia", n=60), groups="O(3),O(2)@z", out=tmp_path / "run", progress=False)
    assert result.learnt.learner == winner
    assert set(result.learnt.scores) == {"kernel", "network"}
    assert len(result.training.loss) == len(result.training.epochs) > 0
    assert set(result.training.strengths) == {"O(3)", "O(2)@z"}
    assert {len(values) for values in result.calibration.values()} == {2}
    for shape in ((), (3,), (2, 3), (0,)):
        assert result.model(torch.zeros(*shape, 20, dtype=torch.float64)).shape == (*shape, 9)
    assert "<svg" in (tmp_path / "run" / "report.html").read_text()


def test_a_constant_vector_is_not_symmetric() -> None:
    x = torch.randn(200, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y = torch.tensor([[1.0, 0.0, 0.0]], dtype=torch.float64).repeat(200, 1)
    result = discover(x, y, {"x": Vector, "y": Vector}, groups="O(3),O(2)@z", quick=True, progress=False)
    assert [finding.verdict for finding in result.groups] == ["absent", "absent"]
    assert all(1.0 in finding.breaking for finding in result.groups)


def test_what_the_preparation_imposed_is_neither_judged_nor_advised() -> None:
    data = replace(load("inertia", n=60), imposed={"O(3)": "imposed by hand"})
    result = discover(data, groups="O(3),O(2)@z", quick=True, progress=False)
    assert result["O(3)"].breaking.high == 0
    assert result.continuous.group == "O(2)@z"
    assert "O(3)" not in result.recommendation
    assert "O(3): imposed by hand" in result.notes


def test_a_candidate_named_twice_is_judged_once() -> None:
    with pytest.warns(UserWarning, match="same group"):
        result = discover(load("inertia", n=60), groups="O(3),SO(2)@z,SO(2)@(0,0,2)", quick=True, progress=False)
    assert [finding.name for finding in result.groups] == ["O(3)", "SO(2)@z"]


def test_repeated_rows_stay_together_and_are_told() -> None:
    x = torch.randn(60, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64).repeat(2, 1)
    y = x.square().sum(1, keepdim=True)
    with pytest.warns(UserWarning, match="60 rows repeat"):
        result = discover(x, y, {"x": Vector, "y": Scalar}, groups="O(3)", quick=True, progress=False)
    assert result["O(3)"].breaking.n == 60


def test_a_product_over_two_spaces_is_judged() -> None:
    x = torch.randn(150, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    lengths = x.reshape(-1, 3, 2).square().sum(2)
    y = lengths.sum(1, keepdim=True)
    result = discover(x, y, {"x": Nodes * Vector, "y": Scalar}, groups=[S(3) * SO(2)], quick=True, progress=False)
    assert result.groups[0].verdict == "no breaking detected"
    assert len(result.curves) == 1


def test_the_estimator_builds_in_what_holds() -> None:
    train, test = load("inertia", nu=0.0, n=300, seed=1), load("inertia", nu=0.0, n=50, seed=2)
    model = SymmetricRegressor(train.types, groups="O(3)", quick=True).fit(train.x.numpy(), train.y.numpy())
    assert model.group_ == "O(3)"
    assert model.score(test.x.numpy(), test.y.numpy()) > 0.9
