"""Every kind of object that people hold, at every verb: the same numbers reach the question."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator
from torch import Tensor, nn

import isotropy
from isotropy.data import Dataset, named
from isotropy.discovery import audit_calculator
from isotropy.errors import IsotropyError
from isotropy.study import dataset_of

ROWS = 60
X = np.random.default_rng(4).integers(-40, 40, (ROWS, 3)).astype(float)
Y = (X**2).sum(1, keepdims=True)
COLUMNS = dict(zip("abc", X.T, strict=True))
PLAIN = {"x": "Vector", "y": "Scalar", "dims": {"space": 3}}
NAMING = {"x": {"place": ["a", "b", "c"]}, "y": {"energy": ["e"]}}


def table(library: str) -> Any:
    columns = {name: list(values) for name, values in {**COLUMNS, "e": Y[:, 0]}.items()}
    if library == "dictionary":
        return columns
    package = pytest.importorskip(library, reason=f"{library} is not installed")
    return package.table(columns) if library == "pyarrow" else package.DataFrame(columns)


class Exchanged:
    """An array of another library: it is known by dlpack alone."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = np.ascontiguousarray(values)

    def __dlpack__(self, **asked: Any) -> Any:
        return self.values.__dlpack__(**asked)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.values.__dlpack_device__()


OBJECTS: dict[str, Callable[[], tuple[Any, Any, Any]]] = {
    "tensor": lambda: (torch.from_numpy(X), torch.from_numpy(Y), PLAIN),
    "integers": lambda: (torch.from_numpy(X).long(), torch.from_numpy(Y).int(), PLAIN),
    "numpy": lambda: (X, Y, PLAIN),
    "dlpack": lambda: (Exchanged(X), Exchanged(Y), PLAIN),
    "list": lambda: (X.tolist(), Y[:, 0].tolist(), PLAIN),
    "pandas": lambda: (table("pandas"), None, NAMING),
    "polars": lambda: (table("polars"), None, NAMING),
    "pyarrow": lambda: (table("pyarrow"), None, NAMING),
    "dictionary": lambda: (table("dictionary"), "e", NAMING),
}


class AskedError(Exception):
    """Raised in place of the work that follows."""


def asked_by(verb: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Dataset]:
    """What a verb makes of its arguments, stopped before it works."""
    room = {"discover": "discovery._discover", "compare": "comparison._compare"}[verb]
    seen: list[Dataset] = []

    def door(*arguments: Any) -> None:
        seen.append(dataset_of(*arguments))
        raise AskedError

    monkeypatch.setattr(f"isotropy.{room}.dataset_of", door)

    def ask(x: Any, y: Any, types: Any) -> Dataset:
        with pytest.raises(AskedError):
            getattr(isotropy, verb)(x, y, types, groups="O(3)")
        return seen[-1]

    return ask


