"""Tables of people's own: DataFrames of any library, dictionaries of columns, and types that name columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import isotropy
from isotropy.data import Dataset, draft, load
from isotropy.errors import DomainError, DtypeError, IsotropyError, SchemaError, ShapeError
from isotropy.reps import Schema

ROWS = 60
NUMBERS = np.random.default_rng(3).integers(-9, 9, (ROWS, 5)).astype(float)
COLUMNS: dict[str, Any] = dict(zip(("px", "py", "pz", "m", "e"), NUMBERS.T, strict=True))
COLUMNS["who"] = [f"p{i // 3}" for i in range(ROWS)]
TYPES = {"x": {"mass": ["m"], "position": ["px", "py", "pz"]}, "y": {"energy": "e"}}
WANTED = torch.from_numpy(NUMBERS[:, [3, 0, 1, 2]]), torch.from_numpy(NUMBERS[:, [4]])


def polars_frame() -> Any:
    polars = pytest.importorskip("polars", reason="polars is not installed")
    return polars.DataFrame({name: list(values) for name, values in COLUMNS.items()})


def pandas_frame() -> Any:
    return pytest.importorskip("pandas", reason="pandas is not installed").DataFrame(COLUMNS)


def arrow_table() -> Any:
    return pytest.importorskip("pyarrow", reason="the extra [tables] is not installed").table(
        {name: list(values) for name, values in COLUMNS.items()}
    )


class Exchanged:
    """A DataFrame of some other library: nothing but the interchange protocol."""

    def __dataframe__(self, *arguments: Any, **options: Any) -> Any:
        return arrow_table().__dataframe__(*arguments, **options)


def structured() -> Any:
    rows = [tuple(row) for row in zip(*(COLUMNS[name] for name in COLUMNS), strict=True)]
    return np.array(rows, dtype=[(name, "U4" if name == "who" else "f8") for name in COLUMNS])


TABLES: dict[str, Any] = {
    "polars": polars_frame,
    "pandas": pandas_frame,
    "pyarrow": arrow_table,
    "interchange": Exchanged,
    "structured array": structured,
    "dictionary": lambda: COLUMNS,
}


@pytest.mark.parametrize("library", TABLES)
def test_types_name_the_columns_of_a_table_of_any_library(library: str) -> None:
    if library == "interchange":
        pytest.importorskip("pyarrow", reason="the extra [tables] is not installed")
    data = Dataset(TABLES[library](), types=TYPES, cluster="who")
    assert torch.equal(data.x, WANTED[0])
    assert torch.equal(data.y, WANTED[1])
    assert data.units == ROWS // 3
    assert str(data.types.x) == 'Scalar("mass") + Vector("position")'
    assert data.types.dims == {"space": 3}


def test_targets_by_name_beside_all_other_columns() -> None:
    rows = {name: values for name, values in COLUMNS.items() if name != "who"}
    data = Dataset(rows, "e", {"x": "Vector + Scalar", "y": "Scalar"})
    assert torch.equal(data.x, torch.from_numpy(NUMBERS[:, :4]))
    several = Dataset(rows, ["m", "e"], {"x": "Vector", "y": "2*Scalar"})
    assert torch.equal(several.y, torch.from_numpy(NUMBERS[:, 3:]))


def test_targets_of_their_own_beside_named_inputs() -> None:
    data = Dataset(COLUMNS, NUMBERS[:, 4], {"x": {"position": ["px", "py", "pz"]}, "y": "Scalar"})
    assert torch.equal(data.x, torch.from_numpy(NUMBERS[:, :3]))


@pytest.mark.parametrize(
    ("types", "error", "said"),
    [
        ({"x": {"position": ["px", "py", "pzz"]}, "y": {"e": ["e"]}}, SchemaError, "no column 'pzz'.*write pz"),
        ({"x": {"position": ["px", "py", "who"]}, "y": {"e": ["e"]}}, DtypeError, "'who'.*cluster="),
        ({"x": {"quantities": ["px", "py", "pz", "m"]}, "y": {"e": ["e"]}}, SchemaError, "4 columns under"),
        ({"x": {"Vectr": ["px", "py", "pz"]}, "y": {"e": ["e"]}}, SchemaError, "did you mean Vector"),
        ({"x": {"2*Vektor": ["px", "py"]}, "y": {"e": ["e"]}}, SchemaError, "Vektor"),
        ({"x": {"position": ["px", "py", "px"]}, "y": {"e": ["e"]}}, SchemaError, "'px' twice"),
    ],
)
def test_what_is_named_wrongly_is_refused(types: Any, error: type[IsotropyError], said: str) -> None:
    with pytest.raises(error, match=said):
        Dataset(COLUMNS, types=types)


def test_a_table_without_types_is_told_the_types_it_seems_to_have() -> None:
    with pytest.raises(SchemaError) as refusal:
        isotropy.discover(COLUMNS, groups="O(3)")
    spoken = refusal.value.hint.removeprefix("such as types=")
    data = Dataset(COLUMNS, types=eval(spoken))  # the hint can be pasted
    assert torch.equal(data.y, WANTED[1])
    assert data.units == ROWS // 3
    assert "Vector" in str(data.types.x)


def test_missing_values_are_named_and_columns_as_long_as_each_other() -> None:
    gaps = {**COLUMNS, "m": [None, *COLUMNS["m"][1:]]}
    with pytest.raises(DomainError, match=r"1 row of x \(0"):
        Dataset(gaps, types=TYPES)
    with pytest.raises(ShapeError, match="59 rows of m"):
        Dataset({**COLUMNS, "m": COLUMNS["m"][1:]}, types=TYPES)


def test_polars_categories_are_clusters_and_its_gaps_are_named() -> None:
    polars = pytest.importorskip("polars", reason="polars is not installed")
    frame = polars_frame().with_columns(polars.col("who").cast(polars.Categorical))
    assert Dataset(frame, types=TYPES, cluster="who").units == ROWS // 3
    with pytest.raises(DomainError, match="NaN"):
        Dataset(frame.with_columns(polars.lit(None, polars.Int64).alias("m")), types=TYPES)


def test_a_time_is_a_column_too() -> None:
    rows = {**COLUMNS, "when": np.arange(ROWS)}
    with pytest.raises(SchemaError, match=r"no column .wen.*write when"):
        isotropy.discover(rows, types=TYPES, groups="O(3)", time="wen")


def test_trees_of_types_stay_what_they_are() -> None:
    schema = Schema.of({"x": {"points": "Cloud(Point)", "kinds": ("Scalar", None)}, "y": "Scalar"})
    assert schema.columns is None
    assert set(schema.x) == {"points", "kinds"}


# Files.
def written(path: Path, separator: str = ",", decimal: str = ".") -> Path:
    rows = [[str(values[i]).replace(".", decimal) for values in COLUMNS.values()] for i in range(ROWS)]
    path.write_text("\n".join(separator.join(row) for row in [list(COLUMNS), *rows]) + "\n")
    return path


@pytest.mark.parametrize(("separator", "decimal"), [(";", ","), ("\t", ","), ("|", ".")])
def test_other_separators_are_named_with_the_lines_to_write(tmp_path: Path, separator: str, decimal: str) -> None:
    path = written(tmp_path / "data.csv", separator, decimal)
    with pytest.raises(SchemaError) as refusal:
        load(path, schema=TYPES)
    lines = dict(line.split(": ", 1) for line in refusal.value.hint.splitlines()[1:])
    said = {key: value.strip('"').replace("\\t", "\t") for key, value in lines.items()}
    assert said == {"separator": separator} | ({"decimal": ","} if decimal == "," else {})
    assert torch.equal(load(path, schema={**TYPES, **said}).x, WANTED[0])


def test_decimal_commas_between_tabs_are_named(tmp_path: Path) -> None:
    path = written(tmp_path / "data.tsv", "\t", ",")
    with pytest.raises(SchemaError, match='decimal: ","'):
        load(path, schema=TYPES)
    assert torch.equal(load(path, schema={**TYPES, "decimal": ","}).x, WANTED[0])


@pytest.mark.parametrize("name", ["t.feather", "t.jsonl", "t.xlsx", "t.txt", "t.npy", "t.h5", "t.xyz"])
def test_other_files_are_told_what_to_do(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("1")
    with pytest.raises(SchemaError) as refusal:
        load(tmp_path / name, schema=TYPES)
    assert "pickle" not in refusal.value.hint


def test_arrays_of_an_archive_are_named_as_columns(tmp_path: Path) -> None:
    points = np.arange(ROWS * 6.0).reshape(ROWS, 2, 3)
    np.savez(tmp_path / "data.npz", points=points, charge=NUMBERS[:, 3], e=NUMBERS[:, 4])
    columns = {"x": ["points", "charge"], "y": ["e"]}
    data = load(tmp_path / "data.npz", schema={"x": "2*Vector + Scalar", "y": "Scalar", "columns": columns})
    assert torch.equal(data.x[:, :6], torch.from_numpy(points).flatten(1))
    assert torch.equal(data.x[:, 6], torch.from_numpy(NUMBERS[:, 3]))


def test_names_with_brackets_are_quoted() -> None:
    with pytest.raises(SchemaError, match=r"quote names that contain \[ \] : ,"):
        Schema.from_yaml("x: {position: [x [m], y [m]]}\ny: Scalar\n")


# Drafts.
def test_a_drafted_schema_reads_its_file(tmp_path: Path) -> None:
    path = written(tmp_path / "data.csv", ";", ",")
    (tmp_path / "data.schema.yaml").write_text(draft(path))
    data = load(path, schema=tmp_path / "data.schema.yaml")
    assert str(data.types.x) == 'Vector("p") + Scalar("m")'
    assert torch.equal(data.x, torch.from_numpy(NUMBERS[:, :4]))
    assert data.units == ROWS // 3
    with pytest.raises(SchemaError, match="which is there"):
        load(path)


def test_a_file_without_a_schema_is_offered_the_draft(tmp_path: Path) -> None:
    path = written(tmp_path / "data.csv")
    with pytest.raises(SchemaError) as refusal:
        load(path)
    assert draft(path) in refusal.value.hint
    assert "isotropy schema init" in refusal.value.hint


NAMES: list[tuple[str, list[str]]] = [
    ("x [m],y [m],z [m],e", ['Vector("position [m]")', 'Scalar("e")']),
    ("vel_x,vel_y,vel_z,force (N)", ['Vector("vel")', 'Scalar("force (N)")']),
    ("pos_0,pos_1,pos_2,pos_3,pos_4,e", ['Scalar("pos")', 'Scalar("e")']),
    ("pos[0],pos[1],pos[2],e", ['Vector("pos")', 'Scalar("e")']),
    ("x1,y1,z1,x2,y2,z2,m1,m2,e", ['Vector("position")', 'Scalar("m")', 'Scalar("e")']),
    (",".join(f"s{a}{b}" for a in "xyz" for b in "xyz") + ",e", ['Tensor(2)("s")', 'Scalar("e")']),
    ("x,y", ['Scalar("x")', 'Scalar("y")']),
    ("x,y,z", ['Scalar("x")', 'Scalar("y")', 'Scalar("z")']),
    ("fax,max,may,out", ['Scalar("fax")', 'Scalar("max")', 'Scalar("may")', 'Scalar("out")']),
]


@pytest.mark.parametrize(("header", "wanted"), NAMES)
def test_columns_are_grouped_by_their_names(tmp_path: Path, header: str, wanted: list[str]) -> None:
    count = header.count(",") + 1
    values = np.random.default_rng(0).normal(size=(ROWS, count))
    text = "\n".join(",".join(f"{v:.5f}" for v in row) for row in values)
    (tmp_path / "d.csv").write_text(f"{header}\n{text}\n")
    schema = Schema.from_yaml(draft(tmp_path / "d.csv"))
    lines = [line.strip().split(": [")[0] for line in draft(tmp_path / "d.csv").splitlines() if line.startswith("  ")]
    assert lines == wanted
    assert schema.columns is not None
    assert {*schema.columns["x"], *schema.columns["y"]} == set(header.split(","))


def test_what_says_nothing_is_left_out_with_its_reason(tmp_path: Path) -> None:
    rows = [f"{i},s{i % 20},9.81,{i % 7},{i * i % 11},note {i},2024-01-{i % 28 + 1:02d}" for i in range(ROWS)]
    (tmp_path / "d.csv").write_text("\n".join(["row,subject,g,a,b,remark,day", *rows]) + "\n")
    text = draft(tmp_path / "d.csv")
    for line in ("cluster: subject", "left out: row (numbers the rows)", "left out: g (the same in every row)",
                 "left out: remark (text, 60 values)", "--time day"):  # fmt: skip
        assert line in text
    assert load(tmp_path / "d.csv", schema=Schema.from_yaml(text)).x.shape == (ROWS, 1)


def test_a_draft_of_arrays_reads_them(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    arrays = {"pos": generator.normal(size=(ROWS, 4, 3)), "charge": generator.normal(size=(ROWS, 4)), "box": np.eye(3)}
    np.savez(tmp_path / "d.npz", **arrays, energy=generator.normal(size=ROWS), run=np.arange(ROWS) // 5)
    schema = Schema.from_yaml(draft(tmp_path / "d.npz"))
    data = load(tmp_path / "d.npz", schema=schema)
    assert str(schema.x) == '(Nodes*Vector)("pos") + Nodes("charge")'
    assert data.x.shape == (ROWS, 16)
    assert data.units == 12
