"""At the door: rows that depend on each other are told, and become units of their own kind."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from isotropy.data import Dataset
from isotropy.errors import DomainError, DtypeError, ShapeError
from isotropy.reps import Scalar, Vector
from isotropy.runs import Run
from isotropy.study import DependentRowsWarning, Problem, problem_of


def walk(n: int = 240, rho: float = 0.95) -> np.ndarray:
    steps = np.random.default_rng(0).normal(size=(n, 4))
    z = steps.copy()
    for t in range(1, n):
        z[t] = rho * z[t - 1] + np.sqrt(1 - rho**2) * steps[t]
    return z


def problem(x: np.ndarray, y: np.ndarray, cluster: object = None, time: object = None) -> Problem:
    data = Dataset(np.ascontiguousarray(x), np.ascontiguousarray(y), {"x": Vector, "y": Scalar}, cluster)  # type: ignore[arg-type]
    return problem_of(data, "SO(3)", None, 0, time=time)  # type: ignore[arg-type]


def test_a_series_is_cut_into_blocks_with_a_loud_warning() -> None:
    z = walk()
    with pytest.warns(DependentRowsWarning, match="blocks of 30 rows are the units.*cluster="):
        found = problem(z[:, :3], z[:, 3:])
    assert found.dependence.kind == "serial"
    assert found.unit.tolist() == [i // 30 for i in range(240)]


def test_time_names_the_order_that_blocks_need() -> None:
    z, order = walk(), np.random.default_rng(1).permutation(240)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert problem(z[order, :3], z[order, 3:]).dependence.kind == "none"
    with pytest.warns(DependentRowsWarning):
        found = problem(z[order, :3], z[order, 3:], time=np.arange(240)[order])
    assert np.array_equal(found.x.numpy(), z[:, :3])
    dates = np.datetime64("2024-01-01") + np.arange(240)[order]
    with pytest.warns(DependentRowsWarning):
        assert np.array_equal(problem(z[order, :3], z[order, 3:], time=dates).x.numpy(), z[:, :3])


def test_declared_clusters_are_taken_at_their_word() -> None:
    z = walk()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = problem(z[:, :3], z[:, 3:], cluster=np.arange(240) // 10, time=np.arange(240) % 10)
    assert found.dependence.kind == "none"
    assert int(found.unit.max()) == 23


def test_a_sorted_table_keeps_its_rows() -> None:
    x = np.random.default_rng(2).normal(size=(240, 3))
    x = x[x[:, 1].argsort()]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = problem(x, (x**2).sum(1, keepdims=True))
    assert found.dependence.kind == "sorted"
    assert found.unit.tolist() == list(range(240))


def test_times_that_say_no_order_are_refused() -> None:
    z = walk()
    x, y = z[:, :3], z[:, 3:]
    with pytest.raises(DomainError, match=r"repeats inside one series.*one row for each time.*cluster="):
        problem(x, y, time=np.arange(240) // 2)
    with pytest.raises(DomainError, match="120 repeats inside one unit"):
        problem(x, y, cluster=np.arange(240) // 20, time=np.arange(240) // 2)
    with pytest.raises(ShapeError, match="one time for each row"):
        problem(x, y, time=[1.0, 2.0])
    with pytest.raises(DtypeError, match="numbers or dates"):
        problem(x, y, time=["noon"] * 240)
    with pytest.raises(DomainError, match="240 missing"):
        problem(x, y, time=[float("nan")] * 240)


def test_halves_of_a_series_are_contiguous_in_every_split_and_survive_the_run(tmp_path: Path) -> None:
    z = walk()
    with pytest.warns(DependentRowsWarning):
        found = problem(z[:, :3], z[:, 3:])
    with Run(tmp_path / "run") as run:
        found.save(run)
        loaded = Problem.load(run)
    assert found.series is not None
    assert int(found.series.max()) % 2 == 1
    halves = [loaded.half(split) for split in range(5)]
    for half in halves:
        assert int(half.sum()) == 120
        assert int((half != half.roll(1)).sum()) == 2  # around the circle of the rows
        assert all(len(set(half[found.unit == u].tolist())) == 1 for u in range(8))
    assert len({tuple(half.tolist()) for half in halves}) > 2
