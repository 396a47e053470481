"""Tables in files: npz arrays, csv and parquet, checked at the door; no pickle is ever loaded.

Whatever is not a number is named with its row and column.
"""

import csv
import difflib
import gzip
import io
import zlib
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils import _pytree as tree

from isotropy.data._dataset import Dataset, numbered
from isotropy.errors import IsotropyError, MissingExtraError, SchemaError
from isotropy.reps import Schema, Type, Values, enough_rows, table
from isotropy.storage import write_whole

SUFFIXES = (".npz", ".csv", ".csv.gz", ".parquet")
_PIECE = 50_000  # rows

Columns = tuple[NDArray[np.float64], NDArray[Any] | None]


def load_file(path: str | Path, schema: str | Path | Schema | Mapping[str, object] | None) -> Dataset:
    """The rows of an .npz (arrays x, y and optionally cluster), .csv, .csv.gz or .parquet file, typed by its schema.

    Of a schema with several types an .npz has arrays x.0, x.1 or x.name; ``segments`` names the set of each point where
    sets differ in size.

    Numbers become float64. Raises ``SchemaError`` for a file or schema that cannot be read or
    that do not fit each other, ``ShapeError`` for sizes, ``DtypeError`` for objects, text or complex numbers,
    ``DomainError`` for NaN, ``MissingExtraError`` for parquet without the extra [tables].

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save(Path(folder) / "data.npz", np.ones((60, 3)), np.ones((60, 1)))
    ...     load_file(path, {"x": "Vector", "y": "Scalar", "dims": {"space": 3}}).rows
    60
    """
    path = Path(path)
    name = path.name.lower()
    if not name.endswith(SUFFIXES):
        raise SchemaError(
            f"the file {path.name}",
            "one of " + ", ".join(SUFFIXES),
            "pickles (.pkl, .pt, .npy of objects) are never read",
        )
    if not path.is_file():
        raise SchemaError(f"no file {path}", "a file that exists")
    if schema is None:
        raise SchemaError(
            f"{path.name} without a schema",
            "--schema schema.yaml (schema= in Python)",
            'two lines will do, such as  x: 5*Scalar("mass") + 5*Vector("position")  and  y: Tensor(2)("inertia")',
        )
    types = schema_of(schema)
    if not (types.tabular or name.endswith(".npz")):
        raise SchemaError(f"{path.name} for points or pixels", "columns such as 5*Vector", "save an .npz archive")
    x, y, *labels = _npz(path, types) if name.endswith(".npz") else _table(path, types)
    return Dataset(x, y, types, *labels, source=path.name, name=path.name, title="Data from a file")


def schema_of(schema: str | Path | Schema | Mapping[str, object]) -> Schema:
    """The schema itself, of the file that holds it, or of a dictionary."""
    return read_schema(schema) if isinstance(schema, str | Path) else Schema.of(schema)


def read_schema(path: str | Path) -> Schema:
    """The schema in a YAML file: ``Schema.from_yaml`` of its path."""
    return Schema.from_yaml(Path(path))


def _npz(path: Path, types: Schema) -> tuple[Any, Any, NDArray[Any] | None, NDArray[Any] | None]:
    with open_archive(path) as archive:
        return _arrays(archive, path.name, types)


@contextmanager
def open_archive(path: Path) -> Generator[np.lib.npyio.NpzFile]:
    """An .npz to be read; raises SchemaError for what is none, or is damaged, wherever that is found out."""
    try:
        # Opened here, because numpy leaves a damaged file open.
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise SchemaError(f"{path.name}, a single array", "an .npz archive with arrays x and y")
            with archive:
                yield archive
    except IsotropyError:
        raise
    except Exception as error:
        # A damaged archive can fail anywhere below zipfile, zlib and the header's parser: whatever it is, refuse it.
        pickled = "pickle" in str(error).lower() or "object arrays" in str(error).lower()
        raise SchemaError(
            f"{path.name}: {'pickled or object arrays' if pickled else str(error)[:200] or type(error).__name__}",
            "an .npz archive of plain numeric arrays",
            "convert each column to float64 and save again; pickles are never loaded",
        ) from error


def _arrays(
    archive: np.lib.npyio.NpzFile, name: str, types: Schema
) -> tuple[Any, Any, NDArray[Any] | None, NDArray[Any] | None]:
    """The arrays x and y (x.0 or x.name for several types), and labels of clusters and sets where there are any."""
    keys = {"x": _keys(types.x, "x"), "y": _keys(types.y, "y")}
    keys["cluster"] = types.cluster or ("cluster" if "cluster" in archive.files else None)
    keys["segments"] = "segments" if "segments" in archive.files and not types.tabular else None
    wanted = [key for key in tree.tree_leaves(keys) if key is not None]
    if not set(wanted) <= set(archive.files):
        raise SchemaError(
            f"{name} with arrays {', '.join(archive.files) or '(none)'}",
            "arrays " + ", ".join(wanted),
            "numpy.savez(path, x=..., y=...), or isotropy.data.save",
        )
    found = tree.tree_map(lambda key: None if key is None else np.asarray(archive[key]), keys)
    return found["x"], found["y"], found["cluster"], found["segments"]


