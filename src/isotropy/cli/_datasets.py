"""``isotropy datasets``: what there is, and whether its files are intact."""

from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from isotropy.cli._app import REFUSED, commands
from isotropy.cli._options import examples, print_table
from isotropy.errors import counted

datasets = commands("datasets", "The data sets that are known by name.")


@datasets.command("list", epilog=examples("isotropy datasets list", "isotropy datasets list | grep zoo/"))
def list_() -> None:
    """All data sets by name, with their settings and defaults."""
    from isotropy.data import list_datasets

    table = Table("name", "what it is", "where it is", "settings", box=None, pad_edge=False)
    for entry in list_datasets(every=True):
        settings = ", ".join(f"{key}={value}" for key, value in entry.settings.items())
        cells = (entry.name, entry.title, _where(entry), settings)
        table.add_row(*map(Text, cells))
    print_table(table)


@datasets.command(
    "verify",
    short_help="Whether their files are there and intact.",
    epilog=examples("isotropy datasets verify", "isotropy datasets verify photos digits"),
)
def verify(
    names: Annotated[list[str] | None, typer.Argument(help="Names from the list; all of them by default.")] = None,
) -> None:
    """Whether the files of the data sets are there and are the known ones, byte for byte.

    Without names, data sets that were never downloaded are no fault.
    """
    from isotropy.data import list_datasets
    from isotropy.data import verify as check

    every = {entry.name: entry for entry in list_datasets(every=True)}
    absent = [] if names else [name for name, entry in every.items() if not entry.available]
    computed = [] if names else [name for name, entry in every.items() if entry.kind == "computed"]
    results = [check(name) for name in (names or every) if name not in (*absent, *computed)]
    for result in results:
        print(result)
    if computed:
        print(f"{counted(len(computed), 'other')} are computed from their formulas and have no files")
    for name in absent:
        print(f"{name}: needs a download, from {every[name].source}")
    if not all(result.ok for result in results):
        raise typer.Exit(REFUSED)


def _where(entry: Any) -> str:
    if entry.kind == "computed":
        return "made on the spot"
    return "here" if entry.available else "needs a download"
