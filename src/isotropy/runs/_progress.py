"""Progress bars on a terminal, silence elsewhere."""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

Advance = Callable[..., None]


@contextmanager
def progress_bar(description: str, total: int | None, show: bool | None = None) -> Generator[Advance, None, None]:
    """A bar on standard error; yields ``advance(steps=1, note="")``. ``show=None`` draws on a terminal only.

    >>> with progress_bar("jobs", 2, show=False) as advance:
    ...     advance()
    """
    if show is False:
        yield _silence  # short trainings are many: a bar that nobody sees is not built
        return
    console = Console(file=sys.stderr)
    show = show or console.is_terminal
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("[dim]{task.fields[note]}"),
    )
    # Two redraws a second are legible and cost a training loop nothing.
    with Progress(*columns, console=console, disable=not show, transient=True, refresh_per_second=2) as progress:
        task = progress.add_task(description, total=total, note="")

        def advance(steps: int = 1, note: str | None = None) -> None:
            progress.advance(task, steps)
            if note is not None:
                progress.update(task, note=note)

        yield advance


def _silence(steps: int = 1, note: str | None = None) -> None:
    pass