@pytest.mark.parametrize("kind", OBJECTS)
@pytest.mark.parametrize("verb", ["discover", "compare"])
def test_verbs_that_learn_read_the_same_numbers(verb: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = asked_by(verb, monkeypatch)(*OBJECTS[kind]())
    assert torch.equal(data.x, torch.from_numpy(X))
    assert torch.equal(data.y, torch.from_numpy(Y))


@pytest.mark.parametrize("kind", OBJECTS)
def test_audits_read_the_same_rows(kind: str) -> None:
    x, _, types = OBJECTS[kind]()
    found = isotropy.audit(lambda v: v[:, :1] ** 2, x, types, groups="SO(2)@z,SO(2)@x")
    wanted = isotropy.audit(lambda v: v[:, :1] ** 2, X, PLAIN, groups="SO(2)@z,SO(2)@x")
    assert found["SO(2)@z"].error == wanted["SO(2)@z"].error
    assert found["SO(2)@x"].error.mean < 1e-12


class Module(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x[:, :1] ** 2


class Estimator(BaseEstimator):
    def predict(self, x: np.ndarray) -> np.ndarray:
        assert type(x) is np.ndarray
        return x[:, 0] ** 2


def of_arrays(x: np.ndarray) -> np.ndarray:
    return np.square(x[:, :1].astype(float))


def of_others(x: Any) -> Exchanged:
    """A function of another library: it takes by dlpack and gives by dlpack."""
    if isinstance(x, Tensor):
        raise TypeError("an array of this library, or of numpy")
    return Exchanged(np.from_dlpack(x)[:, :1] ** 2)


MODELS: dict[str, Callable[[], Any]] = {
    "module": Module,
    "function of tensors": lambda: lambda x: x[:, :1] ** 2,
    "function of arrays": lambda: of_arrays,
    "function by dlpack": lambda: of_others,
    "estimator": Estimator,
    "method of an estimator": lambda: Estimator().predict,
}


@pytest.mark.parametrize("kind", MODELS)
def test_audits_ask_models_of_every_kind_the_same(kind: str) -> None:
    found = isotropy.audit(MODELS[kind](), X, PLAIN, groups="SO(2)@z,SO(2)@x")
    wanted = isotropy.audit(Module(), X, PLAIN, groups="SO(2)@z,SO(2)@x")
    assert found["SO(2)@z"].error == wanted["SO(2)@z"].error
    assert found.largest is found["SO(2)@x"]


def test_graphs_of_torch_geometric_and_structures_of_ase_have_their_doors() -> None:
    graphs, ase = pytest.importorskip("torch_geometric.data"), pytest.importorskip("ase")
    emt = pytest.importorskip("ase.calculators.emt").EMT
    batch = graphs.Batch.from_data_list([graphs.Data(pos=torch.from_numpy(X[i : i + 3])) for i in range(0, ROWS, 3)])

    class Total(nn.Module):
        def forward(self, data: Any) -> Tensor:
            return data.pos.new_zeros(data.num_graphs, 3).index_add(0, data.batch, data.pos)

    found = isotropy.audit(Total(), batch, {"x": {"pos": "Cloud(Vector)"}, "y": "Vector"}, groups="O(3),SO(3)")
    assert found.largest is found["O(3)"]
    atoms = ase.Atoms("Cu3", X[:3] / 40 + 2.5 * np.eye(3))
    assert audit_calculator(emt(), atoms, groups="O(3)").largest == "O(3)"
    with pytest.raises(IsotropyError, match="audit_calculator"):
        isotropy.audit(emt(), atoms, groups="O(3)")


@pytest.mark.parametrize(
    "kind", [kind for kind in OBJECTS if kind not in ("pyarrow", "dlpack")]
)  # scikit-learn takes no such tables
def test_regressors_predict_the_same(kind: str) -> None:
    x, y, _ = OBJECTS[kind]()
    if y is None or kind == "dictionary":
        x, y = {name: x[name] for name in "abc"} if kind == "dictionary" else x[["a", "b", "c"]], Y[:, 0]
    wanted = isotropy.SymmetricRegressor().fit(X, Y[:, 0]).predict(X)
    assert np.allclose(isotropy.SymmetricRegressor().fit(x, np.ravel(y)).predict(x), wanted)


@pytest.mark.parametrize("verb", ["discover", "compare"])
def test_what_is_refused_says_what_to_write(verb: str) -> None:
    ask = getattr(isotropy, verb)
    cases: list[tuple[Any, Any, Any, str, str]] = [
        (X.reshape(20, 3, 3), Y[:20], PLAIN, "O(3)", "x.reshape(len(x), -1)"),
        (X, Y, {"x": "Vectro", "y": "Scalar"}, "O(3)", "did you mean Vector?"),
        (X, Y, {"x": "Vector", "y": "Scalar"}, "O(2)", "O(2)@z"),
        (X, Y, PLAIN, "T(3)", "Point"),
        (X, Y, PLAIN, "S(2)", "Nodes*"),
        (X, Y, PLAIN, "O3", "did you mean O(3)?"),
        (X, 1e-200 * Y, PLAIN, "O(3)", "unit"),
        (X, 1e200 * Y, PLAIN, "O(3)", "unit"),
    ]
    for x, y, types, groups, said in cases:
        with pytest.raises(IsotropyError) as refusal:
            ask(x, y, types, groups=groups)
        assert said in str(refusal.value), (said, str(refusal.value))
        assert "same in every row" not in str(refusal.value)


def test_targets_named_beside_the_types_of_the_inputs_are_scalars() -> None:
    data = dataset_of({"u": [1, 2], "v": [3, 4], "w": [5, 7]}, "w", {"x": {"plane": ["u", "v"]}}, None)
    assert str(data.types.y) == 'Scalar("w")'
    assert data.y.tolist() == [[5.0], [7.0]]


@pytest.mark.parametrize(("given", "said"), [
    ([{"a": 1.0, "e": 2.0}] * 60, r"pandas.DataFrame\(x\)"),
    ("orbits.csv", r"isotropy.data.load\('orbits.csv', schema='orbits.schema.yaml'\)"),
    ("inertia", r"isotropy.data.load\('inertia'\)"),
])  # fmt: skip
def test_what_is_no_table_yet_is_refused_with_the_way_to_one(given: Any, said: str) -> None:
    with pytest.raises(IsotropyError, match=said):
        isotropy.discover(given, types=NAMING, groups="O(3)")


def test_a_query_that_has_not_run_holds_no_rows() -> None:
    lazy = pytest.importorskip("polars").LazyFrame({"a": [1.0], "e": [2.0]})
    with pytest.raises(IsotropyError, match=r"x.collect\(\)"):
        named(lazy)
