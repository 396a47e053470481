"""Columns of tables in files: csv, tsv and parquet, by name; whatever is not a number is named with its place."""

import csv
import gzip
import itertools
import re
import zlib
from collections import Counter
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from isotropy.errors import SchemaError, counted, nearest, optional_import
from isotropy.storage import reading

_PIECE = 50_000  # rows
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+([eE][-+]?\d+)?")

Columns = tuple[NDArray[np.float64], NDArray[Any] | None]


@dataclass(frozen=True)
class Dialect:
    """How numbers stand in a text file: what separates the cells, and what the decimals."""

    separator: str = ","
    decimal: str = "."

    @classmethod
    def of(cls, path: Path, separator: str | None = None, decimal: str | None = None) -> "Dialect":
        """What a schema says of a file; by default tabs in .tsv, commas elsewhere, and decimal points."""
        tabs = path.name.lower().removesuffix(".gz").endswith(".tsv")
        return cls(separator or ("\t" if tabs else ","), decimal or ".")

    def lines(self) -> str:
        """The lines of a schema that say it."""
        mark = self.separator.replace("\t", "\\t")
        said = [f'separator: "{mark}"'] if self.separator != "," else []
        return "\n".join([*said, *([f'decimal: "{self.decimal}"'] if self.decimal != "." else [])])

    def number(self, cell: str) -> float:
        """The number in a cell; ValueError where there is none."""
        return number(cell if self.decimal == "." else cell.replace(self.decimal, "."))


def sniffed(first: str, second: str = "") -> Dialect:
    """The dialect that a header and the line below it are written in.

    >>> sniffed("a;b", "1,5;2")
    Dialect(separator=';', decimal=',')
    """
    counts = Counter({mark: first.count(mark) for mark in SEPARATORS})
    separator = counts.most_common(1)[0][0] if counts.total() else ","
    cells = second.strip().split(separator) if separator != "," else []
    comma = any(_DECIMAL_COMMA.fullmatch(cell.strip()) for cell in cells)
    return Dialect(separator, "," if comma else ".")


def read_columns(path: Path, columns: Sequence[str], label: str | None, dialect: Dialect) -> Columns:
    """The named columns ``(n, columns)`` of a table, and the cells of one more as text."""
    if path.name.lower().endswith(".parquet"):
        return read_parquet(path, columns, label)
    return read_csv(path, columns, label, dialect)


@contextmanager
def opened(path: Path) -> Generator[TextIO]:
    """A text file, compressed or not; raises SchemaError for what cannot be read as one."""
    compressed = path.name.lower().endswith(".gz")
    how = gzip.open if compressed else open
    try:
        with how(path, "rt", encoding="utf-8-sig", newline="") as file:
            yield file  # pyright: ignore[reportReturnType]
    except (OSError, EOFError, zlib.error) as error:
        raise SchemaError(
            f"{path.name}: {error}", f"a {'gzip-compressed ' if compressed else ''}csv file that can be read"
        ) from error
    except UnicodeDecodeError as error:
        raise SchemaError(f"{path.name} that is not UTF-8", "a UTF-8 text file", "save it again as UTF-8") from error
    except csv.Error as error:
        raise SchemaError(f"{path.name}: {error}", "comma-separated values") from error


def read_csv(path: Path, columns: Sequence[str], cluster: str | None, dialect: Dialect = Dialect()) -> Columns:
    """The named columns ``(n, columns)`` of a text file with a header, and the labels of its clusters.

    Raises ``SchemaError`` for a missing, repeated or ragged column and for a cell that is no number.
    """
    with opened(path) as file:
        return _parse(file, path.name, columns, cluster, dialect)


def _parse(file: Iterable[str], name: str, columns: Sequence[str], cluster: str | None, dialect: Dialect) -> Columns:
    lines = iter(file)
    first = next(lines, "")
    reader = csv.reader(itertools.chain([first], lines), strict=True, delimiter=dialect.separator)
    header = [cell.strip() for cell in next(reader, [])]
    if not any(header):
        raise SchemaError(f"{name}, which is empty", "a header and rows")
    if len(header) == 1 and not {*columns, cluster} <= {header[0], None}:
        _other_separator(first, next(lines, ""), name, dialect)
    at = _positions(header, columns, cluster, name, dialect.separator)
    pieces: list[NDArray[np.float64]] = []
    values: list[list[float]] = []
    labels: list[str] = []
    for row in reader:
        if not row:
            continue  # a blank line, such as the last one
        if len(row) != len(header):
            given = f"{counted(len(row), 'cell')} in line {reader.line_num} of {name}"
            raise SchemaError(given, f"{len(header)}, as in its header")
        values.append(_numbers(row, at[: len(columns)], header, reader.line_num, name, dialect))
        if cluster is not None:
            labels.append(row[at[-1]].strip())
        if len(values) == _PIECE:
            # Python's numbers take four times the memory of an array of them.
            pieces.append(np.array(values))
            values = []
    if values:
        pieces.append(np.array(values))
    if not pieces:
        raise SchemaError(f"{name} without rows below its header", "at least one row")
    if cluster is not None and "" in labels:
        raise SchemaError(f"an empty cell of the column {cluster!r} in {name}", "a value for each row")
    return np.concatenate(pieces), np.array(labels) if cluster is not None else None


