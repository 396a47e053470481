"""Data in files: npz arrays and tables, typed by a schema and checked when they are read; no pickle is ever loaded."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils import _pytree as tree

from isotropy.data._archive import archive_path, open_archive, write_archive
from isotropy.data._dataset import Dataset, numbered
from isotropy.data._draft import offered
from isotropy.data._kinds import KINDS, SUFFIXES, schema_of
from isotropy.data._rows import Clouds, Rows
from isotropy.data._structures import STRUCTURES, structure_table
from isotropy.data._tables import Dialect, read_columns
from isotropy.data._times import read_times
from isotropy.errors import SchemaError, ShapeError, counted
from isotropy.reps import Schema, Type, enough_rows, table
from isotropy.storage import no_file

_IN_PYTHON = "isotropy.discover(table, types=...) takes the table that {reader} reads"
_INSTEAD = {
    **dict.fromkeys((".feather", ".arrow"), _IN_PYTHON.format(reader="pyarrow.feather.read_table")),
    **dict.fromkeys(
        (".jsonl", ".ndjson"), _IN_PYTHON.format(reader="polars.read_ndjson or pandas.read_json(lines=True)")
    ),
    ".json": _IN_PYTHON.format(reader="polars.read_json or pandas.read_json"),
    **dict.fromkeys((".xlsx", ".xls", ".ods"), "save the sheet as CSV (UTF-8), one line of names above the numbers"),
    **dict.fromkeys(
        (".txt", ".dat"), 'name it .csv, with a line of names on top; the schema says separator: " " for spaces'
    ),
    ".npy": 'one array has no names: numpy.savez("data.npz", x=..., y=...)',
    **dict.fromkeys((".h5", ".hdf5", ".nc"), 'read its arrays with h5py and numpy.savez("data.npz", x=..., y=...)'),
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".tif", ".webp", ".bmp"), "isotropy audit takes their folder"),
}
_OF_STRUCTURES = "x: Cloud(Point)\ny: Scalar   # the energy; Cloud(Vector): the forces"


def load_file(path: str | Path, schema: str | Path | Schema | Mapping[str, object] | None) -> Dataset:
    """The rows of an .npz (arrays x, y and optionally cluster), .csv, .tsv or .parquet file, typed by its schema; of a
    file of structures (.xyz) with as many atoms in each, positions and energies or forces.

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
    if path.suffix.lower() in STRUCTURES:
        if schema is None:
            given = f"{path.name} without a schema"
            raise SchemaError(given, "--schema FILE (schema= in Python)", "write into it\n" + _OF_STRUCTURES)
        return structure_table(path, schema_of(schema))
    types = _typed(path, schema)
    x, y, *labels = _read(path, types, ("x", "y"))
    return Dataset(x, y, types, *labels, source=path.name, name=path.name, **_timed(path, types))


def _timed(path: Path, types: Schema) -> dict[str, Tensor]:
    """When each row was, where the schema says that rows are moments of motions."""
    if types.dynamics is None:
        return {}
    return {"time": torch.from_numpy(read_times(path, types.dynamics["time"], types))}


def x_of_file(
    path: Path, schema: str | Path | Schema | Mapping[str, object] | None
) -> tuple[Any, Schema, NDArray[Any] | None, NDArray[Any] | None]:
    """The inputs of such a file, its types, and labels of clusters and sets; targets may be missing.

    Raises what ``load_file`` raises.
    """
    types = _typed(path, schema)
    x, _, cluster, segments = _read(path, types, ("x",))
    return x, types, cluster, segments


def _typed(path: Path, schema: str | Path | Schema | Mapping[str, object] | None) -> Schema:
    """The types of a file that can be read; refuses other kinds of files, and says what to write without a schema."""
    name = path.name.lower()
    if not name.endswith(SUFFIXES):
        raise SchemaError(
            f"the file {path.name}",
            KINDS,
            _INSTEAD.get(path.suffix.lower(), "pickles (.pkl, .pt, .npy of objects) are never read"),
        )
    if not path.is_file():
        raise no_file(path)
    if schema is None:
        raise SchemaError(f"{path.name} without a schema", "--schema FILE (schema= in Python)", offered(path))
    types = schema_of(schema)
    if not (types.tabular or name.endswith(".npz")):
        raise SchemaError(f"{path.name} for points or pixels", "columns such as 5*Vector", "save an .npz archive")
    return types


def _read(path: Path, types: Schema, sides: Sequence[str]) -> tuple[Any, Any, NDArray[Any] | None, NDArray[Any] | None]:
    if path.name.lower().endswith(".npz"):
        with open_archive(path) as archive:
            return _arrays(archive, path.name, types, sides)
    return (*_table(path, types, sides), None)


