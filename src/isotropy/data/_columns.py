"""Columns of csv and parquet tables as numbers; whatever is not a number is named with its row and column."""

from __future__ import annotations

import csv
import difflib
import gzip
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isotropy.errors import IsotropyError, MissingExtraError, SchemaError

_PIECE = 50_000  # rows

Columns = tuple[NDArray[np.float64], NDArray[Any] | None]


def read_csv(path: Path, columns: Sequence[str], cluster: str | None) -> Columns:
    """The named columns ``(n, columns)`` of a .csv or .csv.gz file with a header, and the labels of its clusters.

    Raises ``SchemaError`` for a missing, repeated or ragged column and for a cell that is no number.
    """
    compressed = path.name.lower().endswith(".gz")
    try:
        with (
            gzip.open(path, "rt", encoding="utf-8-sig", newline="")
            if compressed
            else open(path, encoding="utf-8-sig", newline="")
        ) as file:
            return _parse(file, path.name, columns, cluster)
    except (OSError, EOFError, zlib.error) as error:
        raise SchemaError(
            f"{path.name}: {error}", f"a {'gzip-compressed ' if compressed else ''}csv file that can be read"
        ) from error
    except UnicodeDecodeError as error:
        raise SchemaError(f"{path.name} that is not UTF-8", "a UTF-8 text file", "save it again as UTF-8") from error
    except csv.Error as error:
        raise SchemaError(f"{path.name}: {error}", "comma-separated values") from error


def _parse(file: Iterable[str], name: str, columns: Sequence[str], cluster: str | None) -> Columns:
    reader = csv.reader(file, strict=True)
    header = [cell.strip() for cell in next(reader, [])]
    if not any(header):
        raise SchemaError(f"{name}, which is empty", "a header and rows")
    at = _positions(header, columns, cluster, name)
    pieces: list[NDArray[np.float64]] = []
    values: list[list[float]] = []
    labels: list[str] = []
    for row in reader:
        if not row:
            continue  # a blank line, such as the last one
        if len(row) != len(header):
            given = f"{len(row)} cells in line {reader.line_num} of {name}"
            raise SchemaError(given, f"{len(header)}, as in its header")
        values.append(_numbers(row, at[: len(columns)], header, reader.line_num, name))
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
        raise SchemaError(f"an empty cell of the cluster column {cluster!r} in {name}", "a label for each row")
    return np.concatenate(pieces), np.array(labels) if cluster is not None else None


def _numbers(row: list[str], at: Sequence[int], header: list[str], line: int, name: str) -> list[float]:
    column = -1
    try:
        return [_number(row[column := each]) for each in at]
    except ValueError:
        raise SchemaError(
            f"{row[column][:40]!r} in line {line}, column {header[column]!r} of {name}",
            "a number",
            "remove or repair the row; empty cells are not filled in",
        ) from None


def _number(cell: str) -> float:
    # Python would also read 1_000 as a number; a table that holds it means something else.
    if "_" in cell:
        raise ValueError(cell)
    return float(cell)


def _positions(header: Sequence[str], columns: Sequence[str], cluster: str | None, name: str) -> list[int]:
    """Where the wanted columns stand; the cluster's last."""
    wanted = [*columns, *([cluster] if cluster is not None else [])]
    for column in wanted:
        if header.count(column) == 1:
            continue
        if header.count(column) > 1:
            raise SchemaError(f"the column {column!r} {header.count(column)} times in {name}", "each name once")
        near = difflib.get_close_matches(column, header, 1)
        raise SchemaError(
            f"no column {column!r} in {name}",
            "one of " + ", ".join(header[:20]) + (", ..." if len(header) > 20 else ""),
            f"write {near[0]}" if near else "",
        )
    return [header.index(column) for column in wanted]


def read_parquet(path: Path, columns: Sequence[str], cluster: str | None) -> Columns:
    """The named columns ``(n, columns)`` of a parquet file, and the labels of its clusters (extra [tables]).

    Raises ``MissingExtraError`` without pyarrow, ``SchemaError`` for a damaged file, missing values and columns that
    are not numbers.
    """
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtraError.of("pyarrow", "tables") from error
    wanted = [*columns, *([cluster] if cluster is not None else [])]
    try:
        with parquet.ParquetFile(path) as file:
            _positions(list(file.schema_arrow.names), columns, cluster, path.name)
            table = file.read(columns=list(dict.fromkeys(wanted)))
        found = [_column(table.column(column), column, path.name) for column in columns]
        labels = None
        if cluster is not None:
            texts = [None if value is None else str(value) for value in table.column(cluster).to_pylist()]
            if None in texts:
                raise SchemaError(
                    f"a missing label in the cluster column {cluster!r} of {path.name}", "a label for each row"
                )
            labels = np.array(texts, dtype=np.str_)
    except IsotropyError:
        raise
    except Exception as error:
        # pyarrow reports damage through many classes, some of them bare; whatever it is, the file is refused.
        raise SchemaError(f"{path.name}: {str(error)[:200] or type(error).__name__}", "a parquet file") from error
    if table.num_rows == 0:
        raise SchemaError(f"{path.name} without rows", "at least one row")
    return np.stack(found, 1), labels


def _column(column: Any, name: str, where: str) -> NDArray[np.float64]:
    import pyarrow

    kind = column.type
    if not (pyarrow.types.is_integer(kind) or pyarrow.types.is_floating(kind) or pyarrow.types.is_boolean(kind)):
        raise SchemaError(f"the column {name!r} of type {kind} in {where}", "numbers")
    if column.null_count:
        row = int(np.flatnonzero(column.is_null().to_numpy())[0])
        raise SchemaError(f"a missing value in row {row}, column {name!r} of {where}", "a number", "rows count from 0")
    return np.asarray(column.to_numpy(), np.float64)
