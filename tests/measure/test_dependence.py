"""Series, sorted tables and repeated places are found; independent rows are left alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from isotropy.errors import DomainError
from isotropy.measure import Dependence, dependence, in_order, places


def found(x: np.ndarray, y: np.ndarray, seed: int = 0, *, timed: bool = False) -> Dependence:
    x, y = (torch.from_numpy(np.ascontiguousarray(part, float).reshape(len(part), -1)) for part in (x, y))
    return dependence(x, y, timed=timed, generator=torch.Generator().manual_seed(seed))


def path(r: np.random.Generator, n: int, rho: float, columns: int = 3) -> np.ndarray:
    steps = r.normal(size=(n, columns))
    z = steps.copy()
    for t in range(1, n):
        z[t] = rho * z[t - 1] + np.sqrt(1 - rho**2) * steps[t]
    return z


SHUFFLED = {
    "three normal columns": lambda r: (r.normal(size=(120, 3)), r.normal(size=120)),
    "one column": lambda r: (r.uniform(size=120), r.normal(size=120)),
    "rare bits and labels": lambda r: (
        np.c_[r.normal(size=120), r.uniform(size=(120, 6)) < 0.02, r.integers(0, 2, (120, 2))],
        r.integers(0, 3, 120),
    ),
    "heavy tails": lambda r: (r.standard_cauchy(size=(120, 2)), r.standard_cauchy(size=120)),
    "on a circle": lambda r: (lambda t: (np.c_[np.cos(t), np.sin(t)], np.sin(3 * t)))(r.uniform(0, 6.28, 120)),
}


@pytest.mark.parametrize("table", SHUFFLED)
def test_shuffled_rows_stand_alone(table: str) -> None:
    assert [found(*SHUFFLED[table](np.random.default_rng(seed)), seed).kind for seed in range(8)] == ["none"] * 8


@pytest.mark.slow
@pytest.mark.parametrize("table", SHUFFLED)
def test_false_alarms_are_fewer_than_one_in_a_hundred(table: str) -> None:
    alarms = sum(found(*SHUFFLED[table](np.random.default_rng(seed)), seed).found for seed in range(500))
    assert alarms <= 8  # 0.5 % of 500 is 2.5; more than 8 has chance 1e-3


@pytest.mark.parametrize(("n", "rho"), [(300, 0.97), (300, 0.6), (1000, 0.3)])
def test_series_are_found_and_blocks_are_contiguous_and_at_least_eight(n: int, rho: float) -> None:
    z = path(np.random.default_rng(3), n, rho)
    answer = found(z[:, :2], z[:, 2])
    assert answer.kind == "serial"
    assert answer.strength == pytest.approx(rho, abs=0.15)
    assert 1 / 3 < answer.effective / (n * (1 - rho) / (1 + rho)) < 3
    assert answer.unit is not None
    steps = answer.unit.diff()
    assert set(steps.tolist()) == {0, 1}
    assert int(answer.unit.max()) + 1 == answer.units >= 8
    assert "independent" in answer.sentence


def test_interleaved_series_and_dependent_targets_alone_are_found() -> None:
    r = np.random.default_rng(4)
    three = np.stack([path(r, 100, 0.9) for _ in range(3)], 1).reshape(300, 3)
    assert found(three, r.normal(size=300)).kind == "serial"
    assert found(r.normal(size=(300, 3)), path(r, 300, 0.9, 1)).kind == "serial"


def test_sorted_tables_are_flagged_and_their_rows_stay_units() -> None:
    r = np.random.default_rng(5)
    x = r.normal(size=(300, 3))
    table = np.c_[x, (x**2).sum(1) + x[:, 0]]
    for column, name in ((0, "x[:, 0]"), (3, "y[:, 0]")):
        for step in (1, -1):
            rows = table[table[:, column].argsort()][::step]
            answer = found(rows[:, :3], rows[:, 3])
            assert answer.kind == "sorted"
            assert not answer.found
            assert name in answer.sentence
    grid = np.stack(np.meshgrid(np.arange(20.0), np.arange(20.0), indexing="ij"), -1).reshape(-1, 2)
    assert found(grid, r.normal(size=400)).kind == "sorted"


def test_a_column_of_time_does_not_hide_the_series() -> None:
    z = path(np.random.default_rng(6), 300, 0.95)
    assert found(np.c_[np.arange(300.0), z[:, :2]], z[:, 2]).kind == "serial"
    assert found(np.arange(300.0), z[:, 2], timed=True).kind == "serial"


@pytest.mark.parametrize("jitter", [0.0, 1e-9, 1e-5, 1e-3])
@pytest.mark.parametrize("shuffled", [False, True])
def test_readings_of_one_place_are_kept_together(jitter: float, shuffled: bool) -> None:
    r = np.random.default_rng(7)
    true = np.repeat(np.arange(40), 5)
    x = r.normal(size=(40, 3))[true] + jitter * r.normal(size=(200, 3))
    order = r.permutation(200) if shuffled else np.arange(200)
    x, true = x[order], true[order]
    answer = found(x, (x**2).sum(1) + 0.1 * r.normal(size=200))
    assert answer.kind == "repeated"
    assert answer.units == answer.effective == 40
    assert answer.unit is not None
    assert len({*zip(answer.unit.tolist(), true.tolist(), strict=True)}) == 40


def test_a_series_of_places_is_both() -> None:
    r = np.random.default_rng(8)
    z = np.repeat(path(r, 80, 0.9), 4, 0) + 1e-6 * r.normal(size=(320, 3))
    answer = found(z[:, :2], z[:, 2])
    assert answer.kind == "serial and repeated"
    assert answer.unit is not None
    assert all(len(set(answer.unit[4 * i : 4 * i + 4].tolist())) == 1 for i in range(80))


def test_independent_rows_are_places_of_their_own() -> None:
    for columns in (1, 2, 5):
        for seed in range(6):
            x = torch.from_numpy(np.random.default_rng(seed).normal(size=(150, columns)))
            assert int(places(x).max()) == 149
            assert int(places(x.exp().pow(4)).max()) == 149


def test_places_of_a_long_table_are_found_around_random_rows() -> None:
    r = np.random.default_rng(9)
    x = np.repeat(r.normal(size=(1100, 4)), 4, 0) + 1e-5 * r.normal(size=(4400, 4))
    assert int(places(torch.from_numpy(x)).max()) + 1 == 1100


def test_time_orders_rows_and_must_not_repeat_within_a_unit() -> None:
    time, unit = torch.tensor([2.0, 1.0, 2.0, 3.0]), torch.tensor([0, 0, 1, 1])
    assert in_order(time, unit).tolist() == [1, 0, 2, 3]
    with pytest.raises(DomainError, match="1 repeats inside one series"):
        in_order(time, None)
    with pytest.raises(DomainError, match="inside one unit"):
        in_order(time, torch.zeros(4, dtype=torch.int64))
