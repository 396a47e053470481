"""One run, one place: a directory whose files appear whole, and pure jobs that any engine computes once."""

from isotropy.runs._engines import cores as cores
from isotropy.runs._engines import echo as echo
from isotropy.runs._engines import map_jobs as map_jobs
from isotropy.runs._engines import memory_kept as memory_kept
from isotropy.runs._engines import threads_limited as threads_limited
from isotropy.runs._job import Job as Job
from isotropy.runs._job import finished as finished
from isotropy.runs._progress import progress_bar as progress_bar
from isotropy.runs._progress import spoken as spoken
from isotropy.runs._run import Run as Run
from isotropy.runs._run import RunDirectoryError as RunDirectoryError
