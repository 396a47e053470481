"""The run of a verb: a directory opened or made, its settings kept, the clock, and the answer written."""

from __future__ import annotations

import hashlib
import platform
import shlex
import sys
import tempfile
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import torch
from torch import Tensor

from isotropy.data import Dataset
from isotropy.errors import IsotropyError
from isotropy.fields import Json
from isotropy.report import Bars, Result, frame_of, notebook_html, plot_bars
from isotropy.runs import Run
from isotropy.study._problem import Problem

R = TypeVar("R", bound=Result)
F = TypeVar("F")
A = TypeVar("A", bound="Answer[Any]")
ASKED = "asked.json"  # in a run directory: the command that began it, for whoever continues it


def command() -> str:
    """The command line that this process is answering; empty elsewhere.

    >>> command()
    ''
    """
    return shlex.join(["isotropy", *sys.argv[1:]]) if Path(sys.argv[0] or "-").name == "isotropy" else ""


@dataclass(frozen=True, kw_only=True, repr=False)
class Answer(Result, Generic[F]):
    """What a verb returns: findings by their names, ``answer["O(3)"]``, and the data and settings they rest on.

    It has a length, is iterated over its findings, and says by ``in`` whether a name is among them. ``found`` of the
    class says which field holds the findings.
    """

    found: ClassVar[str] = "groups"
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])
    notes: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    # When and how it was asked is no part of an answer: the same question has the same one on another day.
    date: str = field(default="", compare=False)
    command: str = field(default="", compare=False)

    def __getitem__(self, name: str) -> F:
        """The finding of that name."""
        named: dict[str, F] = {finding.name: finding for finding in self._findings}
        if name not in named:
            raise KeyError(f"{name!r} is not among the {self.found} {list(named)}")
        return named[name]

    def __len__(self) -> int:
        return len(self._findings)

    def __bool__(self) -> bool:
        return True  # an answer is one, whatever it found

    def __iter__(self) -> Iterator[F]:
        return iter(self._findings)

    def __contains__(self, name: object) -> bool:
        return any(name in (finding.name, finding) for finding in self._findings)

    def __repr__(self) -> str:
        said = [f"{self.title()}", self.table(), *self.sentences, *self._steps()]
        return "\n".join(part for part in said if part)

    def _repr_html_(self) -> str:
        return notebook_html(self.title(), self.summary(), [*self.sentences, *self._steps()])

    def _steps(self) -> list[str]:
        return ["next:", *(f"  {step}" for step in self.next_steps)] if self.next_steps else []

    def payload(self) -> dict[str, Json]:
        lines: list[Json] = list(self.next_steps)
        return {**super().payload(), **({"next": lines} if lines else {})}

    @classmethod
    def from_payload(cls: type[A], payload: Mapping[str, Json]) -> A:
        # The lines to run next follow from the rest.
        return super().from_payload({key: value for key, value in payload.items() if key != "next"})

    @property
    def _findings(self) -> tuple[Any, ...]:
        return getattr(self, self.found)

    def provenance(self) -> Mapping[str, object]:
        asked = {"command": self.command, "date": self.date}
        return {**{key: said for key, said in asked.items() if said}, **super().provenance()}

    @property
    def sentences(self) -> Sequence[str]:
        """What follows from the table, in a sentence or two."""
        said: str = getattr(self, "recommendation", "")
        return [said] if said else []

    @property
    def next_steps(self) -> Sequence[str]:
        """The lines to run next, filled in; none where nothing is to be done."""
        return ()

    def to_frame(self, library: str | None = None) -> Any:
        """The rows as a DataFrame of pandas, polars or pyarrow: the ``library``, or the first that is installed."""
        return frame_of(self.rows(), library)

    def plot(self, axes: Any = None) -> Any:
        """The main figure of the report on matplotlib axes, new ones by default; returns the axes."""
        return plot_bars(next(block for block in self.blocks() if isinstance(block, Bars)), axes)

    @property
    def about(self) -> str:
        """What the data are called."""
        return self.data.get("title") or self.data.get("name") or "your data"


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
        when = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z").strip()
        settings = {**self.settings, "versions": told}
        return {"seconds": time.monotonic() - self.began, "settings": settings, "date": when, "command": command()}

    def write(self, result: R) -> R:
        """The result, with result.json and the report in a directory that is kept."""
        return result.write(self.run.path) if self.kept else result


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
        if not run.has(ASKED):
            run.write(ASKED, {"command": command()})
        if problem is not None and not run.has("problem.json"):
            problem.save(run)
        try:
            yield Answering(run, settings, out is not None, began)
        except IsotropyError:
            run.take_back(("config.yaml", ASKED, "problem.json", "data.npz"))
            raise


def fingerprint(*arrays: Tensor) -> str:
    """What the settings of a run keep of arrays: the SHA-256 of their bytes.

    >>> fingerprint(torch.zeros(2), torch.ones(1)) == fingerprint(torch.tensor([0.0, 0.0, 1.0]))
    True
    """
    digest = hashlib.sha256()
    for array in (array for array in arrays if array.numel()):  # nothing has no bytes to look at
        digest.update(array.detach().cpu().flatten().contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def data_settings(dataset: Dataset, problem: Problem) -> dict[str, Any]:
    """What a run must not change when it is resumed: the data, the candidates and the seed."""
    return {
        "data": dataset.name or "given arrays",
        "settings": {key: str(value) for key, value in dataset.settings.items()},
        "sha256": fingerprint(problem.x, problem.y, problem.unit),
        "groups": [candidate.name for candidate in problem.candidates],
        "windows": {c.name: list(c.width) for c in problem.candidates if c.width is not None},
        "seed": problem.seed,
    }