def _keys(type_: Type, name: str) -> Any:
    """The name of the array of each type of a tree, in its shape."""
    if isinstance(type_, tuple):
        return tuple(_keys(part, f"{name}.{i}") for i, part in enumerate(type_))
    if isinstance(type_, dict):
        return {key: _keys(part, f"{name}.{key}") for key, part in type_.items()}
    return name


def _table(path: Path, types: Schema) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any] | None]:
    columns = dict(types.columns or {})
    for key in ("x", "y"):
        if not columns.get(key):
            raise SchemaError(
                f"no columns of {key} for {path.name}",
                "a list of names",
                "columns: {x: [a, b, ...], y: [...]} in the schema",
            )
    x, y = list(columns["x"]), list(columns["y"])
    read = read_parquet if path.name.lower().endswith(".parquet") else read_csv
    values, labels = read(path, x + y, types.cluster)
    return values[:, : len(x)], values[:, len(x) :], labels


def save(path: str | Path, x: Values, y: Values, cluster: Iterable[Any] | None = None) -> Path:
    """Write tables as an .npz that ``load`` reads; the file appears whole or not at all.

    Raises ``SchemaError`` for another suffix, and for tables that ``load`` would refuse.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(Path(folder) / "data.npz", np.ones((2, 3)), np.ones((2, 1))).name
    'data.npz'
    """
    path = Path(path)
    if path.suffix.lower() != ".npz":
        raise SchemaError(f"the file {path.name}", "a name that ends in .npz")
    arrays = {"x": table(x, "x"), "y": table(y, "y")}
    enough_rows(*arrays.values())
    arrays |= {} if cluster is None else {"cluster": numbered(cluster, len(arrays["x"]))}
    archive = io.BytesIO()
    np.savez_compressed(archive, allow_pickle=False, **{name: rows.cpu().numpy() for name, rows in arrays.items()})
    write_whole(path, archive.getvalue())
    return path


def read_csv(path: Path, columns: Sequence[str], cluster: str | None) -> Columns:
    """The named columns ``(n, columns)`` of a .csv or .csv.gz file with a header, and the labels of its clusters.

    Raises ``SchemaError`` for a missing, repeated or ragged column and for a cell that is no number.
    """
    compressed = path.name.lower().endswith(".gz")
    opened = gzip.open if compressed else open
    try:
        with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
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
        raise SchemaError(f"an empty cell of the column {cluster!r} in {name}", "a value for each row")
    return np.concatenate(pieces), np.array(labels) if cluster is not None else None


def _numbers(row: list[str], at: Sequence[int], header: list[str], line: int, name: str) -> list[float]:
    column = -1
    try:
        return [number(row[column := each]) for each in at]
    except ValueError:
        raise SchemaError(
            f"{row[column][:40]!r} in line {line}, column {header[column]!r} of {name}",
            "a number",
            "remove or repair the row; empty cells are not filled in",
        ) from None


def number(cell: str) -> float:
    """The number in a cell; ValueError where there is none."""
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
                raise SchemaError(f"a missing value in the column {cluster!r} of {path.name}", "a value for each row")
            labels = np.array(texts, dtype=np.str_)
    except IsotropyError:
        raise
    except Exception as error:
        # pyarrow reports damage through many classes, some of them bare; whatever it is, the file is refused.
        raise SchemaError(f"{path.name}: {str(error)[:200] or type(error).__name__}", "a parquet file") from error
    if table.num_rows == 0:
        raise SchemaError(f"{path.name} without rows", "at least one row")
    return np.stack(found, 1) if found else np.empty((table.num_rows, 0)), labels


def _column(column: Any, name: str, where: str) -> NDArray[np.float64]:
    import pyarrow

    kind = column.type
    if not (pyarrow.types.is_integer(kind) or pyarrow.types.is_floating(kind) or pyarrow.types.is_boolean(kind)):
        raise SchemaError(f"the column {name!r} of type {kind} in {where}", "numbers")
    if column.null_count:
        row = int(np.flatnonzero(column.is_null().to_numpy())[0])
        raise SchemaError(f"a missing value in row {row}, column {name!r} of {where}", "a number", "rows count from 0")
    return np.asarray(column.to_numpy(), np.float64)
