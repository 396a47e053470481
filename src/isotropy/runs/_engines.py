"""Jobs mapped, each at most once in the life of a run: in this process, in spawned processes, or on Ray.

The same job gives the same bits in each.
"""

import ctypes
import logging
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, ProcessPoolExecutor, wait
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, cast

import torch
from threadpoolctl import ThreadpoolController

from isotropy import random
from isotropy.errors import DomainError, MissingExtraError, one_of
from isotropy.runs._job import Job, outcome_of, store
from isotropy.runs._progress import progress_bar
from isotropy.runs._run import Run

# Of mallopt, in <malloc.h> of the GNU C library: from which size memory is mapped by itself, how much may lie unused at
# the end of the heap, and numbers of bytes that no step of a training comes near.
_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1
_LARGE, _LARGEST_OLD, _ALL = 2**30, 2**25, 2**31 - 1  # older ones refuse more than the second
# Seconds of one wait. A signal that arrives between two looks does not end a wait, so none may last until a job ends.
_PATIENCE = 1.0

Engine = Callable[[Sequence[Job], Run, int, int, str | None], Iterator[Job]]


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
    one_of("engine", engine, ENGINES)
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


def execute(job: Job, run: Run, threads: int) -> None:
    """Runs one job and stores its outcome; an error leaves with the job's description."""
    # The global generator is seeded too, because layers draw their first weights from it.
    with threads_limited(threads), torch.random.fork_rng(devices=[]):
        torch.manual_seed(random.derive(job.seed, job.key))
        try:
            store(run, job, job.call(run))
        except Exception as error:
            error.add_note(f"in the job {job}")
            raise


def serial(jobs: Sequence[Job], run: Run, workers: int, threads: int, address: str | None) -> Iterator[Job]:
    """One job after the other, in this process."""
    for job in jobs:
        execute(job, run, threads)
        yield job


def process(jobs: Sequence[Job], run: Run, workers: int, threads: int, address: str | None) -> Iterator[Job]:
    """A pool of spawned processes on this machine."""
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_begin_worker)
    finished = False
    try:
        futures = {pool.submit(_report, job, str(run.path), threads): job for job in jobs}
        pending = set(futures)
        while pending:
            done, pending = wait(pending, _PATIENCE, FIRST_COMPLETED)
            for future in done:
                try:
                    failure = future.result()
                except BrokenExecutor as error:
                    guard = "a script that maps jobs to processes needs the guard: if __name__ == '__main__'"
                    raise _death(futures[future], guard) from error
                _raise(failure)
                yield futures[future]
        finished = True
    finally:
        # Jobs may be killed at any instant, so whoever leaves early (an error, Ctrl-C) need not wait for them.
        children = list(cast(Any, pool)._processes.values()) if not finished else []
        pool.shutdown(wait=finished, cancel_futures=True)
        for child in children:
            child.kill()
        for child in children:
            child.join()


def ray(jobs: Sequence[Job], run: Run, workers: int, threads: int, address: str | None) -> Iterator[Job]:
    """Tasks of Ray: on this machine, or on the cluster at ``address`` (the run directory on shared storage)."""
    try:
        import ray as cluster
        from ray.exceptions import RayError
    except ImportError as error:
        raise MissingExtraError.of("ray", "ray") from error
    ours = not cluster.is_initialized()
    if ours:
        local: dict[str, Any] = {} if address else {"num_cpus": workers * threads, "include_dashboard": False}
        cluster.init(address=address or "local", log_to_driver=False, logging_level=logging.ERROR, **local)
    try:
        task = cluster.remote(max_retries=0, num_cpus=threads)(_report_elsewhere)
        pending = {task.remote(job, str(run.path), threads, sys.path): job for job in jobs}
        while pending:
            done, _ = cluster.wait(list(pending), num_returns=1, timeout=_PATIENCE)
            if not done:
                continue
            job = pending.pop(done[0])
            try:
                failure = cluster.get(done[0])
            except RayError as error:
                raise _death(job, "see the logs of Ray") from error
            _raise(failure)
            if not run.has(job.file):
                raise FileNotFoundError(f"{run.path}: the run directory must lie on storage that every machine sees")
            yield job
    finally:
        if ours:
            cluster.shutdown()


ENGINES: dict[str, Engine] = {"serial": serial, "process": process, "ray": ray}


def _death(job: Job, hint: str) -> RuntimeError:
    return RuntimeError(
        f"a worker process died, perhaps for want of memory, at or before the job {job}; finished jobs are kept: "
        f"lower workers and resume ({hint})"
    )


def _begin_worker() -> None:
    # Ctrl-C reaches the whole foreground group: the parent decides, workers are ended by it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    # A killed parent cannot end its pool, and its workers would wait for it for ever.
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


Failure = tuple[BaseException, list[str]] | None


def _report(job: Job, path: str, threads: int) -> Failure:
    """Executes a job in a worker; returns its error, fit to travel, with its notes and its traceback, or None."""
    try:
        execute(job, Run.attach(path), threads)
    except Exception as error:
        text = "".join(traceback.format_exception(error))
        try:
            # An error that cannot be rebuilt would break the pool instead of telling what happened.
            return pickle.loads(pickle.dumps(error)), [*getattr(error, "__notes__", []), text]
        except Exception:
            return RuntimeError(text), []
    return None


def _report_elsewhere(job: Job, path: str, threads: int, search: list[str]) -> Failure:
    sys.path.extend(entry for entry in search if entry not in sys.path)
    return _report(job, path, threads)


def _raise(failure: Failure) -> None:
    if failure is not None:
        error, notes = failure
        error.__notes__ = notes
        raise error


def cores() -> int:
    """The cores that this process may use (affinity, where the system knows it)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@lru_cache(maxsize=1)
def _pools(modules: int) -> ThreadpoolController:
    """The thread pools of this process, sought anew (which takes milliseconds) where more ``modules`` are imported."""
    return ThreadpoolController()


@contextmanager
def threads_limited(count: int) -> Generator[None, None, None]:
    """Runs torch, BLAS and OpenMP with ``count`` threads inside, and restores what was set before.

    Sums are split by the number of threads, so equal bits need equal counts.

    >>> with threads_limited(1):
    ...     torch.get_num_threads()
    1
    """
    before = torch.get_num_threads()
    with _pools(len(sys.modules)).limit(limits=count):
        torch.set_num_threads(count)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def memory_kept() -> bool:
    """Keeps the memory that this process gives back for its next step, from now until it ends; whether it could.

    Otherwise the GNU C library returns what a step needed to the system and asks for it again, page by page, at the
    next: an eighth of the processor time of small models. Other systems are left as they are.
    """
    try:
        mallopt: Any = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # not the GNU C library
        return False
    return bool(
        (mallopt(_MMAP_THRESHOLD, _LARGE) or mallopt(_MMAP_THRESHOLD, _LARGEST_OLD)) and mallopt(_TRIM_THRESHOLD, _ALL)
    )
