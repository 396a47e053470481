"""What comes in at the door: tables, types, units and candidates, checked before anything is computed."""

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from isotropy.data import Dataset, Types, enough_units
from isotropy.errors import DomainError, SchemaError
from isotropy.reps import Schema, Values, rows_of
from isotropy.study._candidates import candidates
from isotropy.study._problem import Problem

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
