"""The column that orders the rows of a file."""

import datetime
from pathlib import Path

import numpy as np
import pytest

from isotropy.data import TimeIsInputWarning, read_times
from isotropy.errors import IsotropyError, SchemaError, ShapeError

TYPES = {"x": "Scalar", "y": "Scalar", "columns": {"x": ["a"], "y": ["b"]}}
ROWS = [("2024-05-01", 7, 1.5), ("2024-05-03T06:00:00+06:00", 5, 2.5), ("2024-05-02 12:00", 6, 0.5)]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "log.csv"
    lines = [f"{when},{step},{step / 4},{a},1.0,{'noon' if a == 0.5 else step},{when}" for when, step, a in ROWS]
    path.write_text("\n".join(["when,step,part,a,b,word,c", *lines, "2024-05-04,8,2.0,3,1.0,9,", ""]))
    return path


def test_numbers_and_dates_of_a_table_grow_with_time(table: Path) -> None:
    assert read_times(table, "step", TYPES).tolist() == [7, 5, 6, 8]
    assert read_times(table, "part", TYPES).tolist() == [1.75, 1.25, 1.5, 2]
    days = read_times(table, "when", TYPES) / 86400
    assert (days - days[0]).tolist() == [0, 2, 1.5, 3]


def test_a_column_that_is_an_input_too_is_told(table: Path) -> None:
    with pytest.warns(TimeIsInputWarning, match="'a' is an input too.*leave it out of x"):
        assert read_times(table, "a", TYPES).tolist() == [1.5, 2.5, 0.5, 3]


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ("stp", "no column 'stp' in log.csv; expected one of when, step, .*; write step"),
        ("b", "which is a target; expected a column beside the targets"),
        ("word", "'noon' in row 2 of the time 'word'.*dates as ISO 8601.*number the steps"),
        ("c", "an empty cell of the column 'c'.*a value for each row"),
    ],
)
def test_a_column_that_gives_no_order_is_refused(column: str, said: str, table: Path) -> None:
    with pytest.raises(SchemaError, match=said):
        read_times(table, column, TYPES)


def test_numbers_are_not_mixed_with_dates(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("t,a,b\n1,1,1\n2024-05-01,1,1\n")
    with pytest.raises(SchemaError, match="numbers mixed with dates"):
        read_times(tmp_path / "log.csv", "t", TYPES)


def test_the_times_of_a_parquet_table(tmp_path: Path) -> None:
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    when = [datetime.datetime(2024, 5, 3), datetime.datetime(2024, 5, 1, 12)]
    columns = {"when": when, "a": [1.0, 2.0], "b": [1.0, 2.0], "gap": [1, None]}
    parquet.write_table(pyarrow.table(columns), tmp_path / "log.parquet")
    days = read_times(tmp_path / "log.parquet", "when", TYPES) / 86400
    assert days[0] - days[1] == 1.5
    with pytest.raises(SchemaError, match="a missing value in the column 'gap'"):
        read_times(tmp_path / "log.parquet", "gap", TYPES)


def test_the_times_of_an_archive_are_an_array_by_key(tmp_path: Path) -> None:
    path, types = tmp_path / "log.npz", {"x": "Scalar", "y": "Scalar"}
    when = np.array(["2024-05-02", "NaT", "2024-05-01"], dtype="datetime64[D]")
    arrays = {"step": np.array([2, 0, 1]), "when": when, "text": np.array(["2024-05-02", "2024-05-01", "2024-05-04"])}
    np.savez(path, x=np.ones((3, 1)), y=np.ones(3), wide=np.ones((3, 2)), odd=np.ones(3) * 1j, **arrays)
    assert read_times(path, "step", types).tolist() == [2, 0, 1]
    days = read_times(path, "when", types) / 86400
    assert np.isnan(days[1])
    assert days[0] - days[2] == 1
    assert np.argsort(read_times(path, "text", types)).tolist() == [1, 0, 2]
    refusals: dict[str, tuple[type[IsotropyError], str]] = {
        "stepp": (SchemaError, "no array 'stepp' in log.npz; expected one of x, y, .*write step"),
        "y": (SchemaError, "an array beside x and y"),
        "wide": (ShapeError, "one time for each row"),
        "odd": (SchemaError, "complex128; expected numbers or dates"),
    }
    for key, (error, said) in refusals.items():
        with pytest.raises(error, match=said):
            read_times(path, key, types)


def test_only_files_have_a_column_of_times() -> None:
    with pytest.raises(SchemaError, match="the time 't' of inertia; expected a column of a file"):
        read_times("inertia", "t", TYPES)


def test_dates_are_read_as_people_write_them(tmp_path: Path) -> None:
    rows = ["3.10.2023 18:30,1,1", "2023/10/4,2,2", "2023-10-03T06:30,3,3"]
    (tmp_path / "log.csv").write_text("\n".join(["t,a,b", *rows]) + "\n")
    days = read_times(tmp_path / "log.csv", "t", TYPES) / 86400
    assert (days - days[2]).tolist() == pytest.approx([0.5, 17.5 / 24, 0.0])


def test_nobody_guesses_whether_the_day_or_the_month_comes_first(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("t,a,b\n03/10/2023,1,1\n04/10/2023,2,2\n")
    with pytest.raises(SchemaError, match="day or month first"):
        read_times(tmp_path / "log.csv", "t", TYPES)


def test_arrays_that_the_schema_names_are_targets_and_inputs_too(tmp_path: Path) -> None:
    path = tmp_path / "log.npz"
    np.savez(path, a=np.arange(3.0), b=np.ones(3))
    with pytest.raises(SchemaError, match="which is a target"):
        read_times(path, "b", TYPES)
    with pytest.warns(TimeIsInputWarning, match="'a' is an input too"):
        assert read_times(path, "a", TYPES).tolist() == [0, 1, 2]
