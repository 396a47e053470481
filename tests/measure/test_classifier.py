"""The classifier between data and moved data: its bins are scikit-learn's, made in one pass."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.ensemble import HistGradientBoostingClassifier

from isotropy.groups import parse
from isotropy.measure._classifier import classifier
from isotropy.measure._invariant_columns import invariant_columns
from isotropy.random import derive, spawn
from isotropy.reps import Vector


@pytest.mark.parametrize("copies", [1, 3])
@pytest.mark.parametrize("decimals", [2, 9])
def test_log_odds_are_those_of_a_fit_on_raw_columns(copies: int, decimals: int) -> None:
    g, group = spawn(0, "classifier"), parse("SO(2)")
    x = torch.randn(280, 2, generator=g, dtype=torch.float64).round(decimals=decimals)
    moved = (x.repeat(copies, 1) + torch.tensor([0.4, 0.0])).round(decimals=decimals)
    points = torch.randn(200, 2, generator=g, dtype=torch.float64)
    state = g.get_state()
    odds = classifier(x, moved, Vector, group, g)(points)

    def read(rows: torch.Tensor) -> np.ndarray:
        return torch.cat([rows, invariant_columns(rows, Vector, group)], 1).numpy()

    g.set_state(state)
    seed = derive(int(torch.randint(0, 2**31, (1,), generator=g)), "classifier") % 2**32
    raw = HistGradientBoostingClassifier(max_iter=50, max_leaf_nodes=15, max_bins=255, random_state=seed)
    label = np.repeat([0, 1], [len(x), len(moved)])
    raw.fit(read(torch.cat([x, moved])), label, np.where(label == 0, float(copies), 1.0))
    assert np.allclose(odds.numpy(), raw.decision_function(read(points)))
