"""How many cores there are, and how many threads a piece of work may use."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager

import torch
from threadpoolctl import threadpool_limits


def cores() -> int:
    """The cores that this process may use (affinity, where the system knows it)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def threads_limited(count: int) -> Generator[None, None, None]:
    """Runs torch, BLAS and OpenMP with ``count`` threads inside, and restores what was set before.

    Sums are split by the number of threads, so equal bits need equal counts.

    >>> with threads_limited(1):
    ...     torch.get_num_threads()
    1
    """
    before = torch.get_num_threads()
    with threadpool_limits(limits=count):
        torch.set_num_threads(count)
        try:
            yield
        finally:
            torch.set_num_threads(before)
