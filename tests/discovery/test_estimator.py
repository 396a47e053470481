"""SymmetricRegressor among scikit-learn's estimators: checked, saved, weighted, and fed with tables."""

from __future__ import annotations

import io
import pickle
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from isotropy.discovery import SymmetricRegressor
from isotropy.errors import FewRowsWarning, SchemaError

ROWS = 60


def rows() -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(7).normal(size=(ROWS, 4))
    return x, (x[:, 1:] ** 2).sum(1) - x[:, 0]


@parametrize_with_checks([SymmetricRegressor()])
def test_scikit_learn_finds_no_fault(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")
@parametrize_with_checks([SymmetricRegressor({"x": "Nodes"}, quick=True)])
def test_nor_with_types(estimator: Any, check: Any) -> None:
    """Interchangeable numbers, of which a table may have any count: permutations are looked for in every check."""
    check(estimator)


def test_few_rows_are_fitted_without_a_symmetry_and_say_so() -> None:
    x, y = rows()
    types = {"x": {"Vector": ["a", "b", "c"], "charge": ["q"]}}
    table = dict(zip("abcq", x.T, strict=True))
    with pytest.warns(FewRowsWarning, match="20 rows say nothing"):
        few = SymmetricRegressor(types, groups="O(3)").fit({k: v[:20] for k, v in table.items()}, y[:20])
    assert (few.discovery_, few.group_) == (None, None)
    assert np.array_equal(few.predict(x), SymmetricRegressor().fit(x[:20], y[:20]).predict(x))
    with pytest.warns(FewRowsWarning, match="3 clusters"):
        SymmetricRegressor(types, groups="O(3)").fit(table, y, cluster=np.arange(ROWS) % 3)
    with pytest.raises(SchemaError, match="3 columns of x"):
        SymmetricRegressor({"x": "Vector + Scalar", "dims": {"space": 3}}, groups="O(3)").fit(x[:20, :3], y[:20])


def frame() -> Any:
    x = rows()[0]
    table = {"w": x[:, 3], "u": x[:, 1], "q": x[:, 0], "v": x[:, 2]}
    return pytest.importorskip("polars", reason="polars is not installed").DataFrame(table)


@pytest.fixture(scope="module")
def fitted() -> SymmetricRegressor:
    types = {"x": {"charge": ["q"], "place": ["u", "v", "w"]}, "y": "Scalar"}
    return SymmetricRegressor(types, groups="O(3)", quick=True).fit(frame(), rows()[1])


def test_a_fitted_regressor_takes_columns_by_their_names(fitted: SymmetricRegressor) -> None:
    x, y = rows()
    assert fitted.group_ == "O(3)"
    assert float(np.corrcoef(fitted.predict(frame()), y)[0, 1]) > 0.99
    with pytest.raises(SchemaError, match="no column 'q'"):
        clone(fitted).fit(dict.fromkeys("uvw", x[:, 0]) | {"z": x[:, 0]}, y)


def test_a_fitted_regressor_is_pickled_and_dumped(fitted: SymmetricRegressor) -> None:
    x = frame()
    file = io.BytesIO()
    joblib.dump(fitted, file)
    file.seek(0)
    for copy in (pickle.loads(pickle.dumps(fitted)), joblib.load(file)):
        assert np.array_equal(copy.predict(x), fitted.predict(x))
        assert copy.discovery_["O(3)"].verdict == fitted.discovery_["O(3)"].verdict
    assert len(pickle.dumps(fitted)) < 200_000


def test_weights_count_rows() -> None:
    x, y = rows()
    wrong = y + 5.0
    weight = np.repeat([1.0, 0.0], ROWS)
    both = SymmetricRegressor().fit(np.concatenate([x, x]), np.concatenate([y, wrong]), sample_weight=weight)
    assert np.allclose(both.predict(x), SymmetricRegressor().fit(x, y).predict(x))
    doubled = SymmetricRegressor().fit(np.concatenate([x, x[:20]]), np.concatenate([y, y[:20]]))
    counted = SymmetricRegressor().fit(x, y, sample_weight=np.where(np.arange(ROWS) < 20, 2.0, 1.0))
    assert np.allclose(doubled.predict(x), counted.predict(x))


def test_weights_weigh_the_model_and_not_the_verdict() -> None:
    x, y = rows()
    y = y + np.random.default_rng(8).normal(size=ROWS)
    plain, tripled = (
        SymmetricRegressor({"x": "Scalar + Vector"}, groups="SO(3)", quick=True).fit(x, y, sample_weight=weight)
        for weight in (None, np.where(np.arange(ROWS) % 2, 3.0, 1.0))
    )
    assert plain.discovery_["SO(3)"] == tripled.discovery_["SO(3)"]
    assert not np.allclose(plain.predict(x), tripled.predict(x))


def test_targets_are_the_columns_that_the_types_name() -> None:
    x, y = rows()
    table = {**dict(zip("abcd", x.T, strict=True)), "e": y}
    types = {"x": {"place": ["b", "c", "d"], "height": ["a"]}, "y": {"energy": ["e"]}}
    alone, beside = (SymmetricRegressor(types, groups="SO(3)", quick=True).fit(table, *given) for given in ([], [y]))
    assert np.array_equal(alone.predict(table), beside.predict(table))
    beyond = {**table, "who": ["ann", "bob"] * (ROWS // 2)}  # text, and at last no targets
    assert np.allclose(clone(alone).fit(beyond).predict(beyond), alone.predict(table))
    del beyond["e"]
    assert np.allclose(alone.predict(beyond), alone.predict(table))
    with pytest.raises(ValueError, match="requires y"):
        SymmetricRegressor({"x": types["x"]}, groups="SO(3)", quick=True).fit(table)


def test_targets_are_no_inputs_where_the_types_name_them_alone() -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    x, y = rows()
    table = pandas.DataFrame({"a": x[:, 0], "b": x[:, 1], "E": y, "c": x[:, 2]})
    model = SymmetricRegressor({"x": "Vector", "y": {"E": ["E"]}}, groups="SO(3)", quick=True).fit(table)
    assert model.n_features_in_ == 3
    assert np.array_equal(model.predict(table), model.predict(table[["a", "b", "c"]]))


def test_rows_of_weight_zero_are_no_clusters() -> None:
    x, y = rows()
    cluster, weight = np.r_[np.arange(20) % 5, np.arange(ROWS) % 3 + 9], np.r_[np.zeros(20), np.ones(ROWS)]
    with pytest.warns(FewRowsWarning, match="3 clusters"):
        SymmetricRegressor({"x": "Scalar + Vector"}, groups="SO(3)").fit(
            np.concatenate([x[:20], x]), np.concatenate([y[:20], y]), cluster=cluster, sample_weight=weight
        )
