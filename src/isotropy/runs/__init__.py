"""One run, one place: a directory whose files appear whole, and pure jobs that any engine computes once."""

from isotropy.runs._job import Job
from isotropy.runs._map import echo, map_jobs
from isotropy.runs._progress import progress_bar
from isotropy.runs._run import Run, RunDirectoryError
from isotropy.runs._threads import cores, threads_limited

__all__ = [
    "Job",
    "Run",
    "RunDirectoryError",
    "cores",
    "echo",
    "map_jobs",
    "progress_bar",
    "threads_limited",
]
