"""The run of a verb: a directory opened or made, its settings kept, the clock, and the answer written."""

import hashlib
import platform
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch

from isotropy.data import Dataset
from isotropy.report import Result
from isotropy.runs import Run
from isotropy.study._problem import Problem

R = TypeVar("R", bound=Result)


@dataclass(frozen=True)
class Answering:
    """The run that an answer is worked out in; ``kept`` says whether its directory outlives it."""

    run: Run
    settings: Mapping[str, Any]
    kept: bool
    began: float

    def stamp(self) -> dict[str, Any]:
        """The fields of a result that tell its seconds, its settings and the versions that computed it."""
        from isotropy import __version__

        told = f"isotropy {__version__}, torch {torch.__version__}, Python {platform.python_version()}"
        return {"seconds": time.monotonic() - self.began, "settings": {**self.settings, "versions": told}}

    def write(self, result: R) -> R:
        """The result, with result.json and the report in a directory that is kept."""
        if self.kept:
            result.to_json(self.run.path / "result.json")
            result.report(self.run.path / "report.html")
        return result


@contextmanager
def answering(
    out: str | Path | None,
    resume: bool,
    settings: Mapping[str, Any],
    problem: Problem | None = None,
    *,
    began: float | None = None,
) -> Generator[Answering]:
    """The run in ``out``, or in a directory of the moment, with its settings and its problem recorded.

    ``began`` is what ``time.monotonic`` said when the question was asked. Raises RunDirectoryError for a directory that
    is not this run's, and for other settings than it was begun with.
    """
    began = time.monotonic() if began is None else began
    with ExitStack() as stack:
        where = out if out is not None else stack.enter_context(tempfile.TemporaryDirectory())
        run = stack.enter_context(Run(where, resume=resume))
        run.configure(settings)
        if problem is not None and not run.has("problem.json"):
            problem.save(run)
        yield Answering(run, settings, out is not None, began)


def told_of(dataset: Dataset) -> dict[str, Any]:
    """What a result says about its data."""
    return {
        "name": dataset.name, "title": dataset.title, "story": dataset.story, "rows": dataset.rows,
        "units": dataset.units, "inputs": str(dataset.types.x), "targets": str(dataset.types.y),
        "settings": {key: str(value) for key, value in dataset.settings.items()},
    }  # fmt: skip


def data_settings(dataset: Dataset, problem: Problem) -> dict[str, Any]:
    """What a run must not change when it is resumed: the data, the candidates and the seed."""
    digest = hashlib.sha256()
    for array in (problem.x, problem.y, problem.unit):
        digest.update(array.numpy().tobytes())
    return {
        "data": dataset.name or "given arrays",
        "settings": {key: str(value) for key, value in dataset.settings.items()},
        "sha256": digest.hexdigest(),
        "groups": [candidate.name for candidate in problem.candidates],
        "windows": {c.name: list(c.width) for c in problem.candidates if c.width is not None},
        "seed": problem.seed,
    }
