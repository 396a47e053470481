"""Jobs mapped by an engine, each at most once in the life of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from isotropy.errors import DomainError
from isotropy.runs._engines import ENGINES
from isotropy.runs._job import Job, outcome_of
from isotropy.runs._progress import progress_bar
from isotropy.runs._run import Run
from isotropy.runs._threads import cores


def map_jobs(
    jobs: Sequence[Job],
    run: Run,
    engine: str = "serial",
    workers: int | None = None,
    *,
    threads: int = 1,
    address: str | None = None,
    progress: bool | None = None,
    description: str = "jobs",
) -> list[Any]:
    """The outcomes of ``jobs``, in their order; those that ``run`` already holds are not computed again.

    An outcome is JSON with numpy arrays at its leaves. It depends on the job and on ``threads`` (for each job), not on
    the ``engine`` (serial, process, ray) nor on ``workers`` (default: the cores divided by ``threads``). ``address``
    is that of a Ray cluster; without one Ray runs on this machine. The first error in a job ends the mapping and is
    raised here with the job's description; Ctrl-C ends it too. Whatever was finished stays finished.

    >>> import tempfile
    >>> with Run(tempfile.mkdtemp()) as run:
    ...     map_jobs([Job("isotropy.runs:echo", {"x": 1}), Job("isotropy.runs:echo", {"x": 2})], run)
    [{'x': 1}, {'x': 2}]
    """
    if engine not in ENGINES:
        raise DomainError(f"engine={engine!r}", " | ".join(ENGINES))
    if threads < 1 or (workers is not None and workers < 1):
        raise DomainError(f"workers={workers}, threads={threads}", "at least one of each")
    workers = max(1, cores() // threads) if workers is None else workers
    distinct = {job.key: job for job in jobs}
    missing = [job for job in distinct.values() if not run.has(job.file)]
    with progress_bar(description, len(distinct), progress) as advance:
        advance(len(distinct) - len(missing))
        if missing:
            for _ in ENGINES[engine](missing, run, min(workers, len(missing)), threads, address):
                advance()
    return [outcome_of(run, job) for job in jobs]


def echo(run: Run, *, seed: int, **arguments: Any) -> Any:
    """A job that returns its arguments: to try an engine with."""
    return arguments
