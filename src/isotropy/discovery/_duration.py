"""About how long a discovery takes, said before it begins."""

import sys

from isotropy.errors import counted
from isotropy.runs import cores, spoken
from isotropy.study import Problem

# Processor seconds, fitted to runs of 300 to 2000 rows on one machine; others are within a factor of three.
_QUICK, _QUICK_ROW = 4.0, 0.004
_FULL, _FULL_ROW = 40.0, 0.0115
_MOST = 5000  # rows beyond which learners and tests take samples
_SAID = 10.0  # shorter ones are over before one has read it


def estimated(rows: int, candidates: int, *, quick: bool, workers: int = 1) -> float:
    """Seconds, roughly.

    >>> round(estimated(300, 2, quick=True)), round(estimated(2000, 4, quick=False, workers=2))
    (6, 66)
    """
    base, each = (_QUICK, _QUICK_ROW) if quick else (_FULL, _FULL_ROW)
    return (base + each * min(rows, _MOST) * candidates) / max(1, workers)


def announce(problem: Problem, *, quick: bool, engine: str, workers: int | None, progress: bool | None) -> None:
    """A line on standard error, unless progress is not wanted or it is over at once."""
    if progress is False:
        return
    several = 1 if engine == "serial" else workers or cores()
    seconds = estimated(len(problem.x), len(problem.candidates), quick=quick, workers=several)
    if seconds >= _SAID:
        rows, count = counted(len(problem.x), "row"), len(problem.candidates)
        where = "one core" if several == 1 else f"{several} cores"
        print(
            f"about {spoken(seconds)} for {rows} and {counted(count, 'candidate')} on {where}",
            file=sys.stderr,
            flush=True,
        )
