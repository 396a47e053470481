"""What is asked beside the data: noise, time and robust at every door, and runs that go on with other ones."""

import re
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from isotropy.data import Dataset
from isotropy.discovery import SymmetricRegressor, discover
from isotropy.discovery._asked import noise_by_part
from isotropy.errors import DomainError, DtypeError, IsotropyError, SchemaError, ShapeError
from isotropy.runs import RunDirectoryError
from isotropy.study import Problem, problem_of

N = 80
TYPES = {"x": "2*Vector", "y": 'Scalar("energy") + Vector("force")'}
DRAW = np.random.default_rng(11)
X = DRAW.normal(size=(N, 6))
Y = np.concatenate([(X[:, :3] * X[:, 3:]).sum(1, keepdims=True), X[:, :3] + 0.3 * DRAW.normal(size=(N, 3))], 1)


def asked(**how: Any) -> Any:
    return discover(X, Y, TYPES, groups="O(3)", quick=True, progress=False, **how)


def test_noise_may_be_spelt_in_many_ways() -> None:
    problem: Problem = problem_of(Dataset(X, Y, TYPES), "O(3)", None, 0)
    deviations = np.broadcast_to([0.1, 0.2, 0.2, 0.2], Y.shape).copy()
    spelt: list[Any] = ["energy=0.1, force=0.2", {"energy": np.float32(0.1), "force": 0.2}]
    for given in (*spelt, deviations, deviations.tolist(), torch.tensor(deviations)):
        assert noise_by_part(given, problem) == pytest.approx({"energy": 0.1, "force": 0.2})
    for number in ("0.25", 0.25, np.float32(0.25), torch.tensor(0.25)):
        assert noise_by_part(number, problem) == pytest.approx({"energy": 0.25, "force": 0.25})
    assert noise_by_part("force=0.2", problem) == pytest.approx({"force": 0.2})


def test_noise_of_clouds_has_the_shape_of_their_targets() -> None:
    x = DRAW.normal(size=(N, 4, 3))
    data = Dataset(x, x - x.mean(1, keepdims=True), {"x": "Cloud(Point)", "y": "Cloud(Vector)"})
    with pytest.raises(ShapeError, match=re.escape("(80, 12), like y")):
        discover(data, groups="SO(3)", quick=True, noise=np.full((N, 3, 3), 0.1))
    with pytest.raises(DomainError, match="less than the targets vary"):
        discover(data, groups="SO(3)", quick=True, noise=np.full((N, 4, 3), 9.0))


