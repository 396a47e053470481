"""Which files are tables, and the schema that types one."""

from collections.abc import Mapping
from pathlib import Path

from isotropy.errors import SchemaError
from isotropy.reps import Schema
from isotropy.storage import no_file

SUFFIXES = (".npz", ".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet")
KINDS = "an .npz, .csv, .tsv (also .gz) or .parquet file"


def schema_of(schema: str | Path | Schema | Mapping[str, object]) -> Schema:
    """The schema itself, of the file that holds it, or of a dictionary."""
    return read_schema(schema) if isinstance(schema, str | Path) else Schema.of(schema)


def read_schema(path: str | Path) -> Schema:
    """The schema in a YAML file: ``Schema.from_yaml`` of its path."""
    path = Path(path)
    if not path.is_file():
        missing = no_file(path)
        hint = missing.hint or "isotropy schema init DATA writes one for a table"
        raise SchemaError(f"no schema file {path}", missing.expected, hint)
    if path.name.lower().endswith(SUFFIXES):
        hint = f"isotropy schema init {path} writes one for it"
        raise SchemaError(f"{path.name} as a schema, which is a table", "a YAML file with types of x and y", hint)
    return Schema.from_yaml(path)
