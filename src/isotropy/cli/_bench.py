"""``isotropy bench``: the scripts of ``benchmarks/``, where there is a checkout."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

import isotropy
from isotropy.cli._app import app
from isotropy.cli._options import examples
from isotropy.errors import SchemaError, nearest


def scripts() -> dict[str, Path]:
    """The benchmarks of this checkout by name; raises ``SchemaError`` for an installed package, which has none."""
    folder = Path(isotropy.__file__).parents[2] / "benchmarks"
    if not folder.is_dir():
        raise SchemaError(
            f"an installed package in {Path(isotropy.__file__).parent}",
            "a checkout, which has the folder benchmarks/",
            "clone the repository and install it with pip install -e .",
        )
    return {path.stem.replace("_", "-"): path for path in sorted(folder.glob("*.py")) if path.stem[0] != "_"}


@app.command(
    short_help="How fast is it? (from a checkout)",
    context_settings={"ignore_unknown_options": True},
    epilog=examples("isotropy bench", "isotropy bench imports"),
)
def bench(
    name: Annotated[str | None, typer.Argument(help="The benchmark; without one they are listed.")] = None,
    arguments: Annotated[list[str] | None, typer.Argument(help="Arguments of the script.")] = None,
) -> None:
    """How fast is it? Runs a script of benchmarks/, which needs a checkout."""
    found = scripts()
    if name is None:
        print("\n".join(found))
        return
    path = found.get(name.replace("_", "-"))
    if path is None:
        raise SchemaError(f"the benchmark {name!r}", "one of " + ", ".join(found), nearest(name, found))
    raise typer.Exit(subprocess.run([sys.executable, str(path), *(arguments or [])], check=False).returncode)
