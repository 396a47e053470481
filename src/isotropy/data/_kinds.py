"""Which files are tables, and the schema that types one."""

from collections.abc import Mapping
from pathlib import Path

from isotropy.reps import Schema

SUFFIXES = (".npz", ".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet")
KINDS = "an .npz, .csv, .tsv (also .gz) or .parquet file"


def schema_of(schema: str | Path | Schema | Mapping[str, object]) -> Schema:
    """The schema itself, of the file that holds it, or of a dictionary."""
    return read_schema(schema) if isinstance(schema, str | Path) else Schema.of(schema)


def read_schema(path: str | Path) -> Schema:
    """The schema in a YAML file: ``Schema.from_yaml`` of its path."""
    return Schema.from_yaml(Path(path))