def _other_separator(first: str, second: str, name: str, dialect: Dialect) -> None:
    """Raises SchemaError for a header in one cell that another separator would part, with the lines to write."""
    found = sniffed(first, second)
    if found.separator not in (dialect.separator, ",") or (found.separator == "," and "," in first):
        given = f"{name}, whose columns are separated by {SEPARATORS[found.separator]}"
        expected = f"columns separated by {SEPARATORS.get(dialect.separator, repr(dialect.separator))}"
        lines = found.lines() or 'separator: ","'
        raise SchemaError(given, expected, "write into the schema\n" + lines)


def _numbers(
    row: list[str], at: Sequence[int], header: list[str], line: int, name: str, dialect: Dialect
) -> list[float]:
    column = -1
    try:
        return [dialect.number(row[column := each]) for each in at]
    except ValueError:
        comma = dialect.decimal == "." and _DECIMAL_COMMA.fullmatch(row[column].strip())
        hint = "remove or repair the row; empty cells are not filled in"
        raise SchemaError(
            f"{row[column][:40]!r} in line {line}, column {header[column]!r} of {name}",
            "a number",
            'for decimal commas write into the schema\ndecimal: ","' if comma else hint,
        ) from None


def number(cell: str) -> float:
    """The number in a cell; ValueError where there is none."""
    # Python would also read 1_000 as a number; a table that holds it means something else.
    if "_" in cell:
        raise ValueError(cell)
    return float(cell)


def names_wanted(header: Sequence[str], separator: str) -> str:
    """What to write above a table without names: a line of as many as it has columns."""
    wanted = separator.join(f"c{number}" for number in range(1, min(len(header), 4) + 1))
    more = f"{separator}...{separator}c{len(header)}" if len(header) > 4 else ""
    return f"write a line above it with the names of the columns, one for each of the {len(header)}: {wanted}{more}"


def unnamed(header: Sequence[str]) -> bool:
    """Whether a first line holds values and no names: numbers, and not whole ones alone, which may be names."""
    try:
        values = [float(cell) for cell in header]
    except ValueError:
        return False
    return any(value != round(value) for value in values if np.isfinite(value))


def _positions(
    header: Sequence[str], columns: Sequence[str], cluster: str | None, name: str, separator: str = ","
) -> list[int]:
    """Where the wanted columns stand; the cluster's last."""
    wanted = [*columns, *([cluster] if cluster is not None else [])]
    for column in wanted:
        if header.count(column) == 1:
            continue
        if header.count(column) > 1:
            raise SchemaError(f"the column {column!r} {header.count(column)} times in {name}", "each name once")
        raise SchemaError(
            f"no column {column!r} in {name}",
            "one of " + ", ".join(header[:20]) + (", ..." if len(header) > 20 else ""),
            ("its first line holds numbers: " + names_wanted(header, separator))
            if unnamed(header)
            else nearest(column, [name for name in header if name not in wanted]),
        )
    return [header.index(column) for column in wanted]


def read_parquet(path: Path, columns: Sequence[str], cluster: str | None) -> Columns:
    """The named columns ``(n, columns)`` of a parquet file, and the labels of its clusters (extra [tables]).

    Raises ``MissingExtraError`` without pyarrow, ``SchemaError`` for a damaged file, missing values and columns that
    are not numbers.
    """
    parquet = optional_import("pyarrow.parquet", "tables")
    wanted = [*columns, *([cluster] if cluster is not None else [])]
    with reading(path.name, "a parquet file"):
        with parquet.ParquetFile(path) as file:
            _positions(list(file.schema_arrow.names), columns, cluster, path.name)
            table = file.read(columns=list(dict.fromkeys(wanted)))
        found = [_column(table.column(column), column, path.name) for column in columns]
        labels = None
        if cluster is not None:
            texts = [None if value is None else str(value) for value in table.column(cluster).to_pylist()]
            if None in texts:
                raise SchemaError(f"a missing value in the column {cluster!r} of {path.name}", "a value for each row")
            labels = np.array(texts, dtype=np.str_)
    if table.num_rows == 0:
        raise SchemaError(f"{path.name} without rows", "at least one row")
    return np.stack(found, 1) if found else np.empty((table.num_rows, 0)), labels


def parquet_head(path: Path, rows: int) -> Any:
    """The first rows of a parquet file, as a pyarrow table (extra [tables])."""
    parquet = optional_import("pyarrow.parquet", "tables")
    with reading(path.name, "a parquet file"):
        return parquet.read_table(path).slice(0, rows)


def _column(column: Any, name: str, where: str) -> NDArray[np.float64]:
    import pyarrow

    kind = column.type
    if not (pyarrow.types.is_integer(kind) or pyarrow.types.is_floating(kind) or pyarrow.types.is_boolean(kind)):
        raise SchemaError(f"the column {name!r} of type {kind} in {where}", "numbers")
    if column.null_count:
        row = int(np.flatnonzero(column.is_null().to_numpy())[0])
        raise SchemaError(f"a missing value in row {row}, column {name!r} of {where}", "a number", "rows count from 0")
    return np.asarray(column.to_numpy(), np.float64)
