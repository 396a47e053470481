"""``isotropy schema``: what the columns of a file mean, to begin with."""

from pathlib import Path
from typing import Annotated

import typer

from isotropy.cli._app import commands
from isotropy.cli._options import examples
from isotropy.errors import SchemaError

schema = commands("schema", "What the columns of a file mean.")


@schema.command(
    short_help="Write a commented schema for a file, to be corrected.",
    epilog=examples("isotropy schema init data.csv", "isotropy schema init arrays.npz --out types.yaml"),
)
def init(
    data: Annotated[Path, typer.Argument(help="A .csv, .tsv (also .gz), .parquet or .npz file.")],
    out: Annotated[Path | None, typer.Option("--out", help="Where to; by default DATA.schema.yaml beside it.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Writes a commented schema for a file: columns grouped into Vectors and Scalars by their names."""
    from isotropy.data import draft, schema_path
    from isotropy.storage import no_file, write_whole

    if not data.is_file():
        raise no_file(data)
    target = out or schema_path(data)
    if target.exists() and not force:
        raise SchemaError(f"{target}, which is there", "a new file", "--force replaces it, --out FILE writes another")
    text = draft(data)
    write_whole(target, text.encode())
    print(f"{text}\nwritten: {target}")
