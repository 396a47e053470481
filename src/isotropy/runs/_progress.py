"""How far the work is: a bar on a terminal, a line now and then elsewhere."""

import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

Advance = Callable[..., None]

EVERY = 20.0  # seconds from line to line where no bar can be drawn


@contextmanager
def progress_bar(description: str, total: int | None, show: bool | None = None) -> Generator[Advance, None, None]:
    """How far the work is, on standard error; yields ``advance(steps=1, note="")``.

    A bar on a terminal; elsewhere, in a log say, a line every 20 seconds with what is done, of how much, and about how
    long the rest will take. ``show=False`` is silent, ``show=True`` draws the bar wherever it is.

    >>> with progress_bar("jobs", 2, show=False) as advance:
    ...     advance()
    """
    if show is False:
        yield _silence  # short trainings are many: a bar that nobody sees is not built
        return
    console = Console(file=sys.stderr)
    if show is None and not console.is_terminal:
        with _lines(description, total) as advance:
            yield advance
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", style="dim", markup=False),
    )
    # Two redraws a second are legible and cost a training loop nothing.
    with Progress(*columns, console=console, transient=True, refresh_per_second=2) as progress:
        task = progress.add_task(description, total=total, note="")

        def advance_bar(steps: int = 1, note: str | None = None) -> None:
            progress.advance(task, steps)
            if note is not None:
                progress.update(task, note=note)

        yield advance_bar


@contextmanager
def _lines(description: str, total: int | None) -> Generator[Advance, None, None]:
    """A line every so often, by a thread of its own: one piece of the work may take longer than that."""
    began, done, over = time.monotonic(), [0], threading.Event()

    def tell() -> None:
        while not over.wait(EVERY):
            print(said(description, done[0], total, time.monotonic() - began), file=sys.stderr, flush=True)

    def advance(steps: int = 1, note: str | None = None) -> None:
        done[0] += steps

    thread = threading.Thread(target=tell, daemon=True)
    thread.start()
    try:
        yield advance
    finally:
        over.set()
        thread.join()


def said(description: str, done: int, total: int | None, seconds: float) -> str:
    """The line of a log.

    >>> said("fitting", 4, 10, 60.0), said("fitting", 0, 10, 20.0)
    ('fitting: 4 of 10, 60 s, about 90 s left', 'fitting: 0 of 10, 20 s')
    """
    line = f"{description}: {done}{f' of {total}' if total else ''}, {spoken(seconds)}"
    left = seconds / done * (total - done) if total and done else 0.0
    return line + (f", about {spoken(left)} left" if left > 0 else "")


def spoken(seconds: float) -> str:
    """Seconds as people say them.

    >>> spoken(42.0), spoken(600.0), spoken(9000.0)
    ('42 s', '10 min', '2.5 h')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _silence(steps: int = 1, note: str | None = None) -> None:
    pass
