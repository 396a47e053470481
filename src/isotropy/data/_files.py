"""Tables in files: npz arrays, csv and parquet, checked at the door; no pickle is ever loaded."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils import _pytree as tree

from isotropy.data._columns import read_csv, read_parquet
from isotropy.data._dataset import Dataset
from isotropy.data._door import numbered
from isotropy.errors import IsotropyError, SchemaError
from isotropy.reps import Schema, Type, Values, enough_rows, table
from isotropy.storage import write_whole

SUFFIXES = (".npz", ".csv", ".csv.gz", ".parquet")


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
    types = _schema(schema)
    if not (types.tabular or name.endswith(".npz")):
        raise SchemaError(f"{path.name} for points or pixels", "columns such as 5*Vector", "save an .npz archive")
    x, y, *labels = _npz(path, types) if name.endswith(".npz") else _table(path, types)
    return Dataset(x, y, types, *labels, source=path.name, name=path.name, title="Data from a file")


def _schema(schema: str | Path | Schema | Mapping[str, object]) -> Schema:
    return read_schema(schema) if isinstance(schema, str | Path) else Schema.of(schema)


def read_schema(path: str | Path) -> Schema:
    """The schema in a YAML file: ``Schema.from_yaml`` of its path."""
    return Schema.from_yaml(Path(path))


def _npz(path: Path, types: Schema) -> tuple[Any, Any, NDArray[Any] | None, NDArray[Any] | None]:
    try:
        # Opened here, because numpy leaves a damaged file open.
        with path.open("rb") as file:
            return _arrays(np.load(file, allow_pickle=False), path.name, types)
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


def _arrays(archive: object, name: str, types: Schema) -> tuple[Any, Any, NDArray[Any] | None, NDArray[Any] | None]:
    """The arrays x and y (x.0 or x.name for several types), and labels of clusters and sets where there are any."""
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise SchemaError(f"{name}, a single array", "an .npz archive with arrays x and y")
    with archive:
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
    repeated = sorted({column for column in x + y if (x + y).count(column) > 1})
    if repeated:
        raise SchemaError(f"the column {repeated[0]!r} twice in the schema", "each column once, in x or in y")
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
