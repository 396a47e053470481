"""Every kind of input at every door gets one answer: from Python, from a file, to a verb, a Dataset or a Schema."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import isotropy
from isotropy.data import Dataset, load, save
from isotropy.errors import DomainError, DtypeError, IsotropyError, SchemaError, ShapeError
from isotropy.reps import Schema
from isotropy.study import dataset_of, problem_of

TYPES = {"x": "Vector", "y": "Scalar", "dims": {"space": 3}}
ROWS = 60
X = np.random.default_rng(0).integers(-900, 900, (ROWS, 3)).astype(float)
Y = np.linspace(-1, 1, ROWS)[:, None]


def verb(which: Any, x: Any, y: Any = Y, cluster: Any = None) -> Any:
    return which(x, y, TYPES, groups="SO(2)@z", cluster=cluster, quick=True, progress=False)


def question(x: Any, y: Any = Y, cluster: Any = None) -> torch.Tensor:
    """What ``discover`` and ``compare`` do first; that is all of them which a test of doors needs."""
    return problem_of(dataset_of(x, y, TYPES, cluster), "SO(2)@z", None, 0).x


def audit(x: Any, y: Any = Y, cluster: Any = None) -> None:
    isotropy.audit(lambda v: v[:, :1], x, TYPES, groups="SO(2)@z", cluster=cluster)


def held(x: Any, y: Any = Y, cluster: Any = None) -> torch.Tensor:
    return Dataset(x, y, Schema.of(TYPES), cluster).x


def check(x: Any, y: Any = Y, cluster: Any = None) -> torch.Tensor:
    return Schema.of(TYPES).check(x, y)[0]


def file(folder: Path, x: Any, y: Any = Y, cluster: Any = None) -> torch.Tensor:
    arrays = {"x": x, "y": y} | ({} if cluster is None else {"cluster": cluster})
    np.savez(folder / "data.npz", **arrays)
    return load(folder / "data.npz", schema=TYPES).x


def saved(folder: Path, x: Any, y: Any = Y, cluster: Any = None) -> torch.Tensor:
    return load(save(folder / "data.npz", x, y, cluster), schema=TYPES).x


def doors(folder: Path, verbs: bool) -> dict[str, Callable[..., Any]]:
    asked = {name: partial(verb, getattr(isotropy, name)) for name in ("discover", "compare")}
    found = asked if verbs else {"question": question}
    return found | {
        "audit": audit, "Dataset": held, "Schema": check, "file": partial(file, folder), "save": partial(saved, folder)
    }  # fmt: skip


ACCEPTED: dict[str, Any] = {
    "float64": X,
    "float32": X.astype(np.float32),
    "float16": X.astype(np.float16),
    "big-endian": X.astype(">f8"),
    "big-endian integers": X.astype(">i4"),
    "integers": X.astype(int),
    "short integers": (np.abs(X) % 250).astype(np.uint8),
    "booleans": X > 0,
    "a list of rows": X.tolist(),
    "columns first": np.asfortranarray(X),
    "every other row, backwards": np.repeat(X, 2, 0)[::-2],
    "a tensor": torch.from_numpy(X),
    "bfloat16": torch.from_numpy(X).bfloat16(),
    "half": torch.from_numpy(X).half(),
    "integers in a tensor": torch.from_numpy(X).int(),
    "with gradients": torch.from_numpy(X).requires_grad_(),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_numbers_of_every_kind_are_read_as_they_are(name: str, tmp_path: Path) -> None:
    x = ACCEPTED[name]
    wanted = x.detach().double() if isinstance(x, torch.Tensor) else torch.from_numpy(np.array(x, dtype=np.float64))
    for door, enter in doors(tmp_path, verbs=False).items():
        if door == "file" and isinstance(x, torch.Tensor):
            continue  # files hold arrays
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # booleans repeat rows
            read = enter(x)
        if read is not None:
            assert read.dtype == torch.float64
            assert torch.equal(read, wanted), door


def test_one_axis_is_one_column_and_read_only_arrays_are_copied(tmp_path: Path) -> None:
    fixed = X.copy()
    fixed.flags.writeable = False
    for enter in doors(tmp_path, verbs=False).values():
        enter(fixed, Y[:, 0])


def test_data_frames_are_tables(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame, names = pandas.DataFrame(X, columns=list("abc")), pandas.Series([f"p{i // 2}" for i in range(ROWS)])
    for door, enter in doors(tmp_path, verbs=False).items():
        if door != "file":
            enter(frame, pandas.Series(Y[:, 0]), cluster=names)


def changed(row: int, value: float) -> Any:
    x = X.copy()
    x[row] = value
    return x


REFUSED: dict[str, tuple[Any, type[IsotropyError], str]] = {
    "complex": (X + 1j, DtypeError, "x of dtype complex128; expected real numbers; give real and imag"),
    "complex tensor": (torch.from_numpy(X + 1j), DtypeError, "x of dtype torch.complex128; expected real"),
    "objects": (X.astype(object), DtypeError, "x of dtype object; expected real numbers; convert it"),
    "text": (X.astype(str), DtypeError, "x of dtype <U"),
    "dates": (X.astype("datetime64[s]"), DtypeError, "x of dtype datetime64[s]"),
    "sparse": (torch.from_numpy(X).to_sparse(), DtypeError, "x.to_dense()"),
    "integers above": (np.full((ROWS, 3), 2**53 + 1), DtypeError, "2^53"),
    "ragged": ([[1.0, 2.0, 3.0], [1.0]] * 30, DtypeError, "equally long"),
    "NaN": (changed(7, np.nan), DomainError, "NaN or infinity in 1 row of x (7; counted from 0)"),
    "infinity": (changed(9, np.inf), DomainError, "NaN or infinity in 1 row of x (9; counted from 0)"),
    "masked": (np.ma.masked_less(X, -890), DomainError, "NaN or infinity in"),
    "three axes": (X[None], ShapeError, "x of shape (1, 60, 3)"),
    "a number": (np.float64(1.0), ShapeError, "x of shape ()"),
    "no rows": (X[:0], ShapeError, "at least one row"),
    "flat": (X[:, 0], ShapeError, "x of shape (60,); expected (rows, columns); x[:, None] is one column"),
    "wide": (np.hstack([X, X]), SchemaError, "6 columns of x; expected 3 for Vector"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_table_is_refused_in_the_same_words(name: str, tmp_path: Path) -> None:
    x, kind, said = REFUSED[name]
    # No file of arrays holds the first five (a mask is filled in); "save" knows no types to hold widths against.
    unheard = {"file": {"objects", "sparse", "ragged", "complex tensor", "masked"}, "save": {"wide", "flat"}}
    heard: dict[str, str] = {}
    for door, enter in doors(tmp_path, verbs=True).items():
        if name in unheard.get(door, ()):
            continue
        with pytest.raises(kind) as caught:
            enter(x)
        heard[door] = str(caught.value)
        assert said in heard[door], f"{door}: {heard[door]}"
    assert len(set(heard.values())) == 1, heard


def test_no_hint_turns_complex_numbers_into_real_ones(tmp_path: Path) -> None:
    for enter in doors(tmp_path, verbs=True).values():
        with pytest.raises(DtypeError) as caught:
            enter(X + 1j)
        assert "astype" not in str(caught.value)


LABELS: dict[str, Any] = {
    "numbers": np.arange(ROWS) // 2,
    "with gaps": torch.arange(ROWS) * 7,
    "floats": np.arange(ROWS) / 2,
    "text": np.array([f"p{i // 2}" for i in range(ROWS)]),
    "a list of text": [f"p{i // 2}" for i in range(ROWS)],
    "objects that are text": np.array([f"p{i // 2}" for i in range(ROWS)], dtype=object),
}


@pytest.mark.parametrize("name", LABELS)
def test_clusters_may_be_labelled_by_anything_plain(name: str, tmp_path: Path) -> None:
    for door, enter in doors(tmp_path, verbs=False).items():
        if door != "file" or (not isinstance(LABELS[name], torch.Tensor | list) and LABELS[name].dtype != object):
            enter(X, cluster=LABELS[name])
    read = Dataset(X, Y, TYPES, LABELS[name]).cluster
    assert read is not None
    assert sorted(set(read.tolist())) == list(range(int(read.max()) + 1))


MISLABELLED: dict[str, tuple[Any, type[IsotropyError], str]] = {
    "another length": (np.arange(59), ShapeError, "59 labels of clusters; expected 60, one for each row"),
    "NaN": (np.where(np.arange(ROWS) < 2, np.nan, 1.0), SchemaError, "cluster with 2 missing labels"),
    "nothing": ([None] * ROWS, SchemaError, "cluster with 60 missing labels"),
    "NaN among text": (["a", float("nan")] * 30, SchemaError, "cluster with 30 missing labels"),
    "two axes": (np.ones((ROWS, 2)), ShapeError, "cluster of shape (60, 2)"),
    "complex": (np.ones(ROWS, complex), DtypeError, "cluster of dtype complex128"),
    "mixed": ([1, "a"] * 30, DtypeError, "cluster of dtype object"),
}


@pytest.mark.parametrize("name", MISLABELLED)
def test_labels_that_cannot_be_meant_are_refused_in_the_same_words(name: str, tmp_path: Path) -> None:
    cluster, kind, said = MISLABELLED[name]
    heard: set[str] = set()
    for door, enter in doors(tmp_path, verbs=True).items():
        if door == "Schema" or (door == "file" and isinstance(cluster, list)):
            continue  # a schema names clusters and holds none; in a file lists would be objects
        with pytest.raises(kind) as caught:
            enter(X, cluster=cluster)
        heard.add(str(caught.value))
    assert len(heard) == 1, heard
    assert said in heard.pop()


def test_verbs_say_how_many_units_they_can_judge(tmp_path: Path) -> None:
    few, labels = X[:3], np.arange(ROWS) // 10
    for door, enter in doors(tmp_path, verbs=True).items():
        if door in ("discover", "compare", "audit"):
            with pytest.raises(ShapeError, match="given 3 independent units; expected at least 8"):
                enter(few, Y[:3])
            with pytest.raises(ShapeError, match="given 6 independent units; expected at least 8"):
                enter(X, cluster=labels)
        elif door == "Schema":
            with pytest.raises(SchemaError, match="3 rows; expected at least 50"):
                enter(few, Y[:3])
        else:
            enter(few, Y[:3])  # a table may be short: only questions need more


def test_rows_that_do_not_match(tmp_path: Path) -> None:
    for door, enter in doors(tmp_path, verbs=True).items():
        if door != "audit":
            with pytest.raises(ShapeError, match="given 60 rows of x and 59 of y; expected one y for each x"):
                enter(X, Y[:59])
