"""A verb from the door to the answer: what comes in is checked, a run is opened, and the answer written in it."""

import hashlib
import platform
import tempfile
import time
import warnings
from collections.abc import Generator, Iterable, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import torch
from torch import Tensor

from isotropy.data import Dataset, Types, enough_units
from isotropy.errors import DomainError, SchemaError
from isotropy.report import Result
from isotropy.reps import Schema, Values, rows_of
from isotropy.runs import Run
from isotropy.study._candidates import candidates
from isotropy.study._problem import Problem

R = TypeVar("R", bound=Result)
F = TypeVar("F")
_CONSTANT = 1e-10  # a spread below this share of the size of the targets is rounding


def dataset_of(x: Dataset | Values, y: Values | None, types: Types | None, cluster: Iterable[Any] | None) -> Dataset:
    """What a verb was given as a Dataset, which is the door: rows, types and clusters are checked there."""
    if isinstance(x, Dataset):
        if y is not None or types is not None:
            raise SchemaError("a Dataset together with y or types", "one of them", "a Dataset holds all three")
        return _as_table(x if cluster is None else replace(x, cluster=cluster))
    if y is None or types is None:
        raise SchemaError("x alone", "x, y and types", 'discover(x, y, dict(x=5 * Vector, y=Scalar), groups="O(3)")')
    return _as_table(Dataset(x, y, types, cluster))


def _as_table(dataset: Dataset) -> Dataset:
    """The same as rows of columns, which is what learners take: clouds of one size are rows of n points."""
    if dataset.types.tabular:
        return dataset
    wanted = "a table, or Clouds of n points each, (clouds, n, features), which are rows of n * Point"
    (x, left), (y, right) = (
        rows_of(type_, values, side, wanted)
        for side, type_, values in (("x", dataset.types.x, dataset.x), ("y", dataset.types.y, dataset.y))
    )
    return replace(dataset, x=left, y=right, types=Schema(x=x, y=y, dims=dataset.types.dims))


def problem_of(dataset: Dataset, groups: Any, windows: Mapping[str, float] | None, seed: int) -> Problem:
    """The problem of a data set and its candidates, by default those that it names.

    Raises ShapeError for fewer than 8 independent units, DomainError for targets that do not vary, and what
    ``candidates`` and ``Schema.check`` raise. Warns where rows repeat the inputs of others.
    """
    listed = dataset.groups if groups is None else groups
    if not listed:
        raise SchemaError("no candidate groups", "at least one", 'groups="O(3),O(2)@z"')
    unit = _units(dataset)
    enough_units(int(unit.max()) + 1)
    found = candidates(listed, dataset.types, dataset.x, {**dict(dataset.windows), **(windows or {})})
    problem = Problem(dataset.x, dataset.y, unit, dataset.types, found, seed)
    # Columns alone cannot tell the dimensions of two spaces apart; together with the candidates they can.
    types = dataset.types.model_copy(update={"dims": problem.dims})
    types.check(dataset.x, dataset.y)
    if problem.signal <= _CONSTANT**2 * float(problem.y.square().sum(-1).mean()):
        raise DomainError(
            "targets y that are the same in every row",
            "targets that vary",
            "such a constant has every candidate symmetry, and nothing is there to predict",
        )
    return replace(problem, types=types)


def _units(dataset: Dataset) -> Tensor:
    """Independent units 0, 1, ...: the declared clusters, else the rows, equal inputs together."""
    if dataset.cluster is not None:
        return dataset.cluster
    unit = torch.unique(dataset.x, dim=0, return_inverse=True)[1]
    repeated = dataset.rows - int(unit.max()) - 1
    if not repeated:
        return torch.arange(dataset.rows)
    warnings.warn(
        f"{repeated} rows repeat the inputs of others; rows with equal inputs are kept together. Where rows are "
        "repeated measurements or steps of one series, declare cluster=",
        stacklevel=3,
    )
    return unit


@dataclass(frozen=True, kw_only=True)
class Answer(Result, Generic[F]):
    """What a verb returns: findings by their names, ``answer["O(3)"]``, and the data and settings they rest on.

    ``found`` of the class says which field holds the findings.
    """

    found: ClassVar[str] = "groups"
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])
    notes: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __getitem__(self, name: str) -> F:
        """The finding of that name."""
        named: dict[str, F] = {finding.name: finding for finding in getattr(self, self.found)}
        if name not in named:
            raise KeyError(f"{name!r} is not among the {self.found} {list(named)}")
        return named[name]

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
