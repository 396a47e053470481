"""Rows whose targets are impossibly far are named; heavy tails are not blamed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from isotropy.measure import outliers

HONEST = {
    "normal": lambda r, n: r.normal(size=n),
    "t with 2 degrees": lambda r, n: r.standard_t(2, size=n),
    "Cauchy": lambda r, n: r.standard_cauchy(size=n),
    "log-normal": lambda r, n: np.exp(2 * r.normal(size=n)),
    "uniform": lambda r, n: r.uniform(size=n),
    "four decades": lambda r, n: 10 ** r.uniform(0, 4, size=n),
    "mostly zero": lambda r, n: np.where(r.uniform(size=n) < 0.2, r.exponential(size=n), 0.0),
    "labels": lambda r, n: (r.uniform(size=n) < 0.1).astype(float),
}


def named(y: np.ndarray) -> list[int]:
    return [found.row for found in outliers(torch.from_numpy(y.reshape(len(y), -1)), {"y": slice(None)})]


@pytest.mark.parametrize("law", HONEST)
def test_honest_targets_are_not_blamed(law: str) -> None:
    r = np.random.default_rng(0)
    assert sum(bool(named(HONEST[law](r, n))) for n in (40, 300, 1000) for _ in range(15)) == 0


@pytest.mark.parametrize("law", ["normal", "t with 2 degrees", "uniform"])
@pytest.mark.parametrize("n", [60, 300])
def test_rows_far_beyond_the_tail_are_named(law: str, n: int) -> None:
    y = HONEST[law](np.random.default_rng(1), n)
    y[17] = -3e6
    assert named(y) == [17]


def test_several_rows_and_parts_are_told_apart_whatever_their_units() -> None:
    y = np.random.default_rng(2).normal(size=(300, 4)) * [1e-3, 1, 1, 1]
    y[5, 0], y[9, 1:], y[11, 2] = 50.0, 2e5, -4e5
    found = outliers(torch.from_numpy(y), {"energy": slice(0, 1), "force": slice(1, 4)})
    assert {(item.part, item.row) for item in found} == {("energy", 5), ("force", 9), ("force", 11)}
    assert str(found[0]).startswith("row 11: force of size 4e+05")


def test_of_a_handful_of_rows_nothing_is_said() -> None:
    assert named(np.array([1.0, 2.0, 1e9, 3.0])) == []
    assert named(np.ones(100)) == []