REFUSED: dict[str, tuple[dict[str, Any], type[IsotropyError], str]] = {
    "negative": ({"noise": -0.1}, DomainError, "noise=-0.1; expected a standard deviation, at least 0; noise=0.02"),
    "negative part": ({"noise": {"force": -1}}, DomainError, "at least 0"),
    "missing": ({"noise": float("nan")}, DomainError, "noise=nan"),
    "a width": ({"noise": np.full((N, 3), 0.1)}, ShapeError, "noise of shape (80, 3); expected (80, 4), like y"),
    "rows": ({"noise": np.full((N - 1, 4), 0.1)}, ShapeError, "noise of shape (79, 4)"),
    "large": ({"noise": {"force": 5.0}}, DomainError, "noise of force with standard deviation 5; expected less than"),
    "part": ({"noise": {"forces": 0.1}}, SchemaError, "the part 'forces'; expected one of 'energy', 'force'"),
    "words": ({"noise": "little"}, SchemaError, "noise 'little'; expected a number, or name=number"),
    "objects": ({"noise": {"force": None}}, DtypeError, "expected standard deviations, as numbers"),
    "a flag": ({"noise": True}, DtypeError, "noise=True"),
    "times": ({"time": np.arange(N - 1)}, ShapeError, "time of shape (79,); expected (80,), one time for each row"),
    "repeats": ({"time": np.arange(N) // 4}, DomainError, "time with 60 repeats inside one series"),
    "in a unit": (
        {"time": np.arange(N) // 2 % 5, "cluster": np.arange(N) // 10},
        DomainError,
        "time with 40 repeats inside one unit; expected one row for each time in each unit",
    ),
    "missing times": ({"time": [None, *range(1, N)]}, DomainError, "time with 1 missing values"),
    "no date": (
        {"time": np.array(["NaT", *["2024-05-01"] * (N - 1)], dtype="datetime64[s]")},
        DomainError,
        "time with 1 missing values",
    ),
    "times of day": ({"time": ["noon"] * N}, DtypeError, "expected numbers or dates"),
    "no groups": ({"groups": []}, SchemaError, 'no candidate groups for these data; expected at least one; groups="O'),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_meant_is_refused_before_a_run_begins(case: str, tmp_path: Path) -> None:
    how, error, said = REFUSED[case]
    with pytest.raises(error, match=re.escape(said)):
        discover(X, Y, TYPES, **{"groups": "O(3)", "quick": True, "out": tmp_path / "run"} | how)
    assert not (tmp_path / "run").exists()


def test_a_robust_loss_wants_targets_that_differ() -> None:
    with pytest.raises(DomainError, match="the same in every row"):
        discover(X, np.ones((N, 1)), {"x": "2*Vector", "y": "Scalar"}, groups="O(3)", robust=True)
    y = Y.copy()
    y[DRAW.permutation(N)[: 3 * N // 4], 0] = 2.0
    with pytest.raises(DomainError, match=r"robust=True with energy equal in 75% of the rows.*leave robust out"):
        discover(X, y, TYPES, groups="O(3)", robust=True)


def test_dates_of_every_kind_order_the_rows() -> None:
    import datetime

    days = [datetime.date(2024, 5, 1) + datetime.timedelta(days=int(k)) for k in DRAW.permutation(N)]
    first = np.argsort([day.toordinal() for day in days])
    data = Dataset(X, Y, TYPES)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for time in (days, np.array(days, dtype="datetime64[D]"), [day.isoformat() for day in days]):
            assert np.array_equal(problem_of(data, "O(3)", None, 0, time=time).x.numpy(), X[first])


def test_a_run_goes_on_with_the_same_evidence_only(tmp_path: Path) -> None:
    how: dict[str, Any] = {"noise": {"force": 0.3, "energy": 0}, "out": tmp_path / "run"}
    result = asked(**how)
    assert {part.name: (part.deviation, part.source) for part in result.noise} == {
        "energy": (0.0, "given"),
        "force": (pytest.approx(0.3, abs=1e-12), "given"),
    }
    assert replace(asked(**how, resume=True), seconds=result.seconds) == result
    changes: list[tuple[str, dict[str, Any]]] = [
        ("noise", {"noise": None}),
        ("noise", {"noise": {"force": 0.3}}),
        ("noise", {"noise": "force=0.2,energy=0"}),
        ("time = ", {"time": iter(range(N))}),  # in the order in which they stand
        ("robust = true", {"robust": True}),
    ]
    for said, change in changes:
        with pytest.raises(RunDirectoryError, match=said):
            asked(**{**how, **change, "resume": True})


def test_noise_that_is_stated_shrinks_the_worst_case_to_what_the_interval_of_the_explained_leaves() -> None:
    draw = np.random.default_rng(3)
    x = draw.normal(size=(250, 3))
    y = (x**2).sum(1, keepdims=True) + draw.normal(size=(250, 1))
    unknown, stated = (
        discover(x, y, {"x": "Vector", "y": "Scalar"}, groups="SO(3)", quick=True, progress=False, noise=noise)["SO(3)"]
        for noise in (None, 1.0)
    )
    assert unknown.breaking == stated.breaking
    # A seventh of the variation is noise, which counts against the symmetry only where nobody says so.
    left = 1 - unknown.explained.low
    assert unknown.upper_worst == pytest.approx(left, abs=0.03)
    assert stated.upper_worst == pytest.approx(left - 1 / 7, abs=0.03)


def test_the_estimator_takes_noise_time_and_robust() -> None:
    y = Y[:, 0].copy()
    y[3] = 1e4
    types = {"x": "2*Vector", "y": "Scalar"}
    model = SymmetricRegressor(types, "O(3)", quick=True, noise=0.01, robust=True)
    assert model.get_params()["noise"] == 0.01
    model.fit(X, y, time=np.arange(N))
    assert model.discovery_.noise[0].source == "given"
    assert model.discovery_.settings["robust"]
    assert model.discovery_["O(3)"].verdict != "no signal"
    with pytest.raises(ShapeError, match="one time for each row"):
        model.fit(X, y, time=np.arange(N - 1))
