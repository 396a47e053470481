"""Every kind of object that people hold, at every verb: the same numbers reach the question."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import isotropy
from isotropy.data import Dataset
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


OBJECTS: dict[str, Callable[[], tuple[Any, Any, Any]]] = {
    "tensor": lambda: (torch.from_numpy(X), torch.from_numpy(Y), PLAIN),
    "integers": lambda: (torch.from_numpy(X).long(), torch.from_numpy(Y).int(), PLAIN),
    "numpy": lambda: (X, Y, PLAIN),
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


@pytest.mark.parametrize("kind", [kind for kind in OBJECTS if kind != "pyarrow"])  # scikit-learn takes no such table
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
        (X, 1e-200 * Y, PLAIN, "O(3)", "unit"),
        (X, 1e200 * Y, PLAIN, "O(3)", "unit"),
    ]
    for x, y, types, groups, said in cases:
        with pytest.raises(IsotropyError) as refusal:
            ask(x, y, types, groups=groups)
        assert said in str(refusal.value), (said, str(refusal.value))
        assert "same in every row" not in str(refusal.value)
