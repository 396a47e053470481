"""One door for all data: a name from the registry, or the path of a file with its schema."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from isotropy.data._dataset import Dataset
from isotropy.data._files import SUFFIXES, load_file
from isotropy.data._registry import find_entry, list_datasets
from isotropy.errors import SchemaError
from isotropy.reps import Schema


def load(
    name_or_path: str | Path, *, schema: str | Path | Schema | Mapping[str, object] | None = None, **settings: object
) -> Dataset:
    """The data set of that name, made with the given settings, or the rows of a file, typed by its schema.

    Settings may be numbers or text ("nu=0.3" on a command line). Raises ``SchemaError`` for an unknown name, an
    unknown setting (listing the known ones) or a schema that does not fit, and the errors of ``load_file``.

    >>> load("inertia", nu="0.3", n=1000, noise=0.0, seed=0).truth["O(2)@z"]
    0.0
    """
    name = str(name_or_path)
    if name in {entry.name for entry in list_datasets(every=True)}:
        if schema is not None:
            raise SchemaError(f"a schema for {name}", "none: this data set knows its types", "leave the schema out")
        return find_entry(name).make(settings)
    path = Path(name)
    if not name.lower().endswith(SUFFIXES) and not path.exists():
        find_entry(name)  # raises, listing what there is
    if settings:
        raise SchemaError(
            f"settings {', '.join(sorted(settings))} for the file {path.name}",
            "a schema only",
            "settings belong to built-in data sets",
        )
    return load_file(path, schema)
