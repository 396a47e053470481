"""What several commands share: options, the reading of KEY=VALUE, and results on a terminal or as plain text."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from isotropy.errors import SchemaError

_SAID = {True: "held    ", False: "NOT held", None: "open    "}


class Engine(StrEnum):
    """Where jobs run."""

    serial = "serial"
    process = "process"
    ray = "ray"


DATA_HELP = "A built-in data set by name, or a file: .csv, .tsv (also .gz), .parquet, .npz, structures (.xyz)."
Data = Annotated[str, typer.Argument(help=DATA_HELP)]
SchemaFile = Annotated[
    Path | None, typer.Option("--schema", help="The YAML file that declares the types of the columns.")
]
Settings = Annotated[
    list[str], typer.Option("--set", metavar="KEY=VALUE", help="A setting of the data, by its name; may be repeated.")
]
Out = Annotated[Path | None, typer.Option("--out", help="The directory of this run: results, report, finished jobs.")]
Resume = Annotated[bool, typer.Option("--resume", help="Continue the interrupted run in --out.")]
Workers = Annotated[int | None, typer.Option("--workers", min=1, help="Jobs at a time; by default one for each core.")]
Address = Annotated[str | None, typer.Option("--address", help="A Ray cluster; --out on shared storage.")]
Piecewise = Annotated[
    str | None,
    typer.Option(
        "--piecewise",
        metavar="ARRAY",
        help="Parts that move each by itself: an array of DATA (.npz) with the part of each point, or a partition.npz "
        "of discover --parts.",
    ),
]
Seed = Annotated[int, typer.Option("--seed", help="Equal seeds give equal results.")]
Device = Annotated[str, typer.Option("--device", help="cpu or cuda.")]
ReportOut = Annotated[Path | None, typer.Option("--out", help="The directory of the report.")]
Title = Annotated[str | None, typer.Option("--title", help="What the data are called in the report.")]


def plain_console(*, stderr: bool = False, width: int | None = None) -> Console:
    """A console that prints what it is given: names and comments of files are never read as markup or pictures."""
    return Console(stderr=stderr, width=width, highlight=False, markup=False, emoji=False)


def examples(*lines: str, title: str = "Examples") -> str:
    """The end of a help text: commands to try, one on a line."""
    return f"{title}:\n\n\b\n" + "\n".join(f"  {line}" for line in lines)


def check_run(out: Path | None, resume: bool, engine: Engine | None = None, address: str | None = None) -> None:
    """Raises ``SchemaError`` for a run that has no directory to resume, and for a cluster that no engine asks."""
    if resume and out is None:
        raise SchemaError("--resume without --out", "the directory of the interrupted run", "--out DIR --resume")
    if address is not None and engine is not None and engine is not Engine.ray:
        raise SchemaError(f"--address with --engine {engine.value}", "--engine ray")


def refuse(options: Mapping[str, object], beside: str, expected: str) -> None:
    """Raises ``SchemaError`` for options that were given ``beside`` what has no use for them, "with --env" say.

    >>> refuse({"--quick": False, "--noise": "0.1"}, "with graphs", "--groups and --seed")
    Traceback (most recent call last):
        ...
    isotropy.errors.SchemaError: given --noise with graphs; expected --groups and --seed
    """
    said = [name for name, value in options.items() if value]
    if said:
        raise SchemaError(f"{', '.join(said)} {beside}", expected)


def settings_of(pairs: Sequence[str]) -> dict[str, object]:
    """``["nu=0.3", "n=1000"]`` as a dictionary of texts; raises ``SchemaError`` for anything that is not KEY=VALUE.

    >>> settings_of(["nu=0.3", "n=1000"])
    {'nu': '0.3', 'n': '1000'}
    """
    settings: dict[str, object] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not all(word.isidentifier() for word in key.strip().split(".")):
            raise SchemaError(f"--set {pair}", "KEY=VALUE", "--set nu=0.3")
        if key.strip() in settings:
            raise SchemaError(f"--set {key.strip()} twice", "each setting once")
        settings[key.strip()] = value.strip()
    return settings


def show(
    result: Any, sentence: str = "", notes: Sequence[str] = (), alarm: str = "", steps: Sequence[str] = ()
) -> None:
    """Prints the table of a result, what has to be known to read it (an alarm loudly), what follows from it, and what
    to run next."""
    from isotropy.report import rich_table

    console = plain_console()
    if hasattr(result, "__len__") and not len(result):
        pass  # nothing is there yet of a run that was interrupted early
    elif console.is_terminal:
        table = result.summary()
        console.print(rich_table(table, width=console.width))
        for note in table.notes:
            console.print(Text(note, style="dim"))
    else:
        print(result.table())
    if alarm:
        console.print(Text(f"warning: {alarm}", style="bold yellow"), soft_wrap=not console.is_terminal)
    for note in notes:
        console.print(Text(note, style="dim"), soft_wrap=not console.is_terminal)
    if sentence:
        console.print()
        console.print(Text(sentence, style="bold"), soft_wrap=not console.is_terminal)
    if steps:
        print("\nnext:\n" + "\n".join(f"  {step}" for step in steps))


def show_claims(verdicts: Iterable[Any]) -> None:
    """Prints which claims of a reproduction held, with the numbers that decided."""
    for verdict in verdicts:
        numbers = f" ({verdict.numbers})" if verdict.numbers else ""
        print(f"{_SAID[verdict.held]}  {verdict.text}{numbers}")


def point(out: Path | None) -> None:
    """Prints where the report is, or how to get one."""
    print(f"\nreport: {out / 'report.html'}" if out else "\nWith --out DIR the report is written there.")


def tell(found: Any, out: Path | None, notes: Sequence[str] = (), steps: Sequence[str] = ()) -> None:
    """Prints an answer with its headline, and where its report is."""
    show(found, found.headline(), notes, steps=steps)
    point(out)


def print_table(table: Table) -> None:
    """Prints a table; away from a terminal lines are for other programs, which want them whole."""
    console = plain_console()
    console = console if console.is_terminal else plain_console(width=400)
    console.print(table)
