"""Typed data: what a schema says, what it refuses, and what it checks on arrays."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from isotropy.errors import DomainError, DtypeError, IsotropyError, SchemaError, ShapeError
from isotropy.groups import SO, C, O, S, Scale
from isotropy.linalg import Segments
from isotropy.reps import Nodes, Pixels, Point, Scalar, Schema, StandardisedVectorsWarning, Vector, parse_rep
from isotropy.reps import Tensor as TensorRep

INERTIA = """
x: 5*Scalar("mass") + 5*Vector("position")     # columns in this order
y: Tensor(2)("inertia")
dims: {space: 3}
columns: {x: [m1, m2, m3, m4, m5, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o], y: [p, q, r, s, t, u, v, w, z]}
cluster: pedestrian                            # optional
"""
TYPES = Schema(x=5 * Scalar("mass") + 5 * Vector("position"), y=TensorRep(2)("inertia"))


def data(n: int = 60, p: int = 20, q: int = 9, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(n, k, generator=generator, dtype=torch.float64) for k in (p, q))  # type: ignore[return-value]


def test_the_schema_of_the_contract_is_read_and_written_back() -> None:
    schema = Schema.from_yaml(INERTIA)
    assert schema.x == parse_rep('5*Scalar("mass") + 5*Vector("position")')
    assert schema.y == TensorRep(2)("inertia")
    assert schema.dims == {"space": 3}
    assert schema.cluster == "pedestrian"
    assert schema.columns is not None
    assert schema.columns["x"][:2] == ("m1", "m2")
    assert schema.widths() == (20, 9)
    assert Schema.from_yaml(schema.to_yaml()) == schema
    assert hash(Schema.from_yaml(schema.to_yaml())) == hash(schema)


def test_a_schema_comes_from_a_file_a_dictionary_or_itself(tmp_path: Path) -> None:
    (tmp_path / "schema.yaml").write_text(INERTIA)
    schema = Schema.from_yaml(tmp_path / "schema.yaml")
    assert Schema.of(schema) is schema
    assert Schema.of({"x": 3 * Vector, "y": "Scalar"}) == Schema(x="3*Vector", y=Scalar)
    with pytest.raises(SchemaError, match="readable"):
        Schema.from_yaml(tmp_path / "absent.yaml")


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(
        ["Scalar", "2*Vector + Nodes", "Point", 'Tensor(2)("é: # {x}")', "Vector*(Scalar + Nodes)", "4*Sphere(2)"]
    ),
    st.none() | st.dictionaries(st.sampled_from(["space", "nodes"]), st.integers(1, 9)),
    st.none() | st.text(min_size=1, max_size=8),
)
def test_yaml_round_trip(x: str, dims: dict[str, int] | None, cluster: str | None) -> None:
    schema = Schema(x=x, y="Scalar", dims=dims, cluster=cluster, names={"y": ["the # target: 'a'"]})
    assert Schema.from_yaml(schema.to_yaml()) == schema


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x: Scalar", "without 'y'"),
        ("x: Scalar\ny: Scalar\ngroup: O(3)", "one of x, y, dims"),
        ("x: Scalar\ny: Scalar\ncolums: {}", "did you mean 'columns'"),
        ("x: Skalar\ny: Scalar", "one of Scalar"),
        ("x: 3\ny: Scalar", "a type given as int"),
        ("x: [3]\ny: Scalar", "a type given as int"),
        ("x: Scalar\ny: Scalar\ndims: 3", "dict"),
        ("x: Scalar\ny: Scalar\ndims: {space: three}", "integer"),
        ("x: Scalar\ny: Scalar\ndims: {space: true}", "integer"),
        ("x: Scalar\ny: Scalar\ndims: {space: 0}", "positive"),
        ("x: Scalar\ny: Scalar\ncluster: 3", "string"),
        ("x: Scalar\ny: Scalar\ncolumns: {x: [a], y: [a]}", "'a' twice"),
        ("x: Scalar\ny: Scalar\ncolumns: {x: [a], y: [1]}", "string"),
        ("x: Scalar\ny: Scalar\nnames: {z: [a]}", "'z' in names"),
        ("x: Scalar\ny: Scalar\nnames: {x: [a, b]}", "2 names of x; expected 1"),
        ("- x\n- y", "schema of list"),
        ("", "schema of NoneType"),
        ("x: Scalar\nx: Vector\ny: Scalar", "stands twice"),
        ("a: &a [1]\nx: *a\ny: Scalar", "aliases"),
        ("x: !!python/object/apply:os.system [ls]\ny: Scalar", "not YAML"),
        ("x: {[}", "not YAML"),
        ("[" * 5000, "not YAML"),
        ("{a: b}: c", "not YAML"),
        ("1: Scalar\ny: Scalar", "types as dict"),
    ],
)
def test_what_a_schema_refuses(text: str, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        Schema.from_yaml(text)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60) | st.text("xy:{}[]&*!|>-# \n'\"Scalar()", max_size=60))
def test_any_text_is_a_schema_or_a_clear_refusal(text: str) -> None:
    try:
        schema = Schema.from_yaml(text)
    except IsotropyError:
        return
    assert Schema.from_yaml(schema.to_yaml()) == schema


def test_dimensions_come_from_the_schema_the_group_or_the_widths() -> None:
    assert TYPES.widths(SO(3)) == (20, 9)
    assert TYPES.known_dims(20, 9) == {"space": 3}
    assert Schema(x=Nodes * Vector, y=Vector).known_dims(12, 3) == {"nodes": 4, "space": 3}
    with pytest.raises(ShapeError, match="space"):
        TYPES.widths()
    with pytest.raises(SchemaError, match="4 columns of y"):
        TYPES.known_dims(20, 4)
    with pytest.raises(SchemaError, match="21 columns of x"):
        TYPES.known_dims(21, 9)
    with pytest.raises(ShapeError, match="dimension 2"):
        Schema(x=Vector, y=Scalar, dims={"space": 3}).widths(SO(2))


def test_good_data_pass_as_tensors() -> None:
    x, y = data()
    for table in ((x, y), (x.numpy(), y.numpy()), (x.float(), y.float())):
        tables = TYPES.check(*table, group=O(3))  # type: ignore[arg-type]
        assert [tuple(found.shape) for found in tables] == [(60, 20), (60, 9)]
        assert np.array_equal(tables[0].numpy(), np.asarray(table[0]))


def broken(name: str) -> tuple[Any, Any]:
    x, y = data()
    if name == "NaN":
        x[3, 2] = x[50, 0] = float("nan")
    elif name == "infinity":
        y[[0, 1, 2, 3, 4, 5, 6]] = float("inf")
    else:
        return {
            "complex": (x + 0j, y),
            "objects": (x.numpy().astype(object), y),
            "text": (x.numpy().astype(str), y),
            "flat": (x, y[:, 0]),
            "cube": (x[None], y),
            "wide": (x, torch.cat([y, y], dim=1)),
            "rows": (x, y[:-1]),
            "few": (x[:49], y[:49]),
        }[name]
    return x, y


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("NaN", DomainError, r"2 rows of x \(3, 50;"),
        ("infinity", DomainError, r"7 rows of y \(0, 1, 2, 3, 4, \.\.\.;"),
        ("complex", DtypeError, "complex"),
        ("objects", DtypeError, "nothing is guessed"),
        ("text", DtypeError, "<U"),
        ("flat", ShapeError, r"y\[:, None\]"),
        ("cube", ShapeError, r"\(1, 60, 20\)"),
        ("wide", SchemaError, "18 columns of y; expected 9"),
        ("rows", ShapeError, "60 rows of x and 59 of y"),
        ("few", SchemaError, "49 rows; expected at least 50"),
    ],
)
def test_bad_data_are_refused(name: str, kind: type[Exception], message: str) -> None:
    x, y = broken(name)
    with pytest.raises(kind, match=message):
        TYPES.check(x, y)


def test_candidates_that_cannot_apply_are_refused() -> None:
    x, y = data()
    with pytest.raises(ShapeError, match="dimension"):
        TYPES.check(x, y, group=O(2))
    with pytest.raises(SchemaError, match="vacuous candidate"):
        TYPES.check(x, y, group=S(5))
    with pytest.raises(SchemaError, match="vacuous candidate"):
        Schema(x=20 * Scalar, y=9 * Scalar).check(x, y, group=Scale(3))
    with pytest.raises(ShapeError, match="dimension"):
        Schema(x=Nodes * Vector, y=TensorRep(2), dims={"nodes": 4}).check(data(p=12)[0], y, group=SO(3) * S(5))
    Schema(x=Pixels(4, 4), y=Scalar).check(data(p=16)[0], data(q=1)[1], group=C(4))


def test_vectors_standardised_axis_by_axis_are_warned_about() -> None:
    x, y = data()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        TYPES.check(x, y)
        TYPES.check(x / x.std(), y)
    for ddof in (0, 1):
        scaled = x.numpy().copy()
        scaled[:, 5:] /= scaled[:, 5:].std(0, ddof=ddof)
        with pytest.warns(StandardisedVectorsWarning, match="position"):
            TYPES.check(scaled, y)
    masses = x.numpy() / np.where(np.arange(20) < 5, x.numpy().std(0), 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        TYPES.check(masses, y)


def test_points_and_vectors_of_one_axis_may_have_unit_variance() -> None:
    x, y = data(p=1, q=1)
    schema = Schema(x=Point, y=Scalar, dims={"space": 1})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        schema.check(x / x.std(), y)


# Types with points and pixels.
@pytest.mark.parametrize(
    "types",
    [
        {"x": "Cloud(Point)", "y": "Vector"},
        {"x": ["Cloud()", "Cloud(Point + 2*Scalar)", "Pairs()"], "y": "Cloud(Vector)"},
        {"x": {"image": "Field(3*Scalar)", "age": "Scalar"}, "y": "4*Scalar"},
    ],
    ids=["clouds", "molecules", "images"],
)
def test_any_type_is_written_and_read(types: dict[str, object]) -> None:
    schema = Schema.of(types)
    assert Schema.from_yaml(schema.to_yaml()) == schema
    assert hash(Schema.from_yaml(schema.to_yaml())) == hash(schema)
    assert not schema.tabular


def test_each_type_reads_its_own_shape() -> None:
    clouds = Schema(x="Cloud(Point)", y="Vector")
    assert [part.dtype for part in clouds.tables(np.ones((4, 5, 3), np.float32), np.ones((4, 3)))] == 2 * [
        torch.float64
    ]
    with pytest.raises(ShapeError, match=r"\(clouds, points, features\).*segments="):
        clouds.tables(np.ones((4, 3)))
    with pytest.raises(ShapeError, match="4 rows of x and 5 of y"):
        clouds.tables(np.ones((4, 5, 3)), np.ones((5, 3)))
    with pytest.raises(DomainError, match=r"1 row of x \(2;"):
        clouds.tables(np.where(np.arange(4)[:, None, None] == 2, np.nan, np.ones((4, 5, 3))))
    flat = Segments(torch.tensor([0, 0, 1]), 2)
    assert clouds.tables(np.ones((3, 3)), np.ones((2, 3)), flat)[0].shape == (3, 3)
    with pytest.raises(ShapeError, match=r"4 points of x.*expected 3"):
        clouds.tables(np.ones((4, 3)), None, flat)
    molecules = Schema(x=("Cloud()", "Cloud(Point)"), y="Scalar")
    numbers, places = molecules.tables((np.ones((4, 5), int), np.ones((4, 5, 3))))[0]
    assert (numbers.dtype, places.dtype) == (torch.int64, torch.float64)
    with pytest.raises(SchemaError, match="2 values, one for each type"):
        molecules.tables(np.ones((4, 5, 3)))
    with pytest.raises(ShapeError, match="ordered pair"):
        Schema(x="Pairs()", y="Scalar").tables(np.ones((4, 5, 6)))
    with pytest.raises(ShapeError, match="one channel"):
        Schema(x="Field(Scalar)", y="Scalar").tables(np.ones((4, 5, 5)))
    with pytest.raises(SchemaError, match="table columns"):
        clouds.check(np.ones((4, 5, 3)), np.ones((4, 3)))
    with pytest.raises(SchemaError, match="columns for x of type Cloud"):
        Schema(x="Cloud(Point)", y="Scalar", columns={"x": ("a",), "y": ("b",)})


@pytest.mark.parametrize(
    ("text", "side", "message"),
    [
        ("x: 2*Vector\ny: Scalar\ndims: {space: 3}\ncolumns: {x: [a, b], y: [c]}", "x", "2 columns of x; expected 6"),
        ("x: 2*Vector\ny: Scalar\ncolumns: {x: [a, b, c], y: [d]}", "x", "3 columns of x"),
        ("x: Scalar\ny: Scalar\ncolumns: {x: [a]}", "y", "no columns of y for data.csv"),
    ],
)
def test_columns_of_a_table_are_as_many_as_the_type_has(text: str, side: str, message: str) -> None:
    # Of an archive they name arrays, each of which may hold several columns.
    schema = Schema.from_yaml(text)
    with pytest.raises(SchemaError, match=message):
        schema.listed(side, "data.csv")


def test_types_that_name_columns_are_a_type_and_its_columns() -> None:
    named = Schema.from_yaml('x: {Scalar("mass"): [m], velocity: [u, v, w]}\ny: {Vector: [a, b, c, d, e, f]}')
    assert str(named.x) == 'Scalar("mass") + Vector("velocity")'
    assert str(named.y) == "2*Vector"
    assert named.columns == {"x": ("m", "u", "v", "w"), "y": ("a", "b", "c", "d", "e", "f")}
    assert named.dims == {"space": 3}
    assert Schema.from_yaml(named.to_yaml()) == named
    with pytest.raises(SchemaError, match="columns beside types"):
        Schema(x={"m": ["a"]}, y={"e": ["b"]}, columns={"x": ("a",), "y": ("b",)})
    with pytest.raises(SchemaError, match="multiple of 3"):
        Schema(x={"Vector": ["a", "b", "c"], "Point": ["d", "e"]}, y="Scalar", dims={"space": 3})
