"""The order of rows: one column of a file, or one array of an archive, as numbers that grow with time."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isotropy.data._archive import open_archive
from isotropy.data._dates import is_date, is_slashed, reads, seconds
from isotropy.data._kinds import SUFFIXES, schema_of
from isotropy.data._tables import Dialect, number, read_columns
from isotropy.errors import SchemaError, ShapeError, nearest
from isotropy.reps import Schema

Times = NDArray[np.float64]

_DATES = "write dates as 2024-05-01 or 2024-05-01T12:30:00 (1.5.2024 is read too), or number the steps"


class TimeIsInputWarning(UserWarning):
    """The column that orders the rows is one of the inputs too."""


def read_times(path: str | Path, column: str, schema: str | Path | Schema | Mapping[str, object]) -> Times:
    """The times ``(n,)`` of the rows of a file: a column of a table by its name, an array of an .npz by its key.

    Numbers are taken as they are, ISO dates as seconds since 1970 (UTC where no zone stands). Warns with
    TimeIsInputWarning where the column is an input too. Raises SchemaError for a column that is not there, that is a
    target, or that holds neither numbers nor dates, and for a data set that is no file; ShapeError for an array that is
    no list of times.

    >>> import tempfile
    >>> types = {"x": "Scalar", "y": "Scalar", "columns": {"x": ["a"], "y": ["b"]}}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     (path := Path(folder) / "log.csv").write_text("when,a,b\\n2024-05-02,1,2\\n2024-05-01,3,4\\n")
    ...     (read_times(path, "when", types) / 86400).tolist()
    39
    [19845.0, 19844.0]
    """
    path = Path(path)
    types = schema_of(schema)
    if not path.name.lower().endswith(SUFFIXES):
        raise SchemaError(
            f"the time {column!r} of {path.name}", "a column of a file", "time belongs to data of your own"
        )
    columns = types.columns or {}
    _no_target(column, columns.get("y", ()), path.name)
    if column in columns.get("x", ()):
        warnings.warn(
            f"the time {column!r} is an input too, and in its own order it goes on from row to row, whatever the rest "
            "does: leave it out of x, unless the law depends on it",
            TimeIsInputWarning,
            stacklevel=2,
        )
    if path.name.lower().endswith(".npz"):
        return _of_archive(path, column)
    cells = read_columns(path, (), column, Dialect.of(path, types.separator, types.decimal))[1]
    assert cells is not None
    return _numbers([str(cell) for cell in cells.tolist()], column, path.name)


def _of_archive(path: Path, key: str) -> Times:
    with open_archive(path) as archive:
        if key in ("x", "y"):
            raise SchemaError(f"the time {key!r} of {path.name}", "an array beside x and y", 'save it as "time"')
        if key not in archive.files:
            expected = "one of " + ", ".join(archive.files)
            raise SchemaError(f"no array {key!r} in {path.name}", expected, nearest(key, archive.files))
        found = np.asarray(archive[key])
    if found.ndim != 1:
        raise ShapeError(f"the time {key!r} of shape {found.shape}", "(n,), one time for each row")
    if found.dtype.kind == "M":
        seconds: Times = found.astype("datetime64[us]").astype(np.float64) / 1e6
        return np.where(np.isnat(found), np.nan, seconds)
    return _numbers([str(each) for each in found], key, path.name) if found.dtype.kind in "US" else _plain(found, key)


def _plain(found: NDArray[Any], key: str) -> Times:
    if found.dtype.kind not in "iubf":
        raise SchemaError(f"the time {key!r} of dtype {found.dtype}", "numbers or dates", _DATES)
    return found.astype(np.float64)


def _no_target(column: str, targets: Sequence[str], name: str) -> None:
    if column in targets:
        hint = "what is to be predicted is no order: name the column that says when"
        raise SchemaError(f"the time {column!r} of {name}, which is a target", "a column beside the targets", hint)


def _numbers(cells: Sequence[str], column: str, name: str) -> Times:
    """All of them numbers, or all of them dates."""
    for read in (number, seconds):
        try:
            return np.array([read(cell) for cell in cells], dtype=np.float64)
        except ValueError:
            continue
    row = next((i for i, cell in enumerate(cells) if not reads(number, cell) and not is_date(cell)), None)
    given = "numbers mixed with dates" if row is None else f"{cells[row][:40]!r} in row {row}"
    expected = "numbers, or dates as ISO 8601 writes them"
    hint = f"rows count from 0; {_DATES}"
    if row is not None and is_slashed(cells[row]):
        hint = f"day or month first? {_DATES}"
    raise SchemaError(f"{given} of the time {column!r} of {name}", expected, hint)
