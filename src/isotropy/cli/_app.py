"""The command line: what is refused is said in one message, what is interrupted says how to continue."""

import errno
import shlex
import sys
import warnings
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.text import Text
from typer.core import TyperGroup

from isotropy import __version__
from isotropy.cli._options import examples
from isotropy.errors import IsotropyError

REFUSED, INTERRUPTED = 2, 130
# In the help: questions about data and models first, then what serves them.
_ORDER = ["discover", "audit", "compare", "symmetries", "graphs", "frames", "schema", "show", "datasets", "reproduce"]


class _Commands(TyperGroup):
    """The commands, with what the library raises on purpose turned into messages and exit codes."""

    def list_commands(self, ctx: Any) -> list[str]:
        known = super().list_commands(ctx)
        return sorted(known, key=lambda name: _ORDER.index(name) if name in _ORDER else len(_ORDER))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.obj = list(args)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        try:
            with _warnings_as_lines():
                return super().invoke(ctx)
        except KeyboardInterrupt:
            _say_interrupted(ctx.obj)
            raise typer.Exit(INTERRUPTED) from None
        except IsotropyError as error:
            _say_refused(error.given, error.expected, error.hint)
            raise typer.Exit(REFUSED) from None
        except OSError as error:
            if error.errno == errno.ENOSPC:
                instead = "make room and go on with --resume; finished pieces are kept"
                _say_refused("a disk without room", "room for what is written", instead)
                raise typer.Exit(REFUSED) from None
            if error.filename is None:
                raise
            _say_refused(f"{error.filename}: {error.strerror}", "a path that can be read or written", "")
            raise typer.Exit(REFUSED) from None


@contextmanager
def _warnings_as_lines() -> Generator[None]:
    """Shows the library's own warnings as one line for a person, without the place in the code that raised them."""

    def show(message: Warning | str, category: type[Warning], filename: str, *rest: Any, **more: Any) -> None:
        ours = category.__module__.startswith("isotropy") or Path(filename).is_relative_to(package)
        if not ours:
            original(message, category, filename, *rest, **more)
            return
        line = Text("warning", style="bold yellow").append(f"    {message}", style="not bold default")
        Console(stderr=True, highlight=False, markup=False, emoji=False).print(line, soft_wrap=True)

    package = Path(__file__).parents[1]
    original, warnings.showwarning = warnings.showwarning, show
    try:
        yield
    finally:
        warnings.showwarning = original


def _say_refused(given: str, expected: str, hint: str) -> None:
    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    console.print(Text("refused", style="bold red"))
    for word, text, style in (("given", given, ""), ("expected", expected, ""), ("instead", hint, "green")):
        if text:
            line = Text(f"  {word:9s} ", style="dim").append(text, style=style)
            console.print(line, soft_wrap=True)


def _say_interrupted(args: Sequence[str]) -> None:
    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    message = Text("interrupted", style="bold yellow")
    if "--out" in args or any(arg.startswith("--out=") for arg in args):
        again = [*args, *(() if "--resume" in args else ("--resume",))]
        message.append("; finished pieces are kept. Continue with\n  ", style="not bold")
        message.append(shlex.join(["isotropy", *again]), style="green")
    else:
        message.append("; with --out DIR finished pieces are kept, and --resume continues", style="not bold")
    console.print(message, soft_wrap=True)


app = typer.Typer(
    name="isotropy",
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    rich_markup_mode=None,
    help="Find the symmetries in your data, measure them in your models, and build them in.",
    epilog=examples(
        "isotropy schema init data.csv                        # a table: what its columns seem to be, to be corrected",
        "isotropy discover data.csv --schema data.schema.yaml --quick --out runs/a",
        "isotropy discover inertia --set nu=0.3 --quick       # nothing at hand: a built-in problem",
        "isotropy discover pictures/ --set size=32            # a folder with one sub-folder for each class",
        "isotropy discover poses.npz --parts                  # poses of one body: which points move together",
        'isotropy audit mymodels:net data.npz --schema schema.yaml --groups "SO(3)"',
        'isotropy audit ase.calculators.emt:EMT structures.xyz --groups "E(3)"',
        'isotropy symmetries "u_t = u_xx"                     # an equation',
        "isotropy graphs cost MUTAG                           # graphs: what networks on subgraphs cost",
        title="First commands",
    ),
)


def commands(name: str, what: str) -> typer.Typer:
    """A command that has commands of its own, ``isotropy NAME ...``."""
    made = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=what)
    app.add_typer(made, name=name)
    return made


def _print_version(wanted: bool) -> bool:
    if wanted:
        print(f"isotropy {__version__}")
        raise typer.Exit
    return wanted


@app.callback()
def root(
    version: bool = typer.Option(False, "--version", callback=_print_version, is_eager=True, help="Print the version."),
) -> None:
    """Find the symmetries in your data, measure them in your models, and build them in."""


def main() -> None:
    """The entry point ``isotropy``: 0 when finished, 2 for refused input, 130 when interrupted."""
    try:
        app()
    except KeyboardInterrupt:  # before a command began, or after it ended
        sys.exit(INTERRUPTED)