def _arrays(
    archive: np.lib.npyio.NpzFile, name: str, types: Schema, sides: Sequence[str]
) -> tuple[Any, Any, NDArray[Any] | None, NDArray[Any] | None]:
    """The arrays x and y (x.0 or x.name for several types), or those that ``columns`` lists side by side, and labels of
    clusters and sets where there are any."""
    listed = types.columns or {}
    if set(sides) <= set(archive.files) and not {n for s in sides for n in listed.get(s, ())} <= set(archive.files):
        listed = {}  # the columns of x and of y by other names, as a .csv of the same data has them
    keys = {side: listed.get(side) or _keys(getattr(types, side), side) for side in sides}
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
    read = {side: _side_by_side(found[side], listed[side]) if side in listed else found[side] for side in sides}
    return read["x"], read.get("y"), found["cluster"], found["segments"]


def _side_by_side(arrays: Sequence[NDArray[Any]], names: Sequence[str]) -> NDArray[Any]:
    """Arrays ``(n,)``, ``(n, k)``, ``(n, bodies, d)`` as columns of one table."""
    counts = {name: len(array) if array.ndim else 0 for name, array in zip(names, arrays, strict=True)}
    if len(set(counts.values())) > 1 or 0 in counts.values():
        raise ShapeError(
            f"arrays with {', '.join(counted(n, 'row') + f' of {name}' for name, n in counts.items())}", "equally many"
        )
    return np.concatenate([array.reshape(len(array), -1) for array in arrays], axis=1)


def _keys(type_: Type, name: str) -> Any:
    """The name of the array of each type of a tree, in its shape."""
    if isinstance(type_, tuple):
        return tuple(_keys(part, f"{name}.{i}") for i, part in enumerate(type_))
    if isinstance(type_, dict):
        return {key: _keys(part, f"{name}.{key}") for key, part in type_.items()}
    return name


def _table(path: Path, types: Schema, sides: Sequence[str]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any] | None]:
    x, y = (types.listed(side, path.name) if side in sides else () for side in ("x", "y"))
    dialect = Dialect.of(path, types.separator, types.decimal)
    values, labels = read_columns(path, x + y, types.cluster, dialect)
    return values[:, : len(x)], values[:, len(x) :], labels


def save(path: str | Path, x: Any, y: Any = None, cluster: Iterable[Any] | None = None) -> Path:
    """Write rows as an .npz that ``load`` reads; the file appears whole or not at all.

    ``x`` and ``y`` are tables. A Dataset, or Clouds, brings whatever its types say, with clusters and sets: clouds,
    images, graphs, values of several types; the types themselves go into a schema.

    Raises ``SchemaError`` for another suffix, for collections that have a file of their own kind, for clouds without a
    point, and for tables that ``load`` would refuse.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(Path(folder) / "data.npz", np.ones((2, 3)), np.ones((2, 1))).name
    'data.npz'
    """
    path = archive_path(path)
    if isinstance(x, Dataset | Clouds):
        arrays = {**_leaves(x.x, "x"), **_leaves(x.y, "y")}
        if x.segments is not None:
            # Labels do not tell of sets that nobody is in: those after it would come back with targets of others.
            empty = (x.segments.sizes == 0).nonzero().flatten().tolist()
            if empty:
                given = f"cloud {empty[0]} without a point"
                raise SchemaError(given, "points in each cloud", "leave such rows out: data[data.segments.sizes > 0]")
            arrays["segments"] = x.segments.label
        cluster = x.cluster if isinstance(x, Dataset) and cluster is None else cluster
        rows = len(x)
    elif isinstance(x, Rows) or y is None:
        given = f"{type(x).__name__} alone"
        hint = "structures: ase.io.write; graphs: isotropy.data.save_graphs"
        raise SchemaError(given, "x and y, a Dataset, or Clouds", hint)
    else:
        arrays = {"x": table(x, "x"), "y": table(y, "y")}
        enough_rows(*arrays.values())
        rows = len(arrays["x"])
    return write_archive(path, arrays if cluster is None else {**arrays, "cluster": numbered(cluster, rows)})


def _leaves(values: Any, name: str) -> dict[str, Tensor]:
    """Values by the names that ``load`` looks for, those of several types each by its own."""
    keys = _keys(tree.tree_map(lambda _: None, values), name)
    return dict(zip(tree.tree_leaves(keys), tree.tree_leaves(values), strict=True))
